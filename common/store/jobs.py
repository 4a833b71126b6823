"""Jobs: messages that wait in PostgreSQL, taken by one worker at a time with SKIP LOCKED.

A job in hand is held by a lease, which its worker renews. Leases are measured by the database's clock, one for all:
a worker whose own clock is wrong neither takes what another has in hand nor loses what is its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import IntegrityError

from common.store.engine import run

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Connection


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
) -> int:
    """Queue a message; returns the job's id.

    While one of the same type and key still waits, that one is meant: it takes the new payload and the
    earlier of both times, and keeps its count of attempts.
    """
    rows = run(
        connection,
        """
        INSERT INTO job (type, key, payload, max_attempts, available_at, created_at)
        VALUES (:type, :key, CAST(:payload AS jsonb), :max_attempts, :available_at, :now)
        ON CONFLICT (type, key) WHERE state = 'queued' DO UPDATE
          SET payload = excluded.payload, available_at = least(job.available_at, excluded.available_at)
        RETURNING id
        """,
        type=type_,
        key=key,
        payload=json.dumps(payload),
        max_attempts=max_attempts,
        available_at=now + delay,
        now=now,
    )
    return int(rows[0][0])


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
        UPDATE job SET state = 'running', attempts = attempts + 1, leased_until = {_END}
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
    if not rows:
        return None
    id_, type_, key, payload, attempts, max_attempts = rows[0]
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


def finish(connection: Connection, job: Job, *, now: datetime) -> None:
    """The job is done; nothing happens where a later lease has taken it over."""
    run(
        connection,
        """
        UPDATE job SET state = 'done', finished_at = :now, leased_until = NULL, error = NULL
        WHERE id = :id AND state = 'running' AND attempts = :attempt
        """,
        id=job.id,
        attempt=job.attempt,
        now=now,
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
    except IntegrityError:  # the same message was queued at this very moment; now it is seen
        rows = run(connection, _FAIL, **values)
    return any(state == "dead" for (state,) in rows)


_FAIL = """
    UPDATE job SET error = :error, available_at = :available_at, leased_until = NULL,
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
    for type_, state, number in run(connection, "SELECT type, state, count(*) FROM job GROUP BY type, state"):
        found.setdefault(type_, {})[state] = number
    return found


def dead(connection: Connection) -> dict[str, str]:
    """Each message that was given up → what went wrong with it at the last attempt."""
    rows = run(
        connection,
        "SELECT type, key, id, attempts, error FROM job WHERE state = 'dead' ORDER BY id DESC LIMIT 100",
    )
    return {
        f"{type_} {key} (job {id_})": f"given up after {attempts} attempts: {error}"
        for type_, key, id_, attempts, error in rows
    }


def release(connection: Connection) -> None:
    """End every lease: for a machine whose workers are known to be dead. One that is not renews its own."""
    run(connection, "UPDATE job SET leased_until = clock_timestamp() WHERE state = 'running'")


def unfinished(connection: Connection, ids: Collection[int]) -> set[int]:
    """Those of the given jobs that still wait, run, or will be tried again."""
    rows = run(
        connection,
        "SELECT id FROM job WHERE id = ANY(:ids) AND state IN ('queued', 'running') AND error IS NULL",
        ids=list(ids),
    )
    return {id_ for (id_,) in rows}
