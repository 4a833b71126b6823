"""City-hours and days as they are shown: the latest, and histories."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from common.domain.observation import POLLUTANTS
from common.store import sql
from common.store.city_hours import AS_OF
from common.store.daily_aggregates import AGGREGATES, WITH_AIR
from common.store.engine import run, with_columns

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import TextualSelect

    from common.domain.aqi import Standard
    from common.store.engine import Connection

RECENT = timedelta(hours=48)
"""The latest hour of a city is looked for this far back."""

_INDEX = {"in-naqi": ("aqi", "dominant"), "us-epa": ("aqi_us", "dominant_us")}
_CONCENTRATIONS = ", ".join(POLLUTANTS)
# In single precision, as they are stored: 12.365 is no 12.364999771, and a day not rolled up yet is as it will be.
_AS_ARRAYS = ", ".join(f"'{name}', json_agg(CAST({name} AS real))" for name in POLLUTANTS)


def _hours(as_of: datetime | None) -> tuple[str, dict[str, datetime]]:
    """What to read city-hours from, now or as they stood at `as_of`, and the parameter that this needs."""
    return ("city_hour", {}) if as_of is None else (AS_OF, {"as_of": as_of})


class LatestHour(msgspec.Struct, frozen=True):
    """One city-hour as it is shown."""

    time: datetime
    aqi: int | None
    dominant: str | None
    source: str | None
    basis: str | None
    stations: int
    flags: list[str]
    detail: dict[str, Any]
    """Empty for an hour that has been revised since."""
    concentrations: dict[str, float]
    """Hourly means by pollutant, in `UNITS`; a missing one is absent."""


def latest_hour(
    connection: Connection, city: str, standard: Standard, now: datetime, *, as_of: datetime | None = None
) -> LatestHour | None:
    """A city's latest hour with an index within `RECENT`; where none has one, the latest with any value.

    With `as_of`, what was the latest then.
    """
    hours, moment = _hours(as_of)
    now = as_of or now
    rows = run(
        connection,
        _latest_hour(standard, hours),
        city=city,
        start=now - RECENT,
        now=now,
        **moment,
    )
    if not rows:
        return None
    time, aqi, leading, source, basis, stations, flags, detail, *values = rows[0]
    present = {name: value for name, value in zip(POLLUTANTS, values, strict=True) if value is not None}
    return LatestHour(
        time,
        aqi,
        leading,
        source,
        basis,
        stations,
        msgspec.json.decode(flags),
        msgspec.json.decode(detail),
        present,
    )


@cache
def _latest_hour(standard: Standard, hours: str) -> TextualSelect:
    index, dominant = _INDEX[standard]
    statement = f"""
        SELECT time, {index}, {dominant}, source, basis, stations, array_to_json(flags)::text, detail::text,
               {_CONCENTRATIONS}
        FROM {hours} WHERE city = :city AND time > :start AND time <= :now AND {WITH_AIR}
        ORDER BY ({index} IS NULL), time DESC LIMIT 1
    """
    names = ("time", "aqi", "dominant", "source", "basis", "stations", "flags", "detail")
    return with_columns(statement, *names, *POLLUTANTS)


class LatestIndex(msgspec.Struct, frozen=True):
    """The latest index of a city."""

    time: datetime
    aqi: int
    dominant: str | None
    source: str | None
    basis: str | None


def latest_indices(
    connection: Connection, cities: Iterable[str], standard: Standard, now: datetime
) -> dict[str, LatestIndex]:
    """City → its latest index within `RECENT`; cities without one are absent."""
    rows = run(
        connection,
        _latest_indices(standard),
        cities=sql.text_array(tuple(cities)),
        start=now - RECENT,
        now=now,
    )
    return {city: LatestIndex(*latest) for city, *latest in rows}


@cache
def _latest_indices(standard: Standard) -> TextualSelect:
    aqi, dominant = _INDEX[standard]
    statement = sql.load("latest_indices", aqi=aqi, dominant=dominant)
    return with_columns(statement, "city", *LatestIndex.__struct_fields__)


def indices_between(
    connection: Connection, cities: Iterable[str], standard: Standard, start: datetime, end: datetime
) -> dict[str, dict[datetime, int]]:
    """City → hour in (start, end] → its index; hours and cities without one are absent."""
    aqi, _ = _INDEX[standard]
    rows = run(
        connection,
        f"""
        SELECT city, json_agg(extract(epoch FROM time)::bigint)::text, json_agg({aqi})::text FROM city_hour
        WHERE city = ANY(CAST(:cities AS text[])) AND time > :start AND time <= :end AND {aqi} IS NOT NULL
        GROUP BY city
        """,
        cities=list(cities),
        start=start,
        end=end,
    )
    return {
        city: {
            datetime.fromtimestamp(time, UTC): index
            for time, index in zip(msgspec.json.decode(times), msgspec.json.decode(indices), strict=True)
        }
        for city, times, indices in rows
    }


class HourColumns(msgspec.Struct, frozen=True):
    """City-hours, oldest first: lists of one length."""

    time: list[int]
    """Epoch seconds"""
    aqi: list[int | None]
    dominant: list[str | None]
    basis: list[str | None]
    source: list[str | None]
    flags: list[list[str]]
    concentrations: dict[str, list[float | None]]
    """By pollutant, in `UNITS`"""


class DayColumns(msgspec.Struct, frozen=True):
    """Indian days, oldest first: lists of one length."""

    date: list[str]
    aqi: list[float | None]
    """Mean over the hours"""
    aqi_max: list[int | None]
    """Highest hour"""
    hours: list[int]
    basis: list[str | None]
    source: list[str | None]
    concentrations: dict[str, list[float | None]]
    """Means by pollutant, in `UNITS`"""


def hours_between(
    connection: Connection,
    city: str,
    standard: Standard,
    start: datetime,
    end: datetime,
    *,
    as_of: datetime | None = None,
) -> HourColumns | None:
    """A city's hours in (start, end] that have any value, oldest first; None where there are none.

    With `as_of`, as they stood then.
    """
    hours, moment = _hours(as_of)
    [(count, columns)] = run(
        connection, _hours_as_columns(standard, hours), city=city, start=start, end=end, **moment
    )
    return msgspec.json.decode(columns, type=HourColumns) if count else None


@cache
def _hours_as_columns(standard: Standard, hours: str) -> TextualSelect:
    aqi, dominant = _INDEX[standard]
    statement = sql.load(
        "hours_as_columns",
        aqi=aqi,
        dominant=dominant,
        pollutants=_CONCENTRATIONS,
        concentrations=_AS_ARRAYS,
        city_hour=hours,
        with_air=WITH_AIR,
    )
    return with_columns(statement, "count", "columns")


def days_between(
    connection: Connection,
    city: str,
    standard: Standard,
    *,
    first: date,
    last: date,
    as_of: datetime | None = None,
) -> DayColumns | None:
    """A city's Indian days from `first` to `last`, oldest first; None where there are none.

    They come from city_day, but those that were not rolled up yet, or whose hours have changed since, from their
    hours, and so do all with `as_of`, as the hours stood then.
    """
    hours, moment = _hours(as_of)
    bounds = {"city": city, "first": first, "last": last}
    rolled_up = "city = :city AND day BETWEEN :first AND :last" + ("" if as_of is None else " AND false")
    # Known before the hours are asked for: only parts of the table within constant bounds are looked at.
    [(open_from, open_to)] = run(connection, _days_not_rolled_up(rolled_up), **bounds)
    [(count, columns)] = run(
        connection,
        _days_as_columns(standard, hours, rolled_up),
        open_from=open_from,
        open_to=open_to,
        **bounds,
        **moment,
    )
    return msgspec.json.decode(columns, type=DayColumns) if count else None


@cache
def _days_not_rolled_up(rolled_up: str) -> TextualSelect:
    return with_columns(sql.load("days_not_rolled_up", rolled_up=rolled_up), "open_from", "open_to")


@cache
def _days_as_columns(standard: Standard, hours: str, rolled_up: str) -> TextualSelect:
    aqi, _ = _INDEX[standard]
    statement = sql.load(
        "days_as_columns",
        aqi=aqi,
        pollutants=_CONCENTRATIONS,
        rolled_up=rolled_up,
        aggregates=AGGREGATES,
        city_hour=hours,
        with_air=WITH_AIR,
        concentrations=_AS_ARRAYS,
    )
    return with_columns(statement, "count", "columns")
