"""Files of hourly values in, forecasts out: CSV or Parquet."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from common.domain.errors import DataError
from common.training.backtest.stamps import Form, Seconds, read_times

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo
    from pathlib import Path

    from numpy.typing import NDArray

    from common.features import Array

_HOUR_S = 3600
_UNEVEN = re.compile(r"Expected (\d+) columns, got (\d+)")
_REASONS = {"Empty CSV file": "it is empty", "UTF8": "it is not text in UTF-8"}
"""What the reader says of a file → what is wrong with it."""
_MOST_HOURS = 24 * 366 * 60
"""A file that spans more than this has a clock that jumped."""


@dataclass(frozen=True, slots=True)
class Hours:
    """A file on a regular grid: every series has every hour, nan where nothing is known."""

    columns: tuple[str, ...]
    values: list[Array]
    """One float64 (hours, n_columns) a series"""
    first: int
    """The first hour, in seconds since 1970-01-01 00:00 UTC"""
    names: pa.Array
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


def read_hours(path: Path, zone: tzinfo) -> Hours:
    """The file's rows on a regular hourly grid, by series; naive times are in `zone`.

    Rows may be in any order. Several rows for one hour of one series are averaged, missing ones are gaps, and
    negative numbers are kept: what they mean depends on the column.

    Raises:
        DataError: when the file cannot be read, has no usable column ``time``, or is not hourly.
    """
    table = _read(path)
    if "time" not in table.column_names:
        shown = ", ".join(name[:20] for name in table.column_names[:8])
        raise DataError(f"{path.name} has no column time; it has {shown}")
    if "series" not in table.column_names:
        table = table.append_column("series", pa.array(["all"] * len(table), pa.string()))
    whole = table.filter(pc.and_(pc.is_valid(table["time"]), pc.is_valid(table["series"])))
    if not len(whole):
        raise DataError(f"{path.name} has no row with a time and a series")
    remarks = {"rows without a time or series left out": len(table) - len(whole)}
    seconds, form = read_times(whole["time"], zone)
    _check_hourly(seconds)
    columns, ignored = _numbers(whole)
    encoded = whole["series"].combine_chunks()
    if not pa.types.is_dictionary(encoded.type):
        encoded = encoded.dictionary_encode()
    first = int(seconds.min())
    hours = ((seconds - first) // _HOUR_S).astype(np.intp)
    length = int(hours.max()) + 1
    which = encoded.indices.to_numpy().astype(np.intp)
    present = [number for number in range(len(encoded.dictionary)) if (which == number).any()]
    values = [_gridded(columns, hours, which == number, length) for number in present]
    distinct = len(np.unique(which * length + hours))
    remarks["rows for an hour that has another row, averaged"] = len(hours) - distinct
    return Hours(
        columns=tuple(columns),
        values=values,
        first=first,
        names=encoded.dictionary.take(pa.array(present)),
        form=form,
        remarks={what: number for what, number in remarks.items() if number},
        ignored=ignored,
    )


def write_forecasts(path: Path, columns: Mapping[str, pa.Array | Array]) -> None:
    """Write a table, as CSV if the name says so, else as Parquet.

    Raises:
        DataError: when it cannot be written there.
    """
    table = pa.table(dict(columns))
    try:
        if path.suffix.lower() == ".csv":
            pyarrow.csv.write_csv(table, path)
        else:
            pyarrow.parquet.write_table(table, path)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be written: {error}") from error


def _read(path: Path) -> pa.Table:
    try:
        with path.open("rb") as file:
            is_parquet = file.read(4) == b"PAR1"
        if is_parquet:
            return pyarrow.parquet.read_table(path)
        # Times stay text, so that they can be given back as they came.
        as_text = {"time": pa.string()}
        options = pyarrow.csv.ConvertOptions(column_types=as_text, strings_can_be_null=True)
        return pyarrow.csv.read_csv(path, convert_options=options)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path.name} can be read neither as CSV nor as Parquet: {_why(error)}") from error


def _why(error: Exception) -> str:
    """What is wrong with a file, without the text of its rows, which the reader would quote."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    said = str(error)
    uneven = _UNEVEN.search(said)
    if uneven:
        return f"a row has {uneven[2]} fields, the first one {uneven[1]}"
    known = (why for part, why in _REASONS.items() if part in said)
    return next(known, "it is no table, or damaged")


def _check_hourly(seconds: Seconds) -> None:
    minutes = np.unique(seconds % _HOUR_S)
    if len(minutes) > 1:
        shown = ", ".join(f":{int(one) // 60:02}" for one in minutes[:4])
        raise DataError(f"the times are not hourly ({shown} …); average the values to hours first")
    span = int(seconds.max() - seconds.min()) // _HOUR_S
    if span > _MOST_HOURS:
        raise DataError(f"the times span {span // 8766} years; is there a wrong year among them?")


def _numbers(table: pa.Table) -> tuple[dict[str, Array], dict[str, str]]:
    """The columns of numbers, nan where missing or infinite, and the names of all others."""
    found: dict[str, Array] = {}
    ignored = {}
    for name in table.column_names:
        if name in {"time", "series"}:
            continue
        kind = table[name].type
        if pa.types.is_null(kind):
            ignored[name] = "has no values"
        elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
            numbers = table[name].cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
            found[name] = np.where(np.isfinite(numbers), numbers, np.nan)
        elif pa.types.is_decimal(kind):
            found[name] = table[name].cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
        else:
            ignored[name] = f"holds {kind}, not numbers"
    return found, ignored


def _gridded(
    columns: Mapping[str, Array], hours: NDArray[np.intp], chosen: NDArray[np.bool_], length: int
) -> Array:
    """One series on the grid; several values of an hour are averaged."""
    out = np.full((length, len(columns)), np.nan)
    at = hours[chosen]
    for number, values in enumerate(columns.values()):
        mine = values[chosen]
        known = np.isfinite(mine)
        total = np.bincount(at[known], weights=mine[known], minlength=length)
        count = np.bincount(at[known], minlength=length)
        out[:, number] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return out
