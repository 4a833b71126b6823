"""A connection of pg8000 over a socket of ours, so that its time-outs can be set and its end is certain."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pg8000
from pg8000.converters import TIMESTAMPTZ, timestamptz_in

from common.store.dsn import Dsn, parse
from common.store.errors import NO_TLS

if TYPE_CHECKING:
    import ssl

_TLS_REQUEST = struct.pack("!ii", 8, 80877103)
"""https://www.postgresql.org/docs/current/protocol-message-formats.html: SSLRequest."""

parsed = lru_cache(maxsize=32)(parse)
"""Certificates are read once a process: the system's are many."""


def _time(text: str) -> Any:
    """A timestamptz; pg8000 looks for its pattern at every use, which takes ten times as long."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return timestamptz_in(text)


class DriverConnection(pg8000.Connection):  # type: ignore[misc] # which has no types
    """One connection; every answer must come within the time-out of `settimeout`.

    Raises:
        pg8000.InterfaceError: when the network fails, an answer included that is cut off or comes too late.
    """

    def __init__(self, opened: socket.socket, login: dict[str, Any]) -> None:
        self._opened = opened
        self.settimeout = opened.settimeout
        super().__init__(**login, sock=opened, ssl_context=False)
        self.register_in_adapter(TIMESTAMPTZ, _time)

    def handle_messages(self, context: Any) -> None:
        """Read an answer. pg8000 translates some errors of the socket and lets others through."""
        try:
            super().handle_messages(context)
        except (OSError, struct.error) as error:
            raise pg8000.InterfaceError("network error") from error

    def commit(self) -> None:
        """Commit in one exchange of messages; pg8000 takes three."""
        self.cursor().execute("COMMIT")

    def close(self) -> None:
        """Close it in whatever state it is: pg8000 complains where the server has gone."""
        with suppress(pg8000.Error, OSError):
            super().close()
        self._opened.close()

    def __del__(self) -> None:
        """SQLAlchemy forgets a connection without closing it when an event of its creation fails."""
        self._opened.close()


def connect(address: str, *, seconds: float) -> DriverConnection:
    """Connect to the database of `address`; `seconds`: for each step.

    Raises:
        ConfigError: when the address cannot be understood.
        pg8000.Error: when there is no connection to be had.
    """
    dsn = parsed(address)
    try:
        opened = _open(dsn, seconds)
    except OSError as error:
        raise pg8000.InterfaceError("network error") from error
    try:
        return DriverConnection(opened, dict(dsn.login))
    except BaseException as error:
        opened.close()
        if isinstance(error, (OSError, struct.error)):
            raise pg8000.InterfaceError("network error") from error
        raise


def _open(dsn: Dsn, seconds: float) -> socket.socket:
    if dsn.unix_socket is not None:
        local = socket.socket(socket.AF_UNIX)
        try:
            local.settimeout(seconds)
            local.connect(dsn.unix_socket)
        except BaseException:
            local.close()
            raise
        return local
    opened = socket.create_connection((dsn.host, dsn.port), seconds)
    try:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return opened if dsn.tls is None else _encrypted(opened, dsn, dsn.tls)
    except BaseException:
        opened.close()
        raise


def _encrypted(opened: socket.socket, dsn: Dsn, tls: ssl.SSLContext) -> socket.socket:
    """Begin TLS, as pg8000 would: it would keep the encrypted socket, and with it the time-outs, to itself."""
    opened.sendall(_TLS_REQUEST)
    answer = opened.recv(1)
    if answer == b"S":
        return tls.wrap_socket(opened, server_hostname=dsn.host)
    if not answer:
        raise ConnectionResetError("the server has ended the connection")
    if dsn.tls_required:
        raise pg8000.NotSupportedError(NO_TLS)
    return opened
