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
from common.api.schemas.system import (
    BackupsState,
    Cause,
    CauseCode,
    Cleared,
    DatabaseState,
    DataState,
    Health,
    LeaseState,
    Metrics,
    QueueState,
    SourceState,
)
from common.api.serialize_values import utc
from common.domain.cities import all_cities
from common.domain.errors import StoreError
from common.store.continuity import BackupState, backup_state
from common.store.data_version import raise_data_version
from common.store.errors import LESSER, NO_TABLE
from common.store.reads.service import ServiceState, service_state
from common.store.writer_lease import COLLECTING, Lease, last_lease

SERVICE = Tag(name="Service", description="The service itself")
api = Blueprint("system", abp_tags=[SERVICE])

FRESH = timedelta(hours=3)
SLOW_QUEUE = timedelta(minutes=30)
"""Trainings of all cities take turns for longer than a few minutes."""
OLD_MODELS = timedelta(days=8)
"""A city is trained daily; the model that was best before may be kept for some days."""
OLD_BACKUP = timedelta(days=8)
"""A base backup is made weekly; the log beside it grows, and with it the time that restoring takes."""
OLD_DRILL = timedelta(days=40)
"""A drill is monthly."""
_PUBLIC_REASONS = {NO_TABLE, LESSER}
"""What is wrong with the database that strangers may read: it names no user, certificate or limit."""
_NO_ANSWER = "the database does not answer; a token allows to read why"
_SENTENCES: dict[CauseCode, str] = {
    "backup_stream": "changes are not being backed up: scripts/backup stream does not run",
    "cache": "Redis does not answer; answers are kept and requests counted by each process for itself",
    "dead_messages": "{number} messages failed for good in the last 24 hours; see: vayu status",
    "no_backup": "no base backup has been made; without one the changes that are backed up cannot be restored",
    "no_data": "nothing has been collected yet",
    "no_models": "no model has been trained yet, so there are no forecasts",
    "old_backup": "the newest base backup is {number} days old",
    "old_data": "the newest data are {number} minutes old",
    "old_drill": "restoring was last tried {number} days ago",
    "old_models": "the newest model is {number} days old",
    "read_replica": "the read replica does not answer; reads go to the database itself",
    "slow_queue": "a message has waited for a worker for {number} minutes",
}
"""What is said of each cause but that of the database, which has many."""


@api.get("/health", responses={200: Health, 503: Health}, scope=None)
def health() -> Response:
    """Whether the service works, how fresh its data are, how its sources do; 503 without a database."""
    now = context.clock()

    def compute() -> bytes:
        with context.probe.reading() as connection:
            state = service_state(connection, now, fresh=FRESH)
            backups = backup_state(connection)
            lease = last_lease(connection, COLLECTING)
        answer = _health(state, backups, lease, now, cache=_cache_works())
        return _json(_with_replica(answer))

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
                    causes=[_cause("database")],
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


def _health(
    state: ServiceState, backups: BackupState, lease: Lease | None, now: datetime, *, cache: bool
) -> Health:
    causes = [*_causes(state, now), *_doubts_of_backups(backups, now)]
    if not cache:
        causes.append(_cause("cache"))
    return Health(
        status="starting" if state.latest is None else "degraded" if causes else "healthy",
        timestamp=utc(now),
        database="connected",
        cache="available" if cache else "unavailable",
        version=__version__,
        reasons=[_sentence(cause) for cause in causes],
        causes=causes,
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
        backups=_backups(backups, now),
        collecting=None if lease is None else LeaseState(token=lease.token, taken_at=utc(lease.taken_at)),
    )


def _with_replica(answer: Health) -> Health:
    """The same, with how the copy of the database is that reads go to, where there is one."""
    probe = context.replica_probe
    if probe is None:
        return answer
    state = probe.state()
    if state != "unavailable":
        return answer.model_copy(update={"read_replica": state})
    cause = _cause("read_replica")
    return answer.model_copy(
        update={
            "read_replica": state,
            "reasons": [*answer.reasons, _sentence(cause)],
            "causes": [*answer.causes, cause],
            "status": "degraded" if answer.status == "healthy" else answer.status,
        }
    )


def _backups(state: BackupState, now: datetime) -> BackupsState | None:
    if state.base_at is None and state.streaming is None and state.drill_at is None:
        return None
    return BackupsState(
        backup_at=None if state.base_at is None else utc(state.base_at),
        backup_age_hours=_age_hours(state.base_at, now),
        streaming=state.streaming,
        drill_at=None if state.drill_at is None else utc(state.drill_at),
        drill_age_hours=_age_hours(state.drill_at, now),
        drill_rpo_s=state.drill_rpo_s,
        drill_rto_s=state.drill_rto_s,
    )


def _age_hours(time: datetime | None, now: datetime) -> int | None:
    return None if time is None else max(now - time, timedelta(0)) // timedelta(hours=1)


def _doubts_of_backups(state: BackupState, now: datetime) -> Iterator[Cause]:
    """Of backups that were set up here; who leaves them to a provider is not reminded."""
    if state.base_at is not None and now - state.base_at > OLD_BACKUP:
        yield _cause("old_backup", (now - state.base_at).days)
    if state.base_at is None and state.streaming is not None:
        yield _cause("no_backup")
    if state.streaming is False:
        yield _cause("backup_stream")
    if state.drill_at is not None and now - state.drill_at > OLD_DRILL:
        yield _cause("old_drill", (now - state.drill_at).days)


def _causes(state: ServiceState, now: datetime) -> Iterator[Cause]:
    """What keeps the service from being healthy, with a database that answers."""
    if state.latest is None:
        yield _cause("no_data")
    elif now - state.latest > FRESH:
        yield _cause("old_data", _age_minutes(state, now))
    if state.latest is not None and state.trained_at is None:
        yield _cause("no_models")
    elif state.trained_at is not None and now - state.trained_at > OLD_MODELS:
        yield _cause("old_models", (now - state.trained_at).days)
    if state.oldest_due is not None and now - state.oldest_due > SLOW_QUEUE:
        yield _cause("slow_queue", (now - state.oldest_due) // timedelta(minutes=1))
    if state.dead:
        yield _cause("dead_messages", state.dead)


def _cause(code: CauseCode, number: int | None = None) -> Cause:
    return Cause(code=code, number=number)


def _sentence(cause: Cause) -> str:
    text = _SENTENCES[cause.code].format(number=cause.number)
    return text.replace("1 messages", "a message", 1) if cause.number == 1 else text
