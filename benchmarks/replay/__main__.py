"""How would the live system have done? python -m benchmarks.replay [FOLDER] [--series jaipur delhi] [--families …].

FOLDER, or VAYU_TEST_DATA, holds the measurements as published (cpcb_jaipur_2025/, us_embassy_delhi/). Each series is
imported into a fresh embedded database by ``vayu import``, and the clock is driven through its window by ``vayu
replay``: every 6 h the hours since are reconciled, a forecast is issued and older ones are scored; the planner decides
by its own rule at the first step after 02:00 UTC; trainings with their promotions, challengers followed. Prints skill
and coverage by fortnight, every promotion of another family and why, and the number of issued rows that changed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from common.bootstrap.local import local_parts
from common.bootstrap.parts import Parts, system_clock
from common.config import from_mapping
from common.domain.forecast import FAMILIES, TARGETS
from common.store.engine import run
from common.store.record import Span, record


@dataclass(frozen=True, slots=True)
class Series:
    """Files of one city, and the window that is replayed."""

    city: str
    files: str
    start: str
    end: str


SERIES = {
    "jaipur": Series("Jaipur", "cpcb_jaipur_2025/*.csv.gz", "2025-08-20T00:00Z", "2025-10-20T00:00Z"),
    "delhi": Series("Delhi", "us_embassy_delhi/*.csv.gz", "2018-10-15T00:00Z", "2018-12-15T00:00Z"),
}
STEP = "6h"
"""Of the clock, and between forecasts; the hours between are reconciled as they would have been hour by hour."""
FORTNIGHT = timedelta(days=14)


def main() -> None:
    """Replay each series and print its tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", default=os.environ.get("VAYU_TEST_DATA"))
    parser.add_argument("--series", nargs="*", choices=SERIES, default=list(SERIES))
    parser.add_argument("--families", nargs="*", choices=FAMILIES, default=["linear", "xgboost"])
    parser.add_argument("--days", type=int, help="Only the last so many days of each window.")
    given = parser.parse_args()
    if given.folder is None:
        parser.error("name the folder of measurements, or set VAYU_TEST_DATA")
    for name in given.series:
        with tempfile.TemporaryDirectory() as home:
            _run(SERIES[name], Path(given.folder), home, given.families, given.days)


def _run(series: Series, folder: Path, home: str, families: list[str], days: int | None) -> None:
    files = sorted(map(str, folder.glob(series.files)))
    if not files:
        sys.exit(f"there is no {series.files} in {folder}")
    end = datetime.fromisoformat(series.end)
    start = end - timedelta(days=days) if days else datetime.fromisoformat(series.start)
    began = time.monotonic()
    _vayu(home, "import", *files, "--city", series.city)
    asked = ["--from", start.isoformat(), "--to", end.isoformat(), "--city", series.city]
    asked += ["--every", STEP, "--forecast-every", STEP]
    for family in families:
        asked += ["--family", family]
    report = _vayu(home, "replay", *asked)
    print(f"{series.city}, {start:%Y-%m-%d} to {end:%Y-%m-%d}, families {', '.join(families)}:", end=" ")
    print(f"{report['issued']} forecasts, {report['trainings']} trainings, {time.monotonic() - began:.0f} s")
    print("due: " + ", ".join(f"{reason} {count}×" for reason, count in report["due"].items()))
    settings = from_mapping({"VAYU_HOME": home})
    with local_parts(settings, clock=system_clock, real=True) as parts:
        _by_fortnight(parts, series.city, start, end)
        _followed(parts, series.city)
    _promotions(report)
    print(f"rows sealed when issued: {report['sealed']}; changed or gone at the end: {report['changed']}\n")


def _vayu(home: str, *arguments: str) -> dict[str, Any]:
    environment = {"PATH": os.environ["PATH"], "VAYU_HOME": home}
    done = subprocess.run(
        [sys.executable, "-m", "common.cli", *arguments, "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _by_fortnight(parts: Parts, city: str, start: datetime, end: datetime) -> None:
    print(
        f"{'target':<8}{'from':<12}{'pairs':>7}{'MAE':>8}{'naive':>8}{'skill':>8}{'R²':>7}{'80 %':>7}{'95 %':>7}"
        "   families"
    )
    with parts.database.transaction() as connection:
        for target in TARGETS:
            fortnights = [(at, min(at + FORTNIGHT, end)) for at in _range(start, end)]
            for first, last in dict.fromkeys([*fortnights, (start, end)]):
                span = Span(city, target, "replay", first - timedelta(hours=1), last)
                found = record(connection, span)
                if found is None:
                    continue
                one = found.pooled
                families = ", ".join(
                    f"{family} {sum(score.n for score in scores) / one.n:.0%}"
                    for family, scores in found.by_family.items()
                )
                whole = (first, last) == (start, end)
                print(
                    f"{target:<8}{'all' if whole else f'{first:%Y-%m-%d}':<12}{one.n:>7}{one.mae:>8.2f}"
                    f"{one.naive_mae[one.best_naive]:>8.2f}{_percent(one.skill):>8}"
                    f"{'–' if one.r2 is None else f'{one.r2:.2f}':>7}"
                    f"{one.coverage80:>7.0%}{one.coverage95:>7.0%}   {families}"
                )
                if whole:
                    blocks = [
                        f"{a}–{b} h {_percent(score.skill)} ({score.coverage80:.0%}/{score.coverage95:.0%})"
                        for (a, b), score in found.by_block.items()
                    ]
                    print(f"{'':<8}by lead time: skill (coverage): {'; '.join(blocks)}")


def _range(start: datetime, end: datetime) -> list[datetime]:
    return [start + number * FORTNIGHT for number in range(-(-(end - start) // FORTNIGHT))]


def _followed(parts: Parts, city: str) -> None:
    """Those that forecast beside the champion, on the same pairs."""
    with parts.database.transaction() as connection:
        rows = run(
            connection,
            """
            SELECT forecast.target, model.family, forecast.family, count(*),
                   avg(abs(forecast_rival.y[lead] - actual[lead])), avg(abs(forecast.y[lead] - actual[lead]))
            FROM forecast JOIN forecast_truth USING (city, target, mode, origin)
            JOIN forecast_rival USING (city, target, mode, origin) JOIN model ON version = rival,
                 generate_series(1, 48) AS lead
            WHERE forecast.city = :city AND forecast.mode = 'replay' AND actual[lead] IS NOT NULL
            GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
            """,
            city=city,
        )
    for target, rival, ours, n, theirs, mine in rows:
        print(f"followed: {target} {rival} beside {ours}: MAE {theirs:.2f} against {mine:.2f} on {n} pairs")


def _promotions(report: dict[str, Any]) -> None:
    counted = Counter(one["target"] for one in report["promotions"])
    print("promotions: " + ", ".join(f"{target} {count}" for target, count in counted.items()), end="")
    print("; champion kept: " + (", ".join(f"{t} {n}" for t, n in report["kept"].items()) or "never"))
    seen = set()
    for one in report["promotions"]:
        if one["target"] not in seen or one["before"]:
            family = one["version"].split("-" + one["target"] + "-")[1].split("-")[0]
            print(f"  {one['at'][:16]} {one['target']} → {family}: {one['reason']}")
        seen.add(one["target"])


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:+.1%}"


if __name__ == "__main__":
    main()
