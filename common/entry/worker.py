"""The local worker: takes jobs from PostgreSQL, as the clouds hand messages to functions."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Thread
from typing import TYPE_CHECKING

from common.domain.errors import StoreError, VayuError
from common.domain.messages import Handler, Message
from common.entry.message_runner import HOPELESS, log, perform
from common.store import jobs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from common.ports import Clock
    from common.store.engine import Database

LEASE_S = 120
"""How long after its worker's death a job is taken up by another; a living worker renews it three times as often."""


@dataclass(slots=True)
class InHand:
    """The job that this process works at; None: at none."""

    job: jobs.Job | None = None


def work_once(
    database: Database,
    clock: Clock,
    handlers: Mapping[str, Handler],
    lease_seconds: int = LEASE_S,
    *,
    types: Collection[str] | None = None,
    in_hand: InHand | None = None,
) -> bool:
    """Take one job that is due and handle it; False where none is. `types`: leave others to other workers.
    `in_hand` shows the job while it is worked at.

    The job stays this worker's however long it takes: its lease is renewed in the background. If the lease was lost,
    because the machine slept or the database was away, another worker has the job and its outcome counts.
    A failed job is tried again later, up to its last attempt. A job that no attempt can cure, or that has no handler
    here, becomes a dead letter at once. Its payload stays in its row either way.

    Raises:
        StoreError: when the database cannot be reached; the job's lease then runs out and it is done again.
    """
    with database.transaction() as connection:
        job = jobs.lease(connection, now=clock(), seconds=lease_seconds, types=types)
    if job is None:
        return False
    message = Message(job.type, job.key, job.payload, str(job.id), job.attempt)
    in_hand = in_hand or InHand()
    in_hand.job = job
    try:
        with hold_lease(database, job, lease_seconds):
            outcome = perform(lambda message: handlers[message.type](message), message, handlers)
    except Exception as error:  # noqa: BLE001 — whatever goes wrong belongs to this job alone
        with database.transaction() as connection:
            dead = jobs.fail(
                connection, job, error_text(error), now=clock(), retry=not isinstance(error, HOPELESS)
            )
        if dead:
            log().error("message buried", extra={"type": job.type, "subject": job.key, "id": str(job.id)})
    else:
        with database.transaction() as connection:
            jobs.finish(connection, job, now=clock(), outcome=outcome)
    finally:
        in_hand.job = None
    return True


def work_forever(
    database: Database,
    clock: Clock,
    handlers: Mapping[str, Handler],
    lease_seconds: int = LEASE_S,
    *,
    stop: Event,
    poll_seconds: float = 1.0,
    types: Collection[str] | None = None,
    in_hand: InHand | None = None,
) -> None:
    """Work until `stop` is set, looking every `poll_seconds`; a database that is away is awaited."""
    while not stop.is_set():
        try:
            busy = work_once(database, clock, handlers, lease_seconds, types=types, in_hand=in_hand)
        except StoreError:
            log().exception("the worker waits for the database")
            busy = False
        if not busy:
            stop.wait(poll_seconds)


def leave_when_stopped(database: Database, in_hand: InHand, *, stop: Event, grace_s: float) -> None:
    """End this process when `stop` is set and it has not ended by itself `grace_s` later.

    The job in hand goes back to the queue at once. Whatever was written of it stays, and it is done again: handlers
    are idempotent.
    """

    def leave() -> None:
        stop.wait()
        Event().wait(grace_s)
        if (job := in_hand.job) is not None:
            with suppress(StoreError), database.transaction() as connection:
                jobs.give_back(connection, job)
        os._exit(0)  # the thread of the job cannot be ended otherwise

    Thread(target=leave, name="leave when stopped", daemon=True).start()


@contextmanager
def hold_lease(database: Database, job: jobs.Job, seconds: int) -> Iterator[None]:
    """Renew the job's lease for as long as the block takes, or until it is lost."""
    done = Event()

    def renew() -> None:
        about = {"type": job.type, "subject": job.key, "id": str(job.id)}
        while not done.wait(seconds / 3):
            try:
                with database.transaction() as connection:
                    ours = jobs.renew(connection, job, seconds=seconds)
            except StoreError as error:
                log().warning("lease not renewed", extra={**about, "reason": str(error)})
                continue
            if not ours:
                log().warning("lease lost: another worker has the message", extra=about)
                return

    keeper = Thread(target=renew, name=f"lease of job {job.id}", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        done.set()
        keeper.join()


def error_text(error: Exception) -> str:
    """The text of an error in a job's row. Users see it, so errors of libraries give their name only."""
    return str(error) if isinstance(error, VayuError) else type(error).__name__
