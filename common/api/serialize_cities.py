"""Cities as JSON: their latest index, their hours and days, their ranking and comparison."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from common.api.serialize_values import (
    age_minutes,
    all_rounded,
    by_share,
    categories,
    concentrations,
    index_category,
    rounded,
    utc,
    whole_indices,
)
from common.domain.aqi import CATEGORIES
from common.domain.breakpoints import half_up
from common.domain.cities import all_cities
from common.domain.observation import POLLUTANTS
from common.store.reads.hours import days_between, hours_between, latest_indices
from common.store.reads.periods import city_means, city_periods

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
    from datetime import date, timedelta

    from common.domain.aqi import Standard
    from common.domain.cities import City
    from common.store.engine import Connection
    from common.store.reads.hours import DayColumns, HourColumns, LatestIndex
    from common.store.reads.periods import CityMean, CityPeriod, Period


_NOTHING = (0, b"[]")

# Structs are made and written several times as fast as dicts, which is most of what a history takes.
Pollutants = msgspec.defstruct(
    "Pollutants", [(name, float | None, None) for name in POLLUTANTS], omit_defaults=True, gc=False
)
"""Concentrations by pollutant; one that is None is absent."""


class Latest(msgspec.Struct):
    """`common.api.schemas.Index`."""

    aqi: int
    category: str
    dominant_pollutant: str | None
    timestamp: datetime | None
    age_minutes: int
    stale: bool
    source: str | None
    basis: str | None


class HourPoint(msgspec.Struct):
    """`common.api.schemas.aqi.HourPoint`."""

    time: datetime
    aqi: int | None
    category: str | None
    dominant_pollutant: str | None
    basis: str | None
    source: str | None
    flags: list[str]
    pollutants: Any


class DayPoint(msgspec.Struct):
    """`common.api.schemas.aqi.DayPoint`."""

    date: str
    aqi: int | None
    aqi_max: int | None
    category: str | None
    hours: int
    basis: str | None
    source: str | None
    pollutants: Any


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
    names = categories(standard)
    ages: dict[datetime, tuple[datetime | None, int, bool]] = {}  # most cities have the same latest hour
    for city, entry in cities.items():
        newest = latest.get(city)
        if newest is None:
            yield entry
            continue
        time = newest.time
        age = ages.get(time)
        if age is None:
            age = ages[time] = utc(time), age_minutes(now, time), now - time > stale
        shown = Latest(newest.aqi, names[newest.aqi], newest.dominant, *age, newest.source, newest.basis)
        yield f"{entry.removesuffix('null}')}{msgspec.json.encode(shown).decode()}}}"


def hours_json(
    connection: Connection,
    city: str,
    standard: Standard,
    start: datetime,
    end: datetime,
    *,
    as_of: datetime | None = None,
) -> tuple[int, bytes]:
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
) -> tuple[int, bytes]:
    """(number, JSON array) of a city's Indian days from `first` to `last`, oldest first."""
    columns = days_between(connection, city, standard, first=first, last=last, as_of=as_of)
    return _NOTHING if columns is None else _array(day_points(columns, standard))


def hour_points(columns: HourColumns, standard: Standard) -> list[HourPoint]:
    """Hours as they are shown."""
    names = categories(standard)
    times = [datetime.fromtimestamp(time, UTC) for time in columns.time]
    shown = [None if aqi is None else names[aqi] for aqi in columns.aqi]
    pollutants = _pollutants(columns.concentrations)
    return list(
        map(
            HourPoint, times, columns.aqi, shown, columns.dominant, columns.basis, columns.source, columns.flags,
            pollutants,
        )
    )  # fmt: skip


def day_points(columns: DayColumns, standard: Standard) -> list[DayPoint]:
    """Days as they are shown: means of the index to whole numbers."""
    means = [None if aqi is None else half_up(aqi) for aqi in columns.aqi]
    shown = [index_category(aqi, standard) for aqi in columns.aqi]
    pollutants = _pollutants(columns.concentrations)
    return list(
        map(
            DayPoint, columns.date, means, columns.aqi_max, shown, columns.hours, columns.basis, columns.source,
            pollutants,
        )
    )  # fmt: skip


def _pollutants(columns: Mapping[str, Sequence[float | None]]) -> Iterable[msgspec.Struct]:
    """Of each hour or day, its concentrations by pollutant; a missing one is absent."""
    return map(Pollutants, *(concentrations(columns[name]) for name in POLLUTANTS))


def _array(points: Sequence[HourPoint | DayPoint]) -> tuple[int, bytes]:
    return len(points), msgspec.json.encode(points)


def ranked_cities(
    connection: Connection,
    by: str,
    standard: Standard,
    period: Period,
    *,
    daily: bool,
    descending: bool,
    limit: int,
) -> tuple[int, list[dict[str, Any]], list[str]]:
    """Of all cities: (number ranked, the first `limit` of them, names of those without a value).

    `by` is ``aqi`` or a pollutant; `daily`: the period consists of Indian days, else of hours.
    """
    names = [city.name for city in all_cities()]
    means = city_means(connection, names, by, standard, period, daily=daily)
    ranks = ranking(means, standard if by == "aqi" else None, descending=descending)
    return len(ranks), ranks[:limit], _others(names, {mean.city for mean in means})


def ranking(
    means: Iterable[CityMean], standard: Standard | None, *, descending: bool
) -> list[dict[str, Any]]:
    """Cities by their mean, equal ones by name; `standard`: of an index, None: of a pollutant.

    Equal values, as they are shown, share a rank, and the next follows as many places later.
    """
    digits = 2 if standard is None else 1
    means = list(means)
    shown = list(zip(all_rounded([mean.value for mean in means], digits), means, strict=True))
    shown.sort(key=lambda part: (-part[0] if descending else part[0], part[1].city))
    values = [value for value, _ in shown]
    first, times = dict(zip(reversed(values), range(len(values), 0, -1), strict=True)), Counter(values)
    states = _states()
    return [
        {
            "rank": first[value],
            "tied": times[value] > 1,
            "city": mean.city,
            "state": states[mean.city],
            "value": value,
            "category": None if standard is None else index_category(value, standard),
            "hours": mean.hours,
            "basis": by_share(mean.basis),
        }
        for value, mean in shown
    ]


@cache
def _states() -> dict[str, str]:
    return {city.name: city.state for city in all_cities()}


def compared_cities(
    connection: Connection, cities: Sequence[City], standard: Standard, period: Period
) -> tuple[list[dict[str, Any]], list[str]]:
    """(those of `cities` with data in the period of Indian days, the others' names)."""
    names = [city.name for city in cities]
    periods = {each.city: each for each in city_periods(connection, names, standard, period)}
    compared = [comparison(city, periods[city.name], standard) for city in cities if city.name in periods]
    return compared, _others(names, periods)


def comparison(city: City, of_city: CityPeriod, standard: Standard) -> dict[str, Any]:
    """A city's days as they are shown beside another's; every mean to one decimal, concentrations to two."""
    names = categories(standard)
    days = Counter([names[index] for index in whole_indices(of_city.daily_aqi)])
    known = {name: value for name, value in of_city.concentrations.items() if value is not None}
    return {
        "city": city.name,
        "state": city.state,
        "hours": of_city.hours,
        "days": of_city.days,
        "aqi_mean": None if of_city.aqi_mean is None else rounded(of_city.aqi_mean, 1),
        "aqi_max": None if of_city.aqi_max is None else half_up(of_city.aqi_max),
        "aqi_max_date": of_city.aqi_max_date,
        "aqi_min": None if of_city.aqi_min is None else half_up(of_city.aqi_min),
        "aqi_min_date": of_city.aqi_min_date,
        "aqi_highest_hour": of_city.aqi_highest_hour,
        "category_days": {band.name: days[band.name] for band in CATEGORIES[standard]},
        "pollutants": dict(zip(known, all_rounded(list(known.values()), 2), strict=True)),
        "basis": by_share(of_city.basis),
    }


def _others(names: Iterable[str], present: Container[str]) -> list[str]:
    return [name for name in names if name not in present]
