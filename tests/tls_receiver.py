"""A receiver of webhooks with TLS, on a loopback address of its own, that behaves as a test wants it to."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trustme

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Behaviour = Callable[[socket.socket, "Request"], None]

NAME = "hooks.example.org"
PORT = 8443


def loopback(number: int) -> str:
    """An address of this process's own, so that several runs of the tests may have the same port."""
    return f"127.{64 + os.getpid() // 250 % 64}.{os.getpid() % 250 + 1}.{number}"


@dataclass(frozen=True, slots=True)
class Request:
    """What arrived."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Keeps each request; `behave` answers it."""

    host: str
    behave: Behaviour
    requests: list[Request] = field(default_factory=list)
    server_names: list[str | None] = field(default_factory=list)
    """What TLS was asked for, connection by connection"""
    connections: int = 0
    sent: int = 0
    """Bytes that the last answer got rid of before the connection was closed"""

    @property
    def url(self) -> str:
        return f"https://{NAME}:{PORT}/hook?key=1"


def answer(status: int, *headers: str, body: bytes = b"") -> Behaviour:
    """A whole answer with these header lines."""

    def behave(connection: socket.socket, _: Request) -> None:
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers, "", ""]
        connection.sendall("\r\n".join(lines).encode() + body)

    return behave


@contextmanager
def receiver(host: str, folder: Path, behave: Behaviour, *, name: str = NAME) -> Iterator[Receiver]:
    """Run it at `host`, which must be on the loopback. ``folder/ca.pem`` is the authority to trust."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, host).configure_cert(tls)
    running = Receiver(host, behave)

    def note(_: ssl.SSLObject, server_name: str | None, __: ssl.SSLContext) -> None:
        running.server_names.append(server_name)

    tls.sni_callback = note  # type: ignore[assignment]
    listener = socket.create_server((host, PORT))
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                raw, _ = listener.accept()
            except OSError:
                return
            running.connections += 1
            threading.Thread(target=handle, args=(raw,), daemon=True).start()

    def handle(raw: socket.socket) -> None:
        raw.settimeout(10)
        with suppress(OSError, ValueError), tls.wrap_socket(raw, server_side=True) as connection:
            request = _read(connection)
            running.requests.append(request)
            running.behave(connection, request)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        over.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def _read(connection: socket.socket) -> Request:
    with connection.makefile("rb") as stream:
        line = stream.readline().decode().strip()
        headers: dict[str, str] = {}
        while text := stream.readline().decode().strip():
            name, _, value = text.partition(": ")
            headers[name.lower()] = value
        return Request(line, headers, stream.read(int(headers["content-length"])))
