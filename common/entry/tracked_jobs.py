"""Jobs whose state somebody reads, where a cloud's queue carries the message: the row follows the handling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.domain.errors import StoreError
from common.entry.message_runner import HOPELESS, as_json
from common.entry.worker import LEASE_S, error_text, hold_lease
from common.store import jobs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.domain.messages import Handler, Message
    from common.ports import Clock
    from common.store.engine import Database


def tracked(handle: Handler, database: Database, clock: Clock) -> Handler:
    """`handle`, which also writes the outcome into the row of the job that a message's data names.

    The platform delivers a failed message again, and moves it to the dead letters after its last attempt; the row only
    records this. A second message for a job that is done changes nothing.

    Raises:
        StoreError: when another process handles the job, or the database cannot be reached: the message comes again.
        Exception: whatever `handle` raises.
    """

    def handled(message: Message) -> Mapping[str, object]:
        id_ = message.data.get("job")
        if not isinstance(id_, int):
            return handle(message)
        with database.transaction() as connection:
            job = jobs.take(connection, id_, now=clock(), seconds=LEASE_S)
        if job is None:  # the row has been dropped since; what it asked for is still wanted
            return handle(message)
        if job == "running":
            raise StoreError(f"job {id_} is in the hands of another")
        if job == "done":
            return {"job": id_, "left": "it is done already"}
        try:
            with hold_lease(database, job, LEASE_S):
                outcome = as_json(handle(message))
        except Exception as error:
            with database.transaction() as connection:
                jobs.fail(
                    connection, job, error_text(error), now=clock(), retry=not isinstance(error, HOPELESS)
                )
            raise
        with database.transaction() as connection:
            jobs.finish(connection, job, now=clock(), outcome=outcome)
        return outcome

    return handled
