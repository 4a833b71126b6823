"""The cities: all of them, ranked, side by side."""

from functools import cache

import msgspec
from msgspec import UNSET

from common.api import serializers
from common.api.context import ApiContext
from common.api.middleware.log import logger
from common.api.route import Route
from common.api.schemas.cities import (
    Cities,
    CityEntry,
    CompareQuery,
    Comparison,
    Rankings,
    RankingsQuery,
)
from common.api.schemas.common import CityError, StandardQuery, raw
from common.domain.cities import City, all_cities, find_city
from common.domain.errors import DataError, Fault, NotFound, StoreError
from common.domain.observation import POLLUTANTS, UNITS
from common.store.reads.hours import latest_json
from common.store.reads.periods import Period, comparison_json, rankings_json


def cities(context: ApiContext, *, query: StandardQuery) -> Cities:
    """All 56 cities, each with its latest index."""
    now = context.clock()
    try:
        simulated = context.simulated()
        with context.database.reading() as connection:
            listed = latest_json(connection, _entries(), query.standard, now, stale=serializers.STALE)
    except StoreError as error:
        # The list itself needs no database.
        logger().warning("cities are listed without their latest index", reason=str(error))
        simulated, listed = False, f"[{','.join(_entries().values())}]"
    return Cities(count=len(_entries()), standard=query.standard, simulated=simulated, cities=raw(listed))


@cache
def _entries() -> dict[str, str]:
    """City → its `CityEntry` with no index, as JSON."""
    return {
        city.name: msgspec.json.encode(
            CityEntry(
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


def rankings(context: ApiContext, *, query: RankingsQuery) -> Rankings:
    """Cities by their mean index, or mean concentration of a pollutant, over a time.

    Each tells how many hours its mean is made of. Cities without data are named apart and have no rank.
    """
    now = context.clock()
    daily = query.window != "24h"
    period = Period.of_days(int(query.window[:-1]), now) if daily else Period.of_hours(24, now)
    simulated = context.simulated()
    with context.database.reading() as connection:
        count, ranked, missing = rankings_json(
            connection,
            query.by,
            query.standard,
            period,
            daily=daily,
            descending=query.order == "desc",
            limit=query.limit,
        )
    return Rankings(
        window=query.window,
        by=query.by,
        standard=query.standard,
        unit=None if query.by == "aqi" else UNITS[query.by],
        order=query.order,
        start=serializers.utc(period.start),
        end=serializers.utc(period.end),
        hours_expected=period.hours,
        count=count,
        simulated=simulated,
        cities=raw(ranked),
        without_data=raw(missing),
    )


def compare(context: ApiContext, *, query: CompareQuery) -> Comparison:
    """Two to ten cities side by side over some days: index, days by category, pollutants.

    Names that no city has, and cities without data, are reported one by one; the rest is served.
    """
    now = context.clock()
    wanted, errors = _named(query.cities)
    period = Period.of_days(query.days, now)
    simulated = context.simulated()
    with context.database.reading() as connection:
        found, missing = comparison_json(connection, wanted, query.standard, period)
    for name in msgspec.json.decode(missing, type=list[str]):
        told = f"there are no data of the last {query.days} days for {name}"
        errors.append(CityError(city=name, status=404, detail=told))
    return Comparison(
        days=query.days,
        standard=query.standard,
        start=serializers.utc(period.start),
        end=serializers.utc(period.end),
        hours_expected=period.hours,
        units={name: UNITS[name] for name in POLLUTANTS},
        simulated=simulated,
        cities=raw(found),
        errors=errors,
    )


def _named(names: list[str]) -> tuple[list[City], list[CityError]]:
    """The cities of these names, each once, and what no city is called.

    Raises:
        NotFound: when no city has any of the names.
        DataError: when all name the same city.
    """
    found: dict[str, City] = {}
    unknown: dict[str, NotFound] = {}
    for name in names:
        try:
            city = find_city(name)
        except NotFound as error:
            unknown[name] = error
        else:
            found[city.name] = city
    if not found:
        nearest = tuple(dict.fromkeys(city for error in unknown.values() for city in error.nearest))
        faults = tuple(
            Fault("parameter", "cities", fault.given, fault.allowed)
            for error in unknown.values()
            for fault in error.faults
        )
        told = "; ".join(str(error) for error in unknown.values())
        raise NotFound(told, faults=faults, nearest=nearest)
    if len(found) + len(unknown) < 2:
        given = Fault("parameter", "cities", ",".join(names)[:40], "2 to 10 different cities")
        raise DataError(f"cities must name 2 to 10 different cities, not only {names[0]!r}", faults=(given,))
    return list(found.values()), [
        CityError(city=name, status=404, detail=str(error), nearest=list(error.nearest) or UNSET)
        for name, error in unknown.items()
    ]


ROUTES = (
    Route("GET", "/cities/", cities, Cities, query=StandardQuery, cache="minute", tag="Cities"),
    Route("GET", "/cities/rankings", rankings, Rankings, query=RankingsQuery, cache="data", tag="Cities"),
    Route(
        "GET",
        "/cities/compare",
        compare,
        Comparison,
        query=CompareQuery,
        errors=(404,),
        cache="data",
        tag="Cities",
    ),
)
