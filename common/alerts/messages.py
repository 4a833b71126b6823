"""Alerts in words and as data: what a message of each kind says, in English and Hindi.

The sentences are in ``templates/``: the first line of a ``.txt.jinja`` is the subject, each line after it a paragraph;
``layout.html.jinja`` sets the same paragraphs as HTML. Times are India's, digits are Latin in Hindi, too.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from msgspec import structs

from common.alerts import templates
from common.domain.advice import advice, caveat, impact
from common.domain.breakpoints import category, half_up
from common.domain.cities import find_city
from common.domain.hindi import category_name, city_name, month_name
from common.ports import AlertMessage

if TYPE_CHECKING:
    from uuid import UUID

    from jinja2 import Environment

    from common.alerts.rule import Rule, Target

Kind = Literal["firing", "repeat", "clear", "test"]
HourBasis = Literal["measured", "implied", "modelled"]
SMS_CHARACTERS = {"en": 160, "hi": 70}
"""What fits into one part: GSM 7-bit, and UCS-2 for Devanagari"""

_INDIA = timezone(
    timedelta(hours=5, minutes=30)
)  # no daylight saving since 1945, and no tables of zones needed
_GSM = frozenset(string.digits + string.ascii_letters + " \n\r!\"#$%&'()*+,-./:;<=>?@_^{}\\[]~|")
"""The ASCII of GSM 03.38: all but the grave accent and control characters"""
_GSM_ESCAPED = "^{}\\[]~|"
"""Those that take two places"""
_CHANNELS = {
    "en": {"webhook": "webhook", "email": "e-mail", "slack": "Slack", "sms": "SMS"},
    "hi": {"webhook": "वेबहुक", "email": "ई-मेल", "slack": "Slack", "sms": "SMS"},
}
_UNITS = {"aqi": "index", "pm25": "µg/m³"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What an alert is about."""

    kind: Kind
    rule: Rule
    value: float | None
    """The hour's value in the target's unit, or for a forecast rule the issued probability, 0 to 1; None in a test"""
    time: datetime
    """The end of the hour, or when the forecast was issued"""
    episode: UUID | None
    since: datetime | None
    """When the episode began; None in a test"""
    simulated: bool
    public_url: str
    """Where people reach the page and the API, without a last ``/``"""
    basis: HourBasis = "measured"
    """Of the hour's value; forecast rules have none"""


def alert_message(
    facts: Facts, *, id_: str, sent_at: datetime, unsubscribe_url: str | None = None
) -> AlertMessage:
    """The message of a transition, or of a test. `sent_at`: the time of this attempt; nothing else depends on it."""
    rule = facts.rule
    words = {**_words(facts), "unsubscribe_url": unsubscribe_url}
    message = _message(
        "alert",
        rule.language,
        words,
        id_=id_,
        sent_at=sent_at,
        data=_payload(f"alert.{facts.kind}", facts.time, _data(facts, id_)),
        unsubscribe_url=unsubscribe_url,
    )
    return (
        message
        if rule.channel != "sms"
        else structs.replace(message, text=_short(rule.language, words), html=None)
    )


def _short(language: str, words: dict[str, Any]) -> str:
    """The fullest text that fits into one part of an SMS."""
    lines = _lines("sms", language, {**words, "city": words["city"].partition(" (")[0]})
    return next((line for line in lines if sms_length(line) <= SMS_CHARACTERS[language]), lines[-1])


def confirmation_message(
    *, city: str, language: str, confirm_url: str, id_: str, sent_at: datetime, public_url: str
) -> AlertMessage:
    """Asks whoever has the address whether alerts for `city` are wanted; nothing is sent there before."""
    words = {
        "city": _city(city, language),
        "button_url": confirm_url,
        "public_url": public_url,
    }
    data = {"city": find_city(city).name, "link": confirm_url}
    return _message(
        "confirmation",
        language,
        words,
        id_=id_,
        sent_at=sent_at,
        data=_payload("alert.confirm", sent_at, data),
    )


def disabled_message(
    rule: Rule, reason: str, *, id_: str, sent_at: datetime, public_url: str
) -> AlertMessage:
    """Tells an owner that a rule is off because its channel failed. `reason` is a sentence without an address."""
    words = {
        "city": _city(rule.city, rule.language),
        "channel": _CHANNELS[rule.language][rule.channel],
        "reason": reason,
        "link": f"{public_url}/alerts",
    }
    data = {"rule": str(rule.id), "city": rule.city, "reason": reason, "link": words["link"]}
    return _message(
        "disabled",
        rule.language,
        words,
        id_=id_,
        sent_at=sent_at,
        data=_payload("alert.disabled", sent_at, data),
    )


def _message(
    name: str,
    language: str,
    words: dict[str, Any],
    *,
    id_: str,
    sent_at: datetime,
    data: dict[str, Any],
    unsubscribe_url: str | None = None,
) -> AlertMessage:
    subject, *paragraphs = _lines(name, language, words)
    layout = _environment().get_template("layout.html.jinja")
    return AlertMessage(
        id=id_,
        sent_at=sent_at,
        subject=subject,
        text="\n\n".join(paragraphs),
        html=layout.render(language=language, subject=subject, paragraphs=map(_with_link, paragraphs)),
        data=data,
        language=language,
        unsubscribe_url=unsubscribe_url,
    )


def _lines(name: str, language: str, words: dict[str, Any]) -> list[str]:
    text = _environment().get_template(f"{name}.{language}.txt.jinja").render(words)
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def _with_link(paragraph: str) -> tuple[str, str | None]:
    """The text of a paragraph, and the address that it may end with."""
    text, _, last = paragraph.rpartition(" ")
    return (text, last) if last.startswith(("http://", "https://")) else (paragraph, None)


def sms_length(text: str) -> int:
    """Characters that a text takes of a part: GSM 7-bit of 160, or UCS-2 of 70 where any letter is beyond it."""
    if text.isascii() and not set(text) - _GSM:
        return len(text) + sum(text.count(character) for character in _GSM_ESCAPED)
    return len(text.encode("utf-16-le")) // 2


@cache
def _environment() -> Environment:
    from jinja2 import (
        Environment,
        FileSystemLoader,
        StrictUndefined,
        select_autoescape,
    )  # who sends nothing must not pay for it

    return Environment(
        loader=FileSystemLoader(templates.__path__),
        autoescape=select_autoescape(("html.jinja",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _words(facts: Facts) -> dict[str, Any]:
    """What the templates of an alert may use: texts, ready to be read."""
    rule, language = facts.rule, facts.rule.language
    when = rule.when
    shown = _category(facts)
    return {
        "kind": facts.kind,
        "on": when.on,
        "basis": facts.basis,
        "city": _city(rule.city, language),
        "target": "PM2.5" if when.target == "pm25" else "AQI",
        "value": _value(facts),
        "above": _stated(when.above),
        "clear_below": _stated(when.clear_below),
        "probability": f"{half_up(100 * when.probability)}%" if when.probability else "",
        "within_hours": when.within_hours,
        "dwell": when.dwell,
        "category": _category_name(shown, language) if shown else "",
        "time": _local(facts.time, language),
        "day": f"{facts.time.astimezone(_INDIA):%-d %b}",
        "hour": f"{facts.time.astimezone(_INDIA):%H:%M}",
        "since": _local(facts.since, language) if facts.since else "",
        "impact": impact(shown, language) if shown else "",
        "advice": advice(shown, language) if shown else (),
        "caveat": caveat(language),
        "simulated": facts.simulated,
        "link": _link(facts),
    }


def _data(facts: Facts, id_: str) -> dict[str, Any]:
    """What a program gets to know."""
    rule, when = facts.rule, facts.rule.when
    forecast = when.on == "forecast"
    return {
        "rule": str(rule.id),
        "city": rule.city,
        "target": when.target,
        "basis": "forecast" if forecast else facts.basis,
        "value": None if forecast else facts.value,
        "probability": facts.value if forecast else None,
        "unit": _UNITS[when.target],
        "threshold": when.above,
        "clear_below": when.clear_below,
        "probability_threshold": when.probability,
        "within_hours": when.within_hours,
        "dwell": when.dwell,
        "category": _category(facts),
        "time": _utc(facts.time),
        "since": _utc(facts.since) if facts.since else None,
        "episode": str(facts.episode) if facts.episode else None,
        "seq": int(id_) if id_.isdecimal() else None,
        "simulated": facts.simulated,
        "link": _link(facts),
    }


def _payload(type_: str, time: datetime, data: dict[str, Any]) -> dict[str, Any]:
    """The body that Standard Webhooks proposes; the time is that of what happened."""
    return {"type": type_, "timestamp": _utc(time), "data": data}


def _category(facts: Facts) -> str | None:
    """That of the value; of a forecast rule, the lowest above its threshold. None where it is over, or a test."""
    when = facts.rule.when
    if facts.kind in {"clear", "test"} or facts.value is None:
        return None
    return category(when.lowest_index_above if when.on == "forecast" else when.index_of(facts.value))


def _value(facts: Facts) -> str:
    if facts.value is None:
        return ""
    if facts.rule.when.on == "forecast":
        return _percent(facts.value)
    return _number(facts.value, facts.rule.when.target)


def _percent(share: float) -> str:
    """Whole percent; what is not certain is not shown as 0 or 100."""
    whole = half_up(100 * share)
    if whole >= 100 and share < 1:
        return ">99%"
    return "<1%" if whole <= 0 < share else f"{min(max(whole, 0), 100)}%"


def _number(value: float, target: Target) -> str:
    """An index is whole; µg/m³ has a decimal, so that what is just below a threshold does not look like it."""
    if target == "aqi" or value >= 1000:
        return str(half_up(value))
    return f"{half_up(10 * value) / 10:.1f}".removesuffix(".0")


def _stated(threshold: float) -> str:
    """A threshold as its owner stated it: with its own decimals, two at most."""
    return f"{threshold:.2f}".rstrip("0").rstrip(".")


def _city(city: str, language: str) -> str:
    return city_name(city) if language == "hi" else city


def _category_name(name: str, language: str) -> str:
    return category_name(name) if language == "hi" else name


def _link(facts: Facts) -> str:
    return f"{facts.public_url.rstrip('/')}/city/{find_city(facts.rule.city).slug}"


def _local(time: datetime, language: str) -> str:
    """``29 November 2026, 18:30 IST``."""
    at = time.astimezone(_INDIA)
    month = month_name(at.month) if language == "hi" else f"{at:%B}"
    return f"{at.day} {month} {at.year}, {at:%H:%M} IST"


def _utc(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
