"""The outbox: messages that transactions add are sent after them, with no lock held and no transaction open."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from common.domain.errors import StoreError
from common.store import jobs, outbox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from common.domain.messages import Handler, Message
    from common.services.resources import Resources
    from common.store.engine import Connection
    from common.store.outbox import Outgoing

PATIENCE_S = 15.0
"""How long one message may take in all."""
_QUEUE = "queue"
log = Logger(service="vayu", child=True)


def put_notice(resources: Resources, connection: Connection, subject: str, text: str) -> None:
    """Notify everybody who is configured, once this transaction is committed."""
    for channel in resources.mailers:
        outbox.put(connection, channel, {"subject": subject, "text": text}, now=resources.clock())


def put_message(
    resources: Resources, connection: Connection, type_: str, subject: str, data: Mapping[str, Any]
) -> None:
    """Wake a function, once this transaction is committed: by the database's own queue, or by `send_messages`."""
    if resources.queue.in_database:
        jobs.enqueue(connection, type_, subject, dict(data), now=resources.clock())
    else:
        body = {"type": type_, "subject": subject, "data": dict(data)}
        outbox.put(connection, _QUEUE, body, now=resources.clock())


def then_notify(resources: Resources, handle: Handler) -> Handler:
    """`handle`, after which `send_notices` runs."""

    def handled(message: Message) -> Mapping[str, object]:
        outcome = handle(message)
        send_notices(resources)
        return outcome

    return handled


def send_notices(resources: Resources) -> None:
    """Send the notices that wait; those that cannot be sent now wait for the next run.

    Raises:
        StoreError: when the database cannot be reached.
    """
    for channel, send in resources.mailers.items():
        _send(resources, channel, lambda message, send=send: send(message.id, **message.body))  # type: ignore[misc]


def send_messages(resources: Resources) -> None:
    """Send what waits for a queue that is not the database's.

    Raises:
        StoreError: when the database or the queue cannot be reached; what was not sent waits for the next time.
    """

    def send(message: Outgoing) -> None:
        resources.queue.send(message.body["type"], message.body["subject"], message.body["data"])

    failures = _send(resources, _QUEUE, send)
    if failures:
        raise StoreError(f"messages could not be queued: {failures[-1]}")


def _send(resources: Resources, channel: str, send: Callable[[Outgoing], None]) -> list[str]:
    """Try each message of a channel once, and none after one that took too long; why some failed."""
    failures: list[str] = []
    last = 0
    while True:
        with resources.database.transaction() as connection:
            message = outbox.claim(connection, channel, after=last)
        if message is None:
            return failures
        last = message.row
        error = _bounded(send, message)
        with resources.database.transaction() as connection:
            if error is None:
                outbox.was_sent(connection, message)
                continue
            # Addresses hold secrets: of a foreign error only its kind is told.
            failures.append(str(error) if isinstance(error, StoreError) else type(error).__name__)
            outbox.was_not_sent(connection, message, failures[-1])
        log.warning("not sent yet", extra={"channel": channel, "id": message.id, "error": failures[-1]})
        if _is_timeout(error):
            return failures


def _bounded(send: Callable[[Outgoing], None], message: Outgoing) -> Exception | None:
    """Send within `PATIENCE_S`; what went wrong. A thread that hangs is left behind: none can be ended from outside."""
    outcome: list[Exception | None] = []

    def attempt() -> None:
        try:
            send(message)
            outcome.append(None)
        except Exception as error:  # noqa: BLE001 — whatever it is, the message is kept and tried again
            outcome.append(error)

    thread = Thread(target=attempt, name=f"message {message.id}", daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    return outcome[0] if outcome else TimeoutError()


def _is_timeout(error: Exception) -> bool:
    return isinstance(error, TimeoutError) or "Timeout" in type(error).__name__
