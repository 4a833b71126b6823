"""What bad clients and bad luck cost `vayu live`: themselves, and nobody else anything."""

from __future__ import annotations

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import pytest
from live_process import (
    NOW,
    PATIENCE_S,
    START_S,
    Client,
    LiveProcess,
    Producer,
    client,
    refusal,
    running_live,
    sse,
)
from processes import killed_afterwards, until
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

from common.domain.cities import all_cities
from common.store.api_keys import create_key, revoke_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HANDSHAKE = (
    "GET /live/ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
HELLO = Frame(Opcode.TEXT, b'{"type":"hello"}').serialize(mask=True)
PING_S = 4
PATIENT_S = 2.0
"""How long the server of these tests waits for a hello, or for a client to read: see docs/settings.md."""
OURS = "https://air.example.org"


@pytest.fixture(scope="module")
def live(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveProcess]:
    settings = {"VAYU_LIVE_PING": str(PING_S), "VAYU_CORS_ORIGINS": OURS, "VAYU_LIVE_PER_ADDRESS": "400"}
    with running_live(url, tmp_path_factory.mktemp("live"), **settings) as running:
        yield running


def raw(live: LiveProcess, text: bytes = b"", *, source: str = "127.0.0.1") -> socket.socket:
    opened = socket.create_connection(("127.0.0.1", live.port), PATIENCE_S, source_address=(source, 0))
    opened.sendall(text)
    return opened


def rest(opened: socket.socket) -> bytes:
    """All that comes until the other side ends the connection."""
    parts = []
    with suppress(ConnectionResetError):
        while part := opened.recv(65536):
            parts.append(part)
    return b"".join(parts)


def until_closed(here: Client) -> int | None:
    """Receive what there is; the code with which the server ended the connection, None where it just ended."""
    try:
        while True:
            here.receive()
    except ConnectionClosed as closed:
        return None if closed.rcvd is None else closed.rcvd.code


def upgraded(live: LiveProcess) -> socket.socket:
    """A WebSocket without anybody who answers pings."""
    opened = raw(live, HANDSHAKE.encode())
    head = b""
    while b"\r\n\r\n" not in head:
        head += opened.recv(1)
    assert head.startswith(b"HTTP/1.1 101")
    return opened


def test_who_reads_nothing_is_sent_away_and_nobody_waits_for_him(
    live: LiveProcess, producer: Producer
) -> None:
    cities = [city.name for city in all_cities()]
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.connect(("127.0.0.1", live.port))
    # The other reads all the time, whatever the test does meanwhile.
    with (
        client(live.websocket, max_queue=None) as other,
        client(live.websocket, sock=narrow, max_queue=1) as stuck,
    ):
        other.hello(producer.newest())
        stuck.hello(producer.newest())
        # Those of tests before this one may still be on their way out.
        until(lambda: live.health()["connections"] == 2, PATIENCE_S, poll_s=0.1)
        for _ in range(5):
            producer.commit_many(150, *cities)
            other.events(150)
        until(lambda: live.health()["connections"] == 1, PATIENCE_S, poll_s=0.1)
        until_closed(stuck)
        assert len(stuck.received) < 700
    with client(live.websocket) as again:
        seen = stuck.received[-1]["seq"]
        again.hello(seen)
        assert again.events(producer.newest() - seen) == list(range(seen + 1, producer.newest() + 1))


def test_a_stream_that_nobody_reads_ends(live: LiveProcess, producer: Producer) -> None:
    cities = [city.name for city in all_cities()]
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.settimeout(PATIENCE_S)
    narrow.connect(("127.0.0.1", live.port))
    with narrow:
        narrow.sendall(
            f"GET /api/v1/events?after={producer.newest()} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        )
        until(lambda: live.health()["connections"] == 1, PATIENCE_S, poll_s=0.1)
        producer.commit_many(750, *cities)
        until(lambda: live.health()["connections"] == 0, PATIENCE_S, poll_s=0.1)
        assert len(rest(narrow)) < 500_000


def test_who_says_nothing_is_dropped(live: LiveProcess) -> None:
    with raw(live) as silent, raw(live, b"GET /live/ws HTT") as slow, upgraded(live) as mute:
        started = time.monotonic()
        assert rest(silent) == b""
        assert rest(slow) == b""
        last = rest(mute)
        assert b"no hello came in time" in last
        assert (1008).to_bytes(2, "big") in last
        assert time.monotonic() - started < 5 * PATIENT_S


def test_who_answers_no_ping_is_dropped(live: LiveProcess) -> None:
    with upgraded(live) as deaf, client(live.websocket) as other:
        deaf.sendall(HELLO)
        other.hello()
        assert b"welcome" in rest(deaf)
        other.send({"type": "ping"})
        assert other.receive() == {"type": "pong"}


def test_the_server_gives_signs_of_life(live: LiveProcess) -> None:
    with client(live.websocket) as here:
        here.hello()
        assert json.loads(here.connection.recv(timeout=PATIENCE_S)) == {"type": "ping"}


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 2000 + b"\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"POST /live/ws HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n" + b"x" * 100_000,
        HANDSHAKE.encode() + b"\xff\xff\xff\xff" * 1000,
        HANDSHAKE.encode() + b"\x81\x02{}",
        HANDSHAKE.encode() + Frame(Opcode.TEXT, b"\xff\xfe").serialize(mask=True),
        HANDSHAKE.replace("13", "12").encode(),
        HANDSHAKE.replace("dGhl", "").encode(),
    ],
    ids=["tls", "headers", "long", "body", "frames", "unmasked", "utf8", "version", "key"],
)
def test_garbage_ends_its_own_connection(live: LiveProcess, producer: Producer, garbage: bytes) -> None:
    with client(live.websocket) as other:
        other.hello(producer.newest())
        with raw(live) as opened:
            with suppress(ConnectionError):
                opened.sendall(garbage)
            answer = rest(opened)
            assert b"Traceback" not in answer
            assert b"File " not in answer
        number = producer.commit("Delhi")
        assert other.events(1) == [number]
    assert "Traceback" not in live.log


def test_who_chatters_is_sent_away(live: LiveProcess) -> None:
    with client(live.websocket) as babbler:
        with suppress(ConnectionClosed):
            for _ in range(30):
                babbler.send("{}")
        assert until_closed(babbler) == 1008
        assert 10 <= len(babbler.received) < 20
    with client(live.websocket) as babbler:
        babbler.hello()
        with suppress(ConnectionClosed):
            for _ in range(100):
                babbler.send({"type": "ping"})
        assert until_closed(babbler) == 1008


def test_a_thousand_connections_at_once_cost_others_nothing(live: LiveProcess, producer: Producer) -> None:
    def knock(_: int) -> bytes:
        with raw(live, HANDSHAKE.encode(), source="127.0.0.2") as opened:
            with suppress(ConnectionError):
                return opened.recv(12)
            return b""

    with client(live.websocket) as other, ThreadPoolExecutor(8) as pool:
        other.hello(producer.newest())
        answers = pool.map(knock, range(1000))
        for _ in range(10):
            number = producer.commit("Delhi")
            assert other.events(1, 3.0) == [number]
        results = list(answers)
    assert results.count(b"HTTP/1.1 101") <= 400
    assert results.count(b"HTTP/1.1 429") > 500


def test_pages_of_other_origins_may_not_connect(live: LiveProcess) -> None:
    for origin in (OURS, "http://127.0.0.1:8080", None):
        with client(live.websocket, origin=origin) as here:
            here.hello()
    for origin in ("https://evil.example", "null", "http://127.0.0.1.evil.example", "http://[::"):
        with pytest.raises(InvalidStatus) as refused, client(live.websocket, origin=origin):
            pass
        assert refused.value.response.status_code == 403
        assert refusal(live.events, {"Origin": origin})[0] == 403
    with sse(live.events, {"Origin": OURS}) as stream:
        assert stream.response.headers["Access-Control-Allow-Origin"] == OURS


def test_other_addresses_are_refused_in_words(live: LiveProcess) -> None:
    base = f"http://127.0.0.1:{live.port}"
    assert refusal(f"{base}/x")[1]["detail"].startswith("there are /live/ws (WebSocket), /api/v1/events")
    assert refusal(live.events, {"Accept": "application/json"})[0] == 406
    status, problem = refusal(f"{base}/live/ws")
    assert (status, problem["title"]) == (426, "Upgrade Required")
    with raw(live, b"DELETE /live/ws HTTP/1.1\r\nHost: x\r\n\r\n") as opened:
        assert rest(opened).startswith(b"HTTP/1.1 405")
    assert live.health().keys() == {"status", "database", "follows_by", "connections", "seq", "version"}


def test_connections_are_counted_by_address_and_in_all(url: str, tmp_path: Path) -> None:
    limits = {"VAYU_LIVE_PER_ADDRESS": "3", "VAYU_LIVE_CONNECTIONS": "5", "VAYU_TRUSTED_PROXIES": "1"}
    with running_live(url, tmp_path, **limits) as live, ExitStack() as stack:

        def come(address: str) -> None:
            header = {"X-Forwarded-For": f"203.0.113.9, {address}"}
            here = stack.enter_context(client(live.websocket, additional_headers=header))
            here.hello()

        def refused(address: str) -> int:
            header = {"X-Forwarded-For": f"203.0.113.9, {address}"}
            with pytest.raises(InvalidStatus) as caught, client(live.websocket, additional_headers=header):
                pass
            assert json.loads(caught.value.response.body)["detail"]
            assert caught.value.response.headers["Retry-After"]
            return caught.value.response.status_code

        for _ in range(3):
            come("2001:db8::1")
        assert refused("2001:db8::2") == 429  # a household's addresses are those of one
        for _ in range(2):
            come("198.51.100.7")
        assert refused("198.51.100.8") == 503
        assert live.health()["connections"] == 5
        stack.close()
        until(lambda: live.health()["connections"] == 0, PATIENCE_S, poll_s=0.1)


def test_where_reading_needs_a_token(url: str, producer: Producer, tmp_path: Path) -> None:
    with producer.database.transaction() as connection:
        token, _ = create_key(connection, "reader", ["read"], now=NOW)
        other, _ = create_key(connection, "trainer", ["retrain"], now=NOW)
    with running_live(url, tmp_path, VAYU_API_READS="token", VAYU_LIVE_PING=str(PING_S)) as live:
        with client(live.websocket) as here:
            here.hello(token=token)
            number = producer.commit("Delhi")
            assert here.events(1) == [number]
            here.hello(number, cities=["Delhi"])  # it has been let in
        for wrong in (None, other, token + "x", "vayu_"):
            with client(live.websocket) as here:
                here.send({"type": "hello", "token": wrong})
                assert here.receive()["detail"].startswith("reading needs a token that is in force")
                assert until_closed(here) == 1008
        assert refusal(live.events)[0] == 401
        assert refusal(live.events, {"Authorization": f"Bearer {other}"})[0] == 401
        with sse(live.events, {"Authorization": f"Bearer {token}"}) as stream:
            assert stream.part()["id"]
        with client(live.websocket) as here, sse(live.events, {"Authorization": f"Bearer {token}"}) as stream:
            here.hello(token=token)
            with producer.database.transaction() as connection:
                revoke_key(connection, "reader", now=NOW)
            assert until_closed(here) == 1008
            stream.response.read()  # it ends
        assert token not in live.log


def test_a_taken_port(url: str, live: LiveProcess, tmp_path: Path) -> None:
    second = LiveProcess(url, tmp_path, "--port", str(live.port))
    with killed_afterwards(second):
        assert second.process.wait(START_S) == 1
    assert f"error: port {live.port} of 127.0.0.1 is taken; choose another: vayu live --port" in second.log
