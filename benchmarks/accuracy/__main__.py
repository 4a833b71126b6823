"""How good are the forecasts, on real measurements of four places? python -m benchmarks.accuracy [FOLDER] [--series …]
[--alone].

FOLDER, or VAYU_TEST_DATA, holds the development files (jaipur_aqi.parquet, …). Each is backtested by the one recipe
with nothing set by hand: what is trained, blended and served is decided on the rows before the test window; the pooled
model is fitted without the file's place and region, on what was measured before. Prints skill against the best naive
forecast, coverage and width of the intervals, and CPU time; beneath, what mlforecast and statsforecast forecast from
the same origins (`pip install mlforecast statsforecast lightgbm`, for development only).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from benchmarks.accuracy import others
from benchmarks.seasons.pooled import unseen
from common.domain.forecast import FAMILIES
from common.metrics import scores
from common.training.backtest.files import read_hours
from common.training.backtest.plan import Plan
from common.training.backtest.report import report
from common.training.backtest.run import Backtest, backtest


@dataclass(frozen=True, slots=True)
class Window:
    """A file and its test window: origins at 5 and 17 h, from the first to the last day."""

    file: str
    target: str
    first: str
    last: str
    zone: str = "Asia/Kolkata"
    future: tuple[str, ...] = ()


BEIJING = ("beijing_pm25", "pm25", "2015-07-01", "2016-06-30T23:00", "Asia/Shanghai")
WEATHER = ("temperature", "pressure", "dew_point", "rain", "wind_speed", "wind_u", "wind_v")
WINDOWS = {
    "jaipur_aqi": Window("jaipur_aqi", "aqi", "2025-09-01", "2025-10-31T23:00"),
    "jaipur_pm25": Window("jaipur_pm25", "pm25", "2025-09-01", "2025-10-31T23:00"),
    "delhi_pm25": Window("delhi_pm25", "pm25", "2018-01-01", "2018-12-31T23:00"),
    "beijing_pm25": Window(*BEIJING),
    "mumbai_aqi": Window("mumbai_aqi", "aqi", "2024-12-01", "2025-03-31T23:00"),
    "beijing_pm25_ahead": Window(*BEIJING, WEATHER),
}
FIVE = ("jaipur_aqi", "jaipur_pm25", "delhi_pm25", "beijing_pm25", "mumbai_aqi")
BLOCKS = ("1–6", "7–12", "13–24", "25–48")
HEADINGS = (
    f"{'series':<20}{'family':<8}{'MAE':>7}{'skill':>8}{'1 h':>7}{'24 h':>7}{'80 %':>7}{'95 %':>7}{'width':>8}"
    f"{'CPU s':>7}   80 % / 95 % by block {', '.join(BLOCKS)} h"
)


def main() -> None:
    """Print one line a series, and the mean of the five."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", default=os.environ.get("VAYU_TEST_DATA"))
    parser.add_argument("--series", nargs="+", choices=WINDOWS, default=list(WINDOWS))
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--alone", action="store_true", help="without the open libraries")
    options = parser.parse_args()
    if options.folder is None:
        sys.exit("no measurements: give their folder, or name it in VAYU_TEST_DATA")
    print(HEADINGS)
    if not options.alone and others.missing():
        print(f"without open libraries beside: {', '.join(others.missing())} not installed")
    beside = not options.alone and not others.missing()
    result = {}
    for name in options.series:
        path = _path(Path(options.folder), WINDOWS[name].file)
        if path is None:
            print(f"{name:<20}left out: {options.folder} has no {WINDOWS[name].file}.parquet")
            continue
        result[name] = _measured(
            name, Path(options.folder), path, WINDOWS[name], tuple(options.families), beside
        )
    if set(FIVE) <= set(result):
        means = [sum(result[name][at] for name in FIVE) / len(FIVE) for at in range(3)]
        print(f"{'mean of the five':<20}{'':<15}" + f"{means[0]:>+8.1%}{means[1]:>+7.1%}{means[2]:>+7.1%}")


def _path(folder: Path, file: str) -> Path | None:
    names = (folder / f"{file}.parquet", folder / "backtest" / f"{file}.parquet")
    return next((path for path in names if path.exists()), None)


def _measured(
    name: str, folder: Path, path: Path, window: Window, families: Any, beside: bool
) -> tuple[float, float, float]:
    zone = ZoneInfo(window.zone)
    first, last = (datetime.fromisoformat(item).replace(tzinfo=zone) for item in (window.first, window.last))
    started = time.process_time()
    done = backtest(
        read_hours(path, zone),
        Plan(
            window.target,
            first,
            first,
            last,
            zone,
            future=window.future,
            families=families,
            pooled=unseen(folder, window.file.split("_")[0], first),
        ),
    )
    result = report(done.forecasts, done.hours.names.tolist())
    _print(name, done, result, time.process_time() - started)
    if beside:
        _print_others(done)
    leads = result["by_lead"]
    return result["together"]["skill"], leads[0]["skill"], leads[23]["skill"]


def _print(name: str, done: Backtest, result: dict[str, Any], cpu: float) -> None:
    together, leads = result["together"], result["by_lead"]
    blocks = "  ".join(f"{block['coverage80']:.0%}/{block['coverage95']:.0%}" for block in result["by_block"])
    print(
        f"{name:<20}{done.best.family:<8}{together['mae']:>7.2f}{together['skill']:>+8.1%}"
        f"{leads[0]['skill']:>+7.1%}{leads[23]['skill']:>+7.1%}{together['coverage80']:>7.1%}"
        f"{together['coverage95']:>7.1%}{together['width80']:>8.1f}{cpu:>7.0f}   {blocks}",
        flush=True,
    )
    held_out = ", ".join(
        f"{candidate.family} {candidate.metrics['holdout']['skill']:+.3f}" for candidate in done.candidates
    )
    print(f"{'':<20}held-out skill: {held_out}; blend of {done.best.metrics.get('blend_of')}", flush=True)


def _print_others(done: Backtest) -> None:
    actual, naive = done.forecasts.actual, done.forecasts.naive
    for name, y in others.forecasts(done).items():

        def skill(leads: slice, y: Any = y) -> float:
            return float(
                scores(actual[:, leads], y[:, leads], {k: v[:, leads] for k, v in naive.items()})["skill"]
            )

        mae = float(np.nanmean(np.abs(y - actual)))
        shown = f"{skill(slice(None)):>+8.1%}{skill(slice(1)):>+7.1%}{skill(slice(23, 24)):>+7.1%}"
        print(f"  {name:<26}{mae:>7.2f}{shown}", flush=True)


if __name__ == "__main__":
    main()
