"""Messages to be sent once the transaction that asks for them is kept: to people, and to queues elsewhere.

A row is added in that transaction and goes when its message was taken. A process that dies between the two leaves the
row, so that a message may be sent twice: receivers tell repeats by its id.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from common.store.engine import run
from common.store.sanitize import sanitize
from common.store.schema import outbox

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from common.store.engine import Connection

CLAIM_S = 60
"""So long a message belongs to the process that is sending it; more than an attempt may take."""
UNSENT_KEPT = timedelta(days=7)
"""A message that nobody took for so long is given up by upkeep."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message on its way."""

    row: int
    id: str
    """The same at each attempt"""
    channel: str
    body: dict[str, Any]


def put(connection: Connection, channel: str, body: Mapping[str, Any], *, now: datetime) -> int:
    """Have a message sent after this transaction; returns its row."""
    new = insert(outbox).values(channel=channel, body=dict(body), created_at=now)
    [(row,)] = run(connection, new.returning(outbox.c.id))
    return int(row)


def amend(connection: Connection, row: int, body: Mapping[str, Any]) -> bool:
    """Replace what a message says; False, and nothing changed, where anybody has begun to send it."""
    unsent = (outbox.c.id == row) & (outbox.c.attempts == 0)
    return bool(run(connection, update(outbox).where(unsent).values(body=dict(body)).returning(outbox.c.id)))


def claim(connection: Connection, channel: str, *, after: int) -> Outgoing | None:
    """Take the next message of a channel whose row comes after that one; None where no other waits.

    It is nobody else's for `CLAIM_S`, by the server's clock.
    """
    now = func.clock_timestamp()
    unclaimed = outbox.c.claimed_until.is_(None) | (outbox.c.claimed_until <= now)
    first = select(outbox.c.id).where(outbox.c.channel == channel, outbox.c.id > after, unclaimed)
    first = first.order_by(outbox.c.id).limit(1).with_for_update(skip_locked=True)
    claimed = (
        update(outbox)
        .where(outbox.c.id == first.scalar_subquery())
        .values(attempts=outbox.c.attempts + 1, claimed_until=now + timedelta(seconds=CLAIM_S))
        .returning(outbox.c.id, outbox.c.message_id, outbox.c.body)
    )
    rows = run(connection, claimed)
    return Outgoing(rows[0][0], str(rows[0][1]), channel, rows[0][2]) if rows else None


def was_sent(connection: Connection, message: Outgoing) -> None:
    """Forget a message that was taken."""
    run(connection, delete(outbox).where(outbox.c.id == message.row))


def was_not_sent(connection: Connection, message: Outgoing, error: str) -> None:
    """Keep a message for the next occasion, and why this attempt failed."""
    text = sanitize(error)[:500]
    run(
        connection,
        update(outbox).where(outbox.c.id == message.row).values(claimed_until=None, error=text),
    )
