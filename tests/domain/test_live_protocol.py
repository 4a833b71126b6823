"""What live clients say: every text is either a message or gets a sentence that says what is allowed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.domain import live_protocol
from common.domain.cities import all_cities
from common.domain.live_protocol import (
    KINDS,
    MAX_FRAME,
    Filter,
    Hello,
    ProtocolError,
    parse_hello,
    parse_message,
)

NAMES = [city.name for city in all_cities()]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    after=st.none() | st.integers(0, 2**63 - 1),
    cities=st.none() | st.lists(st.sampled_from(NAMES), min_size=1, max_size=56, unique=True),
    kinds=st.none() | st.lists(st.sampled_from(KINDS), min_size=1, max_size=5, unique=True),
    token=st.none() | st.text(min_size=1, max_size=256),
)
def test_a_hello_is_understood_as_it_was_meant(
    after: int | None, cities: list[str] | None, kinds: list[str] | None, token: str | None
) -> None:
    hello = parse_hello(
        json.dumps({"type": "hello", "after": after, "cities": cities, "kinds": kinds, "token": token})
    )

    assert hello.after == after
    assert hello.cities == (None if cities is None else tuple(cities))
    assert hello.kinds == (None if kinds is None else tuple(kinds))
    assert hello.token == token
    assert parse_hello(json.dumps({"type": "hello"})) == Hello()


@given(st.binary(max_size=200) | st.text(max_size=200) | JSON.map(json.dumps))
@example('{"type":"hello","after":NaN}')
@example('{"type":"hello","after":1e400}')
@example('{"type":"hello","after":true}')
@example('{"type":"hello","cities":"Delhi"}')
@example('{"type":"hello","cities":[]}')
@example('{"type":"hello","cities":["\\ud800"]}')
@example('{"type":"hello","token":7}')
@example('{"type":"hello","user":7}')
@example("\ud800")
@example("[" * 30_000)
@example("9" * 5000)
@example('{"type":"hello","after":' + "9" * 5000 + "}")
def test_whatever_comes_is_a_message_or_gets_a_sentence(text: str | bytes) -> None:
    try:
        parse_message(text)
    except ProtocolError as refused:
        answer = json.loads(live_protocol.error(str(refused)))
        assert answer["type"] == "error"
        assert 10 < len(answer["detail"]) < 600


@given(
    st.fixed_dictionaries({"type": st.just("hello")}, optional={"after": JSON, "cities": JSON, "kinds": JSON})
)
def test_a_field_that_means_nothing_is_named(body: dict[str, object]) -> None:
    sentence = None
    try:
        hello = parse_hello(json.dumps(body))
        assert hello.after == body.get("after")
    except ProtocolError as refused:
        sentence = str(refused)
    assert sentence is None or sentence.split()[0].rstrip(":") in body


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "a message must be a JSON object"),
        ("[]", "a message must be a JSON object, not []"),
        ("{}", "type must be hello, ping or pong, which is missing"),
        ('{"type":"event"}', 'type must be hello, ping or pong, not "event"'),
        (
            '{"type":"hello","after":-1}',
            "after must be the seq of the last event seen, a whole number from 0",
        ),
        ('{"type":"hello","after":"5"}', 'after must be a number or null, not "5"'),
        ('{"type":"hello","after":9223372036854775808}', "after must be the seq of the last event seen"),
        (
            '{"type":"hello","kinds":["rain"]}',
            "kinds must be some of hours, forecast, model, source, alert, not",
        ),
        ('{"type":"hello","cities":["Dehli"]}', "cities: unknown city 'Dehli'; the 56 cities are listed at"),
        (
            '{"type":"hello","cities":"Delhi"}',
            'cities must be a list such as ["Delhi"], or null, not "Delhi"',
        ),
        ('{"type":"hello","user":1}', 'a hello has after, cities, kinds, token, type, and no "user"'),
        ('{"type":"hello","token":""}', "token must be a text of 1 to 256 characters, or null"),
        ("x" * (MAX_FRAME + 1), "a message has at most 32768 bytes, not 32769"),
        ("é" * (MAX_FRAME // 2 + 1), "a message has at most 32768 bytes, not 32770"),
    ],
)
def test_what_is_wrong_is_said(text: str, sentence: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        parse_message(text)
    assert str(refused.value).startswith(sentence)


def test_what_is_wrong_may_be_no_hello() -> None:
    assert parse_message('{"type":"ping"}') == "ping"
    assert parse_message('{"type":"pong"}') == "pong"
    with pytest.raises(ProtocolError, match="the first message must be a hello"):
        parse_hello('{"type":"ping"}')


def test_cities_may_be_written_in_any_way() -> None:
    assert parse_hello('{"type":"hello","cities":["bengaluru","BANGALORE","navi-mumbai"]}').cities == (
        "Bangalore",
        "Navi Mumbai",
    )


def test_a_token_is_not_shown() -> None:
    assert "vayu_secret" not in repr(parse_hello('{"type":"hello","token":"vayu_secret"}'))


@given(
    st.none() | st.frozensets(st.sampled_from(NAMES[:4])),
    st.none() | st.frozensets(st.sampled_from(KINDS)),
    st.sampled_from(KINDS),
    st.lists(st.sampled_from(NAMES[:4]), unique=True),
)
def test_who_wants_which_event(
    cities: frozenset[str] | None, kinds: frozenset[str] | None, kind: str, of: list[str]
) -> None:
    of_kind = kinds is None or kind in kinds
    of_city = cities is None or of == [] or any(city in cities for city in of)
    assert Filter(cities, kinds).wants(kind, of) == (of_kind and of_city)


def test_what_the_server_says() -> None:
    ist = timezone(timedelta(hours=5, minutes=30))
    event = {
        "seq": 7,
        "kind": "hours",
        "cities": ["Delhi"],
        "time": datetime(2025, 11, 5, 16, 0, tzinfo=ist),
        "data_version": 3,
    }

    assert json.loads(live_protocol.event_message(event)) == {
        "type": "event",
        "seq": 7,
        "kind": "hours",
        "cities": ["Delhi"],
        "time": "2025-11-05T10:30:00Z",
        "data_version": 3,
    }
    assert event["time"] == datetime(2025, 11, 5, 10, 30, tzinfo=UTC)
    assert json.loads(live_protocol.welcome(7)) == {"type": "welcome", "seq": 7}
    assert json.loads(live_protocol.reload()) == {"type": "reload"}
    assert json.loads(live_protocol.ping()) == {"type": "ping"}
    assert json.loads(live_protocol.pong()) == {"type": "pong"}
