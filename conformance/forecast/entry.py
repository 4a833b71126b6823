"""A file of forecasts: read, and held against what a window asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from benchmarks.seasons import series
from common.domain.forecast import HORIZON
from conformance.forecast.benchmark import Refused, indian_windows

if TYPE_CHECKING:
    from pathlib import Path

    from common.features import Array
    from conformance.forecast.benchmark import Task

NEEDED = ("window", "series", "origin", "h", "y_pred")
BOUNDS = ("lo80", "hi80", "lo95", "hi95")
KEYS = ["which", "origin", "h"]


def read_entry(path: Path) -> pd.DataFrame:
    """The rows of a CSV or Parquet file, as text but for numbers.

    Raises:
        Refused: when it cannot be read, lacks a column, or has a value that is none.
    """
    try:
        if path.suffix == ".parquet":
            table = pd.read_parquet(path)
        else:
            table = pd.read_csv(path, dtype=dict.fromkeys(("window", "series", "origin"), str))
    except (OSError, ValueError) as error:
        raise Refused(f"{path} cannot be read as CSV or Parquet: {str(error).splitlines()[0]}.") from error
    missing = [name for name in NEEDED if name not in table]
    if missing:
        raise Refused(f"{path.name} has no column {', '.join(missing)}; it needs {', '.join(NEEDED)}.")
    if table.empty:
        raise Refused(f"{path.name} has no rows.")
    for name in ("h", "y_pred", *BOUNDS):
        if name in table:
            table[name] = _numbers(table[name], name)
    whole = table["h"].between(1, HORIZON) & (table["h"] % 1 == 0)
    if not whole.all():
        raise Refused(
            f"h is a whole number from 1 to {HORIZON}; {_row(table, ~whole)} has {table['h'][~whole].iloc[0]:g}."
        )
    known = {window.window for window in indian_windows()}
    strange = ~table["window"].isin(known)
    if strange.any():
        raise Refused(
            f"{_row(table, strange)} is of {table['window'][strange].iloc[0]!r}, which is no window; "
            "python -m conformance.forecast windows lists them."
        )
    _check_pairs(table)
    return table


def forecasts_of(table: pd.DataFrame, task: Task) -> dict[str, Array]:
    """``y_pred`` and the bounds that the file has, each (n, 48), in the order of the task's origins.

    Raises:
        Refused: when rows are twice, of another origin or series, or missing.
    """
    name = task.window.window
    rows = table[table["window"] == name].copy()
    strange = ~rows["series"].astype(str).isin(task.names)
    if strange.any():
        raise Refused(
            f"{_row(rows, strange)}: {name} has no series {rows['series'][strange].iloc[0]!r}; it has "
            f"{', '.join(task.names[:8])}."
        )
    rows["which"] = (
        rows["series"].astype(str).map({series_name: at for at, series_name in enumerate(task.names)})
    )
    rows["origin"] = _seconds(rows["origin"], task)
    rows["h"] = rows["h"].astype(int)
    twice = rows.duplicated(KEYS)
    if twice.any():
        raise Refused(
            f"{_row(rows, twice)}: {name} has {int(twice.sum())} rows twice, the same series, origin and h."
        )
    due = pd.MultiIndex.from_arrays([task.which, task.origin], names=["which", "origin"])
    wrong = ~pd.MultiIndex.from_frame(rows[["which", "origin"]]).isin(due)
    if wrong.any():
        raise Refused(
            f"{_row(rows, pd.Series(wrong, rows.index))}: no forecast of {name} is due from that origin "
            f"({int(wrong.sum())} rows). The first that is due is {task.time(0)}; the command template lists all."
        )
    columns = ["y_pred", *(bound for bound in BOUNDS if bound in rows)]
    wide = rows.set_index(KEYS)[columns].unstack("h").reindex(due)
    tables = {
        column: wide[column].reindex(columns=range(1, HORIZON + 1)).to_numpy(float) for column in columns
    }
    absent = ~np.isfinite(tables["y_pred"])
    if absent.any():
        at, lead = np.argwhere(absent)[0]
        raise Refused(
            f"{name} lacks {int(absent.sum())} of {absent.size} rows, first {task.names[task.which[at]]}, "
            f"{task.time(int(at))}, h {lead + 1}. Every due origin needs h 1 to {HORIZON}."
        )
    return tables


def template(task: Task) -> pd.DataFrame:
    """The rows that a window asks for, without y_pred."""
    return pd.DataFrame(
        {
            "window": task.window.window,
            "series": np.repeat([task.names[at] for at in task.which], HORIZON),
            "origin": np.repeat([task.time(at) for at in range(len(task.which))], HORIZON),
            "h": np.tile(np.arange(1, HORIZON + 1), len(task.which)),
        }
    )


def _numbers(column: pd.Series, name: str) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce").astype(float)
    bad = ~np.isfinite(numbers)
    if bad.any():
        raise Refused(
            f"{name} is a number; row {int(np.flatnonzero(bad)[0]) + 2} has {str(column[bad].iloc[0])[:30]!r}."
        )
    return numbers


def _check_pairs(table: pd.DataFrame) -> None:
    for level in ("80", "95"):
        low, high = f"lo{level}", f"hi{level}"
        if (low in table) != (high in table):
            raise Refused(f"{low} and {high} come together; the file has but one of them.")
        if low in table and (crossed := table[low] > table[high]).any():
            raise Refused(f"{_row(table, crossed)} has {low} above {high}.")


def _seconds(origins: pd.Series, task: Task) -> pd.Series:
    """Seconds since 1970; times without an offset are local."""
    texts = origins.astype(str)
    parsed = {text: _stamp(text, task) for text in texts.unique()}
    return texts.map(parsed).astype("int64")


def _stamp(text: str, task: Task) -> int:
    stamp = pd.to_datetime(text, errors="coerce")
    if stamp is pd.NaT:
        raise Refused(f"{text[:40]!r} is no time of an origin; write it as {task.time(0)}.")
    if stamp.tzinfo is None:
        stamp = stamp.tz_localize(series.zone_of(task.window.series))
    return int(stamp.timestamp())


def _row(table: pd.DataFrame, bad: pd.Series) -> str:
    """The first bad row as a spreadsheet counts it, the heading being row 1."""
    return f"row {int(table.index[bad.to_numpy()][0]) + 2}"
