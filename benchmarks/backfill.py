"""What a backfill of 56 cities and 92 days costs: calls, their weight, time, memory.

::

    PYTHONPATH=tests python -m benchmarks.backfill

Open-Meteo is played by the stand-in of the tests, which answers at once, over the embedded PostgreSQL. Its real
limit of 570 calls a minute for a backfill is left in place: what it adds is told apart.
"""

from __future__ import annotations

import resource
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from open_meteo_stub import Past, past

from common.adapters.local.embedded_server import EmbeddedServer
from common.bootstrap.container import assemble, system_clock
from common.config import from_mapping
from common.domain.cities import all_cities
from common.ingest.quota import BACKFILL, Meter
from common.services.collect import backfill
from common.sources import REGISTRY
from common.store.engine import Database
from common.store.migrate import migrate

if TYPE_CHECKING:
    from common.services.resources import Resources

DAYS = 92


def main() -> None:
    """Run it and print the figures."""
    with tempfile.TemporaryDirectory(prefix="vayu-benchmark-") as folder, past() as provider:
        server = EmbeddedServer(Path(folder))
        try:
            url = server.url("vayu")
            database = Database(url)
            migrate(database)
            database.close()
            resources = assemble(
                from_mapping({"DATABASE_URL": url, "VAYU_SOURCES": "open-meteo", **provider.urls})
            )
            _fill(resources, provider)
            _count(resources)
            resources.database.close()
        finally:
            server.stop()


def _fill(resources: Resources, provider: Past) -> None:
    waited = [0.0]

    def sleep(seconds: float) -> None:
        began = time.monotonic()
        time.sleep(seconds)
        waited[0] += time.monotonic() - began

    filling = backfill(resources, sleep=sleep)
    wall, cpu = time.perf_counter(), time.process_time()
    report = filling.run(all_cities(), DAYS)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    fill = report.sources["open-meteo"]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{fill.filled} days of cities, {fill.readings} readings, {report.hours} city-hours; left {fill.left}"
    )
    print(f"{provider.calls} calls that count as {provider.weight:.0f}")
    print(
        f"{wall:.1f} s, of them {waited[0]:.1f} s waiting for the minute; {cpu:.1f} s CPU; {memory:.0f} MB at most"
    )
    wall = time.perf_counter()
    again = filling.run(all_cities(), DAYS)
    print(f"again: {again.filled} days of cities in {time.perf_counter() - wall:.2f} s")


def _count(resources: Resources) -> None:
    """What counting a call costs, with a month of calls behind it."""
    meter = Meter(resources.database, lambda: datetime(2030, 1, 1, tzinfo=UTC), BACKFILL)
    meter.take(REGISTRY["openweather"], 0.001)
    took = []
    for _ in range(300):
        began = time.perf_counter()
        meter.take(REGISTRY["openweather"], 0.001)
        took.append(time.perf_counter() - began)
    print(f"counting a call: {median(took) * 1000:.1f} ms, as {system_clock():%Y-%m-%d} on this machine")


if __name__ == "__main__":
    main()
