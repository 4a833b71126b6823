"""The service itself."""

from datetime import datetime, timedelta

import msgspec
from flask import Response

from common import __version__
from common.api import shown
from common.api.access import logger
from common.api.context import SIMULATED, ApiContext
from common.api.dispatch import json_response
from common.api.route import Route
from common.api.schemas.system import DataState, Health, SourceState
from common.domain.cities import all_cities
from common.domain.errors import StoreError
from common.store.reads.service import ServiceState, service_state

FRESH = timedelta(hours=3)


def health(context: ApiContext) -> Response:
    """Whether the service works, how fresh its data are, how its sources do; 503 without a database."""
    now = context.clock()
    try:
        with context.probe.transaction() as connection:
            state = service_state(connection, now, fresh=FRESH)
    except StoreError as error:
        logger().warning("unhealthy", reason=str(error))
        return json_response(
            Health(
                status="unhealthy",
                timestamp=shown.utc(now),
                database="disconnected",
                version=__version__,
                reasons=[str(error)],
            ),
            503,
        )
    return json_response(_health(state, now))


def _health(state: ServiceState, now: datetime) -> Health:
    age = None if state.latest is None else now - state.latest
    if age is None:
        reasons = ["nothing has been collected yet"]
    elif age > FRESH:
        reasons = [f"the newest data are {age // timedelta(minutes=1)} minutes old"]
    else:
        reasons = []
    if age is not None and not state.champions:
        reasons.append("no model has been trained yet, so there are no forecasts")
    return Health(
        status="starting" if age is None else "degraded" if reasons else "healthy",
        timestamp=shown.utc(now),
        database="connected",
        version=__version__,
        reasons=reasons,
        simulated=state.dataset == SIMULATED,
        data=DataState(
            latest=None if state.latest is None else shown.utc(state.latest),
            age_minutes=None if age is None else age // timedelta(minutes=1),
            cities_current=state.cities_current,
            cities=len(all_cities()),
        ),
        models=state.champions,
        sources=msgspec.convert(state.sources, dict[str, SourceState]),
    )


ROUTES = (Route("GET", "/health", health, Health),)
