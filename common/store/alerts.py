"""Alerts' owners and rules; where rules stand: `common.store.alert_states`, their messages: `.alert_deliveries`.

A rule's city is locked while its condition or state changes, and while the rules of the city are evaluated: neither
overwrites what the other has just decided.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, Text, cast, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from common.alerts.rule import Condition, QuietHours, Rule
from common.alerts.state import Phase, State
from common.store.engine import run
from common.store.schema import (
    alert_delivery,
    alert_episode,
    alert_mail,
    alert_owner,
    alert_rule,
    alert_state,
    api_key,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import ColumnElement

    from common.store.engine import Connection

UNCONFIRMED_KEPT = timedelta(hours=48)
"""A rule whose address nobody confirms is forgotten after so long."""
MAIL_COUNTED_FOR = timedelta(days=1)

RULE_COLUMNS = (
    "id", "owner", "city", "basis", "target", "above", "clear_below", "within_hours", "probability", "dwell",
    "channel", "language", "quiet_from", "quiet_to", "quiet_zone", "repeat_after_hours",
)  # fmt: skip
"""What `rule_of` makes a rule of, in its order."""
STATE_COLUMNS = ("phase", "since", "streak", "signal_time", "episode", "notified_at", "held")
"""What `state_of` makes a state of, in its order."""
_MORE = (
    "state", "disabled_because", "address", "address_digest", "secrets", "secret_until", "confirmed_at", "created_at",
)  # fmt: skip


class Owner(msgspec.Struct, frozen=True):
    """Who has alerts."""

    id: UUID
    key_name: str | None
    """Name of the API's key whose holder it is; None: the holder of an e-mail address"""
    email: bytes | None
    """Sealed"""
    confirmed_at: datetime | None


class Stored(msgspec.Struct, frozen=True):
    """A rule with all that is stored of it."""

    rule: Rule
    standing: State
    state: str
    disabled_because: str | None
    address: bytes
    """Sealed"""
    address_digest: bytes
    secrets: bytes | None
    """Sealed"""
    secret_until: datetime | None
    confirmed_at: datetime | None
    created_at: datetime


def lock_alerts(connection: Connection, cities: Iterable[str]) -> None:
    """Let nobody else change or evaluate the rules of these cities before this transaction ends."""
    ordered = func.unnest(cast(sorted(set(cities)), ARRAY(Text))).column_valued("city")
    run(connection, select(func.pg_advisory_xact_lock(func.hashtext("alerts"), func.hashtext(ordered))))


def owner_of_key(connection: Connection, prefix: str) -> Owner | None:
    """The owner who holds the key whose token begins so; None where he has never had an alert.

    A key that is made anew under the same name, once the former is revoked, has the former's alerts.
    """
    name = select(api_key.c.name).where(api_key.c.prefix == prefix).scalar_subquery()
    return _owner(connection, alert_owner.c.key_name == name)


def owner_of_token(connection: Connection, token_hash: bytes) -> Owner | None:
    """The owner whose management token has that hash."""
    return _owner(connection, alert_owner.c.token_hash == token_hash)


def owner_of_id(connection: Connection, id_: UUID) -> Owner | None:
    """The owner of that id."""
    return _owner(connection, alert_owner.c.id == id_)


def _owner(connection: Connection, which: ColumnElement[bool]) -> Owner | None:
    c = alert_owner.c
    rows = run(connection, select(c.id, c.key_name, c.email, c.confirmed_at).where(which))
    return Owner(*rows[0]) if rows else None


def keep_key_owner(connection: Connection, prefix: str, id_: UUID, *, now: datetime) -> UUID:
    """The id of the owner who holds that key; `id_` where he is new."""
    name = select(api_key.c.name).where(api_key.c.prefix == prefix).scalar_subquery()
    new = insert(alert_owner).values(id=id_, key_name=name, created_at=now)
    same = new.on_conflict_do_update(index_elements=["key_name"], set_={"key_name": new.excluded.key_name})
    [(kept_id,)] = run(connection, same.returning(alert_owner.c.id))
    return kept_id  # type: ignore[no-any-return]


def keep_email_owner(
    connection: Connection, digest: bytes, email: bytes, id_: UUID, *, now: datetime
) -> UUID:
    """The id of the owner of an address, given by its digest and sealed; `id_` where he is new."""
    new = insert(alert_owner).values(id=id_, email_digest=digest, email=email, created_at=now)
    same = new.on_conflict_do_update(
        index_elements=["email_digest"], set_={"email_digest": new.excluded.email_digest}
    )
    [(kept_id,)] = run(connection, same.returning(alert_owner.c.id))
    return kept_id  # type: ignore[no-any-return]


def lock_owner(connection: Connection, owner: UUID) -> None:
    """Let nobody else add rules of this owner, or confirm them, before this transaction ends."""
    run(connection, select(alert_owner.c.id).where(alert_owner.c.id == owner).with_for_update())


def rules_of(connection: Connection, owner: UUID) -> list[Stored]:
    """All rules of an owner, the newest first."""
    newest = _stored().where(alert_rule.c.owner == owner)
    rows = run(connection, newest.order_by(alert_rule.c.created_at.desc(), alert_rule.c.id))
    return [_of_row(row) for row in rows]


def rule_by_id(connection: Connection, id_: UUID) -> Stored | None:
    """A rule, whoever owns it."""
    rows = run(connection, _stored().where(alert_rule.c.id == id_))
    return _of_row(rows[0]) if rows else None


def count_rules(connection: Connection, owner: UUID) -> int:
    """How many rules an owner has that count against his limit: all whose address needs no confirmation any more."""
    counted = (alert_rule.c.owner == owner) & (alert_rule.c.state != "unconfirmed")
    [(number,)] = run(connection, select(func.count()).where(counted))
    return int(number)


def insert_rule(connection: Connection, rule: Rule, more: Mapping[str, Any], *, now: datetime) -> None:
    """Add a rule, and where it stands; `more`: state, address, address_digest, secrets, confirmed_at."""
    run(connection, insert(alert_rule).values(columns_of(rule) | dict(more) | {"created_at": now}))
    new = insert(alert_state).values(rule=rule.id, phase="clear", since=now, streak=0, held=False)
    run(connection, new)


def change_rule(connection: Connection, id_: UUID, values: Mapping[str, Any]) -> None:
    """Replace columns of a rule."""
    run(connection, update(alert_rule).where(alert_rule.c.id == id_).values(dict(values)))


def confirm_rule(connection: Connection, id_: UUID, *, now: datetime) -> bool:
    """Let a rule whose address is confirmed begin; False where it was not waiting for that."""
    waiting = (alert_rule.c.id == id_) & (alert_rule.c.state == "unconfirmed")
    active = update(alert_rule).where(waiting).values(state="active", confirmed_at=now, disabled_because=None)
    return bool(run(connection, active.returning(alert_rule.c.id)))


def confirm_owner(connection: Connection, owner: UUID, token_hash: bytes, *, now: datetime) -> bool:
    """Note that an e-mail address is its owner's, who manages his alerts by a new token; False for a key's owner."""
    by_mail = (alert_owner.c.id == owner) & alert_owner.c.email_digest.is_not(None)
    confirmed = func.coalesce(alert_owner.c.confirmed_at, now)
    noted = update(alert_owner).where(by_mail).values(token_hash=token_hash, confirmed_at=confirmed)
    return bool(run(connection, noted.returning(alert_owner.c.id)))


def begin_anew(
    connection: Connection, ids: Sequence[UUID], because: str, reason: str, *, now: datetime
) -> None:
    """End what these rules have going on, silently: their episodes are over, and nothing that waits is sent.

    `because`: what becomes of `ended_because`; `reason`: why messages are skipped.
    """
    run(
        connection,
        update(alert_episode)
        .where(alert_episode.c.rule.in_(ids), alert_episode.c.ended_at.is_(None))
        .values(ended_at=now, ended_because=because),
    )
    waits = alert_delivery.c.status.in_(("held", "pending")) & alert_delivery.c.kind.in_(
        ("firing", "repeat", "clear")
    )
    run(
        connection,
        update(alert_delivery)
        .where(alert_delivery.c.rule.in_(ids), waits)
        .values(status="skipped", error=reason, next_attempt_at=None),
    )
    run(
        connection,
        update(alert_state)
        .where(alert_state.c.rule.in_(ids))
        .values(phase="clear", since=now, streak=0, held=False, notified_at=None),
    )


def delete_rule(connection: Connection, id_: UUID, *, now: datetime) -> None:
    """Delete a rule with its address, its secrets and its deliveries; its episodes stay, and name nobody."""
    begin_anew(connection, [id_], "deleted", "the alert was deleted", now=now)
    run(connection, delete(alert_rule).where(alert_rule.c.id == id_))


def forget_owner(connection: Connection, owner: UUID) -> None:
    """Forget an owner who has no rule left: of one by e-mail, the address and the token go."""
    lock_owner(connection, owner)  # so that what follows sees the rule that he may just be making
    run(connection, delete(alert_owner).where(alert_owner.c.id == owner, ~_HAS_RULE))


def _forget_idle_owners(connection: Connection) -> None:
    idle = select(alert_owner.c.id).where(~_HAS_RULE).with_for_update(skip_locked=True)
    ids = [id_ for (id_,) in run(connection, idle)]
    if ids:
        run(connection, delete(alert_owner).where(alert_owner.c.id.in_(ids), ~_HAS_RULE))


_HAS_RULE = select(alert_rule.c.id).where(alert_rule.c.owner == alert_owner.c.id).exists()


def disable_rules(connection: Connection, ids: Sequence[UUID], reason: str, *, now: datetime) -> None:
    """Have rules rest until their owner wants them back."""
    run(
        connection,
        update(alert_rule).where(alert_rule.c.id.in_(ids)).values(state="disabled", disabled_because=reason),
    )
    begin_anew(connection, ids, "disabled", "the alert was disabled", now=now)


def same_address(connection: Connection, stored: Stored) -> dict[UUID, str]:
    """The active rules of the same owner that deliver to the same address, this one among them → their cities."""
    c = alert_rule.c
    same = (c.owner == stored.rule.owner) & (c.channel == stored.rule.channel)
    rows = run(
        connection,
        select(c.id, c.city).where(same, c.address_digest == stored.address_digest, c.state == "active"),
    )
    return dict(map(tuple, rows))


def confirmed_address(connection: Connection, owner: UUID, digest: bytes) -> datetime | None:
    """When an owner by e-mail confirmed the address of that digest; None where it is not his, or not confirmed."""
    his = (alert_owner.c.id == owner) & (alert_owner.c.email_digest == digest)
    rows = run(connection, select(alert_owner.c.confirmed_at).where(his))
    return rows[0][0] if rows else None


def mail_of_owner(connection: Connection, owner: UUID, other_than: bytes) -> bytes | None:
    """A confirmed e-mail address of an owner, sealed, whose digest is another than that; None where there is none."""
    c = alert_rule.c
    confirmed = (c.owner == owner) & (c.channel == "email") & c.confirmed_at.is_not(None)
    by_rule = select(c.address).where(confirmed, c.address_digest != other_than).limit(1)
    rows = run(connection, by_rule)
    if rows:
        return bytes(rows[0][0])
    known = alert_owner.c.confirmed_at.is_not(None) & (alert_owner.c.email_digest != other_than)
    rows = run(connection, select(alert_owner.c.email).where(alert_owner.c.id == owner, known))
    return bytes(rows[0][0]) if rows else None


def count_mail(connection: Connection, address: bytes, client: bytes, *, now: datetime) -> tuple[int, int]:
    """How many confirmations went to an address in the last day, and how many a client asked for in the last hour."""
    c = alert_mail.c
    to = select(func.count()).where(c.address_digest == address, c.sent_at > now - MAIL_COUNTED_FOR)
    by = select(func.count()).where(c.client_digest == client, c.sent_at > now - timedelta(hours=1))
    [(sent, requested)] = run(connection, select(to.scalar_subquery(), by.scalar_subquery()))
    return int(sent), int(requested)


def note_mail(connection: Connection, address: bytes, client: bytes, *, now: datetime) -> None:
    """Count a confirmation that is to be sent."""
    run(connection, insert(alert_mail).values(address_digest=address, client_digest=client, sent_at=now))


def forget_old(connection: Connection, *, now: datetime, deliveries_kept: timedelta) -> None:
    """Delete what is past its time: deliveries, rules that nobody confirmed, what was counted, owners without rules."""
    old = alert_delivery.c.status.in_(("delivered", "failed", "skipped"))
    run(
        connection,
        delete(alert_delivery).where(old, alert_delivery.c.created_at < now - deliveries_kept),
    )
    never = (alert_rule.c.state == "unconfirmed") & (alert_rule.c.created_at < now - UNCONFIRMED_KEPT)
    # Who changed the address of a rule that he has had for long may take his time.
    run(connection, delete(alert_rule).where(never, alert_rule.c.confirmed_at.is_(None)))
    run(connection, delete(alert_mail).where(alert_mail.c.sent_at < now - MAIL_COUNTED_FOR))
    _forget_idle_owners(connection)


def columns_of(rule: Rule) -> dict[str, Any]:
    """A rule as columns of its table."""
    when, quiet = rule.when, rule.quiet_hours
    return {
        "id": rule.id,
        "owner": rule.owner,
        "city": rule.city,
        "basis": when.on,
        **{
            name: getattr(when, name)
            for name in ("target", "above", "clear_below", "within_hours", "probability")
        },
        "dwell": when.dwell,
        "channel": rule.channel,
        "language": rule.language,
        "quiet_from": quiet and quiet.start,
        "quiet_to": quiet and quiet.end,
        "quiet_zone": quiet and quiet.zone,
        "repeat_after_hours": rule.repeat_after_hours,
    }


def rule_of(values: Sequence[Any]) -> Rule:
    """A rule from its `RULE_COLUMNS`."""
    id_, owner, city, *condition, channel, language, quiet_from, quiet_to, quiet_zone, repeat = values
    quiet = None if quiet_zone is None else QuietHours(quiet_from, quiet_to, quiet_zone)
    return Rule(id_, owner, city, Condition(*condition), channel, language, quiet, repeat)


def state_of(values: Sequence[Any]) -> State:
    """A state from its `STATE_COLUMNS`."""
    phase, *others = values
    return State(Phase(phase), *others)


def _stored() -> Any:
    columns = [alert_rule.c[name] for name in (*RULE_COLUMNS, *_MORE)]
    states = [alert_state.c[name] for name in STATE_COLUMNS]
    return select(*columns, *states).join(alert_state, alert_state.c.rule == alert_rule.c.id)


def _of_row(row: Sequence[Any]) -> Stored:
    first, last = len(RULE_COLUMNS), len(RULE_COLUMNS) + len(_MORE)
    return Stored(rule_of(row[:first]), state_of(row[last:]), *row[first:last])
