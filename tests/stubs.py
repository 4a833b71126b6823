"""A provider on loopback that answers as scripted: for tests of whatever speaks HTTP.

::

    with Stub() as stub:
        stub.answer("/feed", Answer(status=500), Answer(body='{"ok": true}'))
        ...                  # the first request of /feed gets the 500, all later ones the body
        stub.seen[0].query   # what was asked
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

LONGEST_HANG_S = 20.0


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it arrived."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back; `body` may be text, bytes, or anything that JSON can write."""

    body: Any = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    """Promise more bytes than are sent."""
    hang: bool = False
    """Say nothing until the stub closes, or `LONGEST_HANG_S`."""
    drip_s: float = 0.0
    """Send one byte in this many seconds."""

    def bytes(self) -> bytes:
        """The body as sent."""
        if isinstance(self.body, bytes):
            return self.body
        text = self.body if isinstance(self.body, str) else json.dumps(self.body, ensure_ascii=False)
        return text.encode()


Script = Answer | Callable[[Seen], Answer]


class Stub:
    """The server; `url` is its address without a path."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self._scripts: dict[str, list[Script]] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str, *scripts: Script) -> None:
        """Answer requests of `path` with these in turn, then with the last for ever."""
        self._scripts[path] = list(scripts)

    def play(self, seen: Seen) -> Answer:
        """The answer to one request; 404 where none is scripted."""
        with self._lock:
            self.seen.append(seen)
            scripts = self._scripts.get(seen.path, [Answer(status=404, body="nothing is scripted here")])
            script = scripts.pop(0) if len(scripts) > 1 else scripts[0]
        return script if isinstance(script, Answer) else script(seen)

    def wait(self, seconds: float) -> None:
        """Wait, but not beyond the stub's own end."""
        self._closing.wait(seconds)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that leave early are part of the play."""


def _handler(stub: Stub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            answer = stub.play(Seen(parts.path, query, dict(self.headers.items())))
            self.close_connection = True
            if answer.hang:
                stub.wait(LONGEST_HANG_S)
                return
            body = answer.bytes()
            usual = {"Date": self.date_time_string(), "Content-Length": str(len(body) + answer.cut)}
            self.send_response_only(answer.status)
            for name, value in {**usual, **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Connection", "close")  # no client meets a later stub on an old connection
            self.end_headers()
            if not answer.drip_s:
                self.wfile.write(body)
                return
            for byte in body:
                self.wfile.write(bytes([byte]))
                stub.wait(answer.drip_s)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it overrides
            pass

    return Handler


@contextmanager
def refusing() -> Iterator[str]:
    """An address where connections are refused: its port is taken, and nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"
