"""The service itself."""

from datetime import datetime, timedelta

import msgspec
from flask import Response, request

from common import __version__
from common.api import shown
from common.api.access import logger
from common.api.context import SIMULATED, ApiContext
from common.api.dispatch import json_response
from common.api.prometheus import TEXT, VERSIONED, text_response
from common.api.route import JSON, Route
from common.api.schemas.system import DataState, Health, Metrics, SourceState
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


def metrics(context: ApiContext) -> Response:
    """How each source does, as JSON, or as text for Prometheus where `Accept` prefers it."""
    now = context.clock()
    with context.probe.transaction() as connection:
        state = service_state(connection, now, fresh=FRESH)
    found = Metrics(
        timestamp=shown.utc(now),
        data_age_minutes=_age_minutes(state, now),
        sources=msgspec.convert(state.sources, dict[str, SourceState]),
    )
    wants_text = request.accept_mimetypes.best_match((JSON, TEXT, VERSIONED)) in (TEXT, VERSIONED)
    return text_response(found) if wants_text else json_response(found)


def _age_minutes(state: ServiceState, now: datetime) -> int | None:
    return None if state.latest is None else (now - state.latest) // timedelta(minutes=1)


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
            age_minutes=_age_minutes(state, now),
            cities_current=state.cities_current,
            cities=len(all_cities()),
        ),
        models=state.champions,
        sources=msgspec.convert(state.sources, dict[str, SourceState]),
    )


ROUTES = (
    Route("GET", "/health", health, Health),
    Route("GET", "/metrics", metrics, Metrics, media=(JSON, TEXT)),
)
