"""Stand-ins for services of the clouds, each a real HTTP server on the loopback."""

from __future__ import annotations

import json
import threading
import urllib.parse
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, TypeVar

from werkzeug.http import parse_range_header

if TYPE_CHECKING:
    from collections.abc import Iterator

    from werkzeug.datastructures import Range


@dataclass
class Request:
    """One request as a stand-in saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class StandIn:
    """Answers from `routes` (method and path without query → status and body) and remembers what came."""

    address: str = ""
    routes: dict[tuple[str, str], list[tuple[int, bytes]]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def answer(self, method: str, path: str, *answers: tuple[int, object]) -> None:
        """Give these answers in turn, the last one for ever."""
        self.routes[method, path] = [(status, json.dumps(body).encode()) for status, body in answers]

    def reply(self, request: Request) -> tuple[int, bytes]:
        self.requests.append(request)
        answers = self.routes.get((request.method, request.path.partition("?")[0]), [(404, b"{}")])
        return answers.pop(0) if len(answers) > 1 else answers[0]


class Bucket(StandIn):
    """The part of Google Cloud Storage's XML interface that an object store needs."""

    def __init__(self, name: str = "models") -> None:
        super().__init__()
        self.name = name
        self.objects: dict[str, bytes] = {}

    @property
    def environment(self) -> dict[str, str]:
        """What leads a program to it in the place of Google."""
        account = {
            "gcs_base_url": f"http://{self.address}",
            "disable_oauth": True,
            "client_email": "",
            "private_key": "",
            "private_key_id": "",
        }
        return {"GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(account)}

    def reply(self, request: Request) -> tuple[int, bytes]:
        path, _, query = request.path.partition("?")
        bucket, _, key = urllib.parse.unquote(path).lstrip("/").partition("/")
        if bucket != self.name:
            return 403, b"<Error><Code>AccessDenied</Code></Error>"
        if not key:
            prefix = urllib.parse.parse_qs(query).get("prefix", [""])[0]
            return 200, self._listing(prefix)
        if request.method == "PUT":
            self.objects[key] = request.body
            return 200, b""
        if key not in self.objects:
            return 404, b"<Error><Code>NoSuchKey</Code></Error>"
        if request.method == "DELETE":
            del self.objects[key]
            return 204, b""
        return 200, self.objects[key]

    def _listing(self, prefix: str) -> bytes:
        entries = "".join(
            f"<Contents><Key>{key}</Key><Size>{len(data)}</Size><ETag>x</ETag>"
            "<LastModified>2025-11-05T10:30:00.000Z</LastModified></Contents>"
            for key, data in sorted(self.objects.items())
            if key.startswith(prefix)
        )
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>".encode()


Played = TypeVar("Played", bound=StandIn)


@contextmanager
def served(stand_in: Played) -> Iterator[Played]:
    """The stand-in, at an address of its own."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, answer = stand_in.reply(Request(self.command, self.path, dict(self.headers), body))
            span = self._span(len(answer)) if status == 200 and isinstance(stand_in, Bucket) else None
            self.send_response(status if span is None else 206)
            if span is not None:
                self.send_header("Content-Range", str(span.to_content_range_header(len(answer))))
                answer = answer[slice(*(span.range_for_length(len(answer)) or ()))]
            self.send_header("Content-Length", str(len(answer)))
            self.send_header("ETag", '"x"')
            self.send_header("Last-Modified", "Wed, 05 Nov 2025 10:30:00 GMT")
            self.send_header("Content-Type", "application/json")
            self.send_header("Metadata-Flavor", "Google")  # by which Google's metadata server is known
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer)

        def _span(self, length: int) -> Range | None:
            """Which bytes are asked for, where they are there."""
            span = parse_range_header(self.headers.get("Range"))
            return None if span is None or span.range_for_length(length) is None else span

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _do  # noqa: N815 — the base class names them

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    stand_in.address = f"127.0.0.1:{server.server_port}"
    try:
        yield stand_in
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
