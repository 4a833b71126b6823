"""What has changed, as JSON and as an event stream, over the real application and a real server."""

from __future__ import annotations

import json
import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from api_rows import problem_of, url
from processes import until
from serving import Served

from common.store.engine import Database, run
from common.store.events import append, drop_old_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from api_server import Process
    from werkzeug.test import Client, TestResponse

STREAM = {"Accept": "text/event-stream"}


def ok(response: TestResponse) -> Any:
    assert response.status_code == 200, response.text
    return response.json


def add(database: Database, now: datetime, kind: str = "hours", cities: Sequence[str] = ("Delhi",)) -> int:
    """The number of a new event."""
    with database.transaction() as connection:
        append(connection, kind, cities, now=now, detail={"hours": 1})
    with database.reading() as connection:
        return int(run(connection, "SELECT max(seq) FROM event")[0][0])


def parsed(stream: bytes) -> list[dict[str, str]]:
    """The blocks of an event stream: name of a field → value."""
    blocks = [block for block in stream.decode().split("\n\n") if block]
    return [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]


def test_events_in_their_order(client: Client, database: Database, now: datetime) -> None:
    first = add(database, now)
    add(database, now, "source", ())
    answer = ok(client.get(url("/events", after=first - 1)))
    assert answer == {
        "events": [
            {
                "seq": first, "kind": "hours", "cities": ["Delhi"], "time": "2025-11-05T10:30:00Z",
                "data_version": None, "detail": {"hours": 1},
            },
            {
                "seq": first + 1, "kind": "source", "cities": [], "time": "2025-11-05T10:30:00Z",
                "data_version": None, "detail": {"hours": 1},
            },
        ],
        "next": first + 1,
        "oldest": first,
        "reload": False,
    }  # fmt: skip
    assert ok(client.get(url("/events", after=first + 1)))["events"] == []


def test_without_any(client: Client) -> None:
    assert ok(client.get(url("/events"))) == {"events": [], "next": 0, "oldest": None, "reload": False}


def test_filters_and_pages(client: Client, database: Database, now: datetime) -> None:
    first = add(database, now)
    add(database, now, "forecast", ["Bangalore"])
    last = add(database, now, "source", ())
    of_a_city = ok(client.get(url("/events", cities="bengaluru,PUNE")))
    assert [event["kind"] for event in of_a_city["events"]] == ["forecast", "source"]
    of_a_kind = ok(client.get(url("/events", kinds="hours,source", limit=1)))
    assert ([event["seq"] for event in of_a_kind["events"]], of_a_kind["next"]) == ([first], first)
    rest = ok(client.get(url("/events", kinds="hours,source", limit=1, after=of_a_kind["next"])))
    assert [event["seq"] for event in rest["events"]] == [last]


def test_events_that_are_gone_mean_reload(short: Client, database: Database, now: datetime) -> None:
    gone = add(database, now - timedelta(days=3))
    add(database, now - timedelta(days=3))
    last = add(database, now)
    with database.transaction() as connection:
        drop_old_events(connection, now=now)
    for after in (gone, last + 1):
        answer = ok(short.get(url("/events", after=after)))
        assert answer == {"events": [], "next": last, "oldest": last, "reload": True}
    reload = parsed(short.get(url("/events", after=gone), headers=STREAM).data)[1]
    assert (reload["event"], reload["id"]) == ("reload", str(last))
    assert json.loads(reload["data"]) == {"reload": True, "next": last}


@pytest.mark.parametrize(
    ("given", "allowed"),
    [
        ({"after": "-1"}, "a whole number from 0"),
        ({"after": "yesterday"}, "a whole number from 0"),
        ({"after": "1" * 19}, "a whole number from 0"),
        ({"kinds": "rumours"}, "alert, forecast, hours, model, source"),
        ({"limit": "0"}, "from 1 to 1000"),
        ({"limit": "1001"}, "from 1 to 1000"),
        ({"cities": ""}, "characters"),
        ({"since": "1"}, "after, kinds, cities, limit"),
    ],
)
def test_what_is_wrong_with_a_question_is_said(client: Client, given: dict[str, str], allowed: str) -> None:
    for headers in ({}, STREAM):
        response = client.get(url("/events", **given), headers=headers)
        assert allowed in problem_of(response, 400)["detail"]


def test_an_unknown_city_and_an_id_that_is_none(client: Client) -> None:
    assert "Nowhere" in problem_of(client.get(url("/events", cities="Nowhere")), 404)["detail"]
    wrong = client.get(url("/events"), headers=STREAM | {"Last-Event-ID": "abc"})
    assert "Last-Event-ID" in problem_of(wrong, 400)["detail"]


def test_no_cache_keeps_them(short: Client) -> None:
    for headers in ({}, STREAM):
        answer = short.get(url("/events"), headers=headers)
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Accept" in answer.headers["Vary"]
        assert "ETag" not in answer.headers


@pytest.fixture
def short(process: Callable[..., Process]) -> Client:
    """Of a process that has no room for streams."""
    made: Process = process(streams=0)
    return made.client


def test_a_short_answer_says_when_to_come_again(short: Client, database: Database, now: datetime) -> None:
    first, last = add(database, now), add(database, now, "forecast", ["Pune"])
    response = short.get(url("/events", after=first - 1, limit=7), headers=STREAM)
    assert response.content_type == "text/event-stream"
    assert response.headers["X-Accel-Buffering"] == "no"
    beginning, hours, forecast = parsed(response.data)[:3]
    assert beginning == {"retry": "15000", "id": str(first - 1)}
    assert (hours["id"], hours["event"]) == (str(first), "hours")
    assert json.loads(forecast["data"])["cities"] == ["Pune"]
    assert forecast["id"] == str(last)


def test_where_more_waits_it_is_to_come_soon(short: Client, database: Database, now: datetime) -> None:
    first = add(database, now)
    add(database, now)
    beginning, *rest = parsed(short.get(url("/events", after=first - 1, limit=1), headers=STREAM).data)
    assert beginning["retry"] == "1000"
    assert [block["id"] for block in rest] == [str(first)]


def test_the_last_event_id_stands_above_the_address(short: Client, database: Database, now: datetime) -> None:
    first, last = add(database, now), add(database, now)
    given = STREAM | {"Last-Event-ID": str(first)}
    stream = parsed(short.get(url("/events", after=first - 1), headers=given).data)
    assert [block["id"] for block in stream if "event" in block] == [str(last)]


def test_a_stream_without_a_beginning_tells_what_comes_from_now_on(
    short: Client, database: Database, now: datetime
) -> None:
    last = add(database, now)
    stream = parsed(short.get(url("/events"), headers=STREAM).data)
    assert all("event" not in block for block in stream)
    assert {block["id"] for block in stream} == {str(last)}


def test_a_filter_moves_on_past_what_it_leaves_out(short: Client, database: Database, now: datetime) -> None:
    first = add(database, now)
    last = add(database, now, "source", ())
    stream = parsed(short.get(url("/events", after=first - 1, kinds="model"), headers=STREAM).data)
    assert stream[-1] == {"id": str(last)}


def test_an_answer_that_is_held_whole_is_short(client: Client, database: Database, now: datetime) -> None:
    """As behind serverless-wsgi."""
    add(database, now)
    answer = client.get(url("/events", after=0), headers=STREAM, environ_overrides={"serverless.event": {}})
    assert parsed(answer.data)[0]["retry"] == "15000"


def test_without_a_database(down: Client) -> None:
    for headers in ({}, STREAM):
        problem_of(down.get(url("/events"), headers=headers), 503)


def test_where_to_connect(client: Client, process: Callable[..., Process]) -> None:
    assert ok(client.get(url("/live"))) == {"websocket": None, "events": "/api/v1/events"}
    live_url = "wss://live.example.org/live/ws"
    with_live: Process = process(live_url=live_url)
    mounted = with_live.client.get(url("/live"), base_url="http://localhost/prefix")
    assert ok(mounted) == {"websocket": live_url, "events": "/prefix/api/v1/events"}


class Listener:
    """An event stream that is read as it comes, over a socket of its own."""

    def __init__(self, port: int, after: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.sendall(
            f"GET /api/v1/events?after={after} HTTP/1.1\r\nHost: localhost\r\n"
            "Accept: text/event-stream\r\nAccept-Encoding: gzip\r\n\r\n".encode()
        )
        self.heard = b""
        self.ended = False
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        while more := self._socket.recv(65536):
            self.heard += more
            # The last chunk; a header, too, may end with a 0.
            if self.heard.endswith(b"\r\n0\r\n\r\n"):
                break
        self.ended = True

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._reading.join(20)
        self._socket.close()

    def kinds(self) -> list[str]:
        return re.findall(r"^event: (\w+)", self.heard.decode(), re.MULTILINE)


@pytest.fixture(scope="module")
def served(shared: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """gunicorn with one worker of four threads."""
    folder = tmp_path_factory.mktemp("served")
    with Served(shared.url, folder, VAYU_RATE_ANONYMOUS="unlimited") as server:
        yield server


def test_a_stream_brings_events_as_they_come_and_leaves_threads_for_others(
    served: Served, database: Database, now: datetime
) -> None:
    """Two streams are open; a third is answered at once, and so are other questions."""
    seq = add(database, now)
    with closing(Listener(served.port, seq)) as left, closing(Listener(served.port, seq)) as right:
        until(lambda: all(b"retry" in each.heard for each in (left, right)), 60, "both streams are open")
        status, headers, body = served.get(f"/api/v1/events?after={seq}", Accept="text/event-stream")
        assert (status, parsed(body)[0]["retry"]) == (200, "15000")
        with ThreadPoolExecutor(4) as pool:
            assert [answer[0] for answer in pool.map(served.get, ["/api/v1/live"] * 8)] == [200] * 8
        add(database, now, "forecast")
        until(lambda: left.kinds() == right.kinds() == ["forecast"], 60, "both have heard")
        assert not left.ended
        assert b"Content-Encoding" not in left.heard
    assert "Content-Length" in headers or headers["Transfer-Encoding"] == "chunked"


def test_a_place_is_free_again_when_its_client_has_gone(
    process: Callable[..., Process], database: Database, now: datetime
) -> None:
    made: Process = process(streams=1, stream_s=0)
    seq = add(database, now)
    for _ in range(3):
        response = made.client.get(url("/events", after=seq - 1), headers=STREAM)
        *_, last = parsed(response.data)
        assert last == {"retry": "1000"}, "its time was over: it had a place"
        response.close()
        response.close()
    head = made.client.head(url("/events", after=seq), headers=STREAM)
    assert (head.status_code, head.data) == (200, b"")
    assert made.context.streams.acquire(blocking=False)
