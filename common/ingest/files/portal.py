"""CPCB's portal export: one station, a row every quarter of an hour or every hour.

Stamps are naive Indian time and name the **start** of the interval: 00:00 covers 00:00–00:15. Older
exports have ``From Date`` and ``To Date``, or ``From``, ``To`` and ``Date``, lines about the station before the table,
and no units; their end may be the last minute within: 00:00–00:14.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from common.domain.errors import DataError
from common.domain.observation import IST
from common.ingest.files.columns import Column, has_variable, plain, value_columns
from common.ingest.files.hours import common_minutes, interval_minutes
from common.ingest.files.names import check_city, check_station, station_of_export, year_of_export
from common.ingest.files.result import EXPORT, ImportResult, note_disorder, settle
from common.tables.file import as_text
from common.tables.numbers import decimal_mark, read_numbers
from common.tables.stamps import Order, Stamps, read_stamps

if TYPE_CHECKING:
    from datetime import datetime

    from common.domain.cities import City
    from common.tables.file import Table

_STARTS = ("timestamp", "fromdate")
_ENDS = ("todate",)
_SPLIT = ("from", "to", "date")
"""Clocks and their day in columns of their own."""
_STATIONS = ("station", "stationid", "stationname", "site")
_EARLIEST = 1990


def is_portal(header: list[str]) -> bool:
    """Whether these are the headings of a portal export."""
    headings = [plain(heading) for heading in header]
    return (any(name in _STARTS for name in headings) or {*_SPLIT} <= {*headings}) and has_variable(header)


def read_portal(
    table: Table,
    at: int,
    header: list[str],
    *,
    city: City,
    station: str | None,
    now: datetime,
    order: Order | None = None,
) -> ImportResult:
    """Readings of an export whose `header` is row `at`.

    Raises:
        DataError: when the station, the interval or the order of dates cannot be told, a unit is unknown, the file
            is of another city or of several stations, or its stamps cannot be read.
    """
    result = ImportResult(table.name, "CPCB export", EXPORT)
    columns = _columns(table.name, header, result.notes)
    name = _station(table.name, [table.row(number) for number in range(at)], header, city, station)
    body = table.body(at, len(header))
    starts, lengths = _times(table.name, header, body, order)
    result.rows_read = len(body)
    values = _values(result, table, body, columns, starts)
    result.close_rows(table, len(columns))
    rows = pd.DataFrame({"station": name, "time": starts}).dropna()
    _check_year(result, table.name, rows["time"])
    note_disorder(result, rows, ["station"])
    minutes = common_minutes(lengths)
    if minutes is None:
        minutes = interval_minutes(rows, ["station"])
    if minutes is None:
        raise DataError(f"{table.name}: one row does not tell whether it is of 15 minutes or of an hour")
    result.stations = (name,)
    values["station"] = pd.Categorical([name] * len(values), categories=[name])
    settle(result, city.name, values, minutes, now=now, shift=timedelta(minutes=minutes))
    return result


def _values(
    result: ImportResult, table: Table, body: pd.DataFrame, columns: list[Column], starts: pd.Series
) -> pd.DataFrame:
    """What can be kept, by start of the interval; all else is counted."""
    decimal = decimal_mark(table, (body[column.at] for column in columns))
    result.values_read += len(body) * len(columns)
    timed = starts.notna().to_numpy()
    by_variable: dict[str, pd.Series] = {}
    for column in columns:
        numbers, missing = read_numbers(body[column.at], decimal)
        values, possible = column.scale.values(numbers)
        wrong = ~missing & np.isnan(numbers)
        result.rejected["missing"] += int(missing.sum())
        result.rejected["not_a_number"] += int(wrong.sum())
        result.rejected["implausible"] += int((~possible & ~missing & ~wrong).sum())
        result.rejected["bad_time"] += int((possible & ~timed).sum())
        by_variable[column.variable] = pd.Series(values).where(possible & timed)
    return (
        pd.DataFrame({"time": starts, **by_variable})
        .melt(id_vars="time")
        .dropna()
        .astype({"variable": "category"})
    )


def _times(
    table: str, header: list[str], body: pd.DataFrame, order: Order | None
) -> tuple[pd.Series, pd.Series]:
    """(start of each row's interval, its length where the row tells it)."""
    headings = [plain(heading) for heading in header]
    start = next((at for at, heading in enumerate(headings) if heading in _STARTS), None)
    end = next((at for at, heading in enumerate(headings) if heading in _ENDS), None)
    if start is None:
        begins, ends = (
            body[headings.index("date")].map(_day_text) + " " + body[headings.index(clock)].map(as_text)
            for clock in _SPLIT[:2]
        )
    else:
        begins, ends = body[start], body[start].iloc[:0] if end is None else body[end]
    both = read_stamps(table, pd.concat([begins, ends], ignore_index=True), IST, order)
    _check_stamps(table, begins, both)
    time = both.time.where(both.time.dt.year >= _EARLIEST)
    starts = time.iloc[: len(begins)]
    lengths = time.iloc[len(begins) :].reset_index(drop=True) - starts.iloc[: len(ends)]
    if start is None:  # an interval that ends at 00:00 ends on the next day
        lengths = lengths.where(lengths > pd.Timedelta(0), lengths + pd.Timedelta(days=1))
    return starts, lengths.map(_exclusive, na_action="ignore")


def _day_text(cell: object) -> str:
    return as_text(cell).removesuffix(" 00:00:00")


def _exclusive(length: pd.Timedelta) -> pd.Timedelta:
    """The length of an interval whose end may be the last minute within: 14 minutes are 15."""
    minutes = round(length.total_seconds() / 60)
    for known in (minutes, minutes + 1):
        if known > 0 and (60 % known == 0 or known % 1440 == 0):
            return pd.Timedelta(minutes=known)
    return length


def _check_stamps(table: str, begins: pd.Series, stamps: Stamps) -> None:
    """Refuse what is no export of the portal.

    Raises:
        DataError: when a second table begins, stamps have an offset, or none can be read.
    """
    read = stamps.time.iloc[: len(begins)]
    unread = begins[read.isna()].map(as_text)
    second = unread[unread.map(plain).isin(_STARTS)]
    if len(second):
        raise DataError(
            f"{table}: a second table begins at row {second.index[0] + 1} of the first; make each a file of its own"
        )
    if stamps.has_offset.any():
        example = as_text(begins[stamps.has_offset.iloc[: len(begins)]].iloc[0])
        raise DataError(
            f"{table}: the time {example[:40]!r} has an offset to UTC, which CPCB's exports never have; "
            "give such data as a long table (time, variable, value, unit)"
        )
    if len(begins) and read.isna().all():
        example = next((text for text in unread if text), "")
        shown = f": {example[:40]!r}; expected 2025-01-31 23:45:00 or 31-01-2025 23:45" if example else ""
        raise DataError(f"{table}: no row has a time that can be read{shown}")


def _check_year(result: ImportResult, table: str, times: pd.Series) -> None:
    """Say where the file's name tells another year than its rows."""
    year = year_of_export(table)
    years = times.dt.tz_convert(IST).dt.year
    if year is not None and len(years) and not (years == year).any():
        result.notes.append(f"the file's name says {year}, its rows are of {years.min()}–{years.max()}")


def _columns(table: str, header: list[str], notes: list[str]) -> list[Column]:
    columns, others, bare = value_columns(table, header)
    others = [heading for heading in others if plain(heading) not in (*_STARTS, *_ENDS, *_SPLIT)]
    if others:
        notes.append(f"unknown_column: not kept: {', '.join(others)}")
    if bare:
        notes.append(f"no unit given for {', '.join(bare)}: taken to be the portal's (CO in mg/m³)")
    return columns


def _station(table: str, before: list[list[str]], header: list[str], city: City, given: str | None) -> str:
    several = next((heading for heading in header if plain(heading) in _STATIONS), None)
    if several is not None:
        raise DataError(
            f"{table}: it has a column {several!r}; a CPCB export is of one station: give a file for each, "
            "without that column, or a long table"
        )
    check_city(table, _about(before, "city"), city)
    named = station_of_export(table, city, sure=given is not None)
    station = given or _about(before, "station") or named
    if not station:
        raise DataError(
            f"{table}: neither the file nor its name tells the station; give it with --station, "
            "spelled as CPCB does, such as 'Police Commissionerate, Jaipur - RSPCB'"
        )
    check_station(table, station, city)
    return station


def _about(before: list[list[str]], what: str) -> str:
    """What a line such as ``,Station,"Anand Vihar, Delhi - DPCC"`` or ``Station: …`` says; empty without one."""
    for row in before:
        cells = [cell.strip() for cell in row if cell.strip()]
        if len(cells) == 1:
            cells = [part.strip() for part in cells[0].split(":", 1)]
        if len(cells) == 2 and plain(cells[0]) == what:
            return cells[1]
    return ""
