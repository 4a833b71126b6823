"""City-hours and days as JSON: the latest of cities, and histories."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from common.api.serialize_values import age_minutes, categories, concentrations, index_category, utc
from common.domain.breakpoints import half_up
from common.store.reads.hours import days_between, hours_between, latest_indices

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date, timedelta

    from common.domain.aqi import Standard
    from common.store.engine import Connection
    from common.store.reads.hours import DayColumns, HourColumns, LatestIndex

_NOTHING = (0, "[]")


def latest_json(
    connection: Connection,
    cities: Mapping[str, str],
    standard: Standard,
    now: datetime,
    *,
    stale: timedelta,
) -> str:
    """JSON array of `cities`, each with its latest index in the place of its null.

    `cities`: name → JSON object that ends with ``"latest":null}``. An index older than `stale` is stale.
    """
    latest = latest_indices(connection, cities, standard, now)
    return with_latest(cities, latest, standard, now, stale=stale)


def with_latest(
    cities: Mapping[str, str],
    latest: Mapping[str, LatestIndex],
    standard: Standard,
    now: datetime,
    *,
    stale: timedelta,
) -> str:
    """The same of what was read."""
    return f"[{','.join(_with_latest(cities, latest, standard, now, stale))}]"


def _with_latest(
    cities: Mapping[str, str],
    latest: Mapping[str, LatestIndex],
    standard: Standard,
    now: datetime,
    stale: timedelta,
) -> Iterator[str]:
    for city, entry in cities.items():
        newest = latest.get(city)
        if newest is None:
            yield entry
            continue
        shown = {
            "aqi": newest.aqi,
            "category": index_category(newest.aqi, standard),
            "dominant_pollutant": newest.dominant,
            "timestamp": utc(newest.time),
            "age_minutes": age_minutes(now, newest.time),
            "stale": now - newest.time > stale,
            "basis": newest.basis,
        }
        yield f"{entry.removesuffix('null}')}{msgspec.json.encode(shown).decode()}}}"


def hours_json(
    connection: Connection,
    city: str,
    standard: Standard,
    start: datetime,
    end: datetime,
    *,
    as_of: datetime | None = None,
) -> tuple[int, str]:
    """(number, JSON array) of a city's hours in (start, end] that have any value, oldest first."""
    columns = hours_between(connection, city, standard, start, end, as_of=as_of)
    return _NOTHING if columns is None else _array(hour_points(columns, standard))


def days_json(
    connection: Connection,
    city: str,
    standard: Standard,
    *,
    first: date,
    last: date,
    as_of: datetime | None = None,
) -> tuple[int, str]:
    """(number, JSON array) of a city's Indian days from `first` to `last`, oldest first."""
    columns = days_between(connection, city, standard, first=first, last=last, as_of=as_of)
    return _NOTHING if columns is None else _array(day_points(columns, standard))


def hour_points(columns: HourColumns, standard: Standard) -> list[dict[str, Any]]:
    """Hours as they are shown."""
    names = categories(standard)
    rows = zip(
        columns.time, columns.aqi, columns.dominant, columns.basis, columns.source, columns.flags,
        _pollutants(columns.concentrations), strict=True,
    )  # fmt: skip
    return [
        {
            "time": datetime.fromtimestamp(time, UTC),
            "aqi": aqi,
            "category": None if aqi is None else names[aqi],
            "dominant_pollutant": dominant,
            "basis": basis,
            "source": source,
            "flags": flags,
            "pollutants": pollutants,
        }
        for time, aqi, dominant, basis, source, flags, pollutants in rows
    ]


def day_points(columns: DayColumns, standard: Standard) -> list[dict[str, Any]]:
    """Days as they are shown: means of the index to whole numbers."""
    rows = zip(
        columns.date, columns.aqi, columns.aqi_max, columns.hours, columns.basis, columns.source,
        _pollutants(columns.concentrations), strict=True,
    )  # fmt: skip
    return [
        {
            "date": day,
            "aqi": None if aqi is None else half_up(aqi),
            "aqi_max": aqi_max,
            "category": index_category(aqi, standard),
            "hours": hours,
            "basis": basis,
            "source": source,
            "pollutants": pollutants,
        }
        for day, aqi, aqi_max, hours, basis, source, pollutants in rows
    ]


def _pollutants(columns: Mapping[str, Sequence[float | None]]) -> Iterator[dict[str, float]]:
    """Of each hour or day, its concentrations by pollutant; a missing one is absent."""
    names = list(columns)
    for values in zip(*map(concentrations, columns.values()), strict=True):
        yield {name: value for name, value in zip(names, values, strict=True) if value is not None}


def _array(points: list[dict[str, Any]]) -> tuple[int, str]:
    return len(points), msgspec.json.encode(points).decode()
