"""The one way to a mail server: notices to operators and alerts to their owners go by it."""

from __future__ import annotations

import smtplib
import socket
import ssl
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_S = 10.0
"""For each step of the protocol"""
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@contextmanager
def smtp_session(url: str, *, limit_s: float = 60.0) -> Iterator[smtplib.SMTP]:
    """A session with the server of ``smtp://user:password@host:587`` or ``smtps://…:465``, logged in where it says so.

    STARTTLS is used where it is offered. After `limit_s` seconds the connection is cut, so that a server which answers
    a byte at a time is a failure like any other. What fails after the block is not raised: the work is done then.

    Raises:
        OSError: as smtplib does (its errors are of this kind) when there is no such session.
    """
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "smtps"
    over = Event()
    try:
        server: smtplib.SMTP
        if secure:
            server = _TlsSession(host, parts.port or 465, over=over, limit_s=limit_s)
        else:
            server = _Session(host, parts.port or 587, over=over, limit_s=limit_s)
        with _ended(server):
            server.ehlo()
            if not secure and server.has_extn("starttls"):
                server.starttls(context=ssl.create_default_context())
                server.ehlo()
                secure = True
            if parts.username and not (secure or host in _LOOPBACK):
                raise smtplib.SMTPNotSupportedError("a password is not sent over a line that others can read")
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
            yield server
    finally:
        over.set()


@contextmanager
def _ended(server: smtplib.SMTP) -> Iterator[None]:
    try:
        yield
    finally:
        with suppress(OSError):
            server.quit()
        server.close()


class _Session(smtplib.SMTP):
    """A session that a thread of its own cuts off: the time-outs of smtplib are of single reads."""

    def __init__(self, host: str, port: int, *, over: Event, limit_s: float, **others: Any) -> None:
        Thread(target=self._cut_after, args=(limit_s, over), name="mail limit", daemon=True).start()
        super().__init__(host, port, timeout=min(PATIENCE_S, limit_s), **others)

    def _cut_after(self, limit_s: float, over: Event) -> None:
        over.wait(limit_s)
        while not over.wait(0.1):  # again and again: a connection that is only being made has no socket yet
            with suppress(OSError, AttributeError):
                self.sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]


class _TlsSession(_Session, smtplib.SMTP_SSL):
    """The same over TLS from its first byte."""

    def __init__(self, host: str, port: int, *, over: Event, limit_s: float) -> None:
        super().__init__(host, port, over=over, limit_s=limit_s, context=ssl.create_default_context())
