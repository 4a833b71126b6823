"""Long tables: one value a row, in columns time, variable, value, unit, and station, city where needed.

Stamps name the **end** of the averaging time, as everywhere in Vayu: ISO 8601 with an offset, or naive
Indian time (UTC in a column ``time_utc``). Tables of OpenAQ and AirNow fit as they are, and so do tables
``time_ist, aqi, city`` of official AQI.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from common.domain.errors import DataError
from common.domain.observation import IST
from common.domain.station_names import station_key
from common.ingest.files.columns import Scale, has_variable, index_variable, plain, scale_of, variable_of
from common.ingest.files.hours import interval_minutes, table_of
from common.ingest.files.identity import Place, note_names, one_name_each
from common.ingest.files.names import is_city
from common.ingest.files.result import EXPORT, LONG, ImportResult, note_disorder, settle
from common.tables.file import as_text
from common.tables.numbers import decimal_mark, read_numbers
from common.tables.stamps import Order, Stamps, read_stamps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from common.domain.cities import City
    from common.tables.file import Table

_WEEK = 7
_EARLIEST = 1990
_NAMES: Mapping[str, tuple[str, ...]] = {
    "time": ("time", "timeutc", "timeist", "datetimeutc", "datetime", "timestamp", "datelt", "date"),
    "variable": ("variable", "parameter", "pollutant"),
    "value": ("value", "rawconc"),
    "unit": ("unit", "units", "concunit"),
    "station": ("station", "stationname", "site", "location", "locationname"),
    "city": ("city",),
    "quality": ("qcname",),
    "latitude": ("latitude", "lat"),
    "longitude": ("longitude", "lon", "lng"),
}


def long_columns(header: list[str]) -> dict[str, int]:
    """Where the parts of a long table stand; for a table of official AQI ``value`` is its column ``aqi``."""
    headings = [plain(heading) for heading in header]
    columns = {
        part: headings.index(name)
        for part, names in _NAMES.items()
        if (name := next((name for name in names if name in headings), None)) is not None
    }
    if is_aqi_table(header):
        columns["value"] = headings.index("aqi")
    return columns


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
    table: Table,
    row: int,
    header: list[str],
    *,
    city: City,
    station: str | None,
    now: datetime,
    order: Order | None = None,
) -> ImportResult:
    """Readings of `city`, the headings being row `row`; `station` picks one of several, or names the only one.

    Raises:
        DataError: when there is no column of units, a unit is unknown, no stamp can be read, the order of dates
            cannot be told, the station is not in the table, or the values are daily.
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
    body = table.body(row, len(header)).rename(columns={column: part for part, column in at.items()})
    result.rows_read = result.values_read = len(body)
    result.close_rows(table, 1)
    zone: tzinfo = UTC if plain(header[at["time"]]).endswith("utc") else IST
    stamps = read_stamps(table.name, body["time"], zone, order)
    values = _values(result, table, body, stamps, city)
    if result.rejected["bad_time"] and values.empty:
        if not stamps.has_clock.any() and stamps.time.nunique() > 1:
            raise DataError(f"{table.name}: these are {_date_means(stamps)} means; hourly values are needed")
        raise DataError(
            f"{table.name}: no row has a time that can be read; expected 2025-01-31T23:00:00+05:30"
        )
    note_disorder(result, values, ["station", "variable"])
    places = _places(body)
    del body, stamps  # text of millions of rows
    values = _one_station_each(result, values, places)
    values = _chosen(result, values, station)
    _check_daily(table.name, values)
    minutes = interval_minutes(values, ["station", "variable"]) or 60
    settle(result, city.name, values, min(minutes, 60), now=now)
    return result


def _values(
    result: ImportResult, table: Table, body: pd.DataFrame, stamps: Stamps, city: City
) -> pd.DataFrame:
    """What can be kept; each other row is counted by the first reason that holds for it."""
    numbers, missing = read_numbers(body["value"], decimal_mark(table, [body["value"]]))
    left = np.ones(len(body), dtype=bool)

    def reject(reason: str, which: NDArray[np.bool_]) -> None:
        result.rejected[reason] += int((left & which).sum())
        left[which] = False

    if "city" in body:
        ours = _by_text(body["city"], lambda written: not written or is_city(written, city) is True)
        reject("other_city", ~ours.to_numpy(dtype=bool))
    reject("missing", missing)
    variables, values, possible = _scaled(result, table.name, body, numbers, left)
    reject("unknown_variable", (variables == "").to_numpy())
    reject("not_a_number", np.isnan(numbers))
    reject("implausible", ~possible)
    if "quality" in body:
        reject(
            "flagged",
            ~_by_text(body["quality"], lambda word: word.casefold() == "valid").to_numpy(dtype=bool),
        )
    timed = stamps.time.notna() & stamps.has_clock & (stamps.time.dt.year >= _EARLIEST)
    reject("bad_time", ~timed.to_numpy())
    names = _by_text(body["station"], str) if "station" in body else pd.Series("", index=body.index)
    return table_of(names[left], variables[left], stamps.time[left], values[left])


def _by_text(cells: pd.Series, of: object) -> pd.Series:
    """A function of the text of each cell, computed once for each text."""
    codes, unique = pd.factorize(cells)
    results = pd.Series([of(as_text(cell).strip()) for cell in unique])  # type: ignore[operator]
    return results.iloc[codes].set_axis(cells.index)


def _scaled(
    result: ImportResult,
    table: str,
    body: pd.DataFrame,
    numbers: NDArray[np.float64],
    left: NDArray[np.bool_],
) -> tuple[pd.Series, NDArray[np.float64], NDArray[np.bool_]]:
    """(variable of each row, empty where it is not kept; its value; whether that can be true)."""
    names = _by_text(body["variable"], str) if "variable" in body else pd.Series("aqi", index=body.index)
    units = _by_text(body["unit"], str) if "unit" in body else pd.Series("", index=body.index)
    pairs = pd.DataFrame({"name": names, "unit": units}).astype("category")
    variables = pd.Series("", index=body.index, dtype=object)
    values = np.full(len(body), np.nan)
    possible = np.zeros(len(body), dtype=bool)
    unknown: set[str] = set()
    for (name, unit), rows in pairs[left].groupby(["name", "unit"], observed=True).groups.items():
        variable, scale = _resolved(table, name, unit)
        if scale is None:
            unknown.add(name[:40])
            continue
        at = np.asarray(rows)
        variables.iloc[at] = variable
        values[at], possible[at] = scale.values(numbers[at])
    if unknown:
        result.notes.append(f"unknown_variable: not kept: {', '.join(sorted(unknown))}")
    return variables, values, possible


def _resolved(table: str, name: str, unit: str) -> tuple[str, Scale | None]:
    """Variable and scale for the name and the unit of a row."""
    word = name.partition(" - ")[0]  # AirNow: "PM2.5 - Principal"
    variable = index_variable(table, word, unit) or variable_of(word)
    return ("", None) if variable is None else (variable, scale_of(table, word, variable, unit))


def _places(body: pd.DataFrame) -> dict[str, Place]:
    """Station → where it stands, where the table tells."""
    if not {"station", "latitude", "longitude"} <= {*body.columns}:
        return {}
    rows = body.drop_duplicates(["station", "latitude", "longitude"])
    at = pd.DataFrame({name: read_numbers(rows[name])[0] for name in ("latitude", "longitude")})
    at["station"] = [as_text(cell).strip() for cell in rows["station"]]
    middle = at.groupby("station")[["latitude", "longitude"]].median().dropna()
    return {str(name): (float(lat), float(lon)) for name, lat, lon in middle.itertuples()}


def _one_station_each(result: ImportResult, values: pd.DataFrame, places: dict[str, Place]) -> pd.DataFrame:
    def series_of(name: str) -> pd.Series:
        rows = values[values["station"] == name].drop_duplicates(["variable", "time"])
        return rows.astype({"variable": object}).set_index(["variable", "time"])["value"]

    names = one_name_each((name for name in values["station"].unique() if name), series_of, places)
    note_names(result, names)
    return values.assign(station=values["station"].astype(object).replace(names).astype("category"))


def _check_daily(table: str, values: pd.DataFrame) -> None:
    """Refuse a table in which a week's worth of stamps or more of a station stand at one and the same time of the day.

    Raises:
        DataError: when there is such a station.
    """
    stamps = values.drop_duplicates(["station", "time"])
    local = stamps["time"].dt.tz_convert(IST)
    groups = pd.DataFrame(
        {"station": stamps["station"], "clock": local - local.dt.normalize(), "day": local.dt.day}
    ).groupby("station", observed=True)
    alike = (groups["clock"].nunique() == 1) & (groups.size() >= _WEEK)
    if alike.any():
        name = "monthly" if (groups["day"].nunique()[alike] == 1).all() else "daily"
        raise DataError(f"{table}: these are {name} means: the values are {name}; hourly values are needed")


def _date_means(stamps: Stamps) -> str:
    days = stamps.time.dropna().dt.tz_convert(IST).dt.day
    return "monthly" if days.nunique() == 1 and len(days) > 2 else "daily"


def _chosen(result: ImportResult, values: pd.DataFrame, station: str | None) -> pd.DataFrame:
    """The values of the only station under the name `station`, or of that station alone of several."""
    stations = [str(name) for name in values["station"].unique()]
    if not station or not stations:
        return values
    if len(stations) == 1:
        return values.assign(station=pd.Categorical([station] * len(values)))
    name = next((each for each in stations if plain(each) == plain(station)), None)
    name = name or next((each for each in stations if station_key(each)[0] == station_key(station)[0]), None)
    if name is None:
        raise DataError(
            f"{result.file}: no station {station!r} in it; it has {', '.join(sorted(stations)[:20])}"
        )
    chosen = values["station"] == name
    result.rejected["other_station"] += int((~chosen).sum())
    return values[chosen]
