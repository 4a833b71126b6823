"""Cities beside each other as JSON: their ranking, and their comparison."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from common.api.serialize_values import by_share, index_category, rounded
from common.domain.aqi import CATEGORIES
from common.domain.breakpoints import half_up
from common.domain.cities import all_cities
from common.store.reads.periods import city_means, city_periods

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from common.domain.aqi import Standard
    from common.domain.cities import City
    from common.store.engine import Connection
    from common.store.reads.periods import CityMean, CityPeriod, Period


def rankings_json(
    connection: Connection,
    by: str,
    standard: Standard,
    period: Period,
    *,
    daily: bool,
    descending: bool,
    limit: int,
) -> tuple[int, str, str]:
    """Of all cities: (number ranked, JSON array of the first `limit`, JSON array of names of those without a value).

    `by` is ``aqi`` or a pollutant; `daily`: the period consists of Indian days, else of hours.
    """
    names = [city.name for city in all_cities()]
    means = city_means(connection, names, by, standard, period, daily=daily)
    ranks = ranking(means, standard if by == "aqi" else None, descending=descending)
    missing = _others(names, {mean.city for mean in means})
    return len(ranks), _json(ranks[:limit]), missing


def ranking(
    means: Iterable[CityMean], standard: Standard | None, *, descending: bool
) -> list[dict[str, Any]]:
    """Cities by their mean, equal ones by name; `standard`: of an index, None: of a pollutant.

    Equal values, as they are shown, share a rank, and the next follows as many places later.
    """
    digits = 2 if standard is None else 1
    shown = [(rounded(mean.value, digits), mean) for mean in means]
    shown.sort(key=lambda part: (-part[0] if descending else part[0], part[1].city))
    values = [value for value, _ in shown]
    first, times = {value: values.index(value) + 1 for value in set(values)}, Counter(values)
    states = {city.name: city.state for city in all_cities()}
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


def comparison_json(
    connection: Connection, cities: Sequence[City], standard: Standard, period: Period
) -> tuple[str, str]:
    """(JSON array of those of `cities` with data in the period of Indian days, JSON array of the others' names)."""
    names = [city.name for city in cities]
    periods = {each.city: each for each in city_periods(connection, names, standard, period)}
    compared = [comparison(city, periods[city.name], standard) for city in cities if city.name in periods]
    return _json(compared), _others(names, periods)


def comparison(city: City, of_city: CityPeriod, standard: Standard) -> dict[str, Any]:
    """A city's days as they are shown beside another's; every mean to one decimal, concentrations to two."""
    days = Counter(index_category(aqi, standard) for aqi in of_city.daily_aqi)
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
        "pollutants": {
            name: rounded(value, 2) for name, value in of_city.concentrations.items() if value is not None
        },
        "basis": by_share(of_city.basis),
    }


def _others(names: Iterable[str], present: Iterable[str]) -> str:
    there = set(present)
    return _json([name for name in names if name not in there])


def _json(content: object) -> str:
    return msgspec.json.encode(content).decode()
