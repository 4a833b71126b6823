"""The public rules of every city, and what they have published.

Their owner is nobody's, and they deliver to nobody: a message is published by being written, under the number of its
event, which `v0013_alert_scores` gives it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from msgspec.json import decode
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from common.alerts.preview import Issue
from common.alerts.probability import exceedance
from common.alerts.public import CONDITIONS, REPEAT_AFTER_HOURS, Earlier, PublicMessage
from common.alerts.rule import Condition
from common.domain.cities import all_cities, find_city
from common.domain.observation import HOUR
from common.store import sql
from common.store.alerts import disable_rules
from common.store.engine import run
from common.store.schema import alert_delivery, alert_owner, alert_rule, alert_state

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from common.store.engine import Connection

PUBLIC_OWNER = UUID("6e1f0a52-7a53-5f0a-9a6e-8c1b6a3d0c11")
MESSAGES_SHOWN = 100
_NOT_WANTED = "the operator publishes other alerts, or none"


def public_rule_id(city: str, when: Condition) -> UUID:
    """The same wherever it is computed; another for another condition."""
    return uuid5(PUBLIC_OWNER, f"{city}: {when!r}")


def keep_public_rules(connection: Connection, *, wanted: bool, now: datetime) -> None:
    """Have the public rules of every city there where they are wanted; all others of their owner rest."""
    rows = [_columns(city.name, when, now) for city in all_cities() for when in CONDITIONS] if wanted else []
    ids = {row["id"] for row in rows}
    c = alert_rule.c
    states = dict(run(connection, select(c.id, c.state).where(c.owner == PUBLIC_OWNER)))
    if new := [row for row in rows if row["id"] not in states]:
        owner = insert(alert_owner).values(id=PUBLIC_OWNER, public=True, confirmed_at=now, created_at=now)
        run(connection, owner.on_conflict_do_nothing())
        added = insert(alert_rule).values(new).on_conflict_do_nothing().returning(c.id)
        clear = {"phase": "clear", "since": now, "streak": 0, "held": False}
        if begun := [{"rule": id_, **clear} for (id_,) in run(connection, added)]:
            run(connection, insert(alert_state).values(begun))
    if resting := [id_ for id_ in ids if states.get(id_) == "disabled"]:
        run(
            connection,
            update(alert_rule).where(c.id.in_(resting)).values(state="active", disabled_because=None),
        )
    if former := [id_ for id_, state in states.items() if state == "active" and id_ not in ids]:
        disable_rules(connection, former, _NOT_WANTED, now=now)


def _columns(city: str, when: Condition, now: datetime) -> dict[str, Any]:
    condition = {
        name: getattr(when, name)
        for name in ("target", "above", "clear_below", "within_hours", "probability", "dwell")
    }
    return condition | {
        "id": public_rule_id(city, when),
        "owner": PUBLIC_OWNER,
        "city": city,
        "basis": when.on,
        "channel": "feed",
        "address": b"",
        "address_digest": b"",
        "language": "en",
        "repeat_after_hours": REPEAT_AFTER_HOURS,
        "state": "active",
        "confirmed_at": now,
        "created_at": now,
    }


def newest_messages(
    connection: Connection, *, city: str | None, simulated: bool, most: int = MESSAGES_SHOWN
) -> list[PublicMessage]:
    """What was published last, newest first, without what came before each; `city`: of that alone."""
    rows = run(connection, sql.load("public_alerts"), city=city, message=None, most=most)
    return [_message(row, simulated=simulated) for row in rows]


def message_of(connection: Connection, seq: int, *, simulated: bool) -> PublicMessage | None:
    """The published message of that number, with those of its episode before it; None where there is none."""
    rows = run(connection, sql.load("public_alerts"), city=None, message=str(seq), most=1)
    if not rows:
        return None
    _, _, rule, episode, *_ = rows[0]
    c = alert_delivery.c
    before = run(
        connection,
        select(c.message_id, c.created_at)
        .where(c.rule == rule, c.episode == episode, c.status == "delivered", c.message_id.is_not(None))
        .order_by(c.number),
    )
    earlier = tuple(Earlier(int(number), sent_at) for number, sent_at in before if int(number) < seq)
    return _message(rows[0], simulated=simulated, earlier=earlier)


def _message(row: Sequence[Any], *, simulated: bool, earlier: tuple[Earlier, ...] = ()) -> PublicMessage:
    seq, kind, _, _, city, *condition, value, time, since, sent_at, arrays = row
    when = Condition(*condition)
    return PublicMessage(
        seq=seq,
        kind=kind,
        city=find_city(city),
        when=when,
        value=value,
        time=time,
        since=since or time,
        sent_at=sent_at,
        simulated=simulated,
        onset=None if arrays is None else _onset(when, Issue(time, when.target, *decode(arrays))),
        earlier=earlier,
    )


def _onset(when: Condition, issue: Issue) -> datetime | None:
    """The first hour by which the probability reaches what the rule wants."""
    for hours in range(1, (when.within_hours or 0) + 1):
        if exceedance(issue, when.above, hours) >= (when.probability or 1.0):
            return issue.origin + hours * HOUR
    return None
