"""The cities."""

from common.api import shown
from common.api.access import logger
from common.api.context import ApiContext
from common.api.route import Route
from common.api.schemas.cities import Cities, CityEntry
from common.api.schemas.common import Index, StandardQuery
from common.domain.cities import all_cities
from common.domain.errors import StoreError
from common.store.reads.hours import latest_indices


def cities(context: ApiContext, *, query: StandardQuery) -> Cities:
    """All 56 cities, each with its latest index."""
    now = context.clock()
    listed = all_cities()
    try:
        simulated = context.simulated()
        with context.database.transaction() as connection:
            latest = latest_indices(connection, [city.name for city in listed], query.standard, now)
    except StoreError as error:
        # The list itself needs no database.
        logger().warning("cities are listed without their latest index", reason=str(error))
        simulated, latest = False, {}
    indices = {
        name: Index(**shown.index(query.standard, now, time=time, aqi=aqi, dominant=dominant, basis=basis))
        for name, (time, aqi, dominant, basis) in latest.items()
    }
    entries = [
        CityEntry(
            name=city.name,
            slug=city.slug,
            state=city.state,
            latitude=city.latitude,
            longitude=city.longitude,
            aliases=city.aliases,
            latest=indices.get(city.name),
        )
        for city in listed
    ]
    return Cities(count=len(entries), standard=query.standard, simulated=simulated, cities=entries)


ROUTES = (Route("GET", "/cities/", cities, Cities, query=StandardQuery),)
