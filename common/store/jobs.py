"""Jobs: messages that wait in PostgreSQL, taken by one worker at a time with SKIP LOCKED.

A job in hand is held by a lease, which its worker renews. Leases are measured by the database's clock, one for all:
a worker whose own clock is wrong neither takes what another has in hand nor loses what is its own.

Where messages travel elsewhere (SQS, Pub/Sub), a job that somebody wants to follow has its row here all the same, due
at infinity: whoever is handed its message takes it by its id.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from sqlalchemy import ColumnElement, case, exists, func, literal_column, null, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError

from common.domain.messages import EXPORT
from common.store.engine import run
from common.store.errors import sqlstate
from common.store.sanitize import sanitize
from common.store.schema import idempotency_key, job

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from common.store.engine import Connection

_THERE_ALREADY = "23505"
NEVER: ColumnElement[datetime] = literal_column("'infinity'")
_CLOCK = func.clock_timestamp()
OVERDUE = (job.c.state == "running") & (job.c.leased_until <= _CLOCK)
WORKER_DIED = "the worker died or took too long"


class Job(msgspec.Struct, frozen=True):
    """One message in the hands of a worker; `attempt` counts from 1."""

    id: int
    type: str
    key: str
    payload: dict[str, Any]
    attempt: int
    max_attempts: int


def enqueue(
    connection: Connection,
    type_: str,
    key: str,
    payload: dict[str, Any],
    *,
    now: datetime,
    delay: timedelta = timedelta(0),
    max_attempts: int = 5,
    elsewhere: bool = False,
) -> int:
    """Queue a message; returns the job's id.

    While one of the same type and key still waits, that one is meant: it takes the new payload and the
    earlier of both times, and keeps its count of attempts. `elsewhere`: another queue carries the message.
    """
    new = insert(job).values(
        type=type_,
        key=key,
        payload=payload,
        max_attempts=max_attempts,
        available_at=NEVER if elsewhere else now + delay,
        created_at=now,
    )
    waiting = new.on_conflict_do_update(
        index_elements=["type", "key"],
        index_where=text("state = 'queued'"),
        set_={
            "payload": new.excluded.payload,
            "available_at": func.least(job.c.available_at, new.excluded.available_at),
        },
    )
    [(id_,)] = run(connection, waiting.returning(job.c.id))
    return int(id_)


def enqueue_once(
    connection: Connection, client: str, key: str, request: str, enqueue: Callable[[], int], *, now: datetime
) -> int | None:
    """`enqueue`, or the job that it gave when this client first used this key; None where the request was another.

    Of several at the same time, one enqueues and the others are given its job.
    """
    lock = func.pg_advisory_xact_lock(func.hashtext("idempotency_key"), func.hashtext(f"{client} {key}"))
    run(connection, select(lock))
    same = (idempotency_key.c.client == client) & (idempotency_key.c.key == key)
    before = run(connection, select(idempotency_key.c.job, idempotency_key.c.request).where(same))
    if before:
        return int(before[0][0]) if before[0][1] == request else None
    id_ = enqueue()
    run(
        connection,
        insert(idempotency_key).values(client=client, key=key, request=request, requested_at=now, job=id_),
    )
    return id_


def is_waiting(connection: Connection, id_: int) -> bool:
    """Whether nobody has taken the job yet, or again."""
    return bool(run(connection, select(job.c.id).where(job.c.id == id_, job.c.state == "queued")))


def lease(
    connection: Connection, *, now: datetime, seconds: int, types: Collection[str] | None = None
) -> Job | None:
    """Take the job that has been due longest; it is ours until the lease ends, unless it is renewed, then anyone's.

    Somebody waits for an export: those go before all others.

    `types`: only jobs of these types; None: of any. A job whose last attempt never came back is buried on the
    way: its worker died each time.
    """
    buried = (
        update(job)
        .where(OVERDUE, job.c.attempts >= job.c.max_attempts)
        .values(state="dead", error=WORKER_DIED, finished_at=now, leased_until=None)
    )
    run(connection, buried)
    due = select(job.c.id).where(job.c.available_at <= now, (job.c.state == "queued") | OVERDUE)
    if types is not None:
        due = due.where(job.c.type.in_(list(types)))
    due = (
        due.order_by(job.c.type != EXPORT, job.c.available_at, job.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return _begin(connection, job.c.id == due.scalar_subquery(), now=now, seconds=seconds)


def take(
    connection: Connection, id_: int, *, now: datetime, seconds: int
) -> Job | Literal["done", "running"] | None:
    """Take the job of that id, whose message came from elsewhere; what it is already, or None where it is not kept.

    One that was given up is taken too: somebody has sent its message again.
    """
    free = (job.c.state != "done") & ~((job.c.state == "running") & (job.c.leased_until > _CLOCK))
    taken = _begin(connection, (job.c.id == id_) & free, now=now, seconds=seconds)
    if taken is not None:
        return taken
    states = run(connection, select(job.c.state).where(job.c.id == id_))
    return ("done" if states[0][0] == "done" else "running") if states else None


def _begin(connection: Connection, which: ColumnElement[bool], *, now: datetime, seconds: int) -> Job | None:
    """Begin an attempt at the job that is meant."""
    begun = (
        update(job)
        .where(which)
        .values(
            state="running",
            attempts=job.c.attempts + 1,
            leased_until=_CLOCK + timedelta(seconds=seconds),
            started_at=now,
            finished_at=None,
        )
        .returning(job.c.id, job.c.type, job.c.key, job.c.payload, job.c.attempts, job.c.max_attempts)
    )
    rows = run(connection, begun)
    return Job(*rows[0]) if rows else None


def _ours(mine: Job) -> ColumnElement[bool]:
    """The row of a job in our hands: not once a later lease has taken it over."""
    return (job.c.id == mine.id) & (job.c.state == "running") & (job.c.attempts == mine.attempt)


def renew(connection: Connection, mine: Job, *, seconds: int) -> bool:
    """Begin the lease anew; False where the job is not ours any more."""
    renewed = update(job).where(_ours(mine)).values(leased_until=_CLOCK + timedelta(seconds=seconds))
    return bool(run(connection, renewed.returning(job.c.id)))


def finish(
    connection: Connection, mine: Job, *, now: datetime, outcome: Mapping[str, Any] | None = None
) -> None:
    """The job is done, and this came of it; nothing happens where a later lease has taken it over."""
    # What is not a number becomes null.
    result = null() if outcome is None else msgspec.json.decode(msgspec.json.encode(outcome))
    done = {"state": "done", "finished_at": now, "leased_until": None, "error": None, "outcome": result}
    run(connection, update(job).where(_ours(mine)).values(done))


def fail(connection: Connection, mine: Job, error: str, *, now: datetime, retry: bool = True) -> bool:
    """The attempt failed: try again after 2, 4, 8 … minutes, or bury it whole; True where it is now dead.

    Where the same message was queued again meanwhile, that one stands for both; nothing happens where a
    later lease has taken the job over.
    """
    dies = not retry or mine.attempt >= mine.max_attempts
    waiting = job.alias("waiting")
    queued_again = exists().where(
        waiting.c.state == "queued", waiting.c.type == mine.type, waiting.c.key == mine.key
    )
    again = now + timedelta(minutes=2**mine.attempt)
    failed = (
        update(job)
        .where(_ours(mine))
        .values(
            error=sanitize(error)[:500],
            leased_until=None,
            available_at=case((job.c.available_at == NEVER, job.c.available_at), else_=again),
            state="dead" if dies else case((queued_again, "done"), else_="queued"),
            finished_at=now if dies else case((queued_again, now)),
        )
        .returning(job.c.state)
    )
    try:
        with connection.begin_nested():
            rows = run(connection, failed)
    except DBAPIError as refusal:
        if sqlstate(refusal) != _THERE_ALREADY:
            raise
        rows = run(connection, failed)  # the same message was queued at that very moment; now it is seen
    return any(state == "dead" for (state,) in rows)


def give_back(connection: Connection, mine: Job) -> None:
    """Let another take the job at once, as if this attempt had not begun; nothing where it is not ours any more.

    Else a worker that is told to stop would wear out the attempts of a long job, until it is given up.
    """
    given = update(job).where(_ours(mine)).values(attempts=job.c.attempts - 1, leased_until=_CLOCK)
    run(connection, given)


def counts(connection: Connection) -> dict[str, dict[str, int]]:
    """Type → state → number of jobs."""
    numbers: dict[str, dict[str, int]] = {}
    counted = select(job.c.type, job.c.state, func.count()).group_by(job.c.type, job.c.state)
    for type_, state, number in run(connection, counted):
        numbers.setdefault(type_, {})[state] = number
    return numbers


def dead(connection: Connection) -> dict[str, str]:
    """Each message that was given up → what went wrong with it at the last attempt."""
    columns = (job.c.type, job.c.key, job.c.id, job.c.attempts, job.c.error)
    rows = run(connection, select(*columns).where(job.c.state == "dead").order_by(job.c.id.desc()).limit(100))
    return {
        f"{type_} {key} (job {id_})": f"given up after {attempts} attempts: {error}"
        for type_, key, id_, attempts, error in rows
    }


def release(connection: Connection) -> None:
    """End every lease: for a machine whose workers are known to be dead. One that is not renews its own."""
    ended = update(job).where(job.c.state == "running").values(leased_until=_CLOCK)
    run(connection, ended)


def unfinished(connection: Connection, ids: Collection[int]) -> set[int]:
    """Those of the given jobs that still wait, run, or will be tried again."""
    tried = job.c.state.in_(("queued", "running")) & job.c.error.is_(None)
    return {id_ for (id_,) in run(connection, select(job.c.id).where(job.c.id.in_(ids), tried))}
