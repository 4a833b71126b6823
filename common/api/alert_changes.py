"""What owners do with their alerts: make, change, confirm and end them, each in one transaction."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
from flask import request
from msgspec import structs

from common.alerts.links import ConfirmLink, is_proven, management_token, read_confirm_token
from common.alerts.rule import Rule
from common.alerts.state import initial
from common.api.alert_rules import (
    CONFIRMATIONS_A_DAY,
    CONFIRMATIONS_AN_HOUR,
    MOST_RULES,
    address_digest,
    caller,
    check_parts,
    checked_address,
    city_of,
    is_mail_owner,
    own_rule,
    owner_id,
    quiet_of,
    sealed,
)
from common.api.context import context
from common.api.middleware.request_context import Caller, logger, present
from common.api.schemas.alerts import AlertBody, AlertChange, condition_of
from common.domain.errors import DataError, Fault, Gone, LimitReached, NotFound, StoreError, TooSoon
from common.domain.messages import EVENTS_READY
from common.ports import Seal
from common.store import alert_deliveries, alerts
from common.store.alerts import Stored
from common.store.api_keys import hashed
from common.store.engine import Connection

BOTH_SECRETS_FOR = timedelta(hours=24)
"""Since a secret was replaced, so that a receiver has time to learn the new one"""
UNSUBSCRIBED = "its recipient has unsubscribed"
_TOO_MANY_MAILS = "too many confirmations were sent to this address today"


class Made(msgspec.Struct, frozen=True):
    """A rule that was made or changed, and its new secret where it has one."""

    stored: Stored
    secret: str | None = None


def make_alert(body: AlertBody) -> Made:
    """Make a rule of the caller's; one of a stranger's waits for his confirmation.

    Raises:
        DataError: when something in it cannot be, or nothing can be delivered to its address.
        LimitReached: when the caller has as many as he may.
        TooSoon: when the client asks for too many confirmations.
        NotSetUp: where alerts are not set up.
    """
    seal, who, now = sealed(), caller(), context.clock()
    city = city_of(body.city).name
    check_parts(body.when, body.quiet_hours)
    address = checked_address(body.to)
    digest = address_digest(seal, body.to.channel, address)
    secret = _new_secret() if body.to.channel == "webhook" else None
    values: dict[str, Any] = {
        "address": seal.seal(address.encode()),
        "address_digest": digest,
        "secrets": None if secret is None else seal.seal(msgspec.json.encode([secret])),
    }
    rule = Rule(
        id=uuid4(),
        owner=uuid4(),
        city=city,
        when=condition_of(body.when),
        channel=body.to.channel,
        language=body.language,
        quiet_hours=quiet_of(body.quiet_hours),
        repeat_after_hours=body.repeat_after_hours,
    )
    with context.database.transaction() as connection:
        rule, allowed = _owned(connection, rule, values, who, now)
        state, confirmed_at = "active", None
        if rule.channel == "email":
            confirmed_at = _known_since(connection, rule.owner, digest) if who is not None else None
            state = "unconfirmed" if confirmed_at is None else "active"
        values |= {"state": state, "confirmed_at": confirmed_at}
        if allowed:
            alerts.insert_rule(connection, rule, values, now=now)
            if state == "unconfirmed":
                _have_confirmed(connection, rule, digest, now)
    wake()
    stored = Stored(
        rule=rule,
        standing=initial(now),
        disabled_because=None,
        secret_until=None,
        created_at=now,
        **values,
    )
    return Made(stored, secret)


def _owned(
    connection: Connection, rule: Rule, values: dict[str, Any], who: Caller | None, now: datetime
) -> tuple[Rule, bool]:
    """The rule with its owner, and whether it may be stored: to strangers the answer is the same if it may not."""
    if who is None:
        if not _may_mail_stranger(connection, values["address_digest"], now):
            return rule, False
        digest, email = values["address_digest"], values["address"]
        return structs.replace(
            rule, owner=alerts.keep_email_owner(connection, digest, email, rule.owner, now=now)
        ), True
    if is_mail_owner(who):
        owner = owner_id(connection, who) or rule.owner
        most = MOST_RULES["email"]
    else:
        owner = alerts.keep_key_owner(connection, who.name, rule.owner, now=now)
        most = MOST_RULES["token"]
    _see_that_there_is_room(connection, owner, most)
    return structs.replace(rule, owner=owner), True


def _see_that_there_is_room(connection: Connection, owner: UUID, most: int) -> None:
    alerts.lock_owner(connection, owner)
    if alerts.count_rules(connection, owner) >= most:
        raise LimitReached(f"you have {most} alerts, which is as many as may be; delete one first")


def _may_mail_stranger(connection: Connection, digest: bytes, now: datetime) -> bool:
    """Whether a confirmation may go to an address; it is asked for by somebody whom we do not know.

    Raises:
        TooSoon: when he asks for too many.
    """
    sent, requested = alerts.count_mail(connection, digest, _client(), now=now)
    if requested >= CONFIRMATIONS_AN_HOUR:
        raise TooSoon(
            f"at most {CONFIRMATIONS_AN_HOUR} alerts in an hour may be made without a token; try again later",
            retry_after_s=3600,
        )
    return sent < CONFIRMATIONS_A_DAY


def _client() -> bytes:
    return sealed().digest("client", present(request.environ).client.encode())


def _known_since(connection: Connection, owner: UUID, digest: bytes) -> datetime | None:
    """When an owner confirmed an address; None where he has not."""
    for stored in alerts.rules_of(connection, owner):
        if (
            stored.address_digest == digest
            and stored.confirmed_at is not None
            and stored.state != "unconfirmed"
        ):
            return stored.confirmed_at
    return alerts.confirmed_address(connection, owner, digest)


def _have_confirmed(connection: Connection, rule: Rule, digest: bytes, now: datetime) -> None:
    """Send a confirmation, unless the address has had its share today: its owner then sees so."""
    sent, _ = alerts.count_mail(connection, digest, b"", now=now)
    if sent >= CONFIRMATIONS_A_DAY:
        alert_deliveries.add_delivery(
            connection, rule.id, "confirm", now=now, status="skipped", error=_TOO_MANY_MAILS
        )
        return
    alerts.note_mail(connection, digest, _client(), now=now)
    alert_deliveries.add_delivery(connection, rule.id, "confirm", now=now)


def change_alert(id_: UUID, body: AlertChange) -> Made:
    """Change a rule of the caller's.

    Raises:
        NotFound: when he has none of that id.
        DataError, NotSetUp: as `make_alert` does.
    """
    seal, now = sealed(), context.clock()
    given = body.model_fields_set
    check_parts(body.when, body.quiet_hours)
    address = checked_address(body.to) if "to" in given else None
    with context.database.transaction() as connection:
        alerts.lock_alerts(connection, [own_rule(connection, id_).rule.city])
        before = own_rule(connection, id_)
        rule = _changed(before.rule, body)
        values: dict[str, Any] = alerts.columns_of(rule)
        secret = None
        if address is not None:
            secret = _move(connection, before, rule, address, values, seal)
        elif body.rotate_secret:
            secret = _rotate(before, values, seal, now)
        values |= _state_after(before, body, values)
        alerts.change_rule(connection, id_, values)
        if rule.when != before.rule.when or values.get("state", before.state) != before.state:
            because = "disabled" if values.get("state") == "disabled" else "changed"
            alerts.begin_anew(connection, [id_], because, "the alert was changed", now=now)
        if rule.quiet_hours != before.rule.quiet_hours:
            alert_deliveries.release_held(connection, id_, now=now)
        if values.get("state") == "unconfirmed":
            digest = values.get("address_digest", before.address_digest)
            _have_confirmed(connection, rule, digest, now)
        after = own_rule(connection, id_)
    wake()
    return Made(after, secret)


def _changed(rule: Rule, body: AlertChange) -> Rule:
    """The rule with what the body says of it."""
    parts: dict[str, Any] = {
        "when": condition_of(body.when) if body.when is not None else None,
        "channel": body.to.channel if body.to is not None else None,
        "language": body.language,
    }
    parts = {name: part for name, part in parts.items() if part is not None}
    if "quiet_hours" in body.model_fields_set:
        parts["quiet_hours"] = quiet_of(body.quiet_hours)
    if "repeat_after_hours" in body.model_fields_set:
        parts["repeat_after_hours"] = body.repeat_after_hours
    return structs.replace(rule, **parts)


def _move(
    connection: Connection, before: Stored, rule: Rule, address: str, values: dict[str, Any], seal: Seal
) -> str | None:
    """Have the messages go elsewhere; the secret of a new webhook."""
    digest = address_digest(seal, rule.channel, address)
    if digest == before.address_digest:
        return None
    secret = _new_secret() if rule.channel == "webhook" else None
    confirmed_at = _known_since(connection, rule.owner, digest) if rule.channel == "email" else None
    values |= {
        "address": seal.seal(address.encode()),
        "address_digest": digest,
        "secrets": None if secret is None else seal.seal(msgspec.json.encode([secret])),
        "secret_until": None,
        "confirmed_at": confirmed_at,
    }
    return secret


def _rotate(before: Stored, values: dict[str, Any], seal: Seal, now: datetime) -> str:
    if before.secrets is None:
        fault = Fault("pointer", "/rotate_secret", "true", "only for webhooks, which have a secret")
        raise DataError("only webhooks have a secret", faults=(fault,))
    secret = _new_secret()
    [newest, *_] = msgspec.json.decode(seal.open(before.secrets))
    values |= {
        "secrets": seal.seal(msgspec.json.encode([secret, newest])),
        "secret_until": now + BOTH_SECRETS_FOR,
    }
    return secret


def _state_after(before: Stored, body: AlertChange, values: dict[str, Any]) -> dict[str, Any]:
    """What becomes of the state: an e-mail address that nobody has confirmed is waited for."""
    wanted = body.state or before.state
    if wanted == "disabled":
        because = before.disabled_because if body.state is None else "its owner has switched it off"
        return {"state": "disabled", "disabled_because": because}
    if values["channel"] != "email" or values.get("confirmed_at", before.confirmed_at) is not None:
        return {"state": "active", "disabled_because": None}
    if before.state == "unconfirmed" and "address" not in values:
        return {}  # the mail is on its way already
    return {"state": "unconfirmed", "disabled_because": None, "confirmed_at": None}


def delete_alert(id_: UUID) -> None:
    """Delete a rule of the caller's, and whatever is known of him with the last."""
    now = context.clock()
    with context.database.transaction() as connection:
        stored = own_rule(connection, id_)
        alerts.lock_alerts(connection, [stored.rule.city])
        alerts.delete_rule(connection, id_, now=now)
        alerts.forget_owner(connection, stored.rule.owner)


class Confirmable(msgspec.Struct, frozen=True):
    """A rule that a link is for."""

    stored: Stored
    over: bool
    """Whether the link came too late"""


def find_confirmable(token: str) -> Confirmable:
    """The rule whose address a link is to confirm.

    Raises:
        NotFound: when we made no such link, or its rule is gone.
    """
    with context.database.reading() as connection:
        return _confirmable(connection, token)


def _confirmable(connection: Connection, token: str) -> Confirmable:
    seal = sealed()
    link: ConfirmLink | None = read_confirm_token(token)
    stored = None if link is None else alerts.rule_by_id(connection, link.rule)
    if link is None or stored is None or not is_proven(seal, link, stored.address_digest):
        fault = Fault("parameter", "token", None, "that of a link in a mail of ours, for two days")
        raise NotFound("there is nothing to confirm here any more; make the alert again", faults=(fault,))
    return Confirmable(stored, over=link.until < context.clock())


def confirm(token: str) -> tuple[Stored, str | None]:
    """Let a rule begin whose address is confirmed by this; the rule, and for a new owner by e-mail his token.

    Raises:
        NotFound, Gone: when the link is none of ours, or over.
        LimitReached: when its owner has as many rules as he may.
    """
    seal, now = sealed(), context.clock()
    management = None
    with context.database.transaction() as connection:
        known = _confirmable(connection, token)
        stored = known.stored
        if known.over:
            raise Gone("this link was good for 48 hours; make the alert again to get another")
        if stored.state != "unconfirmed":
            return stored, None
        owner = alerts.owner_of_id(connection, stored.rule.owner)
        by_mail = owner is not None and owner.key_name is None
        _see_that_there_is_room(connection, stored.rule.owner, MOST_RULES["email" if by_mail else "token"])
        if alerts.confirm_rule(connection, stored.rule.id, now=now) and by_mail:
            management = management_token(seal, stored.rule.owner)
            alerts.confirm_owner(connection, stored.rule.owner, hashed(management), now=now)
            alert_deliveries.add_delivery(connection, stored.rule.id, "confirm", now=now)
    wake()
    return stored, management


def unsubscribe(id_: UUID) -> None:
    """End what a recipient does not want: his own rule is deleted; another's rests until he has confirmed again."""
    now = context.clock()
    with context.database.transaction() as connection:
        stored = alerts.rule_by_id(connection, id_)
        if stored is None:
            return
        alerts.lock_alerts(connection, [stored.rule.city])
        owner = alerts.owner_of_id(connection, stored.rule.owner)
        if owner is not None and owner.key_name is None:
            alerts.delete_rule(connection, id_, now=now)
            alerts.forget_owner(connection, stored.rule.owner)
        else:
            alerts.disable_rules(connection, [id_], UNSUBSCRIBED, now=now)
            alerts.change_rule(connection, id_, {"confirmed_at": None})


def wake() -> None:
    """Have what was added sent at once; where that fails, the schedule does it within minutes."""
    try:
        context.queue.send(EVENTS_READY, "alerts", {})
    except StoreError as error:
        logger().warning("alerts are not woken", reason=str(error))


def _new_secret() -> str:
    from common.adapters.channels.webhook import (
        new_secret,  # its library is loaded for those who need a secret
    )

    return new_secret()
