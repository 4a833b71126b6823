"""Public alerts in the Common Alerting Protocol 1.2 (OASIS, 2010), as warning systems of public authorities read it.

The messages of an episode are a chain: ``Alert``, an ``Update`` for each repeat, ``Cancel`` when it is over, each with
references to those before it. Each has the same in English and in Hindi. Its area is a circle around the centre of the
city: `common.domain.cities` knows no boundaries.

Times are in India's, with ``+05:30``: the standard forbids ``Z``. Identifiers have neither blanks nor commas, ``<`` nor
``&``: the standard again, since references separate by these.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, tostring

import msgspec

from common.alerts.bulletin import SENDER, bulletin
from common.domain.observation import HOUR, IST

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from common.alerts.public import PublicMessage
    from common.alerts.rule import Language

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
MEDIA_TYPE = "application/cap+xml"
LANGUAGES: Mapping[Language, str] = {"en": "en-IN", "hi": "hi-IN"}

RADIUS_KM = 15
"""Of the circle that stands for a city: its stations lie within about that."""
EXPIRES_AFTER = timedelta(hours=24)
"""So long a message about measured hours holds, unless another comes; public alerts are repeated earlier."""
OVER_FOR = timedelta(hours=6)
"""So long the message that it is over is of interest."""
LIKELY = 0.5
"""The standard: ``Likely`` is more than about 50 %."""
UNLIKELY = 0.05
"""``Unlikely``: about 0."""
_SEVERITY = {
    "Good": "Minor",
    "Satisfactory": "Minor",
    "Moderate": "Minor",
    "Poor": "Moderate",
    "Very Poor": "Severe",
    "Severe": "Extreme",
}
"""Category of the Indian index → severity"""
_TYPES = {"firing": "Alert", "repeat": "Update", "clear": "Cancel"}


class Publisher(msgspec.Struct, frozen=True):
    """In whose name alerts are published, and where."""

    sender: str
    """What the operator is known by, such as an e-mail address; no blanks, commas, ``<`` or ``&``"""
    public_url: str
    """Where people reach the page and the API"""
    actual: bool = False
    """Whether the operator stands for the alerts; else they are marked as tests"""


UNNAMED = Publisher("vayu@localhost", "http://127.0.0.1:8080")
"""Whoever has set nothing"""


def identifier(seq: int, *, simulated: bool) -> str:
    """The identifier of a message."""
    return f"vayu-simulated-{seq}" if simulated else f"vayu-{seq}"


def cap_path(seq: int) -> str:
    """Path of a message below the address of the service."""
    return f"/api/v1/alerts/cap/{seq}.xml"


def indian_time(time: datetime) -> str:
    """``2025-11-05T16:00:00+05:30``"""
    return time.astimezone(IST).isoformat(timespec="seconds")


def cap_xml(message: PublicMessage, publisher: Publisher) -> bytes:
    """The message as an XML document in UTF-8, valid by the schema of CAP 1.2."""
    alert = Element("alert", {"xmlns": NAMESPACE})
    _add(alert, "identifier", identifier(message.seq, simulated=message.simulated))
    _add(alert, "sender", publisher.sender)
    _add(alert, "sent", indian_time(message.sent_at))
    _add(alert, "status", "Actual" if publisher.actual and not message.simulated else "Test")
    _add(alert, "msgType", _TYPES[message.kind])
    _add(alert, "scope", "Public")
    if message.simulated:
        _add(alert, "note", "The data are simulated. Nobody has measured or forecast this.")
    if message.earlier:
        _add(alert, "references", " ".join(_reference(message, publisher)))
        _add(alert, "incidents", identifier(message.earlier[0].seq, simulated=message.simulated))
    for language in LANGUAGES:
        _info(alert, message, publisher, language)
    content: bytes = tostring(alert, encoding="utf-8", xml_declaration=True)
    return content


def _reference(message: PublicMessage, publisher: Publisher) -> list[str]:
    return [
        f"{publisher.sender},{identifier(each.seq, simulated=message.simulated)},{indian_time(each.sent_at)}"
        for each in message.earlier
    ]


def _info(alert: Element, message: PublicMessage, publisher: Publisher, language: Language) -> None:
    words = bulletin(message, language)
    info = SubElement(alert, "info")
    _add(info, "language", LANGUAGES[language])
    _add(info, "category", "Health")
    _add(info, "category", "Env")
    _add(info, "event", words.event)
    _add(info, "responseType", _response(message))
    _add(info, "urgency", urgency(message))
    _add(info, "severity", _SEVERITY[message.category])
    _add(info, "certainty", certainty(message))
    _add(info, "effective", indian_time(message.sent_at))
    if message.kind != "clear":
        _add(info, "onset", indian_time(_onset(message)))
    _add(info, "expires", indian_time(expires(message)))
    _add(info, "senderName", SENDER[language])
    _add(info, "headline", words.headline)
    _add(info, "description", words.description)
    if words.instruction is not None:
        _add(info, "instruction", words.instruction)
    _add(info, "web", f"{publisher.public_url.rstrip('/')}/city/{message.city.slug}")
    for name, value in _parameters(message):
        parameter = SubElement(info, "parameter")
        _add(parameter, "valueName", name)
        _add(parameter, "value", value)
    area = SubElement(info, "area")
    _add(area, "areaDesc", words.area)
    _add(area, "circle", f"{message.city.latitude:.4f},{message.city.longitude:.4f} {RADIUS_KM}")


def certainty(message: PublicMessage) -> str:
    """How certain it is, in the words of the standard: of forecasts by the issued probability, which is calibrated."""
    if message.when.on == "measured":
        return "Observed"
    if message.number is None:
        return "Unknown"
    if message.number > LIKELY:
        return "Likely"
    return "Possible" if message.number >= UNLIKELY else "Unlikely"


def urgency(message: PublicMessage) -> str:
    """How soon something must be done, in the words of the standard."""
    if message.kind == "clear":
        return "Past"
    lead = _onset(message) - message.sent_at
    if message.when.on == "measured" or lead <= timedelta(0):
        return "Immediate"
    return "Expected" if lead <= HOUR else "Future"


def expires(message: PublicMessage) -> datetime:
    """Until when the message holds, unless another comes; later than it was sent."""
    if message.kind == "clear":
        return message.sent_at + OVER_FOR
    if message.when.on == "measured":
        return message.sent_at + EXPIRES_AFTER
    return max(message.time + timedelta(hours=message.when.within_hours or 0), message.sent_at + HOUR)


def _onset(message: PublicMessage) -> datetime:
    if message.when.on == "measured":
        return message.since
    return message.onset or message.time + HOUR


def _response(message: PublicMessage) -> str:
    if message.kind == "clear":
        return "AllClear"
    return "Avoid" if message.when.on == "measured" else "Prepare"


def _parameters(message: PublicMessage) -> list[tuple[str, str]]:
    when = message.when
    pairs = [("basis", when.on), ("target", when.target), ("threshold", f"{when.above:g}")]
    if when.on == "forecast":
        pairs.append(("within_hours", str(when.within_hours)))
    if message.number is not None:
        name = "value" if when.on == "measured" else "probability"
        pairs.append((name, f"{message.number:.4g}"))
    return [*pairs, ("simulated", str(message.simulated).lower())]


def _add(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = text
