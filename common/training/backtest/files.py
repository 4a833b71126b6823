"""Files of hourly values in, forecasts out: Parquet, or a table that `vayu import` could read too."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from common.domain.errors import DataError
from common.tables.file import open_table
from common.tables.numbers import decimal_mark, is_fill, read_numbers
from common.training.backtest.stamps import Form, Seconds, read_times, text_type

if TYPE_CHECKING:
    from datetime import tzinfo
    from pathlib import Path

    from numpy.typing import NDArray

    from common.features import Array
    from common.tables.numbers import Decimal
    from common.tables.stamps import Order

_HOUR_S = 3600
_DAY_S = 86400
_WEEK = 7
_MOST_HOURS = 24 * 366 * 60
"""A file that spans more than this has a clock that jumped."""
_YES_AND_NO = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True, slots=True)
class Hours:
    """A file on a regular grid: every series has every hour, nan where nothing is known."""

    columns: tuple[str, ...]
    values: list[Array]
    """One float64 (hours, n_columns) a series"""
    first: int
    """The first hour, in seconds since 1970-01-01 00:00 UTC"""
    names: pd.Series
    """The series, in the order in which they appear in the file"""
    form: Form
    remarks: dict[str, int] = field(default_factory=dict)
    """What was done to the rows → how many"""
    ignored: dict[str, str] = field(default_factory=dict)
    """Columns that were not taken → why"""

    @property
    def length(self) -> int:
        return len(self.values[0])

    def seconds(self, at: NDArray[np.intp]) -> Seconds:
        """The times of hours given as indices."""
        return self.first + _HOUR_S * np.asarray(at, dtype=np.int64)

    def index(self, seconds: int) -> int:
        """The first hour at or after a time; may lie outside the grid."""
        return -(-(seconds - self.first) // _HOUR_S)


def read_hours(path: Path, zone: tzinfo, order: Order | None = None) -> Hours:
    """The file's rows on a regular hourly grid, by series; naive times are in `zone`.

    Rows may be in any order. Several rows for one hour of one series are averaged, missing ones are gaps, and
    negative numbers stay: what they mean depends on the column. `order`: of day and month, where the file
    allows both.

    Raises:
        DataError: when the file cannot be read, has no usable column ``time``, or is not hourly.
    """
    table, decimal, remarks = _read(path)
    if "time" not in table:
        shown = ", ".join(name[:20] for name in list(table)[:8])
        raise DataError(f"{path.name} has no column time; it has {shown}")
    if "series" not in table:
        table["series"] = pd.Series("all", index=table.index, dtype=text_type())
    whole = table[_is_present(table["time"]) & _is_present(table["series"])].reset_index(drop=True)
    if whole.empty:
        raise DataError(f"{path.name} has no row with a time and a series")
    remarks["rows without a time or series left out"] = len(table) - len(whole)
    seconds, form = read_times(path.name, whole["time"], zone, order)
    _check_hourly(path.name, seconds)
    columns, ignored, unread = _numbers(whole, decimal)
    remarks["cells that are no numbers taken as missing"] = unread
    first = int(seconds.min())
    which, names = pd.factorize(whole["series"])
    columns["series"], columns["hour"] = which, (seconds - first) // _HOUR_S
    # Several rows of one hour are averaged, each column over what it knows.
    rows = columns.groupby(["series", "hour"]).mean()
    remarks["rows for an hour that has another row, averaged"] = len(columns) - len(rows)
    grid = range(int(columns["hour"].max()) + 1)
    return Hours(
        columns=tuple(rows.columns),
        values=[rows.loc[number].reindex(grid).to_numpy(dtype=np.float64) for number in range(len(names))],
        first=first,
        names=pd.Series(names, dtype=names.dtype if isinstance(names.dtype, pd.ArrowDtype) else text_type()),
        form=form,
        remarks={what: number for what, number in remarks.items() if number},
        ignored=ignored,
    )


def write_forecasts(path: Path, table: pd.DataFrame) -> None:
    """Write a table, as CSV if the name says so, else as Parquet.

    Raises:
        DataError: when it cannot be written there.
    """
    try:
        if path.suffix.lower() == ".csv":
            table.to_csv(path, index=False, quoting=csv.QUOTE_NONNUMERIC)
        else:
            table.to_parquet(path, index=False)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be written: {error}") from error


def _read(path: Path) -> tuple[pd.DataFrame, Decimal, dict[str, int]]:
    """The table, its decimal mark where it is text, and remarks on its rows."""
    try:
        with path.open("rb") as file:
            is_parquet = file.read(4) == b"PAR1"
        if is_parquet:
            return _plain(pd.read_parquet(path, dtype_backend="pyarrow")), ".", {}
        table = open_table(path)
    except DataError as error:
        raise _unreadable(path, str(error).removeprefix(f"{path.name}: ")) from error
    except (OSError, pa.ArrowException, ValueError) as error:
        why = (
            error.strerror if isinstance(error, OSError) and error.strerror else "it is no table, or damaged"
        )
        raise _unreadable(path, why) from error
    header = table.row(0)
    if len(header) < 2:
        raise _unreadable(path, "it is no table, or damaged")
    twice = next((name for name in header if name and header.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{path.name}: two columns are named {twice[:20]!r}; remove one")
    body = table.body(0, len(header))
    if table.damaged > table.cut_off:
        raise _unreadable(path, f"a row has {table.widest} fields, the first one {len(header)}")
    body = body.set_axis(header, axis=1).drop(columns=[name for name in header if not name])
    decimal = decimal_mark(table, (body[name] for name in body if name not in ("time", "series")))
    return body, decimal, {"last row left out: it is incomplete": int(table.cut_off)}


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """With the values that a dictionary stands for in its place."""
    kinds = {
        name: kind.pyarrow_dtype for name, kind in table.dtypes.items() if isinstance(kind, pd.ArrowDtype)
    }
    encoded = {name: kind for name, kind in kinds.items() if pa.types.is_dictionary(kind)}
    return table.astype({name: pd.ArrowDtype(kind.value_type) for name, kind in encoded.items()})


def _unreadable(path: Path, why: str) -> DataError:
    return DataError(f"{path.name} can be read neither as CSV nor as Parquet: {why}")


def _is_present(cells: pd.Series) -> pd.Series:
    present = cells.notna()
    return present & (cells != "") if _is_text(cells) else present


def _is_text(cells: pd.Series) -> bool:
    return bool(pd.api.types.is_string_dtype(cells.dtype) or pd.api.types.is_object_dtype(cells.dtype))


def _check_hourly(name: str, seconds: Seconds) -> None:
    distinct = np.unique(seconds)
    steps = np.diff(distinct)
    if len(distinct) >= _WEEK and not (steps % _DAY_S).any():
        what = "monthly" if np.median(steps) >= 28 * _DAY_S else "daily"
        raise DataError(f"{name}: these are {what} means; hourly values are needed")
    minutes = np.unique(seconds % _HOUR_S)
    if len(minutes) > 1:
        shown = ", ".join(f":{int(offset) // 60:02}" for offset in minutes[:4])
        raise DataError(f"the times are not hourly ({shown} …); average the values to hours first")
    span = int(seconds.max() - seconds.min()) // _HOUR_S
    if span > _MOST_HOURS:
        raise DataError(f"the times span {span // 8766} years; is there a wrong year among them?")


def _numbers(table: pd.DataFrame, decimal: Decimal) -> tuple[pd.DataFrame, dict[str, str], int]:
    """The columns of numbers, nan where missing or infinite; all others; how many cells were no numbers."""
    columns: dict[str, Array] = {}
    ignored = {}
    unread = 0
    for name in table:
        if name in {"time", "series"}:
            continue
        cells = table[name]
        if _is_text(cells):
            numbers, missing = _of_text(cells, decimal)
            wrong = int((~missing & np.isnan(numbers)).sum())
            if missing.all():
                ignored[name] = "has no values"
            elif wrong > np.isfinite(numbers).sum():
                ignored[name] = "holds string, not numbers"
            else:
                columns[name] = numbers
                unread += wrong
        elif pd.api.types.is_numeric_dtype(cells.dtype) or pd.api.types.is_bool_dtype(cells.dtype):
            numbers = cells.astype("float64[pyarrow]").to_numpy(dtype=np.float64, na_value=np.nan)
            columns[name] = np.where(is_fill(numbers), np.nan, numbers)
        elif isinstance(cells.dtype, pd.ArrowDtype) and pa.types.is_null(cells.dtype.pyarrow_dtype):
            ignored[name] = "has no values"
        else:
            ignored[name] = f"holds {getattr(cells.dtype, 'pyarrow_dtype', cells.dtype)}, not numbers"
    columns = {name: np.where(np.isfinite(numbers), numbers, np.nan) for name, numbers in columns.items()}
    return pd.DataFrame(columns, index=table.index), ignored, unread


def _of_text(cells: pd.Series, decimal: Decimal) -> tuple[Array, NDArray[np.bool_]]:
    numbers, missing = read_numbers(cells, decimal)
    if np.isnan(numbers).all():
        words = cells.astype(str).str.strip().str.lower().map(_YES_AND_NO).to_numpy(dtype=np.float64)
        numbers = np.where(missing, np.nan, words)
    return numbers, missing
