"""Events: what has changed, in the order of the commits.

`append` belongs to the transaction of the change. The number of an event is given when that transaction ends, so a
reader who has read up to a number misses nothing that is committed later. `CHANNEL` is notified with the newest
number of the transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import ARRAY, TIMESTAMP, BigInteger, Text, cast, delete, func, literal, or_, select, true
from sqlalchemy.dialects.postgresql import insert

from common.store.engine import run
from common.store.schema import event, event_cursor, event_push

if TYPE_CHECKING:
    from common.store.engine import Connection

CHANNEL = "vayu_event"
"""PostgreSQL's channel: LISTEN to it on a connection of its own, which PgBouncer's transaction mode does not give."""
KINDS = ("hours", "forecast", "model", "source", "alert")
EVENTS_KEPT = timedelta(hours=48)
PUSHES_KEPT = timedelta(days=40)
"""Longer than the SLO looks back"""


class Event(msgspec.Struct, frozen=True):
    """One change."""

    seq: int
    """Its number; rises with the commits"""
    kind: str
    """One of `KINDS`"""
    cities: tuple[str, ...]
    """Whom it concerns; empty: all"""
    data_version: int | None
    """The version of the data that the change made; None where it changed nothing that is cached"""
    time: datetime
    detail: Mapping[str, Any]
    """What else is to be known of it, by kind: see docs/events.md"""


class EventPage(msgspec.Struct, frozen=True):
    """Events after a number."""

    events: Sequence[Event]
    next: int
    """What to ask after next: nothing that was asked for lies between the last event and this number"""
    oldest: int | None
    """The oldest number that is kept; None where there are no events"""
    reload: bool
    """Whether events between the number asked for and the oldest are gone: everything must be read anew. The same
    where the number was never given, as after a backup was restored."""


def append(
    connection: Connection,
    kind: str,
    cities: Sequence[str],
    *,
    now: datetime,
    detail: Mapping[str, Any] | None = None,
) -> int:
    """Add an event to the transaction that makes the change; returns its id, by which `seq_of` finds its number.

    `cities` that are empty concern all. `detail` is small: with the cities it must fit into a frame of 32 KB; times
    in it become texts in UTC.
    """
    texts = {
        name: f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if isinstance(value, datetime) else value
        for name, value in (detail or {}).items()
    }
    new = insert(event).values(kind=kind, cities=sorted(set(cities)), time=now, detail=texts)
    [(id_,)] = run(connection, new.returning(event.c.id))
    return int(id_)


def events_after(
    connection: Connection,
    after: int | None,
    *,
    kinds: Sequence[str] | None = None,
    cities: Sequence[str] | None = None,
    limit: int = 100,
) -> EventPage:
    """The events with a number above `after`, oldest first, at most `limit`; with None from the oldest that is kept.

    With `kinds`, or `cities`, only those of these kinds, or that concern one of these cities, or all.
    """
    c = event.c
    bounds = select(func.min(c.seq).label("oldest"), func.max(c.seq).label("newest")).subquery("bounds")
    wanted = select(c.seq, c.kind, c.cities, c.data_version, c.time, c.detail)
    wanted = wanted.where(c.seq > (after or 0)).order_by(c.seq).limit(limit)
    if kinds is not None:
        wanted = wanted.where(c.kind.in_(kinds))
    if cities is not None:
        given = cast(list(cities), ARRAY(Text))
        wanted = wanted.where(or_(func.cardinality(c.cities) == 0, c.cities.op("&&")(given)))
    page = wanted.lateral("page")
    # One statement, so that bounds and events are of one moment.
    rows = run(connection, select(bounds, page).select_from(bounds.outerjoin(page, true())))
    oldest, newest = rows[0][0], rows[0][1] or 0
    if after is not None and (after > newest or (oldest is not None and after < oldest - 1)):
        return EventPage((), newest, oldest, reload=True)
    events = [
        Event(seq, kind, tuple(concerned), version, time, detail)
        for _, _, seq, kind, concerned, version, time, detail in rows
        if seq is not None
    ]
    return EventPage(events, events[-1].seq if len(events) == limit else newest, oldest, reload=False)


def newest_seq(connection: Connection) -> int:
    """The newest number; 0 where there are no events."""
    [(newest,)] = run(connection, select(func.coalesce(func.max(event.c.seq), 0)))
    return int(newest)


def seq_of(connection: Connection, event_id: int) -> int | None:
    """The number of an event; None before its transaction is committed, and when it is kept no more."""
    rows = run(connection, select(event.c.seq).where(event.c.id == event_id))
    return rows[0][0] if rows else None


def cursor(connection: Connection, consumer: str) -> int:
    """Up to which number a consumer has done its work; 0 at first."""
    rows = run(connection, select(event_cursor.c.seq).where(event_cursor.c.consumer == consumer))
    return rows[0][0] if rows else 0


def advance_cursor(connection: Connection, consumer: str, seq: int) -> None:
    """A consumer has done its work up to `seq`, in this transaction; it never goes back."""
    new = insert(event_cursor).values(consumer=consumer, seq=seq)
    farther = event_cursor.c.seq < new.excluded.seq
    run(
        connection,
        new.on_conflict_do_update(index_elements=["consumer"], set_={"seq": new.excluded.seq}, where=farther),
    )


def note_pushes(connection: Connection, seqs: Sequence[int], *, now: datetime) -> None:
    """Events were pushed to those who listen; the first time counts. Of forecasts alone: they end an hour's way."""
    hour = event.c.detail["origin"].astext.cast(TIMESTAMP(timezone=True))
    pushed = select(event.c.seq, event.c.kind, event.c.cities, hour, literal(now, TIMESTAMP(timezone=True)))
    pushed = pushed.where(
        event.c.seq == func.any(cast(list(seqs), ARRAY(BigInteger))),
        event.c.kind == "forecast",
        hour.is_not(None),
    )
    columns = ["seq", "kind", "cities", "hour", "pushed_at"]
    run(connection, insert(event_push).from_select(columns, pushed).on_conflict_do_nothing())


def drop_old_events(connection: Connection, *, now: datetime) -> int:
    """Delete the events that are older than `EVENTS_KEPT`; how many.

    Only from the oldest on, whatever clocks their times are by, so that no gap arises; the newest stays, so that
    readers know where the numbers stand.
    """
    c = event.c
    first_kept = select(func.min(c.seq)).where(c.time >= now - EVENTS_KEPT).scalar_subquery()
    newest = select(func.max(c.seq)).scalar_subquery()
    old = delete(event).where(c.seq < func.coalesce(first_kept, newest)).returning(c.id).cte()
    [(count,)] = run(connection, select(func.count()).select_from(old))
    return int(count)
