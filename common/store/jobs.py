"""Jobs: messages that wait in PostgreSQL, taken by one worker at a time with SKIP LOCKED.

A job in hand is held by a lease, which its worker renews. Leases are measured by the database's clock, one for all:
a worker whose own clock is wrong neither takes what another has in hand nor loses what is its own.

Where messages travel elsewhere (SQS, Pub/Sub), a job that somebody wants to follow has its row here all the same, due
at infinity: whoever is handed its message takes it by its id.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from sqlalchemy import ColumnElement, func, literal_column, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError

from common.store.engine import run
from common.store.errors import sqlstate
from common.store.schema import idempotency_key, job

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from common.store.engine import Connection

_THERE_ALREADY = "23505"
_NEVER: ColumnElement[datetime] = literal_column("'infinity'")
_END = "clock_timestamp() + make_interval(secs => :seconds)"


@dataclass(frozen=True, slots=True)
class Job:
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
        available_at=_NEVER if elsewhere else now + delay,
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
    run(
        connection,
        "SELECT pg_advisory_xact_lock(hashtext('idempotency_key'), hashtext(:client || ' ' || :key))",
        client=client,
        key=key,
    )
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

    `types`: only jobs of these types; None: of any. A job whose last attempt never came back is buried on the
    way: its worker died each time.
    """
    run(
        connection,
        """
        UPDATE job SET state = 'dead', error = 'the worker died or took too long', finished_at = :now,
          leased_until = NULL
        WHERE state = 'running' AND leased_until <= clock_timestamp() AND attempts >= max_attempts
        """,
        now=now,
    )
    rows = run(
        connection,
        f"""
        UPDATE job SET state = 'running', attempts = attempts + 1, leased_until = {_END}, started_at = :now
        WHERE id = (
          SELECT id FROM job
          WHERE available_at <= :now AND (CAST(:types AS text[]) IS NULL OR type = ANY(:types))
            AND (state = 'queued' OR (state = 'running' AND leased_until <= clock_timestamp()))
          ORDER BY available_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING id, type, key, payload::text, attempts, max_attempts
        """,
        now=now,
        types=None if types is None else list(types),
        seconds=seconds,
    )
    return _job(rows[0]) if rows else None


def take(
    connection: Connection, id_: int, *, now: datetime, seconds: int
) -> Job | Literal["done", "running"] | None:
    """Take the job of that id, whose message came from elsewhere; what it is already, or None where it is not kept.

    One that was given up is taken too: somebody has sent its message again.
    """
    rows = run(
        connection,
        f"""
        UPDATE job SET state = 'running', attempts = attempts + 1, leased_until = {_END}, started_at = :now,
          finished_at = NULL
        WHERE id = :id AND state <> 'done' AND NOT (state = 'running' AND leased_until > clock_timestamp())
        RETURNING id, type, key, payload::text, attempts, max_attempts
        """,
        id=id_,
        now=now,
        seconds=seconds,
    )
    if rows:
        return _job(rows[0])
    found = run(connection, "SELECT state = 'done' FROM job WHERE id = :id", id=id_)
    return ("done" if found[0][0] else "running") if found else None


def _job(row: Sequence[Any]) -> Job:
    id_, type_, key, payload, attempts, max_attempts = row
    return Job(id_, type_, key, json.loads(payload), attempts, max_attempts)


def renew(connection: Connection, job: Job, *, seconds: int) -> bool:
    """Begin the lease anew; False where the job is not ours any more."""
    rows = run(
        connection,
        f"""
        UPDATE job SET leased_until = {_END}
        WHERE id = :id AND state = 'running' AND attempts = :attempt RETURNING id
        """,
        id=job.id,
        attempt=job.attempt,
        seconds=seconds,
    )
    return bool(rows)


def finish(
    connection: Connection, job: Job, *, now: datetime, outcome: Mapping[str, Any] | None = None
) -> None:
    """The job is done, and this came of it; nothing happens where a later lease has taken it over."""
    run(
        connection,
        """
        UPDATE job SET state = 'done', finished_at = :now, leased_until = NULL, error = NULL,
          outcome = CAST(:outcome AS jsonb)
        WHERE id = :id AND state = 'running' AND attempts = :attempt
        """,
        id=job.id,
        attempt=job.attempt,
        now=now,
        # What is not a number becomes null.
        outcome=None if outcome is None else msgspec.json.encode(outcome).decode(),
    )


def fail(connection: Connection, job: Job, error: str, *, now: datetime, retry: bool = True) -> bool:
    """The attempt failed: try again after 2, 4, 8 … minutes, or bury it whole; True where it is now dead.

    Where the same message was queued again meanwhile, that one stands for both; nothing happens where a
    later lease has taken the job over.
    """
    values = {
        "id": job.id,
        "type": job.type,
        "key": job.key,
        "attempt": job.attempt,
        "dead": not retry or job.attempt >= job.max_attempts,
        "error": error.replace("\0", "")[:500],  # PostgreSQL's text cannot hold a NUL
        "available_at": now + timedelta(minutes=2**job.attempt),
        "now": now,
    }
    try:
        with connection.begin_nested():
            rows = run(connection, _FAIL, **values)
    except DBAPIError as refusal:
        if sqlstate(refusal) != _THERE_ALREADY:
            raise
        rows = run(
            connection, _FAIL, **values
        )  # the same message was queued at that very moment; now it is seen
    return any(state == "dead" for (state,) in rows)


_FAIL = """
    UPDATE job SET error = :error, leased_until = NULL,
      available_at = CASE WHEN available_at = 'infinity' THEN available_at ELSE :available_at END,
      state = CASE WHEN CAST(:dead AS boolean) THEN 'dead' WHEN again THEN 'done' ELSE 'queued' END,
      finished_at = CASE WHEN CAST(:dead AS boolean) OR again THEN CAST(:now AS timestamptz) END
    FROM (SELECT EXISTS (SELECT 1 FROM job AS waiting WHERE waiting.state = 'queued'
                         AND (waiting.type, waiting.key) = (:type, :key)) AS again) AS other
    WHERE id = :id AND state = 'running' AND attempts = :attempt
    RETURNING state
"""


def counts(connection: Connection) -> dict[str, dict[str, int]]:
    """Type → state → number of jobs."""
    found: dict[str, dict[str, int]] = {}
    counted = select(job.c.type, job.c.state, func.count()).group_by(job.c.type, job.c.state)
    for type_, state, number in run(connection, counted):
        found.setdefault(type_, {})[state] = number
    return found


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
    ended = update(job).where(job.c.state == "running").values(leased_until=func.clock_timestamp())
    run(connection, ended)


def unfinished(connection: Connection, ids: Collection[int]) -> set[int]:
    """Those of the given jobs that still wait, run, or will be tried again."""
    tried = job.c.state.in_(("queued", "running")) & job.c.error.is_(None)
    return {id_ for (id_,) in run(connection, select(job.c.id).where(job.c.id.in_(ids), tried))}
