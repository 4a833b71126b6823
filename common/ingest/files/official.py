"""CPCB's official AQI tables: a month of one city or station, a row a day, a column an hour.

The value under 15:00 is the index published at 15:00 Indian time, of the 24 hours that end then; 24:00 is the
midnight that ends the day. Year and month stand in the file's name only, unless the rows have whole dates.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from common.domain.errors import DataError
from common.domain.observation import IST
from common.ingest.files.columns import INDEX, plain, scale_of
from common.ingest.files.hours import table_of
from common.ingest.files.names import OfficialName, check_city, check_place, check_station, official_name
from common.ingest.files.result import EXPORT, ImportResult, note_disorder, settle
from common.tables.file import as_text
from common.tables.numbers import read_numbers
from common.tables.stamps import Order, read_stamps

if TYPE_CHECKING:
    from datetime import datetime

    from common.domain.cities import City
    from common.tables.file import Table

_HOUR = re.compile(r"([01]?\d|2[0-4]):00(?::00)?")
_AQI = f"{INDEX}aqi"


def is_official(header: list[str]) -> bool:
    """Whether these are the headings of an official AQI table."""
    return (
        len(header) > 1
        and plain(header[0]) in ("date", "day", "days")
        and _HOUR.fullmatch(header[1].strip()) is not None
    )


def read_official(
    table: Table,
    row: int,
    header: list[str],
    *,
    city: City,
    station: str | None,
    now: datetime,
    order: Order | None = None,
) -> ImportResult:
    """Readings that have no concentrations, only the index that was published; the headings are row `row`.

    Raises:
        DataError: when year and month cannot be told, or the file is of another city.
    """
    named = official_name(table.name)
    place = _place(table.name, named, station, city)
    hours = {at: int(match[1]) for at, text in enumerate(header) if (match := _HOUR.fullmatch(text.strip()))}
    others = [heading for at, heading in enumerate(header) if at and at not in hours and heading]
    result = ImportResult(table.name, "official AQI table", EXPORT)
    if others:
        result.notes.append(f"unknown_column: not kept: {', '.join(others)}")
    body = table.body(row, len(header))
    result.rows_read = len(body)
    result.values_read = len(body) * len(hours)
    result.close_rows(table, len(hours))
    days = _days(table.name, body[0], named, order)
    cells = body.assign(day=days).melt(id_vars="day", value_vars=list(hours), var_name="at")
    numbers, missing = read_numbers(cells["value"])
    values, possible = scale_of(table.name, "AQI", _AQI, "index").values(numbers)
    timed = cells["day"].notna().to_numpy()
    result.rejected["missing"] += int(missing.sum())
    result.rejected["not_a_number"] += int((~missing & np.isnan(numbers)).sum())
    result.rejected["implausible"] += int((~possible & ~np.isnan(numbers)).sum())
    result.rejected["bad_time"] += int((possible & ~timed).sum())
    usable = possible & timed
    times = cells["day"] + pd.to_timedelta(cells["at"].map(hours), unit="h")
    table_values = table_of(place, _AQI, times[usable], values[usable])
    note_disorder(result, pd.DataFrame({"station": place, "time": days}).dropna(), ["station"])
    settle(result, city.name, table_values, 60, now=now)
    return result


def _place(table: str, named: OfficialName | None, station: str | None, city: City) -> str:
    """The station; an empty text for the whole city."""
    if named is None:
        return station or ""
    if named.station is None:
        (check_city if station else check_place)(table, named.city, city)
    else:
        check_city(table, named.city, city)
        check_station(table, named.station, city)
        if not (station or named.station):
            raise DataError(f"{table}: the file's name does not tell the station; give it with --station")
    return station or named.station or ""


def _days(table: str, cells: pd.Series, named: OfficialName | None, order: Order | None) -> pd.Series:
    """The start of each day; NaT where the month has no such day."""
    texts = cells.map(as_text).str.strip().str.removesuffix(".0")
    numbered = texts.str.fullmatch(r"\d{1,2}")
    if numbered.any() and named is None:
        raise DataError(
            f"{table}: the rows have days without a month, and the file's name does not tell it; "
            "keep CPCB's name, such as AQI_hourly_city_level_mumbai_2024_January.xlsx"
        )
    if named is not None:
        cells = cells.where(~numbered, f"{named.year}-{named.month:02}-" + texts)
    return read_stamps(table, cells, IST, order).time
