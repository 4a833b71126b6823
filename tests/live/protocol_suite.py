"""The protocol of live connections (docs/live.md), for everything that speaks it.

A class of tests inherits from `ProtocolSuite`, and from `StreamSuite` where the target streams. Its file has a fixture
``target`` of module scope::

    @pytest.fixture(scope="module")
    def target() -> Iterator[Target]: ...

    class TestHere(ProtocolSuite, StreamSuite): ...

Each test uses the same running target, and leaves it as it was.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from live_process import NOW, client, refusal, sse
from websockets.exceptions import ConnectionClosedError

from common.domain.live_protocol import MAX_FRAME

if TYPE_CHECKING:
    from live_process import Producer

BEYOND = 10**15
"""The number of no event, as of a database that was restored since."""


@dataclass
class Target:
    """Something that speaks the protocol."""

    websocket: str
    producer: Producer
    """Commits to the database that the target follows; `Producer.lose_the_oldest` was called before it began"""
    events: str | None = None
    """Of the stream; None where there is none"""
    latency_s: float = 5.0
    """Within which an event reaches the clients, on a busy machine"""


def settled(target: Target) -> int:
    """The newest number, once the target knows it."""
    with client(target.websocket) as bystander:
        bystander.hello(target.producer.newest())
        number = target.producer.commit("Delhi")
        assert bystander.events(1) == [number]
    return number


class ProtocolSuite:
    """WebSocket."""

    def test_what_is_committed_comes_in_its_order(self, target: Target) -> None:
        with client(target.websocket) as here, client(target.websocket) as there:
            newest = settled(target)
            assert here.hello() == {"type": "welcome", "seq": newest}
            there.hello()
            numbers = [target.producer.commit("Delhi", "Mumbai") for _ in range(5)]

            assert here.events(5, target.latency_s) == numbers
            assert there.events(5, target.latency_s) == numbers
            assert here.received[-1] == {
                "type": "event",
                "seq": numbers[-1],
                "kind": "hours",
                "cities": ["Delhi", "Mumbai"],
                "time": NOW.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "data_version": None,
                "detail": {},
            }

    def test_who_comes_back_misses_nothing_and_gets_nothing_twice(self, target: Target) -> None:
        with client(target.websocket) as before:
            before.hello(target.producer.newest())
            seen = target.producer.commit("Delhi")
            assert before.events(1) == [seen]
        missed = [target.producer.commit("Delhi") for _ in range(3)]
        with client(target.websocket) as after:
            assert after.hello(seen) == {"type": "welcome", "seq": seen}
            assert after.events(3) == missed
            later = target.producer.commit("Delhi")
            assert after.events(1) == [later]

    def test_many_that_were_missed(self, target: Target) -> None:
        seen = target.producer.newest()
        target.producer.commit_many(250, "Delhi")
        with client(target.websocket) as after:
            after.hello(seen)
            assert after.events(250) == list(range(seen + 1, seen + 251))

    def test_without_a_number_only_what_is_new(self, target: Target) -> None:
        settled(target)
        with client(target.websocket) as new:
            new.hello(None)
            number = target.producer.commit("Delhi")
            assert new.events(1) == [number]

    def test_cities_and_kinds_are_chosen(self, target: Target) -> None:
        with client(target.websocket) as here:
            seen = target.producer.newest()
            here.hello(seen, cities=["mumbai", "new-delhi"], kinds=["hours", "source"])
            wanted = [
                target.producer.commit("Delhi"),
                target.producer.commit(kind="source"),
                target.producer.commit("Mumbai", "Pune"),
            ]
            target.producer.commit("Pune")
            target.producer.commit("Delhi", kind="forecast")
            last = target.producer.commit("Delhi")
            assert here.events(4) == [*wanted, last]

    def test_another_hello_chooses_anew(self, target: Target) -> None:
        with client(target.websocket) as here:
            here.hello(cities=["Delhi"])
            seen = target.producer.newest()
            assert here.hello(seen, cities=["Mumbai"]) == {"type": "welcome", "seq": seen}
            target.producer.commit("Delhi")
            wanted = target.producer.commit("Mumbai")
            assert here.events(1) == [wanted]

    @pytest.mark.parametrize("after", [0, BEYOND])
    def test_what_is_no_longer_kept_must_be_read_anew(self, target: Target, after: int) -> None:
        with client(target.websocket) as here:
            newest = settled(target)
            assert here.hello(after) == {"type": "welcome", "seq": newest}
            assert here.receive() == {"type": "reload"}
            number = target.producer.commit("Delhi")
            assert here.events(1) == [number]

    @pytest.mark.parametrize(
        ("message", "detail"),
        [
            ("", "a message must be a JSON object"),
            ("{", "a message must be a JSON object"),
            ("[]", "a message must be a JSON object, not []"),
            ("[" * 20_000, "a message must be a JSON object"),
            ('{"type":"subscribe"}', 'type must be hello, ping or pong, not "subscribe"'),
            ('{"type":"hello","after":"x"}', 'after must be a number or null, not "x"'),
            ('{"type":"hello","cities":["Dehli"]}', "cities: unknown city 'Dehli'"),
            (
                '{"type":"hello","kinds":["rain"]}',
                "kinds must be some of hours, forecast, model, source, alert",
            ),
        ],
    )
    def test_what_means_nothing_is_answered_and_costs_nothing(
        self, target: Target, message: str, detail: str
    ) -> None:
        newest = target.producer.newest()
        with client(target.websocket) as other, client(target.websocket) as here:
            other.hello(newest)
            here.send(message)
            answer = here.receive()
            assert answer["type"] == "error"
            assert answer["detail"].startswith(detail)
            here.hello(newest)
            number = target.producer.commit("Delhi")
            assert here.events(1) == [number]
            assert other.events(1) == [number]

    def test_bytes_are_no_message(self, target: Target) -> None:
        with client(target.websocket) as here:
            here.send(b"\x00\xff")
            assert here.receive()["type"] == "error"
            here.hello()

    def test_a_large_frame_is_read_and_a_larger_one_ends_its_connection(self, target: Target) -> None:
        largest = json.dumps({"type": "hello", "after": None})
        largest += " " * (MAX_FRAME - len(largest))
        newest = settled(target)
        with client(target.websocket) as other, client(target.websocket) as here:
            other.hello(newest)
            here.send(largest)
            assert here.receive()["type"] == "welcome"
            here.send(largest + " ")
            with pytest.raises(ConnectionClosedError) as closed:
                here.receive()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1009
            number = target.producer.commit("Delhi")
            assert other.events(1) == [number]

    def test_a_ping_is_answered(self, target: Target) -> None:
        with client(target.websocket) as here:
            here.send({"type": "ping"})
            assert here.receive() == {"type": "pong"}
            here.hello(target.producer.newest())
            here.send({"type": "ping"})
            assert here.receive() == {"type": "pong"}
            here.send({"type": "pong"})
            number = target.producer.commit("Delhi")
            assert here.events(1) == [number]


class StreamSuite:
    """Server-sent events."""

    def test_a_stream_begins_with_where_it_is(self, target: Target) -> None:
        newest = settled(target)
        with sse(f"{target.events}") as stream:
            assert stream.response.headers["Content-Type"].startswith("text/event-stream")
            assert stream.response.headers["Cache-Control"] == "no-store"
            begin = stream.part()
            assert begin["id"] == str(newest)
            assert 1000 <= int(begin["retry"]) < 60_000
            number = target.producer.commit("Delhi", "Pune", kind="forecast", detail={"hours": 3})
            event = stream.part()
            assert (event["id"], event["event"]) == (str(number), "forecast")
            assert json.loads(event["data"]) == {
                "seq": number,
                "kind": "forecast",
                "cities": ["Delhi", "Pune"],
                "time": NOW.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "data_version": None,
                "detail": {"hours": 3},
            }

    def test_a_stream_goes_on_where_it_was(self, target: Target) -> None:
        seen = target.producer.newest()
        missed = [target.producer.commit("Delhi") for _ in range(3)]
        with sse(f"{target.events}?after=0", {"Last-Event-ID": str(seen)}) as stream:
            stream.part()
            assert stream.events(3) == missed
        with sse(f"{target.events}?after={missed[1]}") as stream:
            stream.part()
            assert stream.events(1) == missed[2:]

    def test_a_stream_of_some_cities_and_kinds(self, target: Target) -> None:
        seen = target.producer.newest()
        with sse(f"{target.events}?after={seen}&cities=Delhi,navi-mumbai&kinds=hours") as stream:
            stream.part()
            target.producer.commit("Pune")
            target.producer.commit("Delhi", kind="forecast")
            wanted = [
                target.producer.commit("Delhi"),
                target.producer.commit("Navi Mumbai"),
                target.producer.commit(),
            ]
            assert stream.events(3) == wanted

    @pytest.mark.parametrize("after", [0, BEYOND])
    def test_a_stream_says_that_all_must_be_read_anew(self, target: Target, after: int) -> None:
        newest = settled(target)
        with sse(f"{target.events}?after={after}") as stream:
            assert stream.part()["id"] == str(newest)
            again = stream.part()
            assert (again["event"], json.loads(again["data"])) == ("reload", {"reload": True, "next": newest})
            number = target.producer.commit("Delhi")
            assert stream.events(1) == [number]

    @pytest.mark.parametrize(
        ("query", "detail"),
        [
            (
                "after=x",
                'after must be the seq of the last event seen, a whole number from 0, or null, not "x"',
            ),
            ("after=-1", "after must be the seq of the last event seen"),
            ("cities=Dehli", "cities: unknown city 'Dehli'"),
            ("kinds=rain", "kinds must be some of hours, forecast, model, source, alert"),
            ("cities=,", "cities must have 1 to 56 entries"),
        ],
    )
    def test_a_stream_that_means_nothing_is_refused(self, target: Target, query: str, detail: str) -> None:
        status, problem = refusal(f"{target.events}?{query}")
        assert (status, problem["status"]) == (400, 400)
        assert problem["detail"].startswith(detail)
