"""Long tables: one value a row, in columns time, variable, value, unit, and station, city where needed.

Stamps name the **end** of the averaging time, as everywhere in Vayu: ISO 8601 with an offset, or naive
Indian time (UTC in a column ``time_utc``). Tables of OpenAQ and AirNow fit as they are, and so do tables
``time_ist, aqi, city`` of official AQI.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from functools import cache
from typing import TYPE_CHECKING

from common.domain.errors import DataError
from common.domain.observation import IST
from common.ingest.files.columns import (
    Read,
    has_variable,
    index_variable,
    is_missing,
    plain,
    reader,
    variable_of,
)
from common.ingest.files.hours import Series, interval_minutes
from common.ingest.files.names import is_city
from common.ingest.files.result import EXPORT, LONG, ImportResult, Samples
from common.ingest.files.stamps import parse_stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from common.domain.cities import City
    from common.ingest.files.table import Table

_WEEK = 7
_NAMES: Mapping[str, tuple[str, ...]] = {
    "time": ("time", "timeutc", "timeist", "datetimeutc", "datetime", "timestamp", "datelt", "date"),
    "variable": ("variable", "parameter", "pollutant"),
    "value": ("value", "rawconc"),
    "unit": ("unit", "units", "concunit"),
    "station": ("station", "stationname", "site", "location", "locationname"),
    "city": ("city",),
    "quality": ("qcname",),
}


def long_columns(header: list[str]) -> dict[str, int]:
    """Where the parts of a long table stand; for a table of official AQI ``value`` is its column ``aqi``."""
    headings = [plain(heading) for heading in header]
    found = {
        part: headings.index(name)
        for part, names in _NAMES.items()
        if (name := next((name for name in names if name in headings), None)) is not None
    }
    if is_aqi_table(header):
        found["value"] = headings.index("aqi")
    return found


def is_long(header: list[str]) -> bool:
    """Whether these are the headings of a long table; its units may be lacking."""
    return {"time", "variable", "value"} <= long_columns(header).keys()


def is_aqi_table(header: list[str]) -> bool:
    """Whether these are the headings of a table of official AQI: a time and ``aqi``, and nothing measured.

    Beside concentrations an AQI may be anybody's own.
    """
    headings = {plain(heading) for heading in header}
    if "aqi" not in headings or not headings & {*_NAMES["time"]}:
        return False
    return not headings & {*_NAMES["variable"]} and not has_variable(header)


def read_long(
    table: Table, header: list[str], *, city: City, station: str | None, now: datetime
) -> ImportResult:
    """Readings of `city`; `station` picks one of several stations, or names the only one.

    Raises:
        DataError: when there is no column of units, a unit is unknown, no stamp can be read, the
            station is not in the table, or the values are daily.
    """
    at = long_columns(header)
    is_aqi = is_aqi_table(header)
    if not is_aqi and "unit" not in at:
        raise DataError(f"{table.name}: no column 'unit'; a long table has time, variable, value, unit")
    layout, source = ("table of official AQI", EXPORT) if is_aqi else ("long table", LONG)
    result = ImportResult(table.name, layout, source)
    others = [heading.strip() for column, heading in enumerate(header) if column not in at.values()]
    if others:
        result.notes.append(f"unknown_column: not kept: {', '.join(others)}")
    samples = Samples(result)
    _read_rows(table, header, at, samples, city)
    if result.rejected["bad_time"] and not samples.series:
        raise DataError(
            f"{table.name}: no row has a time that can be read; expected 2025-01-31T23:00:00+05:30"
        )
    _choose_station(samples, station)
    minutes = interval_minutes(_stamps(samples)) or 60
    if any(_is_daily(series) for series in samples.series.values()):
        raise DataError(f"{table.name}: the values are daily; hourly values are needed")
    samples.finish(city.name, min(minutes, 60), now=now)
    return result


def _read_rows(table: Table, header: list[str], at: dict[str, int], samples: Samples, city: City) -> None:
    zone: tzinfo = UTC if plain(header[at["time"]]).endswith("utc") else IST
    unknown: set[str] = set()
    resolve = _resolver(table.name, unknown)
    ours = cache(lambda written: not written or is_city(written, city) is True)
    result = samples.result
    for row in table.body(len(header)):
        result.rows_read += 1
        cell = {part: row[column].strip() for part, column in at.items()}
        if not ours(cell.get("city", "")):
            result.rejected["other_city"] += 1
            continue
        if is_missing(cell["value"]):
            result.rejected["missing"] += 1
            continue
        variable, read = resolve(cell.get("variable", "aqi"), cell.get("unit", ""))
        value = read(cell["value"])
        stamp = parse_stamp(cell["time"], zone) if ":" in cell["time"] else None
        if not isinstance(value, float):
            result.rejected[value] += 1
        elif cell.get("quality", "valid").casefold() != "valid":
            result.rejected["flagged"] += 1
        elif stamp is None:
            result.rejected["bad_time"] += 1
        else:
            samples.add(cell.get("station", ""), stamp, {variable: value}, lane=variable)
    result.values_read += result.rows_read
    result.close_rows(table, 1)
    if unknown:
        result.notes.append(f"unknown_variable: not kept: {', '.join(sorted(unknown))}")


def _resolver(table: str, unknown: set[str]) -> Callable[[str, str], tuple[str, Read]]:
    """What finds variable and reader for the name and the unit of a row; `unknown` gathers other names."""

    @cache
    def resolve(name: str, unit: str) -> tuple[str, Read]:
        word = name.partition(" - ")[0]  # AirNow: "PM2.5 - Principal"
        variable = index_variable(table, word, unit) or variable_of(word)
        if variable is None:
            unknown.add(name[:40])
            return "", lambda _: "unknown_variable"
        return variable, reader(table, word, variable, unit)

    return resolve


def _stamps(samples: Samples) -> list[list[datetime]]:
    """The stamps of each variable of each station: those of one need not fall between those of another."""
    found: dict[tuple[str, str], list[datetime]] = {}
    for station, series in samples.series.items():
        for time, values in series.items():
            for name in values:
                found.setdefault((station, name), []).append(time)
    return list(found.values())


def _is_daily(series: Series) -> bool:
    """Whether a week's worth of stamps or more stand at one and the same time of the day."""
    return len(series) >= _WEEK and len({time.time() for time in series}) == 1


def _choose_station(samples: Samples, station: str | None) -> None:
    """Name the only station `station`, or keep it alone of several."""
    found = samples.series
    if not station or not found:
        return
    if len(found) == 1:
        samples.series = {station: next(iter(found.values()))}
        return
    name = next((name for name in found if plain(name) == plain(station)), None)
    if name is None:
        raise DataError(
            f"{samples.result.file}: no station {station!r} in it; it has {', '.join(sorted(found)[:20])}"
        )
    samples.series = {name: found.pop(name)}
    samples.result.rejected["other_station"] += sum(
        len(values) for series in found.values() for values in series.values()
    )
