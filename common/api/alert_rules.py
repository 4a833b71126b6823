"""Alerts as owners send and see them: what they may send, whose they are, and how they are shown."""

from datetime import datetime, time
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import request

from common.alerts.links import TOKEN_MARK
from common.alerts.rule import QuietHours
from common.api.context import context
from common.api.middleware.request_context import Caller, present
from common.api.schemas.alerts import Alert, Delivery, QuietHoursBody, To, When, faults_of
from common.api.serialize_values import utc
from common.api.validation import shortened
from common.domain.cities import City, find_city
from common.domain.errors import DataError, Fault, NotFound, NotSetUp
from common.ports import Seal
from common.store import alerts
from common.store.alert_deliveries import Shown
from common.store.alerts import Stored
from common.store.engine import Connection

MOST_RULES = {"token": 50, "email": 10}
TESTS_AN_HOUR = 10
CONFIRMATIONS_A_DAY = 3
"""To one address"""
CONFIRMATIONS_AN_HOUR = 10
"""For one client"""
_NONE_SUCH = "you have no alert of that id; GET /alerts lists yours"


def sealed() -> Seal:
    """What keeps the addresses.

    Raises:
        NotSetUp: when the operator has set no key for it.
    """
    if context.seal is None:
        raise NotSetUp("alerts are not set up here: the operator has to set VAYU_ALERTS_KEY")
    return context.seal


def caller() -> Caller | None:
    """The holder of the token that the request came with; None without one."""
    given = present(request.environ).caller
    return given if given is not None and given.scopes is not None else None


def is_mail_owner(who: Caller) -> bool:
    """Whether it is the owner of an e-mail address rather than the holder of a key."""
    return who.name.startswith(TOKEN_MARK)


def owner_id(connection: Connection, who: Caller) -> UUID | None:
    """The owner that a caller is; None where he has never had an alert."""
    if is_mail_owner(who):
        return UUID(who.name.removeprefix(TOKEN_MARK))
    owner = alerts.owner_of_key(connection, who.name)
    return None if owner is None else owner.id


def own_rule(connection: Connection, id_: UUID) -> Stored:
    """A rule of the caller.

    Raises:
        NotFound: when there is none of that id, or it is somebody else's: nobody learns which.
    """
    who = caller()
    stored = None if who is None else alerts.rule_by_id(connection, id_)
    if who is None or stored is None or owner_id(connection, who) != stored.rule.owner:
        fault = Fault("parameter", "id", str(id_), "the id of an alert of yours, as GET /alerts lists them")
        raise NotFound(_NONE_SUCH, faults=(fault,))
    return stored


def city_of(name: str) -> City:
    """The city of a body.

    Raises:
        DataError: when there is none of that name; it knows the nearest names.
    """
    try:
        return find_city(name)
    except NotFound as error:
        faults = tuple(fault._replace(where="pointer", name="/city") for fault in error.faults)
        raise DataError(str(error), faults=faults, nearest=error.nearest) from error


def check_parts(when: When | None, quiet: QuietHoursBody | None) -> None:
    """See that parts which are allowed each for itself fit together.

    Raises:
        DataError: when they do not; it names all that does not.
    """
    faults = [*(() if when is None else faults_of(when)), *_faults_of_quiet(quiet)]
    if faults:
        sentences = (f"{fault.name} must be {fault.allowed}, not {fault.given}" for fault in faults)
        raise DataError("the body does not fit: " + "; ".join(sentences), faults=tuple(faults))


def _faults_of_quiet(quiet: QuietHoursBody | None) -> list[Fault]:
    if quiet is None:
        return []
    faults = []
    if quiet.from_ == quiet.to:
        faults.append(Fault("pointer", "/quiet_hours/to", quiet.to, "another time than from"))
    try:
        ZoneInfo(quiet.zone)
    except (
        KeyError,
        ValueError,
        OSError,
    ):  # what is no zone may be a folder of them, or no name of a file at all
        allowed = "an IANA name of a time zone, such as Asia/Kolkata or Europe/London"
        faults.append(Fault("pointer", "/quiet_hours/zone", shortened(quiet.zone), allowed))
    return faults


def quiet_of(body: QuietHoursBody | None) -> QuietHours | None:
    """Quiet hours that `check_parts` has looked at."""
    if body is None:
        return None
    return QuietHours(time.fromisoformat(body.from_), time.fromisoformat(body.to), body.zone)


def checked_address(to: To) -> str:
    """The address in the form in which it is stored.

    Raises:
        DataError: when nothing can, or may, be delivered there.
    """
    channels = context.alert_channels()
    channel = channels.get(to.channel)
    if channel is None:
        allowed = "one of " + ", ".join(sorted(channels)) if channels else "none: no channel is set up here"
        fault = Fault("pointer", "/to/channel", to.channel, allowed)
        raise DataError(
            f"this service has no channel {to.channel}; /to/channel must be {allowed}", faults=(fault,)
        )
    try:
        return channel.check(to.address)
    except DataError as error:
        # The address stays out of the answer's other parts, which may be logged on the way.
        fault = Fault("pointer", "/to/address", None, str(error))
        raise DataError(f"/to/address: {error}", faults=(fault,)) from error


def address_digest(seal: Seal, channel: str, address: str) -> bytes:
    """By which addresses are compared."""
    return seal.digest("address", f"{channel}:{address}".encode())


def masked(channel: str, address: str) -> str:
    """Enough of an address for its owner to know it by."""
    if channel == "email":
        name, _, domain = address.rpartition("@")
        return f"{name[:1]}…@{domain}"
    if channel == "sms":
        return f"{address[:3]}…{address[-2:]}"
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/…"


def alert_json(stored: Stored, seal: Seal, *, simulated: bool, secret: str | None = None) -> dict[str, Any]:
    """The fields of `Alert`."""
    rule, when, quiet = stored.rule, stored.rule.when, stored.rule.quiet_hours
    names = ("on", "target", "above", "clear_below", "within_hours", "probability", "dwell")
    return Alert.answer(
        id=str(rule.id),
        city=rule.city,
        state=stored.state,
        disabled_because=stored.disabled_because,
        when={name: getattr(when, name) for name in names},
        to={
            "channel": rule.channel,
            "address": masked(rule.channel, seal.open(stored.address).decode()),
        },
        language=rule.language,
        quiet_hours=None if quiet is None else _quiet_json(quiet),
        repeat_after_hours=rule.repeat_after_hours,
        phase=stored.standing.phase.value,
        since=utc(stored.standing.since),
        created_at=utc(stored.created_at),
        simulated=simulated,
        secret=secret,
    )


def _quiet_json(quiet: QuietHours) -> dict[str, str]:
    return {"from": f"{quiet.start:%H:%M}", "to": f"{quiet.end:%H:%M}", "zone": quiet.zone}


def delivery_json(shown: Shown) -> dict[str, Any]:
    """The fields of `Delivery`; who is sending it at this moment is nobody's concern."""
    return Delivery.answer(
        id=str(shown.id),
        kind=shown.kind,
        episode=None if shown.episode is None else str(shown.episode),
        event=shown.event,
        status="pending" if shown.status == "sending" else shown.status,
        attempts=shown.attempts,
        response_status=shown.response_status,
        error=shown.error,
        created_at=utc(shown.created_at),
        next_attempt_at=_or_none(shown.next_attempt_at),
        delivered_at=_or_none(shown.delivered_at),
    )


def _or_none(moment: datetime | None) -> datetime | None:
    return None if moment is None else utc(moment)
