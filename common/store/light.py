"""Reading with little computing: each statement is one round trip, a transaction of its own that can only read.

Through SQLAlchemy a read of one row costs three round trips and seven times the CPU, and loading it a tenth of a
second, which a cold start pays. So the API reads this way; whatever writes uses `Database.transaction`.

A statement goes out in one packet behind its limits, by PostgreSQL's extended protocol: values are bound, never
written into the text, and nothing is left behind on the server, so that PgBouncer may hand each statement to another
connection. As nothing was changed, a statement whose kept connection turns out to be lost is asked again on a new one.
"""

from __future__ import annotations

import re
import struct
import time
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any

from pg8000.converters import make_param, timestamptz_in
from pg8000.core import Context
from pg8000.exceptions import Error

from common.domain.errors import StoreError
from common.store import faults
from common.store.address import driver_arguments
from common.store.driver import alive, connect, end

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pg8000.core import CoreConnection

_KEPT_S = 300
"""Networks forget connections that nothing was sent on, some after 350 s, and tell neither side."""
_TIMESTAMPTZ = 1184
_SURE_S = 5
"""Used so lately, a connection needs no sign of life."""
_NAME = re.compile(r"(?<![:\w\\]):(\w+)(?!:)")
_ESCAPED = re.compile(r'["\\]')
_BEHIND_BACKSLASH = r"\\\g<0>"
_COUNT, _LENGTH, _HEAD = struct.Struct("!H"), struct.Struct("!i"), struct.Struct("!ci")
_MISSING = _LENGTH.pack(-1)
_NONE = _COUNT.pack(0)


def _message(code: bytes, data: bytes = b"") -> bytes:
    return code + _LENGTH.pack(len(data) + 4) + data


_EXECUTE = _message(b"E", b"\0" + _LENGTH.pack(0))
_REST = _message(b"D", b"P\0") + _EXECUTE + _message(b"S")
"""Describe, execute, end the transaction."""


@lru_cache(maxsize=512)
def _parsed(sql: str) -> tuple[bytes, tuple[str, ...]]:
    """The message that has a statement with ``:name`` parameters parsed, and the name of each ``$1``, ``$2``, …"""
    names: list[str] = []

    def number(found: re.Match[str]) -> str:
        names.append(found[1])
        return f"${len(names)}"

    text = _NAME.sub(number, sql).replace("\\:", ":")
    return _message(b"P", b"\0" + text.encode() + b"\0" + _NONE), tuple(names)


def _bound(values: list[str | None]) -> bytes:
    parts = [b"\0\0", _NONE, _COUNT.pack(len(values))]
    for value in values:
        if value is None:
            parts.append(_MISSING)
        else:
            encoded = value.encode()
            parts += (_LENGTH.pack(len(encoded)), encoded)
    parts.append(_NONE)
    return _message(b"B", b"".join(parts))


class LightConnection:
    """A connection while one thread reads with it: see `common.store.engine.run`."""

    def __init__(self, readers: LightReaders) -> None:
        self._readers = readers
        self._driven: CoreConnection | None = None

    def rows(self, sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
        """The rows of a statement with ``:name`` parameters.

        Raises:
            StoreError: as `Database.transaction` does.
        """
        with _translated():
            driven, kept = self._readers.take() if self._driven is None else (self._driven, True)
            try:
                return self._asked(driven, sql, params)
            except (OSError, Error) as error:
                if self._driven is not None or not kept or isinstance(error, TimeoutError):
                    raise
            return self._asked(self._readers.renew(), sql, params)

    def release(self) -> None:
        """Let others have the connection."""
        if self._driven is not None:
            self._readers.keep(self._driven)
            self._driven = None

    def _asked(self, driven: CoreConnection, sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
        """The rows; a connection on which anything happens but a fault of the statement is closed."""
        self._driven = driven
        parse, names = _parsed(sql)
        bound = _bound([_text(driven.py_types, params[name]) for name in names])
        try:
            driven._usock.sendall(self._readers.limits + parse + bound + _REST)
            return _answer(driven)
        except BaseException as error:
            if not isinstance(error, Error) or faults.lost(error):
                self._driven = None
                end(driven)
            raise


def _text(types: dict[type, Callable[[Any], str | None]], value: Any) -> str | None:
    """A value as the server reads it."""
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    text: str | None = _array(tuple(value)) if isinstance(value, list) else None
    if text is None:
        text = make_param(types, value)
    return text


@lru_cache(maxsize=64)
def _array(values: tuple[Any, ...]) -> str | None:
    """Texts or whole numbers as the driver writes them, which takes a hundred times as long; None of other values.

    Most are the same cities and bounds again.
    """
    if all(isinstance(one, str) for one in values):
        return "{" + ",".join(f'"{_ESCAPED.sub(_BEHIND_BACKSLASH, one)}"' for one in values) + "}"
    if all(type(one) is int for one in values):
        return "{" + ",".join(map(str, values)) + "}"
    return None


def _moment(text: str) -> datetime:
    """As the driver reads it, which tries one form of strptime after the other."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:  # infinity, or a year of other than four digits
        moment: datetime = timestamptz_in(text)
        return moment


def _answer(driven: CoreConnection) -> list[tuple[Any, ...]]:
    """Read until the server is ready for the next; only the described statement's rows, not the limits'."""
    context, rows, read = Context(None), [], driven._sock.read
    readers: list[Callable[[str], Any]] | None = None
    code = b""
    while code != b"Z":
        head = read(5)
        if len(head) < 5:
            raise context.error or ConnectionResetError("the server has ended the connection")
        code, length = _HEAD.unpack(head)
        data = read(length - 4)
        if code == b"D":
            if readers is not None:
                rows.append(_row(data, readers))
        elif code == b"T":
            driven.handle_ROW_DESCRIPTION(data, context)
            readers = context.input_funcs
        elif code in b"ENSZ":
            driven.message_types[code](data, context)
    if context.error is not None:
        raise context.error
    return rows


def _row(data: bytes, readers: list[Callable[[str], Any]]) -> tuple[Any, ...]:
    values: list[Any] = []
    place = 2
    for read in readers:
        length = _LENGTH.unpack_from(data, place)[0]
        place += 4
        if length < 0:
            values.append(None)
        else:
            values.append(read(data[place : place + length].decode()))
            place += length
    return tuple(values)


class LightReaders:
    """The connections of a process that reads: at most `size`, made when needed, kept between requests."""

    def __init__(
        self,
        address: str,
        *,
        size: int,
        statement_timeout_s: int,
        answer_timeout_s: float,
        connect_timeout_s: float,
    ) -> None:
        settings = (
            f"SELECT set_config('statement_timeout', '{statement_timeout_s * 1000:d}', true), "
            "set_config('transaction_read_only', 'on', true)"
        )
        self.limits = _parsed(settings)[0] + _bound([]) + _EXECUTE
        self._address = address
        self._answer_s = answer_timeout_s
        self._connect_s = connect_timeout_s
        self._free = BoundedSemaphore(size)
        self._idle: list[tuple[float, CoreConnection]] = []
        self._arguments: dict[str, Any] | None = None

    @contextmanager
    def connection(self) -> Iterator[LightConnection]:
        """A connection; who finds all in use waits for one.

        Raises:
            StoreError: when none comes free in time.
        """
        if not self._free.acquire(timeout=min(10, self._connect_s)):
            raise StoreError(faults.BUSY)
        light = LightConnection(self)
        try:
            yield light
        finally:
            light.release()
            self._free.release()

    def take(self) -> tuple[CoreConnection, bool]:
        """(a connection that seems to work, whether it was kept from before)."""
        while self._idle:
            try:
                since, driven = self._idle.pop()
            except IndexError:  # another thread was quicker
                break
            rested = time.monotonic() - since
            if rested < _SURE_S or (rested < _KEPT_S and alive(driven, min(5, self._connect_s))):
                return driven, True
            end(driven)
        return self._new(), False

    def renew(self) -> CoreConnection:
        """A new connection, where one was found to be lost: those kept beside it may be as well."""
        self.close()
        return self._new()

    def keep(self, driven: CoreConnection) -> None:
        """Take back a connection that works."""
        self._idle.append((time.monotonic(), driven))

    def close(self) -> None:
        """Close what is not in use; the next use opens a new one."""
        while self._idle:
            try:
                _, driven = self._idle.pop()
            except IndexError:
                break
            end(driven)

    def _new(self) -> CoreConnection:
        if self._arguments is None:
            self._arguments = driver_arguments(self._address)
        made = connect(self._arguments, seconds=self._connect_s, answer_s=self._answer_s)
        made.register_in_adapter(_TIMESTAMPTZ, _moment)
        return made


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(faults.untrusted(error) or faults.UNREACHABLE) from error
    except Error as error:
        told = faults.told(error)
        if told is None:
            raise
        raise StoreError(told) from error
