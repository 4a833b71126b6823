"""How long a year of cities takes as Parquet, how much CPU, and how much memory.

    PYTHONPATH=.:tests python benchmarks/archive/measure.py [--days 365] [--cities 8] [--no-restore]

Rows are made by SQL in a database that is gone afterwards: 8,760 hours a city, and two forecasts an hour and city of
the last days with what came of them.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, process_time

from tier_servers import TierServers, fresh_database

from common.adapters.object_store import UrlObjectStore
from common.archive.export import Selection
from common.archive.verify import verify
from common.domain.cities import all_cities
from common.services.archive import export_archive, restore_record
from common.store.engine import Database, run
from common.store.migrate import migrate

NOW = datetime(2026, 1, 5, tzinfo=UTC)
HOURS = """
INSERT INTO city_hour (city, time, source, basis, stations, pm25, pm10, no2, so2, nh3, co, o3, temperature, humidity,
  wind_speed, wind_u, wind_v, rain, pressure, aqi, dominant, aqi_us, dominant_us, detail, computed_at)
SELECT city, time, 'cpcb', 'measured', 12, 300 * random(), 400 * random(), 80 * random(), 20 * random(), 30 * random(),
  2 * random(), 90 * random(), 20 + 15 * random(), 100 * random(), 5 * random(), random(), random(), 0,
  980 + 30 * random(), 50 + 300 * random(), 'pm25', 50 + 200 * random(), 'pm25',
  '{"in-naqi": {"pm25": [120.5, 24, 24], "pm10": [200.25, 24, 24]}}', time + interval '20 minutes'
FROM unnest(CAST(:cities AS text[])) AS city,
  generate_series(timestamptz '2025-01-01 00:30Z', '2025-12-31 23:30Z', interval '1 hour') AS time
"""
SERIES = (
    "(SELECT array_agg(CAST(300 * random() AS real)) FROM generate_series(1, 48) WHERE origin IS NOT NULL)"
)
FORECASTS = f"""
INSERT INTO forecast (city, target, mode, issued_at, origin, known_until, family, inputs_hash, basis, source,
  y, lo80, hi80, lo95, hi95, categories, persistence, daily, mean24, weekly)
SELECT city, target, 'live', origin + interval '15 minutes', origin, origin, 'blend', md5(city || origin), 'measured',
  'cpcb', {", ".join([SERIES] * 5)}, (SELECT array_agg(ARRAY[0.1, 0.2, 0.3, 0.2, 0.1, 0.1]::real[])
  FROM generate_series(1, 48)), {", ".join([SERIES] * 4)}
FROM unnest(CAST(:cities AS text[])) AS city, unnest(ARRAY['aqi', 'pm25']) AS target,
  generate_series(timestamptz '2025-12-31 23:30Z' - make_interval(days => :days), '2025-12-31 23:30Z', '1 hour')
    AS origin
"""
TRUTHS = """
INSERT INTO forecast_truth (city, target, mode, origin, actual, scored, scored_at)
SELECT city, target, mode, origin,
  (SELECT array_agg(CAST(value * (0.7 + 0.6 * random()) AS real) ORDER BY lead)
   FROM unnest(y) WITH ORDINALITY AS given (value, lead)), 48, origin + interval '3 days'
FROM forecast
"""


def main() -> None:
    """Print seconds, megabytes and bytes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--days", type=int, default=0, help="Days of forecasts; by itself none.")
    parser.add_argument("--cities", type=int, default=56, help="So many of the 56 cities; by itself all.")
    parser.add_argument("--no-restore", action="store_true", help="Do not read the archive back.")
    given = parser.parse_args()
    cities = [city.name for city in all_cities()][: given.cities]
    servers = TierServers()
    server = servers.url("plain")
    with (
        tempfile.TemporaryDirectory() as folder,
        fresh_database(server, f"TEMPLATE {servers.template('plain')}") as url,
        closing(Database(url, statement_timeout_s=3600)) as database,
    ):
        files = UrlObjectStore(Path(folder).as_uri())
        with database.transaction() as connection:
            run(connection, HOURS, cities=cities)
            if given.days:
                run(connection, FORECASTS, cities=cities, days=given.days)
                run(connection, TRUTHS)
        before = begun()
        done = export_archive(database, files, Selection(), now=NOW)
        measured("export", before, f"{done.files} files, {done.rows:,} rows, {done.bytes / 1e6:.1f} MB")
        for table in ("observations", "forecasts", "scores"):
            entries = [e for e in json.loads(files.get("manifest.json"))["files"] if e["table"] == table]
            rows, size = (sum(entry[name] for entry in entries) for name in ("rows", "bytes"))
            print(f"  {table}: {len(entries)} files, {rows:,} rows, {size / 1e6:.1f} MB")
        before = begun()
        export_archive(database, files, Selection(), now=NOW)
        measured("export again", before, "nothing changed")
        before = begun()
        result = verify(files)
        measured("verify", before, f"{len(result.faults)} faults")
        if not given.no_restore:
            with fresh_database(server) as other, closing(Database(other)) as bare:
                migrate(bare)
                before = begun()
                restored = restore_record(bare, files, now=NOW, retain_raw_days=90)
                measured("restore", before, f"{sum(restored.new.values()):,} rows")
    servers.close()


def begun() -> tuple[float, float]:
    """The present, by the clock and in seconds of CPU of this process; the server's own come on top."""
    return monotonic(), process_time()


def measured(what: str, before: tuple[float, float], result: str) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    now = begun()
    print(
        f"{what}: {now[0] - before[0]:.1f} s, {now[1] - before[1]:.1f} s of CPU here, {result}; "
        f"most memory so far {peak:.0f} MB",
        flush=True,
    )


if __name__ == "__main__":
    main()
