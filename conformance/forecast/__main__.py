"""IndiaAQ-48h: score forecasts of Indian air quality.

  python -m conformance.forecast windows
  python -m conformance.forecast template --window NAME … --data DIR > rows.csv
  python -m conformance.forecast naive --window NAME … --by persistence --data DIR > entry.csv
  python -m conformance.forecast vayu --window NAME … --data DIR > entry.csv
  python -m conformance.forecast score FILE --data DIR

Without --window, of all windows; each is written once it is done, and a line on stderr says so.
Exit status: 0 done, 1 the file or the data are refused, 2 bad usage.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.seasons.__main__ import OTHERS, hours_of, plan_of, read
from benchmarks.seasons.pooled import unseen
from benchmarks.seasons.series import zone_of
from common.domain.forecast import FAMILIES, NAIVE
from common.training.backtest.run import backtest
from conformance.forecast.benchmark import Refused, Task, check_data, indian_windows, task_of
from conformance.forecast.entry import forecasts_of, read_entry, template
from conformance.forecast.score import scored

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

    from benchmarks.seasons.__main__ import Window

RESULTS = Path(__file__).parents[2] / "benchmarks" / "seasons" / "results"
ENTRIES = {"vayu": ("after.csv", "skill"), **{name: ("before.csv", name) for name in OTHERS}}
"""Entry → the committed table of its results, and the column of its skill."""


def main() -> None:
    """The command line."""
    given = _parser().parse_args()
    try:
        if given.command in ROWS:
            _write(given)
        else:
            {"windows": _windows, "score": _score}[given.command](given)
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        sys.exit(1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m conformance.forecast",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("windows", help="list the windows")
    names = [window.window for window in indian_windows()]
    for name, help_ in (
        ("template", "the rows that windows ask for"),
        ("naive", "an entry of a naive forecast"),
        ("vayu", "the entry of this service; about 20 s a window, of many stations minutes"),
    ):
        command = commands.add_parser(name, help=help_)
        command.add_argument("--window", nargs="+", choices=names, default=names, metavar="NAME")
        _add_data(command)
    commands.choices["naive"].add_argument("--by", choices=NAIVE, required=True)
    score = commands.add_parser("score", help="score a file of forecasts")
    score.add_argument("file", type=Path, help="CSV or Parquet: window, series, origin, h, y_pred, …")
    _add_data(score)
    score.add_argument("--json", action="store_true", help="for machines")
    return parser


def _add_data(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data", type=Path, required=True, help="folder of the measurements")
    command.add_argument(
        "--any-data", action="store_true", help="also where they are not those of the manifest"
    )


def _windows(_: argparse.Namespace) -> None:
    for window in indian_windows():
        print(
            f"{window.window:<34}{window.target:<6}{window.form:<10}train {window.train_from} to {window.train_until}, "
            f"test to {window.test_until}"
        )


def _write(given: argparse.Namespace) -> None:
    """The rows of the windows as CSV, window by window as they are done."""
    chosen = [window for window in indian_windows() if window.window in given.window]
    if not given.any_data:
        check_data(given.data, {window.series for window in chosen})
    for number, window in enumerate(chosen):
        started = time.monotonic()
        rows = ROWS[given.command](given, task_of(given.data, window))
        rows.to_csv(sys.stdout, header=number == 0, index=False, lineterminator="\n")
        sys.stdout.flush()
        seconds = time.monotonic() - started
        print(f"{number + 1} of {len(chosen)}: {window.window}, {seconds:.0f} s", file=sys.stderr)


def _template(_: argparse.Namespace, task: Task) -> pd.DataFrame:
    return template(task)


def _naive(given: argparse.Namespace, task: Task) -> pd.DataFrame:
    return template(task).assign(y_pred=task.naive[given.by].ravel())


def _vayu(given: argparse.Namespace, task: Task) -> pd.DataFrame:
    before = datetime.fromisoformat(task.window.train_until).replace(tzinfo=zone_of(task.window.series))
    plan = plan_of(task.window, FAMILIES, unseen(given.data, task.window.series, before))
    done = backtest(hours_of(given.data, task.window), plan).forecasts
    columns = {"y_pred": done.y, "lo80": done.lo80, "hi80": done.hi80, "lo95": done.lo95, "hi95": done.hi95}
    return template(task).assign(**{name: np.round(values, 3).ravel() for name, values in columns.items()})


ROWS: Mapping[str, Callable[[argparse.Namespace, Task], pd.DataFrame]] = {
    "template": _template,
    "naive": _naive,
    "vayu": _vayu,
}
"""Command → the rows that it writes of a window"""


def _score(given: argparse.Namespace) -> None:
    table = read_entry(given.file)
    chosen: list[Window] = [window for window in indian_windows() if (table["window"] == window.window).any()]
    if not given.any_data:
        check_data(given.data, {window.series for window in chosen})
    rows = []
    for window in chosen:
        task = task_of(given.data, window)
        row = scored(task, forecasts_of(table, task))
        row["others"] = {} if given.any_data else others(window.window)
        rows.append(row)
    if given.json:
        print(json.dumps(rows, indent=1))
        return
    _print(rows)


def others(window: str) -> dict[str, float]:
    """Entry → its skill in per cent on a window, of those whose results are committed."""
    result = {}
    for name, (file, column) in ENTRIES.items():
        value = read(RESULTS / file).get(window, {}).get(column)
        if value not in (None, ""):
            result[name] = float(value)
    return result


def _print(rows: list[dict[str, Any]]) -> None:
    print(f"{'window':<34}{'n':>7}{'MAE':>8}{'skill':>8}{'95 % interval':>18}  naive; other entries")
    for row in rows:
        interval = f"{row['skill_low']:+.1f} to {row['skill_high']:+.1f}"
        beside = ", ".join(f"{name} {skill:+.1f}" for name, skill in row["others"].items())
        cover = "".join(
            f"; {level} % intervals hold {row[f'coverage{level}']:.1f} %, Winkler {row[f'winkler{level}']:.1f}"
            for level in (80, 95)
            if f"coverage{level}" in row
        )
        print(
            f"{row['window']:<34}{row['n']:>7}{row['mae']:>8.2f}{row['skill']:>+8.1f}{interval:>18}  "
            f"{row['best_naive']}; {beside or 'none'}{cover}"
        )
    mean = sum(row["skill"] for row in rows) / len(rows)
    print(f"{len(rows)} of {len(indian_windows())} windows, mean skill {mean:+.1f} %")


if __name__ == "__main__":
    main()
