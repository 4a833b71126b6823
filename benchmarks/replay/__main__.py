"""How would the live system have done? python -m benchmarks.replay [FOLDER] [--series …] [--families …] [--days N].

FOLDER, or VAYU_TEST_DATA, holds the measurements. Each window crosses into a season that the system has not known, and
was fixed before it was first scored. The stations of a place are imported into a fresh embedded database by ``vayu
import``, and the clock is driven through the window by ``vayu replay``: every hour what came in is reconciled, every
6 h a forecast is issued and older ones are scored; the planner decides by its own rule at the first step after 02:00
UTC, and nothing was issued before. The pooled model is one that has not seen the place, its region, nor the month
before the window and later. Prints skill against the naive forecast that was best in hindsight, and coverage, by week;
every promotion of another family and why; and the number of issued rows that changed.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.seasons import series as places
from benchmarks.seasons.pooled import unseen
from common.bootstrap.container import system_clock
from common.bootstrap.local import local_resources
from common.config import from_mapping
from common.domain.forecast import FAMILIES, TARGETS
from common.domain.observation import POLLUTANTS
from common.store.engine import run
from common.store.verification import Span, record
from common.training.pooled import write

if TYPE_CHECKING:
    from common.services.resources import Resources


@dataclass(frozen=True, slots=True)
class Series:
    """The measurements of one place, the city they are imported as, and the window that is replayed."""

    city: str
    place: str
    """As in `benchmarks.seasons.series`"""
    start: str
    end: str
    known_from: str = "2000-01-01"
    """Nothing before is imported"""


SERIES = {
    "jaipur": Series("Jaipur", "jaipur", "2025-09-20T00:00Z", "2025-10-12T00:00Z"),
    "bengaluru": Series("Bangalore", "bengaluru", "2025-09-25T00:00Z", "2025-10-17T00:00Z"),
    "ncr": Series("Ghaziabad", "ncr", "2025-10-10T00:00Z", "2025-11-01T00:00Z"),
    "ahmedabad": Series("Ahmedabad", "ahmedabad", "2015-09-20T00:00Z", "2015-10-12T00:00Z"),
    "delhi": Series("Delhi", "delhi", "2018-10-15T00:00Z", "2018-12-15T00:00Z", "2017-09-01"),
}
"""The first four cross a season; Delhi has known one winter before."""
WEEK = timedelta(days=7)
_IMPORTED = {*POLLUTANTS, "temperature", "humidity", "wind_speed", "rain"}
_UNITS = {"co": "mg/m³", "temperature": "°C", "humidity": "%", "wind_speed": "m/s", "rain": "mm"}


def main() -> None:
    """Replay each series and print its tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", default=os.environ.get("VAYU_TEST_DATA"))
    parser.add_argument("--series", nargs="*", choices=SERIES, default=list(SERIES)[:4])
    parser.add_argument("--families", nargs="*", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--days", type=int, help="Only the last so many days of each window.")
    given = parser.parse_args()
    if given.folder is None:
        parser.error("name the folder of measurements, or set VAYU_TEST_DATA")
    for name in given.series:
        with tempfile.TemporaryDirectory() as home:
            _run(SERIES[name], Path(given.folder), home, given.families, given.days)


def _run(series: Series, folder: Path, home: str, families: list[str], days: int | None) -> None:
    table = Path(home) / "measurements.csv"
    _write_table(folder, series, table)
    pooled = Path(home) / "pooled_model.npz"
    write(unseen(folder, series.place, datetime.fromisoformat(series.start)), "a benchmark", pooled)
    end = datetime.fromisoformat(series.end)
    start = end - timedelta(days=days) if days else datetime.fromisoformat(series.start)
    began = time.monotonic()
    _vayu(home, pooled, "import", str(table), "--city", series.city)
    requested = ["--from", start.isoformat(), "--to", end.isoformat(), "--city", series.city]
    requested += ["--every", "1h", "--forecast-every", "6h"]
    for family in families:
        requested += ["--family", family]
    report = _vayu(home, pooled, "replay", *requested)
    print(f"{series.city}, {start:%Y-%m-%d} to {end:%Y-%m-%d}, families {', '.join(families)}:", end=" ")
    print(f"{report['issued']} forecasts, {report['trainings']} trainings, {time.monotonic() - began:.0f} s")
    print("due: " + ", ".join(f"{reason} {count}×" for reason, count in report["due"].items()))
    settings = from_mapping({"VAYU_HOME": home})
    with local_resources(settings, clock=system_clock, real=True) as resources:
        _by_week(resources, series.city, start, end)
        _experts(resources, series.city)
    _promotions(report)
    print(f"rows sealed when issued: {report['sealed']}; changed or gone at the end: {report['changed']}\n")


def _write_table(folder: Path, series: Series, path: Path) -> None:
    """The stations' hours as a long table; stamps are in UTC, which name the end of the hour as those of the files."""
    hours = places.stations(folder, series.place)
    begin = max(hours.index(int(datetime.fromisoformat(f"{series.known_from}T00:00+00:00").timestamp())), 0)
    end = hours.index(int((datetime.fromisoformat(series.end) + timedelta(days=3)).timestamp()))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        only_index = "pm25" not in hours.columns
        writer.writerow(["time", "aqi"] if only_index else ["time", "station", "variable", "value", "unit"])
        for number, values in enumerate(hours.values, 1):
            for at, row in enumerate(values[begin:end], begin):
                time = datetime.fromtimestamp(hours.first + 3600 * at, UTC).isoformat()
                table = zip(hours.columns, row, strict=True)
                known = {name: round(float(value), 3) for name, value in table if np.isfinite(value)}
                if only_index:
                    writer.writerows([[time, known["aqi"]]] if "aqi" in known else [])
                    continue
                for name in known.keys() & _IMPORTED:
                    unit = _UNITS.get(name, "µg/m³")
                    writer.writerow([time, f"Station {number}", name, known[name], unit])


def _vayu(home: str, pooled: Path, *arguments: str) -> dict[str, Any]:
    environment = {"PATH": os.environ["PATH"], "VAYU_HOME": home}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.replay.vayu", str(pooled), *arguments, "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _by_week(resources: Resources, city: str, start: datetime, end: datetime) -> None:
    print(
        f"{'target':<8}{'from':<12}{'pairs':>7}{'MAE':>8}{'naive':>8}{'skill':>8}{'R²':>7}{'80 %':>7}{'95 %':>7}"
        "   families"
    )
    with resources.database.transaction() as connection:
        for target in TARGETS:
            weeks = [(at, min(at + WEEK, end)) for at in _range(start, end)]
            for first, last in dict.fromkeys([*weeks, (start, end)]):
                span = Span(city, target, "replay", first - timedelta(hours=1), last)
                result = record(connection, span)
                if result is None:
                    continue
                pooled = result.pooled
                families = ", ".join(
                    f"{family} {sum(score.n for score in scores) / pooled.n:.0%}"
                    for family, scores in result.by_family.items()
                )
                whole = (first, last) == (start, end)
                print(
                    f"{target:<8}{'all' if whole else f'{first:%Y-%m-%d}':<12}{pooled.n:>7}{pooled.mae:>8.2f}"
                    f"{pooled.naive_mae[pooled.best_naive]:>8.2f}{_percent(pooled.skill):>8}"
                    f"{'–' if pooled.r2 is None else f'{pooled.r2:.2f}':>7}"
                    f"{pooled.coverage80:>7.0%}{pooled.coverage95:>7.0%}   {families}"
                )
                if whole:
                    blocks = [
                        f"{a}–{b} h {_percent(score.skill)} ({score.coverage80:.0%}/{score.coverage95:.0%})"
                        for (a, b), score in result.by_block.items()
                    ]
                    print(f"{'':<8}by lead time: skill (coverage): {'; '.join(blocks)}")


def _range(start: datetime, end: datetime) -> list[datetime]:
    return [start + number * WEEK for number in range(-(-(end - start) // WEEK))]


def _experts(resources: Resources, city: str) -> None:
    """What each expert counted on average, and how good it was alone on the same pairs."""
    with resources.database.transaction() as connection:
        rows = run(
            connection,
            """
            WITH one AS (
              SELECT expert.target, name, place, cardinality(names) AS count, expert.weights, actual, scored,
                     (expert.y || persistence || daily || mean24 || weekly)[48 * place - 47 : 48 * place] AS y
              FROM forecast_expert AS expert JOIN forecast USING (city, target, mode, origin)
              JOIN forecast_truth USING (city, target, mode, origin),
                   unnest(names) WITH ORDINALITY AS named (name, place)
              WHERE city = :city AND mode = 'replay'
            )
            SELECT target, name, avg(share), avg(error) FROM one,
              LATERAL (SELECT avg(weights[(block - 1) * count + place]) AS share
                       FROM generate_series(1, 8) AS block) AS shares,
              LATERAL (SELECT avg(abs(y[lead] - actual[lead])) AS error FROM generate_series(1, 48) AS lead
                       WHERE y[lead] <> 'NaN') AS errors
            GROUP BY target, name ORDER BY target, avg(share) DESC
            """,
            city=city,
        )
    for target, name, share, error in rows:
        print(f"expert: {target} {name}: weight {share:.0%}, MAE alone {error:.2f}")


def _promotions(report: dict[str, Any]) -> None:
    counted = Counter(promotion["target"] for promotion in report["promotions"])
    print("promotions: " + ", ".join(f"{target} {count}" for target, count in counted.items()), end="")
    print("; champion kept: " + (", ".join(f"{t} {n}" for t, n in report["kept"].items()) or "never"))
    seen = set()
    for promotion in report["promotions"]:
        if promotion["target"] not in seen or promotion["before"]:
            family = promotion["version"].split("-" + promotion["target"] + "-")[1].split("-")[0]
            print(f"  {promotion['at'][:16]} {promotion['target']} → {family}: {promotion['reason']}")
        seen.add(promotion["target"])


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:+.1%}"


if __name__ == "__main__":
    main()
