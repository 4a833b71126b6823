"""A server within the test, and a webhook on one."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socketserver
    from collections.abc import Iterator


@contextmanager
def served(server: socketserver.BaseServer) -> Iterator[str]:
    """Run a server while the block lasts; its address."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Webhook:
    """A webhook that keeps what is posted to it, whatever `status` it answers with."""

    def __init__(self) -> None:
        self.status = 200
        self.posted: list[tuple[str, str]] = []
        """Id and text of each attempt"""
        self._accepted: list[str] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                text = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"]
                hook.posted.append((self.headers["webhook-id"], text))
                if hook.status == 200:
                    hook._accepted.append(text)
                self.send_response(hook.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/x"

    def taken(self) -> list[str]:
        """The texts that were accepted since the last time."""
        texts = list(self._accepted)
        self._accepted.clear()
        return texts
