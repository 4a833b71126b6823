"""A database as years of service leave it.

The last two days are ingested as `collect` does it; the days before are copies of the last one, with noise, made
by the server itself. So each row has the columns, the detail and the size of a real one.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from time import process_time
from typing import TYPE_CHECKING, TypeAlias

from common.domain.cities import all_cities
from common.domain.forecast import HORIZON, TARGETS
from common.domain.observation import HOUR, POLLUTANTS, WEATHER, Basis, Reading
from common.ingest.reconcile import reconcile
from common.store.dataset_kind import claim_dataset
from common.store.engine import Database, run
from common.store.forecasts import IssuedForecast, insert_forecast, score
from common.store.readings import upsert_readings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from common.store.engine import Connection


Source: TypeAlias = tuple[str, Basis, str]
"""Name, basis, station."""
SOURCES: tuple[Source, ...] = (
    ("cpcb_feed", "implied", "Anand Vihar"),
    ("openweather", "modelled", ""),
    ("open_meteo", "modelled", ""),
)
OPEN_DAYS = 2
"""Days that are ingested by the product's own code."""
HOURLY_RECORD_DAYS = 40
"""Forecasts are issued hourly over these last days, as live; before them every sixth hour, to spare the disk."""

_LEVELS = {"pm25": 90, "pm10": 160, "no2": 40, "so2": 12, "nh3": 20, "co": 1.1, "o3": 45}
_VARIABLES = (*POLLUTANTS, *WEATHER)
_FORECAST_ARRAYS = ("y", "lo80", "hi80", "lo95", "hi95", "persistence", "daily", "mean24", "weekly")


def reading(city: int, name: str, source: Source, time: datetime) -> Reading:
    """A plausible reading, the same at every call."""
    hour = time.timestamp() / 3600
    wave = 1 + 0.4 * math.sin(hour * math.tau / 24 + city) + 0.2 * math.sin(hour / 9 + city * 7)
    values = {key: round(level * wave, 2) for key, level in _LEVELS.items()}
    if source[1] == "modelled":
        values |= {key: round(10 * wave, 2) for key in WEATHER}
    return Reading(source[0], name, time, source[1], values, source[2], {})


def ingest(
    database: Database, start: datetime, end: datetime, sources: Sequence[Source] = SOURCES
) -> tuple[int, float]:
    """Store and reconcile every city's hours in (start, end], city by city; (readings, CPU seconds of ours)."""
    hours = [start + HOUR * (1 + step) for step in range(int((end - start) / HOUR))]
    began, count = process_time(), 0
    for number, city in enumerate(all_cities()):
        rows = [reading(number, city.name, source, time) for source in sources for time in hours]
        with database.transaction() as connection:
            upsert_readings(connection, rows, now=end)
            reconcile(connection, city.name, start, end, now=end)
        count += len(rows)
    return count, process_time() - began


def fill(database: Database, end: datetime, days: int, sources: Sequence[Source] = SOURCES) -> None:
    """Fill an empty, migrated database with `days` days of `sources` up to `end`."""
    with database.transaction() as connection:
        claim_dataset(connection, "real")
        run(connection, "SELECT setseed(0.5)")
    ingest(database, end - timedelta(days=OPEN_DAYS), end, sources)
    patient = database.patient()
    for first in range(OPEN_DAYS, days, 30):  # a month a transaction
        last = min(first + 29, days - 1)
        with patient.transaction() as connection:
            _copy(connection, "reading", "received_at", end, first, last)
            _copy(connection, "city_hour", "computed_at", end, first, last)
    _fill_record(patient, end, days)
    patient.close()


def _copy(connection: Connection, table: str, stamp: str, end: datetime, first: int, last: int) -> None:
    names = [
        name
        for (name,) in run(
            connection,
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' "
            "AND table_name = :table ORDER BY ordinal_position",
            table=table,
        )
    ]
    back = "ago * interval '1 day'"
    terms = {name: name for name in names} | {"time": f"time - {back}", stamp: f"{stamp} - {back}"}
    terms |= {name: f"{name} * (0.6 + 0.4 * random())" for name in _VARIABLES}
    if table == "city_hour":
        terms |= {name: f"({name} * (0.6 + 0.4 * random()))::smallint" for name in ("aqi", "aqi_us")}
    run(
        connection,
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(terms[name] for name in names)} "
        f"FROM generate_series(CAST(:first AS int), CAST(:last AS int)) AS ago, {table} "
        "WHERE time > :since AND time <= :until",
        first=first,
        last=last,
        since=end - timedelta(days=1),
        until=end,
    )


def _fill_record(patient: Database, end: datetime, days: int) -> None:
    """Forecasts, their truth, and the models that made them."""
    line = [100.0 + step for step in range(HORIZON)]
    bands = dict.fromkeys(_FORECAST_ARRAYS, line)
    with patient.transaction() as connection:
        run(connection, _MODELS, days=days, end=end)
        for city in all_cities():
            for target in TARGETS:
                insert_forecast(
                    connection,
                    IssuedForecast(
                        city=city.name, target=target, mode="live", issued_at=end, origin=end, known_until=end,
                        model_version=None, family="xgboost", inputs_hash="0" * 64, basis="implied",
                        source="cpcb_feed",
                        categories=[[0.05, 0.15, 0.3, 0.3, 0.15, 0.05]] * HORIZON if target == "aqi" else [],
                        **bands,
                    ),
                )  # fmt: skip
    for first in range(0, days * 24, 24 * 30):
        with patient.transaction() as connection:
            run(connection, _FORECASTS, end=end, first=first, last=min(first + 24 * 30, days * 24) - 1,
                hourly=HOURLY_RECORD_DAYS * 24)  # fmt: skip
    with patient.transaction() as connection:
        run(connection, _TRUTH, end=end)
        score(connection, mode="live", now=end)


_NOISY = ", ".join(
    f"ARRAY(SELECT (v * (0.5 + random()))::real FROM unnest({name}) AS v WHERE ago IS NOT NULL)"
    for name in _FORECAST_ARRAYS
)
_FORECASTS = f"""
INSERT INTO forecast (city, target, mode, issued_at, origin, known_until, model_version, family, inputs_hash,
                      basis, source, categories, {", ".join(_FORECAST_ARRAYS)})
SELECT city, target, mode, issued_at - ago * interval '1 hour', origin - ago * interval '1 hour',
       known_until - ago * interval '1 hour', model_version, family, md5(random()::text) || md5(random()::text),
       basis, source, categories, {_NOISY}
FROM generate_series(greatest(1, :first), CAST(:last AS int)) AS ago, forecast
WHERE origin = :end AND (ago < :hourly OR mod(ago, 6) = 0)
"""

_TRUTH = """
INSERT INTO forecast_truth (city, target, mode, origin, actual, scored, scored_at)
SELECT city, target, mode, origin, y, 48, :end FROM forecast
WHERE origin <= CAST(:end AS timestamptz) - interval '48 hours'
"""

_MODELS = """
INSERT INTO model (version, city, target, mode, family, status, reason, trained_at, window_start, window_end,
                   samples, features_hash, checksum, metrics, promoted_at)
SELECT md5(city || target || ago), city, target, 'live', 'xgboost',
       CASE ago WHEN 0 THEN 'champion' ELSE 'retired' END,
       'replaced by a better one', CAST(:end AS timestamptz) - ago * interval '1 day',
       CAST(:end AS timestamptz) - (ago + 92) * interval '1 day', CAST(:end AS timestamptz) - ago * interval '1 day',
       100000, md5('f'), md5(random()::text), jsonb_build_object('holdout', jsonb_build_object('mae', 20, 'n', 5000),
       'by_lead', (
         SELECT jsonb_agg(jsonb_build_object('lead', lead, 'mae', random(), 'rmse', random(), 'r2', random()))
         FROM generate_series(1, 48) AS lead)),
       CAST(:end AS timestamptz) - ago * interval '1 day'
FROM unnest(CAST(:cities AS text[])) AS city, unnest(ARRAY['aqi', 'pm25']) AS target,
     generate_series(0, :days, 3) AS ago
""".replace(":cities", "'{" + ",".join(f'"{city.name}"' for city in all_cities()) + "}'")


def tidy(database: Database) -> None:
    """What autovacuum would have done over the years."""
    fresh = database.patient()
    with fresh.statements() as connection:
        run(connection, "VACUUM ANALYZE")
    fresh.close()
