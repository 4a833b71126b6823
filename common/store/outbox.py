"""Messages to be sent once the transaction that asks for them is kept: to people, and to queues elsewhere.

A row is added in that transaction and goes when its message was taken. A process that dies between the two leaves the
row, so that a message may be sent twice: receivers tell repeats by its id.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from common.store.engine import run

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


def put(connection: Connection, channel: str, body: Mapping[str, Any], *, now: datetime) -> None:
    """Have a message sent after this transaction."""
    run(
        connection,
        "INSERT INTO outbox (channel, body, created_at) VALUES (:channel, CAST(:body AS jsonb), :now)",
        channel=channel,
        body=json.dumps(dict(body)),
        now=now,
    )


def claim(connection: Connection, channel: str, *, after: int) -> Outgoing | None:
    """Take the next message of a channel whose row comes after that one; None where no other waits.

    It is nobody else's for `CLAIM_S`, by the server's clock.
    """
    rows = run(
        connection,
        """
        UPDATE outbox SET attempts = attempts + 1, claimed_until = clock_timestamp() + :seconds * interval '1 second'
        WHERE id = (
          SELECT id FROM outbox
          WHERE channel = :channel AND id > :after AND COALESCE(claimed_until, '-infinity') <= clock_timestamp()
          ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING id, message_id::text, body
        """,
        channel=channel,
        after=after,
        seconds=CLAIM_S,
    )
    return Outgoing(rows[0][0], rows[0][1], channel, rows[0][2]) if rows else None


def was_sent(connection: Connection, message: Outgoing) -> None:
    """Forget a message that was taken."""
    run(connection, "DELETE FROM outbox WHERE id = :id", id=message.row)


def was_not_sent(connection: Connection, message: Outgoing, error: str) -> None:
    """Keep a message for the next occasion, and why this attempt failed."""
    run(
        connection,
        "UPDATE outbox SET claimed_until = NULL, error = :error WHERE id = :id",
        error=error.replace("\0", "")[:500],  # PostgreSQL's text cannot hold a NUL
        id=message.row,
    )
