"""The service itself."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from flask import Response, request
from flask_openapi3 import Tag

from common import __version__
from common.api.blueprint import JSON, Blueprint
from common.api.context import SIMULATED, context
from common.api.metrics_view import TEXT, VERSIONED, metrics_of, source_states, text_response
from common.api.middleware.metrics import Counted
from common.api.middleware.request_context import logger, present
from common.api.responses import utc
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

SERVICE = Tag(name="Service", description="The service itself")
api = Blueprint("system", abp_tags=[SERVICE])

FRESH = timedelta(hours=3)
SLOW_QUEUE = timedelta(minutes=30)
"""Trainings of all cities take turns for longer than a few minutes."""
OLD_MODELS = timedelta(days=8)
"""A city is trained daily; the model that was best before may be kept for some days."""
_PUBLIC_REASONS = {NO_TABLE, LESSER}
"""What is wrong with the database that strangers may read: it names no user, certificate or limit."""
_NO_ANSWER = "the database does not answer; a token allows to read why"


@api.get("/health", responses={200: Health, 503: Health}, scope=None)
def health() -> Response:
    """Whether the service works, how fresh its data are, how its sources do; 503 without a database."""
    now = context.clock()

    def compute() -> bytes:
        with context.probe.reading() as connection:
            state = service_state(connection, now, fresh=FRESH)
        return _json(_health(state, now, cache=_cache_works()))

    try:
        return Response(context.health.get(compute), content_type=JSON)
    except StoreError as error:
        logger().warning("unhealthy", reason=str(error))
        shown = str(error) in _PUBLIC_REASONS or present(request.environ).has_token
        return Response(
            _json(
                Health(
                    status="unhealthy",
                    timestamp=utc(now),
                    database="disconnected",
                    version=__version__,
                    reasons=[str(error) if shown else _NO_ANSWER],
                )
            ),
            503,
            content_type=JSON,
        )


@api.get("/metrics", responses={200: Metrics})
def metrics() -> Response:
    """Requests, times, errors, memory, CPU, cache, database, sources, as JSON or as text for Prometheus.

    The text comes where `Accept` prefers it. All workers of the server are counted, those that have ended too; without
    a database what they counted is shown all the same. It is computed every 5 seconds at most. The limits of the
    database's server are shown to holders of a token alone.
    """
    shown, counted = context.metrics.get(_metrics)
    if shown.database is not None and not present(request.environ).has_token:
        public = DatabaseState(connections=shown.database.connections)
        shown = shown.model_copy(update={"database": public})
    wants_text = request.accept_mimetypes.best_match((JSON, TEXT, VERSIONED)) in (TEXT, VERSIONED)
    return text_response(shown, counted) if wants_text else Response(_json(shown), content_type=JSON)


@api.post("/cache/clear", responses={200: Cleared}, scope="admin")
def clear() -> dict[str, bool | int | None]:
    """Forget every kept answer, in all processes and in Redis; the next of each kind is made anew.

    Changed data do so by themselves: this is for doubts.
    """
    with context.database.transaction() as connection:
        raise_data_version(connection)  # what other processes keep is void from now on
    dropped = None if context.answers is None else context.answers.clear()
    return Cleared.answer(
        redis=None if context.answers is None or context.shared is None else dropped is not None,
        redis_answers=dropped or 0,
    )


def _json(answer: Health | Metrics) -> bytes:
    return answer.model_dump_json().encode()


def _metrics() -> tuple[Metrics, Counted]:
    now = context.clock()
    try:
        with context.probe.reading() as connection:
            state = service_state(connection, now, fresh=FRESH)
    except StoreError as error:
        logger().warning("metrics without a database", reason=str(error))
        state = None
    counted = context.meter.collect(request.environ)
    shown = metrics_of(counted, utc(now))
    if state is not None:
        shown.database = DatabaseState(connections=state.connections, most=state.most_connections)
        shown.queue = _queue(state, now)
        shown.data_age_minutes = _age_minutes(state, now)
        shown.sources = _sources(state, now)
    return shown, counted


def _sources(state: ServiceState, now: datetime) -> dict[str, SourceState]:
    return {
        name: SourceState.model_validate(source) for name, source in source_states(state.sources, now).items()
    }


def _cache_works() -> bool:
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
        timestamp=utc(now),
        database="connected",
        cache="available" if cache else "unavailable",
        version=__version__,
        reasons=reasons,
        simulated=state.dataset == SIMULATED,
        data=DataState(
            latest=None if state.latest is None else utc(state.latest),
            age_minutes=_age_minutes(state, now),
            cities_current=state.cities_current,
            cities=len(all_cities()),
        ),
        models=state.champions,
        models_trained_at=None if state.trained_at is None else utc(state.trained_at),
        queue=_queue(state, now),
        sources=_sources(state, now),
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
        number = "a message" if state.dead == 1 else f"{state.dead} messages"
        yield f"{number} failed for good in the last 24 hours; see: vayu status"
