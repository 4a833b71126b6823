"""Wake those who wait for events, once the transactions that added them are committed."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from common.domain.errors import StoreError
from common.domain.messages import EVENTS_READY
from common.store.events import advance_cursor, cursor, newest_seq
from common.store.slo import update_delays

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from common.domain.messages import Handler, Message
    from common.services.resources import Resources

ANNOUNCED = "announced"
"""The cursor up to which EVENTS_READY has been sent"""
_SUBJECT = "events"
"""The same each time: of messages that wait in the database's own queue, one stands for all."""
log = Logger(service="vayu", child=True)


def then_announce(resources: Resources, handle: Handler) -> Handler:
    """`handle`, of which the events are announced, whether it goes well or not."""

    def handled(message: Message) -> Mapping[str, object]:
        with announcing(resources):
            return handle(message)

    return handled


@contextmanager
def announcing(resources: Resources) -> Iterator[None]:
    """Announce the events of the block, whether it goes well or not; where that fails, the next run does it."""
    try:
        yield
    finally:
        with suppress(StoreError):  # which is logged
            announce_events(resources)


def note_delays(resources: Resources) -> None:
    """Note how long the last hours took on their way, for the SLO; where that fails, the next run does it."""
    try:
        with resources.database.transaction() as connection:
            update_delays(connection, resources.clock())
    except StoreError as error:
        log.warning("delays not noted", extra={"reason": str(error)})


def announce_events(resources: Resources) -> bool:
    """Send EVENTS_READY if there are events that it was not sent for; whether there were.

    The cursor is moved after the message was sent. So a process that dies in between sends it once more, and one that
    dies before leaves it to the next run, of whatever function.

    Raises:
        StoreError: when the database or the queue cannot be reached.
    """
    try:
        # Not `reading`: a function that only writes then keeps one connection, not two.
        with resources.database.transaction() as connection:
            newest, after = newest_seq(connection), cursor(connection, ANNOUNCED)
        if newest <= after:
            return False
        resources.queue.send(EVENTS_READY, _SUBJECT, {"after": after})
        with resources.database.transaction() as connection:
            advance_cursor(connection, ANNOUNCED, newest)
    except StoreError as error:
        log.warning("events not announced yet", extra={"reason": str(error)})
        raise
    return True
