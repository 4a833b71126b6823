"""Public alerts in words, in English and Hindi: plain sentences for people who may know nothing of an index."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from common.domain.advice import advice, impact
from common.domain.breakpoints import half_up
from common.domain.hindi import category_name, city_name, month_name
from common.domain.observation import IST

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from common.alerts.public import PublicMessage
    from common.alerts.rule import Language

_QUANTITY: Mapping[Language, Mapping[str, str]] = {
    "en": {"aqi": "air quality index (NAQI)", "pm25": "hourly mean of PM2.5"},
    "hi": {"aqi": "वायु गुणवत्ता सूचकांक (NAQI)", "pm25": "PM2.5 का प्रति घंटा औसत"},
}
_GROUPS = 3
"""Of `advice`: everyone, the young and the old, the ill"""
_SHORT = {"aqi": "AQI", "pm25": "PM2.5"}

_HEADLINES: Mapping[Language, Mapping[tuple[str, str], str]] = {
    "en": {
        ("measured", "firing"): "{city}: {short} {value} measured ({category})",
        ("measured", "repeat"): "{city}: {short} still {value} ({category})",
        ("measured", "clear"): "{city}: {short} {value}, below {clear_below} again",
        ("forecast", "firing"): "{city}: {short} above {above} within {within} hours, probability {value}",
        (
            "forecast",
            "repeat",
        ): "{city}: {short} above {above} within {within} hours still likely, probability {value}",
        ("forecast", "clear"): "{city}: {short} above {above} is no longer expected",
    },
    "hi": {
        ("measured", "firing"): "{city}: मापा गया {short} {value} ({category})",
        ("measured", "repeat"): "{city}: {short} अब भी {value} ({category})",
        ("measured", "clear"): "{city}: {short} {value}, फिर से {clear_below} से नीचे",
        ("forecast", "firing"): "{city}: अगले {within} घंटों में {short} के {above} से ऊपर जाने की संभावना {value}",
        (
            "forecast",
            "repeat",
        ): "{city}: अगले {within} घंटों में {short} के {above} से ऊपर जाने की संभावना अब भी {value}",
        ("forecast", "clear"): "{city}: {short} के {above} से ऊपर जाने की आशंका अब नहीं",
    },
}
_DESCRIPTIONS: Mapping[Language, Mapping[tuple[str, str], str]] = {
    "en": {
        ("measured", "firing"): (
            "In the hour that ended at {time}, the {quantity} of {city} was {value} ({category}). {impact} "
            "This alert is given when it is {above} or more for {dwell} hours."
        ),
        ("measured", "repeat"): (
            "In the hour that ended at {time}, the {quantity} of {city} was {value} ({category}). {impact} "
            "The alert began at {since}."
        ),
        ("measured", "clear"): (
            "In the hour that ended at {time}, the {quantity} of {city} was {value}. It has been below {clear_below} "
            "for {dwell} hours. The alert that began at {since} is over."
        ),
        ("forecast", "firing"): (
            "By the forecast of {time}, the {quantity} of {city} exceeds {above} in at least one of the {within} hours "
            "until {end} with a probability of {value}. {first}{impact}"
        ),
        ("forecast", "repeat"): (
            "By the forecast of {time}, the {quantity} of {city} exceeds {above} in at least one of the {within} hours "
            "until {end} with a probability of {value}. {first}{impact} The alert began at {since}."
        ),
        ("forecast", "clear"): (
            "By the forecast of {time}, the {quantity} of {city} exceeds {above} in at least one of the {within} hours "
            "until {end} with a probability of only {value}. The alert that began at {since} is over."
        ),
    },
    "hi": {
        ("measured", "firing"): (
            "{time} तक के घंटे में {city} में {quantity} {value} ({category}) था। {impact} "
            "यह अलर्ट तब दिया जाता है जब यह मान {dwell} घंटे तक {above} या उससे अधिक रहे।"
        ),
        ("measured", "repeat"): (
            "{time} तक के घंटे में {city} में {quantity} {value} ({category}) था। {impact} अलर्ट {since} को शुरू हुआ था।"
        ),
        ("measured", "clear"): (
            "{time} तक के घंटे में {city} में {quantity} {value} था। यह {dwell} घंटे {clear_below} से नीचे रहा है। "
            "{since} को शुरू हुआ अलर्ट समाप्त हुआ।"
        ),
        ("forecast", "firing"): (
            "{time} के पूर्वानुमान के अनुसार इसकी संभावना {value} है कि {end} तक के {within} घंटों में से कम से कम "
            "एक घंटे में {city} में {quantity} {above} से ऊपर रहे। {first}{impact}"
        ),
        ("forecast", "repeat"): (
            "{time} के पूर्वानुमान के अनुसार इसकी संभावना {value} है कि {end} तक के {within} घंटों में से कम से कम "
            "एक घंटे में {city} में {quantity} {above} से ऊपर रहे। {first}{impact} अलर्ट {since} को शुरू हुआ था।"
        ),
        ("forecast", "clear"): (
            "{time} के पूर्वानुमान के अनुसार इसकी संभावना केवल {value} है कि {end} तक के {within} घंटों में से "
            "कम से कम एक घंटे में {city} में {quantity} {above} से ऊपर रहे। {since} को शुरू हुआ अलर्ट समाप्त हुआ।"
        ),
    },
}
_FIRST: Mapping[Language, str] = {
    "en": "It is likely from {onset}. ",
    "hi": "{onset} से इसकी आशंका है। ",
}
_EVENT: Mapping[Language, str] = {"en": "Air quality: {category}", "hi": "वायु गुणवत्ता: {category}"}
_SIMULATED: Mapping[Language, str] = {
    "en": "Simulated data, not a real warning. ",
    "hi": "कृत्रिम डेटा, असली चेतावनी नहीं। ",
}
_UNKNOWN: Mapping[Language, str] = {"en": "unknown", "hi": "अज्ञात"}
SENDER: Mapping[Language, str] = {
    "en": "Vayu, air quality of Indian cities",
    "hi": "वायु, भारतीय शहरों की वायु गुणवत्ता",
}


class Bulletin(msgspec.Struct, frozen=True):
    """A public message in one language."""

    event: str
    headline: str
    description: str
    instruction: str | None
    """What to do; None where it is over"""
    area: str


def bulletin(message: PublicMessage, language: Language) -> Bulletin:
    """The message in words; simulated data are called so before all else."""
    when, onset = message.when, message.onset
    category = message.category if language == "en" else category_name(message.category)
    city = _city(message, language)
    words = {
        "city": city,
        "short": _SHORT[when.target],
        "quantity": _QUANTITY[language][when.target],
        "value": _value(message, language),
        "category": category,
        "impact": impact(message.category, language),
        "above": _level(when.above, when.target),
        "clear_below": _level(when.clear_below, when.target),
        "within": when.within_hours,
        "dwell": when.dwell,
        "time": spoken(message.time, language),
        "since": spoken(message.since, language),
        "end": spoken(message.time + timedelta(hours=when.within_hours or 0), language),
        "first": "" if onset is None else _FIRST[language].format(onset=spoken(onset, language)),
    }
    which = (when.on, message.kind)
    before = _SIMULATED[language] if message.simulated else ""
    return Bulletin(
        event=_EVENT[language].format(category=category),
        headline=before + _HEADLINES[language][which].format(**words),
        description=before + _DESCRIPTIONS[language][which].format(**words),
        instruction=None if message.kind == "clear" else _instruction(message, language),
        area=city if language == "hi" else f"{city}, {message.city.state}",
    )


def _city(message: PublicMessage, language: Language) -> str:
    return message.city.name if language == "en" else city_name(message.city.name)


def _instruction(message: PublicMessage, language: Language) -> str:
    """What everyone should do, and those whom it harms first."""
    groups = advice(message.category, language)[:_GROUPS]
    return " ".join(f"{each.group}: {each.text}" for each in groups)


def spoken(time: datetime, language: Language) -> str:
    """A time as people in India say it: ``5 November 2025, 16:00 IST``."""
    local = time.astimezone(IST)
    month = f"{local:%B}" if language == "en" else month_name(local.month)
    return f"{local.day} {month} {local.year}, {local:%H:%M} IST"


def _value(message: PublicMessage, language: Language) -> str:
    if message.number is None:
        return _UNKNOWN[language]
    if message.when.on == "forecast":
        return f"{half_up(100 * message.number)} %"
    return _level(message.number, message.when.target)


def _level(value: float, target: str) -> str:
    return str(half_up(value)) if target == "aqi" else f"{value:.0f} µg/m³"
