"""CPCB's official AQI tables: a month of one city or station, a row a day, a column an hour.

The value under 15:00 is the index published at 15:00 Indian time, of the 24 hours that end then.
Year and month stand in the file's name only, unless the rows have whole dates.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from common.domain.errors import DataError
from common.domain.observation import IST
from common.ingest.files.columns import INDEX, plain, reader
from common.ingest.files.names import OfficialName, check_city, official_name
from common.ingest.files.result import EXPORT, ImportResult, Samples
from common.ingest.files.stamps import parse_stamp

if TYPE_CHECKING:
    from common.domain.cities import City
    from common.ingest.files.table import Table

_HOUR = re.compile(r"([01]?\d|2[0-3]):00(?::00)?")
_AQI = f"{INDEX}aqi"


def is_official(header: list[str]) -> bool:
    """Whether these are the headings of an official AQI table."""
    return (
        len(header) > 1
        and plain(header[0]) in ("date", "day", "days")
        and _HOUR.fullmatch(header[1].strip()) is not None
    )


def read_official(
    table: Table, header: list[str], *, city: City, station: str | None, now: datetime
) -> ImportResult:
    """Readings that have no concentrations, only the index that was published.

    Raises:
        DataError: when year and month cannot be told, or the file is of another city.
    """
    named = official_name(table.name)
    if named is not None:
        check_city(table.name, named.city, city)
    place = station or (named.station if named else None) or ""
    hours = [
        (at, int(found[1])) for at, text in enumerate(header) if (found := _HOUR.fullmatch(text.strip()))
    ]
    read = reader(table.name, "AQI", _AQI, "index")
    result = ImportResult(table.name, "official AQI table", EXPORT)
    samples = Samples(result)
    for row in table.body(len(header)):
        result.rows_read += 1
        result.values_read += len(hours)
        day = _day(table.name, row[0], named)
        for at, hour in hours:
            value = read(row[at])
            if not isinstance(value, float):
                result.rejected[value] += 1
            elif day is None:
                result.rejected["bad_time"] += 1
            else:
                samples.add(place, day + timedelta(hours=hour), {_AQI: value})
    result.close_rows(table, len(hours))
    samples.finish(city.name, 60, now=now)
    return result


def _day(table: str, text: str, named: OfficialName | None) -> datetime | None:
    """The start of that day; None where the month has no such day."""
    number = text.strip().removesuffix(".0")
    if not (number.isascii() and number.isdigit()):
        return parse_stamp(text, IST)
    if named is None:
        raise DataError(
            f"{table}: the rows have days without a month, and the file's name does not tell it; "
            "keep CPCB's name, such as AQI_hourly_city_level_mumbai_2024_January.xlsx"
        )
    return parse_stamp(f"{number}-{named.month}-{named.year}", IST)
