"""Hourly runs of collection in a fresh process, as the function makes them; prints what each took, as JSON.

python -m benchmarks.collect.hours DATABASE_URL STANDIN_URL TIME…
"""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from common.bootstrap.container import assemble
from common.config import from_mapping
from common.domain.cities import all_cities
from common.ingest.concurrent_fetch import ConcurrentFetcher, FetchResult
from common.services.collect import collector

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from common.domain.observation import Batch
    from common.sources.interface import Source


class Timed(ConcurrentFetcher):
    """Fetches, and notes how long that took."""

    took_s = 0.0

    def fetch_all(
        self, sources: Sequence[Source], fetch: Callable[[Source], Batch], *, end: float
    ) -> list[FetchResult]:
        began = time.perf_counter()
        answers = super().fetch_all(sources, fetch, end=end)
        self.took_s = time.perf_counter() - began
        return answers


def main() -> None:
    """One run for each of the times, in the same process."""
    database_url, standin, *times = sys.argv[1:]
    settings = from_mapping(
        {
            "DATABASE_URL": database_url,
            "CPCB_FEED_URL": f"{standin}/feed",
            "OPEN_METEO_AIR_URL": f"{standin}/air",
            "OPEN_METEO_WEATHER_URL": f"{standin}/weather",
        }
    )
    present = [datetime.fromisoformat(times[0])]
    parts = assemble(settings, clock=lambda: present[0])
    fetcher = Timed()
    ready = replace(collector(parts), fetcher=fetcher)
    loaded_s = time.process_time()
    for moment in times:
        print(json.dumps({"ready": moment}), flush=True)
        sys.stdin.readline()
        present[0] = datetime.fromisoformat(moment)
        wall, cpu = time.perf_counter(), time.process_time()
        report = ready.collect(all_cities())
        print(
            json.dumps(
                {
                    "wall_s": time.perf_counter() - wall,
                    "asking_s": fetcher.took_s,
                    "cpu_s": time.process_time() - cpu,
                    "rss_mb": peak_mb(),
                    "loaded_s": loaded_s,
                    "city_hours": report.hours,
                    "sources": {
                        name: source.failure or f"{source.readings} readings, {source.new} new"
                        for name, source in report.sources.items()
                    },
                }
            ),
            flush=True,
        )


def peak_mb() -> float:
    """The most memory that this process had resident, from the kernel's own mark where there is one."""
    status = Path("/proc/self/status")
    if status.exists():
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1 << 20)


if __name__ == "__main__":
    main()
