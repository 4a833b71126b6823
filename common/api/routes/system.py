"""The service itself."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec
from flask import Response, request

from common import __version__
from common.api import serializers
from common.api.context import SIMULATED, ApiContext
from common.api.dispatch import json_response
from common.api.metrics_view import TEXT, VERSIONED, metrics_of, text_response
from common.api.middleware.log import logger
from common.api.middleware.metrics import Counted
from common.api.middleware.request_context import present
from common.api.route import JSON, Route
from common.api.schemas.system import (
    Cleared,
    DatabaseState,
    DataState,
    Health,
    Metrics,
    QueueState,
    SourceState,
)
from common.domain.cities import all_cities
from common.domain.errors import StoreError
from common.store.data_version import raise_data_version
from common.store.errors import LESSER, NO_TABLE
from common.store.reads.service import ServiceState, service_state

FRESH = timedelta(hours=3)
SLOW_QUEUE = timedelta(minutes=30)
"""Trainings of all cities take turns for longer than a few minutes."""
OLD_MODELS = timedelta(days=8)
"""A city is trained daily; the model that was best before may be kept for some days."""
_TOLD_TO_ALL = {NO_TABLE, LESSER}
"""What is wrong with the database that may be told to strangers: it names no user, certificate or limit."""
_NO_ANSWER = "the database does not answer; a token allows to read why"


def health(context: ApiContext) -> Response:
    """Whether the service works, how fresh its data are, how its sources do; 503 without a database."""
    now = context.clock()

    def compute() -> bytes:
        with context.probe.reading() as connection:
            state = service_state(connection, now, fresh=FRESH)
        return msgspec.json.encode(_health(state, now, cache=_cache_works(context)))

    try:
        return Response(context.health.get(compute), content_type=JSON)
    except StoreError as error:
        logger().warning("unhealthy", reason=str(error))
        told = str(error) in _TOLD_TO_ALL or present(request.environ).has_token
        return json_response(
            Health(
                status="unhealthy",
                timestamp=serializers.utc(now),
                database="disconnected",
                version=__version__,
                reasons=[str(error) if told else _NO_ANSWER],
            ),
            503,
        )


def metrics(context: ApiContext) -> Response:
    """Requests, times, errors, memory, CPU, cache, database, sources, as JSON or as text for Prometheus.

    The text comes where `Accept` prefers it. All workers of the server are counted, those that have ended too; without
    a database what they counted is told all the same. It is computed every 5 seconds at most. The limits of the
    database's server are told to holders of a token alone.
    """
    found, counted = context.metrics.get(lambda: _metrics(context))
    if found.database is not None and not present(request.environ).has_token:
        found = msgspec.structs.replace(found, database=DatabaseState(connections=found.database.connections))
    wants_text = request.accept_mimetypes.best_match((JSON, TEXT, VERSIONED)) in (TEXT, VERSIONED)
    return text_response(found, counted) if wants_text else json_response(found)


def clear(context: ApiContext) -> Cleared:
    """Forget every kept answer, in all processes and in Redis; the next of each kind is made anew.

    Changed data do so by themselves: this is for doubts.
    """
    with context.database.transaction() as connection:
        raise_data_version(connection)  # what other processes keep is void from now on
    dropped = None if context.answers is None else context.answers.clear()
    return Cleared(
        redis=None if context.answers is None or context.shared is None else dropped is not None,
        redis_answers=dropped or 0,
    )


def _metrics(context: ApiContext) -> tuple[Metrics, Counted]:
    now = context.clock()
    try:
        with context.probe.reading() as connection:
            state = service_state(connection, now, fresh=FRESH)
    except StoreError as error:
        logger().warning("metrics without a database", reason=str(error))
        state = None
    counted = context.meter.collect(request.environ)
    found = metrics_of(counted, serializers.utc(now))
    if state is not None:
        found.database = DatabaseState(connections=state.connections, most=state.most_connections)
        found.queue = _queue(state, now)
        found.data_age_minutes = _age_minutes(state, now)
        found.sources = msgspec.convert(state.sources, dict[str, SourceState])
    return found, counted


def _cache_works(context: ApiContext) -> bool:
    if context.shared is None:
        return True
    context.shared.get("vayu:health")
    return not context.shared.resting


def _age_minutes(state: ServiceState, now: datetime) -> int | None:
    return None if state.latest is None else (now - state.latest) // timedelta(minutes=1)


def _queue(state: ServiceState, now: datetime) -> QueueState:
    waited = None if state.oldest_due is None else (now - state.oldest_due) // timedelta(minutes=1)
    return QueueState(waiting=state.waiting, oldest_minutes=waited, dead_24h=state.dead)


def _health(state: ServiceState, now: datetime, *, cache: bool) -> Health:
    reasons = list(_reasons(state, now))
    if not cache:
        reasons.append(
            "Redis does not answer; answers are kept and requests counted by each process for itself"
        )
    return Health(
        status="starting" if state.latest is None else "degraded" if reasons else "healthy",
        timestamp=serializers.utc(now),
        database="connected",
        cache="available" if cache else "unavailable",
        version=__version__,
        reasons=reasons,
        simulated=state.dataset == SIMULATED,
        data=DataState(
            latest=None if state.latest is None else serializers.utc(state.latest),
            age_minutes=_age_minutes(state, now),
            cities_current=state.cities_current,
            cities=len(all_cities()),
        ),
        models=state.champions,
        models_trained_at=None if state.trained_at is None else serializers.utc(state.trained_at),
        queue=_queue(state, now),
        sources=msgspec.convert(state.sources, dict[str, SourceState]),
    )


def _reasons(state: ServiceState, now: datetime) -> Iterator[str]:
    """What keeps the service from being healthy, with a database that answers."""
    age = _age_minutes(state, now)
    if state.latest is None:
        yield "nothing has been collected yet"
    elif now - state.latest > FRESH:
        yield f"the newest data are {age} minutes old"
    if state.latest is not None and state.trained_at is None:
        yield "no model has been trained yet, so there are no forecasts"
    elif state.trained_at is not None and now - state.trained_at > OLD_MODELS:
        yield f"the newest model is {(now - state.trained_at).days} days old"
    if state.oldest_due is not None and now - state.oldest_due > SLOW_QUEUE:
        minutes = (now - state.oldest_due) // timedelta(minutes=1)
        yield f"a message has waited for a worker for {minutes} minutes"
    if state.dead:
        told = "a message" if state.dead == 1 else f"{state.dead} messages"
        yield f"{told} failed for good in the last 24 hours; see: vayu status"


ROUTES = (
    Route("GET", "/health", health, Health, scope=None),
    Route("GET", "/metrics", metrics, Metrics, media=(JSON, TEXT)),
    Route("POST", "/cache/clear", clear, Cleared, scope="admin"),
)
