"""All cities at a glance: what the first page of the dashboard shows, in one answer."""

from typing import Any

from flask import Response

from common.api.blueprint import Blueprint
from common.api.context import context
from common.api.responses import STALE, stored_response
from common.api.routes.cities import CITIES
from common.api.routes.forecast import STALE as STALE_FORECAST
from common.api.schemas import StandardQuery
from common.api.schemas.overview import Overview
from common.api.serialize_overview import overview_cities
from common.domain.aqi import Standard
from common.domain.observation import last_full_hour

api = Blueprint("overview", abp_tags=[CITIES])


@api.get("/overview", responses={200: Overview}, cache="data")
def overview(query: StandardQuery) -> Response:
    """All cities at a glance: the latest index, the last 24 hours, and the worst of the next 24.

    Everything is as of the end of the last full hour, so that the answer, and its ETag, stay the same until that hour
    or the data change: ask as often as you like with If-None-Match.
    """
    return stored_response(f"overview/{query.standard}", lambda: _overview(query.standard))


def _overview(standard: Standard) -> dict[str, Any]:
    as_of = last_full_hour(context.clock())
    simulated = context.simulated()
    with context.database.reading() as connection:
        cities = overview_cities(
            connection, standard, as_of, stale_index=STALE, stale_forecast=STALE_FORECAST
        )
    return Overview.answer(standard=standard, simulated=simulated, as_of=as_of, cities=cities)
