"""Messages that somebody wants to track: each has a row in the database, whichever queue carries it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from common.store import jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from common.ports import Clock, Queue
    from common.store.engine import Connection, Database


class Once(msgspec.Struct, frozen=True):
    """A client's key for a request that it may repeat."""

    client: str
    key: str
    request: str
    """What it asks for, so that another request with the same key is noticed."""


def send_tracked(
    queue: Queue,
    database: Database,
    clock: Clock,
    type_: str,
    subject: str,
    data: Mapping[str, Any],
    once: Once | None = None,
    *,
    admit: Callable[[Connection], None] | None = None,
) -> int | None:
    """Send a message; returns the id of its job, of the one still waiting where there is one of type and subject.

    `once`: repeated, it gives the job of the first time; None where the key came with another request before.
    `admit`: called in the job's transaction, before it is queued; what it raises is raised here.

    Raises:
        StoreError: when the database or the queue cannot be reached. The job may be there all the same: asked for
            again, it is the same one.
    """
    elsewhere = not queue.in_database

    def enqueue(connection: Connection) -> int:
        return jobs.enqueue(connection, type_, subject, dict(data), now=clock(), elsewhere=elsewhere)

    with database.transaction() as connection:
        if admit is not None:
            admit(connection)
        if once is None:
            job: int | None = enqueue(connection)
        else:
            job = jobs.enqueue_once(
                connection, once.client, once.key, once.request, lambda: enqueue(connection), now=clock()
            )
        wanted = elsewhere and job is not None and jobs.is_waiting(connection, job)
    if wanted:
        # Only now that its row can be seen. Also where it waited before: who sent it then may have died before this,
        # and a message too many changes nothing.
        queue.send(type_, subject, {**data, "job": job})
    return job
