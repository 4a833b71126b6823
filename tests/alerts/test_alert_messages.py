"""What alerts say: the facts, first of all that they are simulated; in two languages, and short enough for an SMS."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from uuid import UUID

import gsm0338
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from public_messages import message as public_message

from common.alerts.messages import (
    SMS_CHARACTERS,
    Facts,
    alert_message,
    confirmation_message,
    disabled_message,
    sms_length,
)
from common.alerts.rule import Condition, Rule
from common.domain.cities import all_cities

if TYPE_CHECKING:
    from common.alerts.rule import Target
    from common.ports import AlertMessage

RULE = Rule(UUID(int=1), UUID(int=2), "Delhi", Condition("measured", "aqi", 300, 280), "email")
FORECAST = Condition("forecast", "aqi", 300, 280, within_hours=24, probability=0.5)
TIME = datetime(2026, 11, 29, 12, 30, tzinfo=UTC)
FACTS = Facts(
    "firing",
    RULE,
    312.4,
    TIME,
    UUID(int=3),
    TIME - timedelta(hours=3),
    simulated=False,
    public_url="https://v.example",
)
STOP = "https://v.example/api/v1/alerts/unsubscribe/va_x"

rules = st.builds(
    Rule,
    id=st.uuids(),
    owner=st.uuids(),
    city=st.sampled_from([city.name for city in all_cities()]),
    when=st.builds(
        Condition,
        on=st.sampled_from(["measured", "forecast"]),
        target=st.sampled_from(["aqi", "pm25"]),
        above=st.floats(1, 500),
        clear_below=st.floats(1, 500),
        within_hours=st.integers(1, 48),
        probability=st.floats(0.001, 1),
        dwell=st.integers(1, 24),
    ),
    channel=st.sampled_from(["webhook", "email", "slack", "sms"]),
    language=st.sampled_from(["en", "hi"]),
)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 — made aware


@st.composite
def any_facts(draw: st.DrawFn) -> Facts:
    rule = draw(rules)
    kind = draw(st.sampled_from(["firing", "repeat", "clear", "test"]))
    values = st.floats(0, 1) if rule.when.on == "forecast" else st.floats(0, 2000)
    return Facts(
        kind,
        rule,
        None if kind == "test" else draw(values),
        draw(moments),
        draw(st.none() | st.uuids()),
        draw(st.none() | moments),
        draw(st.booleans()),
        "https://vayu.example.org",
        draw(st.sampled_from(["measured", "implied", "modelled"])),
    )


def message(facts: Facts = FACTS, **changes: Any) -> AlertMessage:
    """The message of these facts, with some of them, or of their rule or condition, otherwise."""
    when = structs.replace(
        facts.rule.when, **{k: v for k, v in changes.items() if hasattr(facts.rule.when, k)}
    )
    of_rule = {k: v for k, v in changes.items() if hasattr(facts.rule, k)}
    of_facts = {k: v for k, v in changes.items() if hasattr(facts, k)}
    changed = replace(facts, rule=structs.replace(facts.rule, when=when, **of_rule), **of_facts)
    return alert_message(changed, id_="421", sent_at=TIME + timedelta(minutes=7), unsubscribe_url=STOP)


def test_a_measured_alert_in_english() -> None:
    made = message()
    assert made.subject == "Delhi: AQI 312 (alert from 300)"
    assert made.text.splitlines()[:5] == [
        "Delhi: the AQI measured in the hour to 29 November 2026, 18:00 IST is 312 (Very Poor).",
        "",
        "Your alert is set for 300 or higher. It is over below 280.",
        "",
        "Very Poor air: Respiratory illness on prolonged exposure.",
    ]
    assert "Everyone: Outdoors only as long as needed" in made.text
    assert "Now and the next 48 hours: https://v.example/city/delhi" in made.text
    assert made.text.endswith(f"No more of these messages: {STOP}")
    assert (made.id, made.language, made.unsubscribe_url) == ("421", "en", STOP)


def test_a_measured_alert_in_hindi() -> None:
    made = message(language="hi")
    assert made.subject == "दिल्ली: AQI 312 (अलर्ट की सीमा 300)"
    assert made.text.startswith("दिल्ली: 29 नवंबर 2026, 18:00 IST तक के घंटे में मापा गया AQI 312 (बहुत खराब) है।")
    assert "सभी लोग: बाहर उतनी ही देर रहें जितनी ज़रूरी हो" in made.text
    assert made.language == "hi"


def test_a_forecast_says_that_it_is_one_and_how_probable() -> None:
    rule = structs.replace(RULE, when=FORECAST)
    english = message(replace(FACTS, rule=rule, value=0.642))
    assert english.subject == "Delhi: a 64% chance of AQI above 300 within 24 h"
    assert "gives AQI above 300 within the next 24 hours a chance of 64%" in english.text
    assert "This is a forecast, not a measurement." in english.text
    assert "set for a chance of 50% or more" in english.text
    assert "Very Poor air" in english.text  # what lies above 300
    hindi = message(replace(FACTS, rule=structs.replace(rule, language="hi"), value=0.642))
    assert "संभावना 64% है। यह पूर्वानुमान है, माप नहीं।" in hindi.text


@pytest.mark.parametrize(
    ("changes", "subject", "part"),
    [
        ({"kind": "repeat"}, "Delhi: still AQI 312", "It began on 29 November 2026, 15:00 IST."),
        (
            {"kind": "clear", "value": 265.0},
            "Delhi: over – AQI 265, below 280",
            "below 280 for 2 hours. It began on",
        ),
        ({"kind": "test", "value": None}, "Test of your alert for Delhi", "Nothing has happened"),
        ({"basis": "modelled"}, "Delhi: AQI 312", "no station reported this hour"),
        ({"basis": "implied"}, "Delhi: AQI 312", "implied by a published index"),
        (
            {"target": "pm25", "value": 61.27, "above": 60.5},
            "Delhi: PM2.5 61.3 µg/m³ (alert from 60.5)",
            "µg/m³",
        ),
        (
            {"target": "pm25", "value": 145.5, "above": 120.5},
            "Delhi: PM2.5 145.5 µg/m³ (alert from 120.5)",
            "120.5 µg/m³",
        ),
        ({"target": "pm25", "value": 1145.5}, "Delhi: PM2.5 1146 µg/m³", "(Severe)"),
    ],
)
def test_each_kind_has_its_words(changes: dict[str, Any], subject: str, part: str) -> None:
    made = message(**changes)
    assert made.subject.startswith(subject)
    assert part in made.text


def test_what_is_over_and_what_is_a_test_give_no_advice() -> None:
    for kind, value in (("clear", 265.0), ("test", None)):
        assert "Everyone" not in message(kind=kind, value=value).text


@given(any_facts())
@settings(max_examples=50)
def test_simulated_is_said_first_and_only_then(facts: Facts) -> None:
    made = alert_message(facts, id_="1", sent_at=facts.time)
    words = ("SIMULATED", "Simulated") if facts.rule.language == "en" else ("कृत्रिम",)
    for text in (made.subject, made.text):
        assert text.lstrip("[").startswith(words) is facts.simulated
    assert made.data["data"]["simulated"] is facts.simulated


@given(any_facts())
@settings(max_examples=50)
def test_every_message_is_whole(facts: Facts) -> None:
    made = alert_message(facts, id_="1", sent_at=facts.time, unsubscribe_url=STOP)
    for text in (made.subject, made.text, made.html or ""):
        assert not re.search(r"None|Undefined|\bnan\b|\{\{|\{%|  ", text)
        assert not re.search(r"[०-९]", text)  # digits are Latin in Hindi, too
    assert "\n" not in made.subject
    assert len(made.subject) < 150
    if facts.rule.channel != "sms":
        slug = facts.rule.city.lower().replace(" ", "-")
        assert f"https://vayu.example.org/city/{slug}" in made.text
        assert f"{facts.time + timedelta(hours=5, minutes=30):%H:%M} IST" in made.text or facts.kind == "test"
        assert STOP in made.text


@given(any_facts())
@settings(max_examples=50)
def test_a_text_is_one_part_of_an_sms(facts: Facts) -> None:
    facts = replace(facts, rule=structs.replace(facts.rule, channel="sms"))
    text = alert_message(facts, id_="1", sent_at=facts.time).text
    assert "\n" not in text
    if facts.rule.language == "hi":
        assert len(text.encode("utf-16-le")) // 2 <= 70
    else:
        assert len(gsm0338.Codec().encode(text)[0]) <= 160
    assert sms_length(text) <= SMS_CHARACTERS[facts.rule.language]


@pytest.mark.parametrize("on", ["measured", "forecast"])
@pytest.mark.parametrize("kind", ["firing", "repeat", "clear", "test"])
def test_the_longest_hindi_text_is_one_part(on: str, kind: str) -> None:
    """The longest name, threshold, value and basis at once, of simulated data: no draw need happen upon them."""
    longest = {"target": "pm25", "above": 120.25, "within_hours": 48, "probability": 0.5, "basis": "implied"}
    value = None if kind == "test" else {"measured": 135.4, "forecast": 0.999}[on]
    for city in all_cities():
        changes = {"city": city.name, "language": "hi", "channel": "sms", "simulated": True, **longest}
        text = message(on=on, kind=kind, value=value, **changes).text
        assert sms_length(text) <= SMS_CHARACTERS["hi"], text


@given(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
    | st.text(max_size=30).filter(str.isprintable)
)
def test_the_length_of_a_text_is_that_of_the_codec(text: str) -> None:
    try:
        septets = len(gsm0338.Codec().encode(text)[0]) if text.isascii() else None
    except UnicodeError:
        septets = None
    expected = septets if septets is not None else len(text.encode("utf-16-le", "surrogatepass")) // 2
    assert sms_length(text) == expected


def test_a_long_address_of_the_page_is_left_out_of_an_sms() -> None:
    assert message(channel="sms").text.endswith("https://v.example/city/delhi")
    long = message(channel="sms", public_url="https://" + "a" * 120 + ".example")
    assert long.text == "Vayu Delhi: AQI 312 (Very Poor), alert from 300. Measured 29 Nov 18:00 IST."


class Page(HTMLParser):
    """Elements and words of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.links: list[str | None] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        if tag == "a":
            self.links.append(dict(attrs)["href"])

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@given(any_facts())
@settings(max_examples=50)
def test_html_says_what_the_text_says(facts: Facts) -> None:
    facts = replace(facts, rule=structs.replace(facts.rule, channel="email"))
    made = alert_message(facts, id_="1", sent_at=facts.time, unsubscribe_url=STOP)
    page = Page(made.html or "")
    words = " ".join(" ".join(page.words).split())
    assert " ".join(made.text.split()) in words
    assert page.links[-1] == STOP
    assert len(page.links) == 2
    assert not {"script", "img", "link", "iframe"} & set(
        page.elements
    )  # nothing is loaded, nobody is tracked


def test_what_an_owner_may_cause_to_be_shown_is_escaped() -> None:
    made = disabled_message(
        RULE, '<b>410</b> & "more"', id_="d-1", sent_at=TIME, public_url="https://v.example"
    )
    assert "<b>410" not in (made.html or "")
    assert "&lt;b&gt;410&lt;/b&gt; &amp; &#34;more&#34;" in (made.html or "")
    assert '<b>410</b> & "more"' in made.text
    confirm = confirmation_message(
        city="Delhi",
        language="en",
        confirm_url='https://v.example/"onclick="x',
        id_="c-1",
        sent_at=TIME,
        public_url="https://v.example",
    )
    assert 'href="https://v.example/&#34;onclick=&#34;x"' in (confirm.html or "")


def test_a_program_gets_every_fact() -> None:
    made = message()
    assert made.data == {
        "type": "alert.firing",
        "timestamp": "2026-11-29T12:30:00Z",
        "data": {
            "rule": str(UUID(int=1)),
            "city": "Delhi",
            "target": "aqi",
            "basis": "measured",
            "value": 312.4,
            "probability": None,
            "unit": "index",
            "threshold": 300,
            "clear_below": 280,
            "probability_threshold": None,
            "within_hours": None,
            "dwell": 2,
            "category": "Very Poor",
            "time": "2026-11-29T12:30:00Z",
            "since": "2026-11-29T09:30:00Z",
            "episode": str(UUID(int=3)),
            "seq": 421,
            "simulated": False,
            "link": "https://v.example/city/delhi",
        },
    }
    forecast = message(replace(FACTS, rule=structs.replace(RULE, when=FORECAST), value=0.64)).data["data"]
    assert (forecast["basis"], forecast["value"], forecast["probability"]) == ("forecast", None, 0.64)
    assert (forecast["threshold"], forecast["probability_threshold"], forecast["within_hours"]) == (
        300,
        0.5,
        24,
    )
    assert alert_message(FACTS, id_="test-5f0c", sent_at=TIME).data["data"]["seq"] is None


@given(any_facts(), st.integers(0, 10**6))
@settings(max_examples=50)
def test_the_data_are_json_and_do_not_change_from_attempt_to_attempt(facts: Facts, seconds: int) -> None:
    first = alert_message(facts, id_="7", sent_at=facts.time)
    second = alert_message(facts, id_="7", sent_at=facts.time + timedelta(seconds=seconds))
    assert json.dumps(first.data, allow_nan=False) == json.dumps(second.data, allow_nan=False)
    assert first.text == second.text
    assert first.data["type"] == f"alert.{facts.kind}"


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0.0, "0%"), (0.004, "<1%"), (0.005, "1%"), (0.994, "99%"), (0.996, ">99%"), (1.0, "100%")],
)
def test_what_is_not_certain_is_not_shown_as_certain(share: float, shown: str) -> None:
    made = message(replace(FACTS, rule=structs.replace(RULE, when=FORECAST), value=share))
    assert f"a {shown} chance" in made.subject


@pytest.mark.parametrize(
    ("target", "above", "name"),
    [
        ("aqi", 49, "Good"),
        ("aqi", 50, "Satisfactory"),
        ("aqi", 200, "Poor"),
        ("aqi", 300, "Very Poor"),
        ("aqi", 400.5, "Severe"),
        ("aqi", 500, "Severe"),
        ("pm25", 60, "Moderate"),
        ("pm25", 120, "Very Poor"),
        ("pm25", 250, "Severe"),
    ],
)
def test_a_forecast_advises_for_the_lowest_air_above_its_threshold(
    target: Target, above: float, name: str
) -> None:
    when = structs.replace(FORECAST, target=target, above=above)
    facts = replace(FACTS, rule=structs.replace(RULE, when=when), value=0.6)
    assert message(facts).data["data"]["category"] == name
    assert public_message(when=when, value=0.6).category == name, "in the public feed, too"


def test_the_other_messages_speak_both_languages() -> None:
    for language, word in (("en", "press its button"), ("hi", "बटन दबाएँ")):
        made = confirmation_message(
            city="Delhi",
            language=language,
            confirm_url="https://v.example/api/v1/alerts/confirm/va_x",
            id_="c-1",
            sent_at=TIME,
            public_url="https://v.example",
        )
        assert word in made.text
        assert "https://v.example/api/v1/alerts/confirm/va_x" in made.text
        assert made.unsubscribe_url is None
        assert made.data["type"] == "alert.confirm"
    for language, word in (("en", "switched off"), ("hi", "बंद कर दिया गया है")):
        off = disabled_message(
            structs.replace(RULE, language=language, channel="webhook"),
            "its messages could not be delivered: the receiver answered 410",
            id_="d-1",
            sent_at=TIME,
            public_url="https://v.example",
        )
        assert word in off.text
        assert "the receiver answered 410" in off.text
        assert off.data["data"]["rule"] == str(RULE.id)
