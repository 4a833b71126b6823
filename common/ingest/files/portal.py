"""CPCB's portal export: one station, a row every quarter of an hour or every hour.

Stamps are naive Indian time and name the **start** of the interval: 00:00 covers 00:00–00:15. Older
exports have ``From Date`` and ``To Date``, lines about the station before the table, and no units.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from common.domain.errors import DataError
from common.domain.observation import IST
from common.ingest.files.columns import Column, has_variable, plain, value_columns
from common.ingest.files.hours import common_minutes, interval_minutes
from common.ingest.files.names import check_city, station_of_export
from common.ingest.files.result import EXPORT, ImportResult, Samples
from common.ingest.files.stamps import has_offset, parse_stamp

if TYPE_CHECKING:
    from common.domain.cities import City
    from common.ingest.files.table import Table

_STARTS = ("timestamp", "fromdate")
_ENDS = ("todate",)
_STATIONS = ("station", "stationid", "stationname", "site")


def is_portal(header: list[str]) -> bool:
    """Whether these are the headings of a portal export."""
    return any(plain(heading) in _STARTS for heading in header) and has_variable(header)


def read_portal(
    table: Table,
    before: list[list[str]],
    header: list[str],
    *,
    city: City,
    station: str | None,
    now: datetime,
) -> ImportResult:
    """Readings of an export whose `header` is found; `before` are the lines above it.

    Raises:
        DataError: when the station or the interval cannot be told, a unit is unknown, the file is of
            another city or of several stations, or its stamps cannot be read.
    """
    result = ImportResult(table.name, "CPCB export", EXPORT)
    columns = _columns(table.name, header, result.notes)
    name = _station(table.name, before, header, city, station)
    samples = Samples(result)
    lengths = _read_rows(table, header, columns, samples, name)
    minutes = common_minutes(lengths) or interval_minutes(samples.series.values())
    if minutes is None:
        raise DataError(f"{table.name}: one row does not tell whether it is of 15 minutes or of an hour")
    samples.finish(city.name, minutes, now=now, shift=timedelta(minutes=minutes))
    return result


def _read_rows(
    table: Table, header: list[str], columns: list[Column], samples: Samples, station: str
) -> list[timedelta]:
    """Fill `samples`, by start of the interval; gives the lengths of the intervals where rows tell them."""
    headings = [plain(heading) for heading in header]
    start = next(at for at, heading in enumerate(headings) if heading in _STARTS)
    end = next((at for at, heading in enumerate(headings) if heading in _ENDS), None)
    result = samples.result
    lengths: list[timedelta] = []
    unread = ""
    for row in table.body(len(header)):
        result.rows_read += 1
        values: dict[str, float] = {}
        for column in columns:
            value = column.read(row[column.at])
            if isinstance(value, float):
                values[column.variable] = value
            else:
                result.rejected[value] += 1
        stamp = parse_stamp(row[start], IST)
        if stamp is None:
            _check_second_table(table.name, row[start], result.rows_read)
            result.rejected["bad_time"] += len(values)
            unread = unread or row[start]
            continue
        if not samples.series:
            _check_naive(table.name, row[start])
        samples.add(station, stamp, values)
        if end is not None and (until := parse_stamp(row[end], IST)) is not None:
            lengths.append(until - stamp)
    result.values_read += result.rows_read * len(columns)
    result.close_rows(table, len(columns))
    if not samples.series:
        shown = f": {unread[:40]!r}; expected 2025-01-31 23:45:00 or 31-01-2025 23:45" if unread else ""
        raise DataError(f"{table.name}: no row has a time that can be read{shown}")
    return lengths


def _columns(table: str, header: list[str], notes: list[str]) -> list[Column]:
    columns, others, bare = value_columns(table, header)
    others = [heading for heading in others if plain(heading) not in (*_STARTS, *_ENDS)]
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
    named = station_of_export(table, city)
    station = given or _about(before, "station") or named
    if not station:
        raise DataError(
            f"{table}: neither the file nor its name tells the station; give it with --station, "
            "spelled as CPCB does, such as 'Police Commissionerate, Jaipur - RSPCB'"
        )
    return station


def _about(before: list[list[str]], what: str) -> str:
    """What a line such as ``,Station,"Anand Vihar, Delhi - DPCC"`` says; empty where there is none."""
    for row in before:
        cells = [cell.strip() for cell in row if cell.strip()]
        if len(cells) == 2 and plain(cells[0]) == what:
            return cells[1]
    return ""


def _check_second_table(table: str, text: str, row: int) -> None:
    if plain(text) in _STARTS:
        raise DataError(
            f"{table}: a second table begins at row {row} of the first; make each a file of its own"
        )


def _check_naive(table: str, text: str) -> None:
    """A stamp with an offset is not the portal's, so it does not name the start of an interval either."""
    if has_offset(text):
        raise DataError(
            f"{table}: the time {text[:40]!r} has an offset to UTC, which CPCB's exports never have; "
            "give such data as a long table (time, variable, value, unit)"
        )
