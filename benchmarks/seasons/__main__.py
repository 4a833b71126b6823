"""How good are forecasts in a season never seen? python -m benchmarks.seasons [FOLDER] [--windows …] --out FILE.

FOLDER, or VAYU_TEST_DATA, holds the measurements. The windows stand in `windows.csv`, and were fixed before the first
of them was scored: each tests a season that its training has not seen, or has seen once, after 92 days, some months or
more than a year, at stations or as the city mean that production serves. One training, origins at 5 and 17 h of each
day of the window. The pooled model is fitted anew for each window, without its place and region and without the month
before the window and all later hours (`--own`: there is none). Prints, window by window, skill against the best of four
naive forecasts over all leads and at 1, 6, 24 and 48 h, mean error, coverage and width of the intervals, pinball loss
and Winkler score, and the skill of mlforecast and statsforecast from the same origins (`pip install mlforecast
statsforecast lightgbm`, for development only; `--alone`: without them); then means, the worst, and how many windows lie
below the naive forecast. `--out` keeps the table, to which windows that are run later are added. `--compare A B` prints
two such tables beside each other.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.accuracy import others
from benchmarks.seasons import series
from benchmarks.seasons.pooled import unseen
from common.domain.forecast import BLOCKS, FAMILIES, INTERVAL_LEVELS
from common.metrics import coverage, interval_scores, mean_absolute_errors, scores, winkler_score
from common.training.backtest.plan import Plan
from common.training.backtest.run import Backtest, backtest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.features import Array
    from common.training.backtest.files import Hours
    from common.training.pooled import PooledModel

WINDOWS = Path(__file__).with_name("windows.csv")
SHOWN_LEADS = (1, 6, 24, 48)


@dataclass(frozen=True, slots=True)
class Window:
    """One row of the table; times are local, the last day is part of the test."""

    window: str
    series: str
    form: str
    target: str
    train_from: str
    train_until: str
    test_until: str
    history: str


def windows() -> list[Window]:
    """All windows, in the order of the table."""
    with WINDOWS.open(encoding="utf-8") as file:
        return [Window(**row) for row in csv.DictReader(file)]


def hours_of(folder: Path, window: Window) -> Hours:
    """The measurements of a window: from the first hour of training to 48 hours after the last origin."""
    result = series.stations(folder, window.series)
    if window.target == "pm25":
        result = series.without(result, "aqi")
    if window.form == "city":
        result = series.city(result)
    first, last = _stamp(window, window.train_from), _stamp(window, window.test_until)
    return series.between(result, int(first.timestamp()), int((last + timedelta(days=3)).timestamp()))


def plan_of(
    window: Window, families: tuple[Any, ...], pooled: Mapping[str, PooledModel] | None = None
) -> Plan:
    """What the backtest of a window is to do."""
    first = _stamp(window, window.train_until)
    last = _stamp(window, window.test_until) + timedelta(hours=23)
    zone = series.zone_of(window.series)
    return Plan(window.target, first, first, last, zone, families=families, pooled=pooled)


def _stamp(window: Window, day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=series.zone_of(window.series))


def main() -> None:
    """Print the table, window by window as they are done, and what it comes to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", default=os.environ.get("VAYU_TEST_DATA"))
    parser.add_argument("--windows", nargs="+", choices=[item.window for item in windows()])
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--alone", action="store_true", help="without the open libraries")
    parser.add_argument("--own", action="store_true", help="without a model pooled over other places")
    parser.add_argument("--jobs", type=int, default=1, help="windows at a time")
    parser.add_argument("--out", type=Path, help="CSV to write the table to")
    parser.add_argument(
        "--compare", nargs="+", type=Path, help="print these tables beside each other instead"
    )
    options = parser.parse_args()
    if options.compare:
        compare([read(path) for path in options.compare], [path.stem for path in options.compare])
        return
    if options.folder is None:
        sys.exit("no measurements: give their folder, or name it in VAYU_TEST_DATA")
    beside = not options.alone and not others.missing()
    if not options.alone and not beside:
        print(f"without open libraries beside: {', '.join(others.missing())} not installed")
    chosen = [item for item in windows() if not options.windows or item.window in options.windows]
    run = partial(
        measured,
        folder=Path(options.folder),
        families=tuple(options.families),
        beside=beside,
        own=options.own,
    )
    rows = read(options.out) if options.out is not None and options.out.exists() else {}
    print(HEADINGS)
    with ProcessPoolExecutor(options.jobs) as pool:
        for row in pool.map(run, chosen):
            rows[row["window"]] = row
            print(line(row), flush=True)
            if options.out is not None:
                write(options.out, rows)
    summary({item.window: rows[item.window] for item in chosen})


def measured(
    window: Window, *, folder: Path, families: tuple[Any, ...], beside: bool, own: bool
) -> dict[str, Any]:
    """One row of the table."""
    pooled = {} if own else unseen(folder, window.series, _stamp(window, window.train_until))
    started = time.process_time()
    done = backtest(hours_of(folder, window), plan_of(window, families, pooled))
    cpu = time.process_time() - started
    forecasts = done.forecasts
    naive = forecasts.naive
    row: dict[str, Any] = {
        "window": window.window,
        "history": window.history,
        "form": window.form,
        "family": done.best.family,
    }
    row |= scored(forecasts.y, forecasts.actual, naive)
    row |= intervals(done)
    row["cpu_s"] = round(cpu)
    if beside:
        for name, y in others.forecasts(done).items():
            row[name] = scored(y, forecasts.actual, naive)["skill"]
    return row


def scored(y: Array, actual: Array, naive: dict[str, Array]) -> dict[str, Any]:
    """Skill against the naive forecast that was best in hindsight, together and at some leads; errors."""

    def score(leads: slice) -> dict[str, Any]:
        return scores(
            actual[:, leads], y[:, leads], {name: values[:, leads] for name, values in naive.items()}
        )

    together, first = score(slice(None)), slice(1)
    result: dict[str, Any] = {"n": together["n"], "best_naive": together["best_naive"]}
    result["mae"] = round(together["mae"], 2)
    result["skill"] = round(100 * together["skill"], 1)
    result |= {
        f"skill_{lead}h": round(100 * score(slice(lead - 1, lead))["skill"], 1) for lead in SHOWN_LEADS
    }
    errors = mean_absolute_errors(
        actual[:, first], {"ours": y[:, first], "persistence": naive["persistence"][:, first]}
    )
    result["persistence_1h"] = round(100 * (1 - errors["ours"] / errors["persistence"]), 1)
    result["mean_error"] = round(float(np.nanmean(y - actual)), 1)
    return result


def intervals(done: Backtest) -> dict[str, Any]:
    """Coverage, together and by block of leads, width, pinball loss of the four bounds, Winkler score of 80 %."""
    actual = done.forecasts.actual
    bounds = {name: getattr(done.forecasts, name) for name in INTERVAL_LEVELS}
    together = interval_scores(actual, bounds)
    result: dict[str, Any] = {}
    for percent in (80, 95):
        low, high = bounds[f"lo{percent}"], bounds[f"hi{percent}"]
        result[f"coverage{percent}"] = round(100 * together[f"coverage{percent}"], 1)
        result[f"blocks{percent}"] = "/".join(
            f"{100 * coverage(actual[:, a - 1 : b], low[:, a - 1 : b], high[:, a - 1 : b]):.0f}"
            for a, b in BLOCKS
        )
        result[f"width{percent}"] = round(together[f"width{percent}"], 1)
    result["pinball"] = round(together["pinball"], 3)
    result["winkler80"] = round(winkler_score(actual, bounds["lo80"], bounds["hi80"], 0.80), 2)
    return result


HEADINGS = (
    f"{'window':<34}{'family':<14}{'MAE':>7}{'skill':>7}{'1 h':>7}{'6 h':>7}{'24 h':>7}{'48 h':>7}{'error':>8}"
    f"{'80 %':>6}{'95 %':>6}{'width':>7}{'CPU s':>6}  ridge, LightGBM, theta"
)


def line(row: dict[str, Any]) -> str:
    """A row of the table as it is printed."""
    leads = "".join(f"{float(row[f'skill_{lead}h']):>+7.1f}" for lead in SHOWN_LEADS)
    beside = ", ".join(f"{float(row[name]):+.1f}" for name in OTHERS if row.get(name) not in (None, ""))
    return (
        f"{row['window']:<34}{row['family']:<14}{float(row['mae']):>7.1f}{float(row['skill']):>+7.1f}{leads}"
        f"{float(row['mean_error']):>+8.1f}{float(row['coverage80']):>6.1f}{float(row['coverage95']):>6.1f}"
        f"{float(row['width80']):>7.1f}{row['cpu_s']:>6}  {beside}"
    )


OTHERS = ("mlforecast ridge", "mlforecast lightgbm", "statsforecast theta")


def summary(rows: dict[str, dict[str, Any]]) -> None:
    """What the table comes to: means, the worst window, and how many lie below the naive forecast."""
    for name, some in _groups(rows).items():
        skill = np.array([float(row["skill"]) for row in some])
        parts = [f"{name:<14}{len(some):>3} windows: mean {skill.mean():+.1f} %, worst {skill.min():+.1f} %"]
        parts.append(f"below the naive forecast {int((skill < 0).sum())}")
        parts += [
            f"{lead} h {np.mean([float(row[f'skill_{lead}h']) for row in some]):+.1f}" for lead in SHOWN_LEADS
        ]
        cover = [np.array([float(row[f"coverage{level}"]) for row in some]) for level in (80, 95)]
        parts.append(f"coverage {cover[0].mean():.1f} and {cover[1].mean():.1f} %")
        parts.append(
            f"({cover[0].min():.0f}–{cover[0].max():.0f}, {cover[1].min():.0f}–{cover[1].max():.0f})"
        )
        for other in OTHERS:
            values = [float(row[other]) for row in some if row.get(other) not in (None, "")]
            if values:
                parts.append(f"{other} {np.mean(values):+.1f} (worst {min(values):+.1f})")
        print("; ".join(parts))


def _groups(rows: dict[str, dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    every = list(rows.values())
    groups = {"all": every}
    for key in ("history", "form"):
        for value in dict.fromkeys(row[key] for row in every):
            groups[str(value)] = [row for row in every if row[key] == value]
    return groups


def compare(tables: list[dict[str, dict[str, Any]]], names: list[str]) -> None:
    """Several tables beside each other, window by window, and their means on the windows that all have."""
    print(f"{'window':<34}" + "".join(f"{name:>24}" for name in names))
    common = [window for window in tables[0] if all(window in table for table in tables)]
    for window in common:
        cells = [
            f"{float(row['skill']):>+9.1f} {float(row['coverage80']):>4.0f}/{float(row['coverage95']):>3.0f} "
            f"{float(row['winkler80']):>5.0f}"
            for row in (table[window] for table in tables)
        ]
        print(f"{window:<34}" + "".join(f"{cell:>24}" for cell in cells))
    for table, name in zip(tables, names, strict=True):
        print(f"\n{name}")
        summary({window: table[window] for window in common})


def read(path: Path) -> dict[str, dict[str, Any]]:
    """A table that was written before."""
    with path.open(encoding="utf-8") as file:
        return {row["window"]: dict(row) for row in csv.DictReader(file)}


def write(path: Path, rows: dict[str, dict[str, Any]]) -> None:
    """The table as CSV, in the order of the windows."""
    order = [item.window for item in windows() if item.window in rows]
    fields = list(dict.fromkeys(key for window in order for key in rows[window]))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fields, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows[window] for window in order)


if __name__ == "__main__":
    main()
