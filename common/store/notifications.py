"""Notifications of troubles that last: sent once when a trouble begins, and again only after it has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert

from common.store.engine import run
from common.store.schema import notification

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from common.store.engine import Connection


def begin(connection: Connection, kind: str, present: Mapping[str, str], *, now: datetime) -> dict[str, str]:
    """Note what is wrong at present, by its subject; returns what of this kind has not been sent yet."""
    if present:
        new = insert(notification).values(
            [
                {"kind": kind, "subject": subject, "message": message, "since": now}
                for subject, message in present.items()
            ]
        )
        run(
            connection,
            new.on_conflict_do_update(
                index_elements=["kind", "subject"], set_={"message": new.excluded.message}
            ),
        )
    columns = (notification.c.subject, notification.c.message)
    unsent = select(*columns).where(notification.c.kind == kind, notification.c.sent_at.is_(None))
    rows = run(connection, unsent.order_by(notification.c.subject))
    return {subject: message for subject, message in rows if subject in present}


def mark_sent(connection: Connection, kind: str, subjects: list[str], *, now: datetime) -> None:
    """Note that these were sent; they are not sent again before they have ended."""
    these = (notification.c.kind == kind) & notification.c.subject.in_(subjects)
    run(connection, update(notification).where(these).values(sent_at=now))


def end(connection: Connection, kind: str, subjects: list[str]) -> list[str]:
    """End these; returns those of them that had been sent."""
    these = (notification.c.kind == kind) & notification.c.subject.in_(subjects)
    rows = run(
        connection,
        delete(notification).where(these).returning(notification.c.subject, notification.c.sent_at),
    )
    return sorted(subject for subject, sent_at in rows if sent_at is not None)


def ongoing(connection: Connection, kind: str) -> set[str]:
    """What of this kind has not ended, sent or not."""
    rows = run(connection, select(notification.c.subject).where(notification.c.kind == kind))
    return {subject for (subject,) in rows}
