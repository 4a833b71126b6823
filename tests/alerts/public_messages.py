"""Public messages for tests: one that is made of parts, and any there may be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from common.alerts.cap import Publisher
from common.alerts.public import EXPECTED, MEASURED, Earlier, PublicMessage
from common.alerts.rule import Condition
from common.domain.cities import all_cities, find_city

SENT = datetime(2025, 11, 5, 10, 42, 7, 123456, tzinfo=UTC)
HOUR_END = datetime(2025, 11, 5, 10, 30, tzinfo=UTC)
PUBLISHER = Publisher("alerts@example.org", "https://air.example.org", actual=True)


def message(**changed: object) -> PublicMessage:
    fields: dict[str, object] = {
        "seq": 7,
        "kind": "firing",
        "city": find_city("Delhi"),
        "when": MEASURED,
        "value": 342.0,
        "time": HOUR_END,
        "since": HOUR_END,
        "sent_at": SENT,
        "simulated": False,
    }
    return PublicMessage(**fields | changed)  # type: ignore[arg-type]


def expected(probability: float, **changed: object) -> PublicMessage:
    return message(when=EXPECTED, value=probability, onset=HOUR_END + timedelta(hours=9), **changed)


NUMBERS = st.one_of(st.none(), st.floats(), st.floats(0, 600), st.floats(0, 1))
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2190, 1, 1)).map(lambda time: time.replace(tzinfo=UTC))  # noqa: DTZ001
LEVELS = st.floats(1, 499)


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    target = draw(st.sampled_from(["aqi", "pm25"]))
    above = draw(LEVELS if target == "aqi" else st.floats(1, 2000))
    clear_below = draw(st.floats(0.5, above))
    if draw(st.booleans()):
        return Condition("measured", target, above, clear_below, dwell=draw(st.integers(1, 24)))
    within = draw(st.integers(1, 48))
    return Condition(
        "forecast", target, above, clear_below, within_hours=within, probability=draw(st.floats(0.01, 1))
    )


@st.composite
def messages(draw: st.DrawFn) -> PublicMessage:
    return PublicMessage(
        seq=draw(st.integers(1, 2**63 - 1)),
        kind=draw(st.sampled_from(["firing", "repeat", "clear"])),
        city=draw(st.sampled_from(all_cities())),
        when=draw(conditions()),
        value=draw(NUMBERS),
        time=draw(MOMENTS),
        since=draw(MOMENTS),
        sent_at=draw(MOMENTS),
        simulated=draw(st.booleans()),
        onset=draw(st.none() | MOMENTS),
        earlier=tuple(draw(st.lists(st.builds(Earlier, st.integers(1, 2**63 - 1), MOMENTS), max_size=4))),
    )
