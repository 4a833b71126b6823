"""Messages of alerts: those that wait, those on their way, and the log of what became of each."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from common.store import sql
from common.store.engine import run
from common.store.sanitize import sanitize
from common.store.schema import alert_delivery, alert_rule, alert_state, event

if TYPE_CHECKING:
    from common.store.engine import Connection

CLAIM_S = 90
"""So long messages belong to the process that is sending them; more than all attempts of one claim may take."""
DELIVERIES_KEPT = timedelta(days=90)
_REPLAYED = ("firing", "repeat", "clear", "test")
_SHOWN = (
    "id", "number", "kind", "episode", "event_id", "status", "attempts", "response_status", "error", "created_at",
    "next_attempt_at", "delivered_at",
)  # fmt: skip


class Outgoing(msgspec.Struct, frozen=True):
    """One message on its way."""

    id: UUID
    rule: UUID
    kind: str
    episode: UUID | None
    message_id: str
    """The same at each attempt"""
    signal_time: datetime
    value: float | None
    since: datetime | None
    attempts: int
    """This one among them"""
    claim: UUID
    """Ours, as long as nobody else has claimed it"""


class Shown(msgspec.Struct, frozen=True):
    """A message as its owner sees it."""

    id: UUID
    number: int
    kind: str
    episode: UUID | None
    event_id: int | None
    status: str
    attempts: int
    response_status: int | None
    error: str | None
    created_at: datetime
    next_attempt_at: datetime | None
    delivered_at: datetime | None
    event: int | None
    """Number of its event"""


def add_delivery(
    connection: Connection,
    rule: UUID,
    kind: str,
    *,
    now: datetime,
    status: str = "pending",
    error: str | None = None,
) -> UUID:
    """Have a message sent that belongs to no episode: ``test``, ``confirm`` or ``disabled``; its id."""
    id_ = uuid4()
    new = insert(alert_delivery).values(
        id=id_, rule=rule, kind=kind, message_id=f"{kind}-{id_}", signal_time=now, status=status, error=error,
        next_attempt_at=now if status == "pending" else None, created_at=now,
    )  # fmt: skip
    run(connection, new)
    return id_


def replay_delivery(connection: Connection, rule: UUID, id_: UUID, *, now: datetime) -> bool | None:
    """Send a message once more, with the same id; False while it is on its way or waits, None where there is none."""
    c = alert_delivery.c
    theirs = (c.id == id_) & (c.rule == rule) & c.kind.in_(_REPLAYED)
    rows = run(connection, select(c.status).where(theirs).with_for_update())
    if not rows:
        return None
    if rows[0][0] not in ("delivered", "failed", "skipped"):
        return False
    again = update(alert_delivery).where(c.id == id_)
    run(connection, again.values(status="pending", attempts=0, next_attempt_at=now, error=None))
    return True


def deliveries_of(
    connection: Connection, rule: UUID, *, before: int | None = None, limit: int = 50, id_: UUID | None = None
) -> list[Shown]:
    """Messages of a rule, the newest first: those with numbers below `before`, or the one of that id."""
    c = alert_delivery.c
    # The event goes after two days; its number stays as the message's id.
    number = select(event.c.seq).where(event.c.id == c.event_id).scalar_subquery()
    shown = select(*(c[name] for name in _SHOWN), number, c.message_id).where(c.rule == rule)
    if before is not None:
        shown = shown.where(c.number < before)
    if id_ is not None:
        shown = shown.where(c.id == id_)
    rows = run(connection, shown.order_by(c.number.desc()).limit(limit))
    return [Shown(*(*row[:-2], row[-2] or _number(row[-1]))) for row in rows]


def _number(message_id: str | None) -> int | None:
    """The number of an event that is gone, which was its message's id."""
    return int(message_id) if message_id is not None and message_id.isdecimal() else None


def count_tests(connection: Connection, owner: UUID, *, now: datetime) -> int:
    """How many tests an owner had sent in the last hour."""
    c = alert_delivery.c
    his = select(func.count()).join_from(alert_delivery, alert_rule, alert_rule.c.id == c.rule)
    his = his.where(alert_rule.c.owner == owner, c.kind == "test", c.created_at > now - timedelta(hours=1))
    [(number,)] = run(connection, his)
    return int(number)


def release_held(connection: Connection, rule: UUID, *, now: datetime) -> None:
    """Look at what quiet hours hold once more, as they have changed."""
    c = alert_delivery.c
    held = (c.rule == rule) & (c.status == "held")
    run(connection, update(alert_delivery).where(held).values(next_attempt_at=now))


def claim_deliveries(connection: Connection, *, now: datetime, limit: int) -> list[Outgoing]:
    """Take messages that are due, the longest due first; they are nobody else's for `CLAIM_S`, by the server's clock.

    Of one alert only the first that waits is taken, so that its end never comes before it; of one owner a few at a
    time, so that whoever does not answer holds up nobody else.
    """
    rows = run(
        connection,
        sql.load("alert_deliveries_claimed"),
        now=now,
        limit=limit,
        an_owner=max(1, limit // 4),
        claim=uuid4(),
        seconds=f"{CLAIM_S} seconds",
    )
    return [Outgoing(*row) for row in rows]


def due_next(connection: Connection, *, now: datetime) -> datetime | None:
    """When the next message that waits is due; None where none waits."""
    c = alert_delivery.c
    soonest = select(func.min(c.next_attempt_at)).where(c.status == "pending", c.next_attempt_at > now)
    [(time,)] = run(connection, soonest)
    return time  # type: ignore[no-any-return]


def was_delivered(connection: Connection, message: Outgoing, status: int | None, *, now: datetime) -> None:
    """A message was taken."""
    _settle(connection, message, status="delivered", response_status=status, error=None, delivered_at=now)
    if message.kind in ("firing", "repeat"):
        of_rule = alert_state.c.rule == message.rule
        run(connection, update(alert_state).where(of_rule, alert_state.c.held).values(held=False))


def was_not_delivered(
    connection: Connection, message: Outgoing, error: str, status: int | None, *, again_at: datetime | None
) -> bool:
    """A message was not taken: it is tried again at that time, or has failed for good; False where it is not ours."""
    return _settle(
        connection,
        message,
        status="failed" if again_at is None else "pending",
        response_status=status,
        error=sanitize(error)[:300],
        next_attempt_at=again_at,
    )


def was_held(connection: Connection, message: Outgoing, until: datetime) -> None:
    """A message has come into quiet hours before it could be sent; this was no attempt."""
    _settle(connection, message, status="held", attempts=message.attempts - 1, next_attempt_at=until)


def was_skipped(connection: Connection, message: Outgoing, reason: str) -> None:
    """A message is not sent."""
    _settle(connection, message, status="skipped", attempts=message.attempts - 1, error=reason)


def _settle(connection: Connection, message: Outgoing, **values: Any) -> bool:
    c = alert_delivery.c
    ours = (c.id == message.id) & (c.claim == message.claim)
    done = {"claim": None, "claimed_until": None, "next_attempt_at": None} | values
    return bool(run(connection, update(alert_delivery).where(ours).values(done).returning(c.id)))
