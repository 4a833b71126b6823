"""A connection of pg8000 over a socket of ours, so that its time-outs can be set and its end is certain.

A statement is looked through once and takes one exchange of messages: by itself, pg8000 does the first at every
execution and waits three times.
"""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from datetime import date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pg8000
from pg8000.converters import DATE, TIMESTAMPTZ, date_in, make_params, timestamptz_in
from pg8000.dbapi import convert_paramstyle

from common.store.dsn import Dsn, parse
from common.store.errors import NO_TLS

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

_TLS_REQUEST = struct.pack("!ii", 8, 80877103)
"""https://www.postgresql.org/docs/current/protocol-message-formats.html: SSLRequest."""

_UNNAMED = b"\0"

parsed = lru_cache(maxsize=32)(parse)
"""Certificates are read once a process: the system's are many."""


def _time(text: str) -> Any:
    """A timestamptz; pg8000 looks for its pattern at every use, which takes ten times as long."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return timestamptz_in(text)


def _date(text: str) -> Any:
    """A date; pg8000 takes it apart by `strptime`, which takes fifty times as long."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return date_in(text)


class _Numbered(str):
    """A statement with ``$1`` … ``$n`` for its values, which it brings along."""

    __slots__ = ("values",)

    values: Sequence[Any]


class DriverCursor(pg8000.Cursor):  # type: ignore[misc] # which has no types
    """A cursor that looks for the parameters of a statement once.

    pg8000 goes through each statement letter by letter at every execution, which for long ones takes it a quarter of
    all that an answer of the API takes.
    """

    def execute(self, operation: str, args: Sequence[Any] = (), stream: Any = None) -> Any:
        """Run a statement: to pg8000 it is one without parameters, which is passed on as it is."""
        if not args or stream is not None:
            return super().execute(operation, args, stream)
        statement = _Numbered(_numbered(operation))
        statement.values = args
        return super().execute(statement)


@lru_cache(maxsize=256)
def _numbered(operation: str) -> str:
    """``%s`` … ``%s`` → ``$1`` … ``$2``."""
    statement: str = convert_paramstyle("format", operation, ())[0]
    return statement


class DriverConnection(pg8000.Connection):  # type: ignore[misc] # which has no types
    """One connection; every answer must come within the time-out of `settimeout`.

    Raises:
        pg8000.InterfaceError: when the network fails, an answer included that is cut off or comes too late.
    """

    def __init__(self, opened: socket.socket, login: dict[str, Any]) -> None:
        self._opened = opened
        self.settimeout = opened.settimeout
        self.fileno = opened.fileno
        super().__init__(**login, sock=opened, ssl_context=False)
        self.register_in_adapter(TIMESTAMPTZ, _time)
        self.register_in_adapter(DATE, _date)

    def cursor(self) -> DriverCursor:
        """A cursor of ours."""
        return DriverCursor(self)

    def execute_simple(self, statement: str) -> Any:
        """Run a statement that has no parameters, or brings their values along."""
        if isinstance(statement, _Numbered):
            return self.execute_unnamed(statement, statement.values)
        return super().execute_simple(statement)

    def execute_unnamed(self, statement: str, vals: Any = (), oids: Any = (), stream: Any = None) -> Any:
        """Run a statement with parameters in one exchange of messages; pg8000 waits three times."""
        if stream is not None:
            return super().execute_unnamed(statement, vals, oids, stream)
        values = make_params(self.py_types, vals)
        for value in values:
            if value is not None:
                value.encode()  # what cannot be written is refused before half of a statement is on its way
        self.send_PARSE(_UNNAMED, statement, oids)
        self.send_DESCRIBE_STATEMENT(_UNNAMED)
        return self.execute_named(_UNNAMED, values, None, None, statement)

    def handle_messages(self, context: Any) -> None:
        """Read an answer. pg8000 translates some errors of the socket and lets others through."""
        try:
            super().handle_messages(context)
        except (OSError, struct.error) as error:
            raise pg8000.InterfaceError("network error") from error

    def commit(self) -> None:
        """Commit by a plain query; pg8000 has the word parsed, bound and executed."""
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
