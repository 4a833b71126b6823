"""What may be exported on request, how much of it, and for how long the files are there."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal, get_args

from common.domain.errors import DataError, Fault, TooMuch
from common.domain.forecast import HORIZON, TARGETS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

ExportTable = Literal["observations", "forecasts", "scores"]
ExportFormat = Literal["parquet", "csv", "xlsx"]
EXPORT_TABLES: tuple[ExportTable, ...] = get_args(ExportTable)

FOLDER = "exports"
"""Of the archive: each export has a folder in it, named by its number"""
RETENTION = timedelta(days=7)
"""After it is done"""
LONGEST = timedelta(days=366)
MOST_ROWS = {"parquet": 1_000_000, "csv": 500_000, "xlsx": 100_000}
"""Format → rows of an export. The hours of 56 cities in a year are 492,000, a city's forecasts of a year 843,000"""
UNFINISHED_MOST = 4
"""Exports of one owner that wait or are made"""
DAILY_MOST = 24
"""Exports of one owner in 24 hours"""
_ROWS_A_DAY = {
    "observations": 24,
    "forecasts": 24 * HORIZON * len(TARGETS),
    "scores": 24 * HORIZON * len(TARGETS),
}
"""At most, of a city"""


def refuse_too_much(
    tables: Sequence[ExportTable], cities: int, start: datetime, end: datetime, format_: ExportFormat
) -> None:
    """Let nobody ask for an export that makes no sense or is too large.

    Raises:
        DataError: when the span is none, or longer than `LONGEST`.
        TooMuch: when there may be more rows than `MOST_ROWS`.
    """
    if start >= end:
        fault = Fault("pointer", "/start", start.isoformat(), "a time before end, and before now")
        raise DataError("start must be before end, and in the past", faults=(fault,))
    if end - start > LONGEST:
        fault = Fault("pointer", "/start", start.isoformat(), f"at most {LONGEST.days} days before end")
        raise DataError(
            f"an export spans at most {LONGEST.days} days; ask for them in parts", faults=(fault,)
        )
    days = (end - start) / timedelta(days=1)
    rows = round(cities * days * sum(_ROWS_A_DAY[table] for table in tables))
    most = MOST_ROWS[format_]
    if rows > most:
        faults = (Fault("pointer", "/format", format_, f"at most {most:,} rows"),)
        raise TooMuch(
            f"this may have {rows:,} rows, and an export as {format_} has at most {most:,}; ask for fewer cities, days "
            "or tables at a time, or take the files of the archive",
            faults=faults,
        )
