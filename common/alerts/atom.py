"""Public alerts as an Atom feed (RFC 4287): one entry a message, newest first, with a link to it as CAP."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, tostring

from common.alerts.bulletin import SENDER, bulletin
from common.alerts.cap import LANGUAGES, MEDIA_TYPE, cap_path, indian_time
from common.domain.hindi import city_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from common.alerts.cap import Publisher
    from common.alerts.public import PublicMessage
    from common.alerts.rule import Language
    from common.domain.cities import City

NAMESPACE = "http://www.w3.org/2005/Atom"
ATOM = "application/atom+xml"
FEED_PATH = "/api/v1/alerts/feed.atom"

_TITLE: Mapping[Language, str] = {"en": "Air quality alerts", "hi": "वायु गुणवत्ता अलर्ट"}
_SIMULATED: Mapping[Language, str] = {"en": " (simulated data)", "hi": " (कृत्रिम डेटा)"}


def feed(
    messages: Sequence[PublicMessage],
    publisher: Publisher,
    language: Language,
    *,
    now: datetime,
    city: City | None = None,
    simulated: bool = False,
) -> bytes:
    """The feed of these messages, newest first, as an XML document in UTF-8.

    `city`: the only one whose messages they are. `now`: when a feed without any was made.
    """
    base = publisher.public_url.rstrip("/")
    choice = f"?language={language}" + ("" if city is None else f"&city={city.slug}")
    place = "" if city is None else ": " + (city.name if language == "en" else city_name(city.name))
    root = Element("feed", {"xmlns": NAMESPACE, "xml:lang": LANGUAGES[language]})
    _add(root, "id", f"{base}{FEED_PATH}{choice}")
    _add(root, "title", _TITLE[language] + place + (_SIMULATED[language] if simulated else ""))
    _add(root, "updated", indian_time(max((each.sent_at for each in messages), default=now)))
    author = SubElement(root, "author")
    _add(author, "name", SENDER[language])
    _link(root, "self", f"{base}{FEED_PATH}{choice}", ATOM)
    _link(root, "alternate", f"{base}/" if city is None else f"{base}/city/{city.slug}", "text/html")
    for other in LANGUAGES:
        if other != language:
            address = f"{base}{FEED_PATH}{choice.replace(f'language={language}', f'language={other}')}"
            _link(root, "related", address, ATOM, hreflang=LANGUAGES[other])
    for message in messages:
        _entry(root, message, base, language)
    content: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return content


def _entry(root: Element, message: PublicMessage, base: str, language: Language) -> None:
    words = bulletin(message, language)
    document = base + cap_path(message.seq)
    entry = SubElement(root, "entry")
    # An address that stays: the message never changes, and each language is an entry of its own.
    _add(entry, "id", f"{document}#{LANGUAGES[language]}")
    _add(entry, "title", words.headline)
    _add(entry, "updated", indian_time(message.sent_at))
    _add(entry, "published", indian_time(message.sent_at))
    _link(entry, "alternate", f"{base}/city/{message.city.slug}", "text/html")
    _link(entry, "enclosure", document, MEDIA_TYPE)
    SubElement(entry, "category", {"term": message.kind})
    SubElement(entry, "category", {"term": message.standing_rule})
    SubElement(entry, "category", {"term": message.city.slug, "label": words.area})
    _add(entry, "summary", " ".join(filter(None, (words.description, words.instruction))))


def _add(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = text


def _link(parent: Element, rel: str, href: str, type_: str, **others: str) -> None:
    SubElement(parent, "link", {"rel": rel, "type": type_, "href": href, **others})
