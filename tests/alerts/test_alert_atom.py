"""The feed of public alerts by the musts of RFC 4287, in both languages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from public_messages import HOUR_END, PUBLISHER, SENT, expected, message, messages

from common.alerts.atom import NAMESPACE, feed
from common.domain.cities import find_city

if TYPE_CHECKING:
    from common.alerts.public import PublicMessage
    from common.alerts.rule import Language

A = {"a": NAMESPACE}
ONCE = ("id", "title", "updated")


def read(content: bytes) -> etree._Element:
    """The root of a feed that keeps the musts of RFC 4287, §4.1 and §4.2."""
    root = etree.fromstring(content)
    assert root.tag == f"{{{NAMESPACE}}}feed"
    entries = root.findall("a:entry", A)
    for part in (root, *entries):
        for name in ONCE:
            [element] = part.findall(f"a:{name}", A)
            assert element.text
        assert datetime.fromisoformat(part.findtext("a:updated", namespaces=A)).tzinfo is not None
        alternates = [(link.get("type"), link.get("hreflang")) for link in links(part, "alternate")]
        assert len(alternates) == len(set(alternates)) >= 1
        for link in part.findall("a:link", A):
            assert link.get("href").startswith("https://air.example.org/")
    assert root.findall("a:author", A)
    assert len(links(root, "self")) == 1
    ids = [entry.findtext("a:id", namespaces=A) for entry in entries]
    assert len(set(ids)) == len(ids)
    assert set(ids).isdisjoint({root.findtext("a:id", namespaces=A)})
    return root


def links(part: etree._Element, rel: str) -> list[etree._Element]:
    return [link for link in part.findall("a:link", A) if link.get("rel") == rel]


def test_a_feed_whole() -> None:
    newer = expected(0.62, seq=9, sent_at=SENT + timedelta(hours=1))
    root = read(feed([newer, message()], PUBLISHER, "en", now=SENT))
    assert root.findtext("a:updated", namespaces=A) == "2025-11-05T17:12:07+05:30"
    first, second = root.findall("a:entry", A)
    assert first.findtext("a:title", namespaces=A) == "Delhi: AQI above 300 within 24 hours, probability 62 %"
    assert second.findtext("a:id", namespaces=A) == "https://air.example.org/api/v1/alerts/cap/7.xml#en-IN"
    [document] = links(second, "enclosure")
    assert (document.get("type"), document.get("href")) == (
        "application/cap+xml",
        "https://air.example.org/api/v1/alerts/cap/7.xml",
    )


def test_each_entry_names_what_it_is_the_city_and_the_rule_that_gave_it() -> None:
    given = [expected(0.62, seq=9), message(seq=8, kind="repeat"), message()]
    entries = read(feed(given, PUBLISHER, "hi", now=SENT)).findall("a:entry", A)
    terms = [[category.get("term") for category in entry.findall("a:category", A)] for entry in entries]
    assert terms == [
        ["firing", "expected", "delhi"],
        ["repeat", "measured", "delhi"],
        ["firing", "measured", "delhi"],
    ]


def test_a_feed_of_a_city_in_hindi_without_any() -> None:
    now = datetime(2025, 11, 5, 12, 0, tzinfo=UTC)
    root = read(feed([], PUBLISHER, "hi", now=now, city=find_city("Delhi"), simulated=True))
    assert root.get("{http://www.w3.org/XML/1998/namespace}lang") == "hi-IN"
    assert root.findtext("a:title", namespaces=A) == "वायु गुणवत्ता अलर्ट: दिल्ली (कृत्रिम डेटा)"
    assert root.findtext("a:updated", namespaces=A) == "2025-11-05T17:30:00+05:30"
    [other] = links(root, "related")
    assert other.get("href").endswith("/feed.atom?language=en&city=delhi")


@pytest.mark.parametrize("language", ["en", "hi"])
@settings(max_examples=25)  # each makes several messages
@given(given_messages=st.lists(messages(), max_size=3, unique_by=lambda each: each.seq))
def test_every_feed_keeps_the_musts(language: Language, given_messages: list[PublicMessage]) -> None:
    root = read(feed(given_messages, PUBLISHER, language, now=HOUR_END))
    assert len(root.findall("a:entry", A)) == len(given_messages)
