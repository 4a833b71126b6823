"""Messages of alerts on their way: claimed, sent with no transaction open, and what became of each is noted.

A process that dies between sending a message and noting it leaves the message claimed; once the claim has run out it is
sent again, with the same id, by which receivers tell repeats.
"""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from aws_lambda_powertools import Logger

from common.alerts.links import CONFIRM_WITHIN, confirm_token, management_token, unsubscribe_token
from common.alerts.messages import Facts, alert_message, confirmation_message, disabled_message
from common.alerts.quiet import quiet_until
from common.domain.errors import StoreError
from common.domain.hindi import city_name
from common.ports import AlertAddress, AlertMessage, NotDelivered
from common.store import alert_deliveries, alerts
from common.store.city_hours import provenance
from common.store.dataset_kind import dataset

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from common.ports import AlertChannel, Clock, Seal
    from common.services.resources import Resources
    from common.store.alert_deliveries import Outgoing
    from common.store.alerts import Stored
    from common.store.engine import Connection

RETRIES = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""After so long a message that was not taken is sent again: the schedule that Standard Webhooks proposes."""
LONGEST_WAIT = timedelta(hours=24)
"""A receiver that wants to be left alone for longer is asked again after so long."""
_AT_ONCE = 8
"""Messages that are on their way at a time"""
_CLAIMED = 16
_SOON = timedelta(seconds=10)
"""A retry that is due so soon is waited for, once a run."""
_OF_EPISODES = ("firing", "repeat", "clear")
log = Logger(service="vayu", child=True)


@dataclass(frozen=True, slots=True)
class _Letter:
    """A message with all that is needed to send it, read while a transaction was open."""

    message: Outgoing
    stored: Stored
    owner: alerts.Owner | None
    owner_mail: bytes | None
    """Sealed; where the owner is told of what does not get through"""
    basis: str | None
    simulated: bool
    now: datetime
    sent_at: datetime
    """The time by the sender's own clock, whatever time the alert is about"""


class _Skipped(Exception):
    """A message that is not to be sent any more; the text says why."""


def send_due(
    resources: Resources,
    *,
    seconds: float,
    pause: Callable[[float], None] = time.sleep,
    stamp: Clock | None = None,
) -> dict[str, int]:
    """Send what is due, for at most about so long; how many messages had which fate.

    `stamp` gives the time that messages bear where the clock of `resources` is not the present: receivers refuse what
    was signed long ago, and a mail of last year is not found among today's.

    Without VAYU_ALERTS_KEY nothing can be sent: addresses cannot be read.

    Raises:
        StoreError: when the database cannot be reached.
    """
    if resources.seal is None:
        return {}
    fates: Counter[str] = Counter()
    deadline, waited = time.monotonic() + seconds, False
    channels = resources.alert_channels()
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="alerts") as pool:
        while time.monotonic() < deadline:
            letters = _claim(resources, stamp or resources.clock)
            if letters:
                fates.update(pool.map(partial(_deliver, resources, resources.seal, channels), letters))
                continue
            left_s = _soon_s(resources)
            if waited or left_s is None:
                break
            waited = True
            pause(left_s)
    return dict(fates)


def _claim(resources: Resources, stamp: Clock) -> list[_Letter]:
    now, sent_at = resources.clock(), stamp()
    letters = []
    with resources.database.transaction() as connection:
        claimed = alert_deliveries.claim_deliveries(connection, now=now, limit=_CLAIMED)
        simulated = bool(claimed) and dataset(connection) == "simulated"
        for message in claimed:
            stored = alerts.rule_by_id(connection, message.rule)
            if stored is None:  # deleted since, and the message with it
                continue
            basis = None
            if message.kind in _OF_EPISODES and stored.rule.when.on == "measured":
                _, basis = provenance(connection, stored.rule.city, message.signal_time)
            owner = mail = None
            if message.kind in ("confirm", "disabled"):
                owner = alerts.owner_of_id(connection, stored.rule.owner)
                mail = alerts.mail_of_owner(connection, stored.rule.owner, stored.address_digest)
            letters.append(_Letter(message, stored, owner, mail, basis, simulated, now, sent_at))
    return letters


def _soon_s(resources: Resources) -> float | None:
    """Seconds until a retry that is due soon; None where none is."""
    now = resources.clock()
    with resources.database.reading() as connection:
        due = alert_deliveries.due_next(connection, now=now)
    return (due - now).total_seconds() if due is not None and due - now <= _SOON else None


def _deliver(resources: Resources, seal: Seal, channels: Mapping[str, AlertChannel], letter: _Letter) -> str:
    """Send one message; its fate, which is noted. Whatever goes wrong concerns this message alone."""
    message, quiet = letter.message, letter.stored.rule.quiet_hours
    until = quiet_until(quiet, letter.now) if message.kind in _OF_EPISODES else None
    try:
        if until is not None:
            with resources.database.transaction() as connection:
                alert_deliveries.was_held(connection, message, until)
            return "held"
        try:
            status = _send(resources, seal, channels, letter)
        except _Skipped as reason:
            with resources.database.transaction() as connection:
                alert_deliveries.was_skipped(connection, message, str(reason))
            return "skipped"
        except NotDelivered as error:
            return _not_delivered(resources, letter, error)
        except Exception as error:  # noqa: BLE001 — an address must not get into the log by a foreign error's text
            return _not_delivered(
                resources, letter, NotDelivered(f"it could not be sent: {type(error).__name__}")
            )
        with resources.database.transaction() as connection:
            alert_deliveries.was_delivered(connection, message, status, now=resources.clock())
        log.info("alert delivered", extra=_about(letter) | {"status": status})
    except StoreError as error:
        # The claim runs out, and it is sent once more.
        log.warning("fate of an alert not noted", extra=_about(letter) | {"reason": str(error)})
        return "unknown"
    return "delivered"


def _send(
    resources: Resources, seal: Seal, channels: Mapping[str, AlertChannel], letter: _Letter
) -> int | None:
    stored, kind = letter.stored, letter.message.kind
    channel_name, address = stored.rule.channel, stored.address
    message = _written(resources, seal, letter)
    if kind == "disabled":
        if letter.owner_mail is None:
            raise _Skipped("its owner has no other address")
        channel_name, address = "email", letter.owner_mail
    channel = channels.get(channel_name)
    if channel is None:
        raise NotDelivered(f"this service has no channel {channel_name} at present")
    secrets: tuple[str, ...] = ()
    if stored.secrets is not None and channel_name == "webhook":
        secrets = tuple(msgspec.json.decode(seal.open(stored.secrets)))
        if stored.secret_until is None or stored.secret_until <= letter.now:
            secrets = secrets[:1]
    return channel.send(message, AlertAddress(seal.open(address).decode(), secrets))


def _written(resources: Resources, seal: Seal, letter: _Letter) -> AlertMessage:
    """The message in words and as data."""
    stored, message, public_url = letter.stored, letter.message, resources.settings.public_url
    rule = stored.rule
    known = {"id_": message.message_id, "sent_at": letter.sent_at}
    if message.kind == "disabled":
        reason = stored.disabled_because or "it could not be delivered"
        return disabled_message(rule, reason, public_url=public_url, **known)  # type: ignore[arg-type]
    if message.kind == "confirm":
        return _confirmation(resources, seal, letter)
    if stored.state != "active":
        raise _Skipped("the alert is not active any more")
    unsubscribe = None
    if rule.channel == "email":
        unsubscribe = f"{public_url}/api/v1/alerts/unsubscribe/{unsubscribe_token(seal, rule.id)}"
    more: dict[str, Any] = {} if letter.basis is None else {"basis": letter.basis}
    facts = Facts(
        kind=message.kind,  # type: ignore[arg-type]
        rule=rule,
        value=message.value,
        time=message.signal_time,
        episode=message.episode,
        since=message.since,
        simulated=letter.simulated,
        public_url=public_url,
        **more,
    )
    return alert_message(facts, unsubscribe_url=unsubscribe, **known)  # type: ignore[arg-type]


def _confirmation(resources: Resources, seal: Seal, letter: _Letter) -> AlertMessage:
    """The question whether an address wants this; once it was confirmed, the token by which it is managed."""
    stored, message, public_url = letter.stored, letter.message, resources.settings.public_url
    if stored.state == "unconfirmed":
        until = message.signal_time + CONFIRM_WITHIN
        token = confirm_token(seal, stored.rule.id, stored.address_digest, until)
        return confirmation_message(
            city=stored.rule.city,
            language=stored.rule.language,
            confirm_url=f"{public_url}/api/v1/alerts/confirm/{token}",
            id_=message.message_id,
            sent_at=letter.sent_at,
            public_url=public_url,
        )
    owner = letter.owner
    if stored.state != "active" or owner is None or owner.key_name is not None:
        raise _Skipped("there is nothing to confirm any more")
    return _welcome(stored, management_token(seal, owner.id), message.message_id, letter.sent_at, public_url)


_WELCOME = {
    "en": (
        "Your alerts for {city}",
        """\
Your address is confirmed, and your alert for {city} is active.

With this token you see, change and delete your alerts; keep it to yourself:

{token}

{page}""",
    ),
    "hi": (
        "{city} के लिए आपके अलर्ट",
        """\
आपके पते की पुष्टि हो गई है, और {city} के लिए आपका अलर्ट चालू है।

इस टोकन से आप अपने अलर्ट देख, बदल और हटा सकते हैं; इसे किसी को न बताएँ:

{token}

{page}""",
    ),
}


def _welcome(stored: Stored, token: str, id_: str, sent_at: datetime, public_url: str) -> AlertMessage:
    rule = stored.rule
    city = city_name(rule.city) if rule.language == "hi" else rule.city
    words = {"city": city, "token": token, "page": f"{public_url}/alerts"}
    subject, text = (part.format(**words) for part in _WELCOME[rule.language])
    return AlertMessage(id_, sent_at, subject, text, None, {"type": "alert.confirmed"}, rule.language)


def _not_delivered(resources: Resources, letter: _Letter, error: NotDelivered) -> str:
    """Note that a message was not taken; have it sent again, or after the last time its rule disabled."""
    message, now = letter.message, resources.clock()
    of_episode = message.kind in _OF_EPISODES
    hopeless = error.final or getattr(error, "permanent", False) or message.kind == "test"
    again_at = None
    if not hopeless and message.attempts <= len(RETRIES):
        wait = max(RETRIES[message.attempts - 1], min(error.retry_after or timedelta(0), LONGEST_WAIT))
        again_at = now + wait
    ends = of_episode and again_at is None and (error.final or message.attempts > len(RETRIES))
    with resources.database.transaction() as connection:
        same = alerts.same_address(connection, letter.stored) if ends else {}
        alerts.lock_alerts(connection, same.values())
        ours = alert_deliveries.was_not_delivered(
            connection, message, str(error), error.status, again_at=again_at
        )
        if ours and same:
            reason = f"its messages could not be delivered: {error}"
            alerts.disable_rules(connection, list(same), reason, now=now)
            _tell_otherwise(connection, letter.stored, now)
    log.warning("alert not delivered", extra=_about(letter) | {"reason": str(error), "again": str(again_at)})
    return "failed" if again_at is None else "put off"


def _tell_otherwise(connection: Connection, stored: Stored, now: datetime) -> None:
    """Have the owner of a rule that rests told by mail, where another address of his is known."""
    if alerts.mail_of_owner(connection, stored.rule.owner, stored.address_digest) is not None:
        alert_deliveries.add_delivery(connection, stored.rule.id, "disabled", now=now)


def _about(letter: _Letter) -> dict[str, Any]:
    message = letter.message
    return {
        "rule": str(message.rule),
        "kind": message.kind,
        "id": message.message_id,
        "channel": letter.stored.rule.channel,
        "attempt": message.attempts,
    }
