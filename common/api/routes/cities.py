"""The cities: all of them, ranked, side by side."""

from functools import cache
from typing import Any

import msgspec
from flask_openapi3 import Tag

from common.api.blueprint import Blueprint
from common.api.context import context
from common.api.errors import Problem
from common.api.middleware.request_context import logger
from common.api.responses import STALE, city_error, raw
from common.api.schemas import StandardQuery
from common.api.schemas.cities import Cities, CityEntry, CompareQuery, Comparison, Rankings, RankingsQuery
from common.api.serialize_cities import compared_cities, latest_json, ranked_cities
from common.api.serialize_values import utc
from common.domain.cities import City, all_cities, find_city
from common.domain.errors import DataError, Fault, NotFound, StoreError
from common.domain.observation import POLLUTANTS, UNITS
from common.store.reads.periods import Period

CITIES = Tag(name="Cities", description="All cities, ranked, side by side")
api = Blueprint("cities", abp_tags=[CITIES])


@api.get("/cities/", responses={200: Cities}, cache="minute")
def cities(query: StandardQuery) -> dict[str, Any]:
    """All 56 cities, each with its latest index."""
    now = context.clock()
    try:
        simulated = context.simulated()
        with context.reads.reading() as connection:
            listed = latest_json(connection, _entries(), query.standard, now, stale=STALE)
    except StoreError as error:
        # The list itself needs no database.
        logger().warning("cities are listed without their latest index", reason=str(error))
        simulated, listed = False, f"[{','.join(_entries().values())}]"
    return Cities.answer(
        count=len(_entries()), standard=query.standard, simulated=simulated, cities=raw(listed)
    )


@cache
def _entries() -> dict[str, str]:
    """City → its `CityEntry` with no index, as JSON."""
    return {
        city.name: msgspec.json.encode(
            CityEntry.answer(
                name=city.name,
                slug=city.slug,
                state=city.state,
                latitude=city.latitude,
                longitude=city.longitude,
                aliases=city.aliases,
                latest=None,
            )
        ).decode()
        for city in all_cities()
    }


@api.get("/cities/rankings", responses={200: Rankings}, cache="data")
def rankings(query: RankingsQuery) -> dict[str, Any]:
    """Cities by their mean index, or mean concentration of a pollutant, over a time.

    Each tells how many hours its mean is made of. Cities without data are named apart and have no rank.
    """
    now = context.clock()
    daily = query.window != "24h"
    period = Period.of_days(int(query.window[:-1]), now) if daily else Period.of_hours(24, now)
    simulated = context.simulated()
    with context.reads.reading() as connection:
        count, ranked, missing = ranked_cities(
            connection,
            query.by,
            query.standard,
            period,
            daily=daily,
            descending=query.order == "desc",
            limit=query.limit,
        )
    return Rankings.answer(
        window=query.window,
        by=query.by,
        standard=query.standard,
        unit=None if query.by == "aqi" else UNITS[query.by],
        order=query.order,
        start=utc(period.start),
        end=utc(period.end),
        hours_expected=period.hours,
        count=count,
        simulated=simulated,
        cities=ranked,
        without_data=missing,
    )


@api.get("/cities/compare", responses={200: Comparison, 404: Problem}, cache="data")
def compare(query: CompareQuery) -> dict[str, Any]:
    """Two to ten cities side by side over some days: index, days by category, pollutants.

    Names that no city has, and cities without data, are reported one by one; the rest is served.
    """
    now = context.clock()
    wanted, errors = _named(query.cities)
    period = Period.of_days(query.days, now)
    simulated = context.simulated()
    with context.reads.reading() as connection:
        compared, missing = compared_cities(connection, wanted, query.standard, period)
    for name in missing:
        sentence = f"there are no data of the last {query.days} days for {name}"
        errors.append(city_error(name, NotFound(sentence)))
    return Comparison.answer(
        days=query.days,
        standard=query.standard,
        start=utc(period.start),
        end=utc(period.end),
        hours_expected=period.hours,
        units={name: UNITS[name] for name in POLLUTANTS},
        simulated=simulated,
        cities=compared,
        errors=errors,
    )


def _named(names: list[str]) -> tuple[list[City], list[dict[str, Any]]]:
    """The cities of these names, each once, and what no city is called.

    Raises:
        NotFound: when no city has any of the names.
        DataError: when all name the same city.
    """
    cities_by_name: dict[str, City] = {}
    unknown: dict[str, NotFound] = {}
    for name in names:
        try:
            city = find_city(name)
        except NotFound as error:
            unknown[name] = error
        else:
            cities_by_name[city.name] = city
    if not cities_by_name:
        nearest = tuple(dict.fromkeys(city for error in unknown.values() for city in error.nearest))
        faults = tuple(
            Fault("parameter", "cities", fault.given, fault.allowed)
            for error in unknown.values()
            for fault in error.faults
        )
        raise NotFound("; ".join(map(str, unknown.values())), faults=faults, nearest=nearest)
    if len(cities_by_name) + len(unknown) < 2:
        given = Fault("parameter", "cities", ",".join(names)[:40], "2 to 10 different cities")
        raise DataError(f"cities must name 2 to 10 different cities, not only {names[0]!r}", faults=(given,))
    return list(cities_by_name.values()), [city_error(name, error) for name, error in unknown.items()]
