"""PostgreSQL's extended protocol, as far as one statement and its answer go: all of it in one packet.

The driver, pg8000, asks for each of parse, bind and execute by itself, looks at every character of a statement in
Python, and has a slow way with arrays and times. Values are bound here too, never written into the text, and nothing
is left behind on the server, so that PgBouncer may hand the next transaction to another connection.

https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY
"""

from __future__ import annotations

import re
import struct
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pg8000.converters import make_param, timestamptz_in
from pg8000.core import Context

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pg8000.core import CoreConnection

    Converters = dict[type, Callable[[Any], str | None]]

TIMESTAMPTZ = 1184
"""The number that servers know the type by."""
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
"""Describe, execute, and be ready for the next."""


def statement(sql: str, params: dict[str, Any], types: Converters) -> bytes:
    """What has a statement with ``:name`` parameters run, and its rows told.

    Raises:
        KeyError: when a parameter is missing.
    """
    parse, names = _parsed(sql)
    return parse + _bound([_text(types, params[name]) for name in names]) + _REST


def unanswered(sql: str) -> bytes:
    """What has a statement without parameters run before the next one, whose rows nobody is told."""
    return _parsed(sql)[0] + _bound([]) + _EXECUTE


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


def _text(types: Converters, value: Any) -> str | None:
    """A value as the server reads it."""
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list):
        with suppress(_Other):
            return _array(value)
    text: str | None = make_param(types, value)
    return text


class _Other(Exception):
    """An array of values that are left to the driver."""


def _array(values: Sequence[Any]) -> str:
    """Texts, numbers and arrays of them as the driver writes them, which takes a hundred times as long."""
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: Any) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if value is None:
        return "NULL"
    if isinstance(value, list):
        return _array(value)
    if type(value) in (int, float):
        return repr(value)
    raise _Other


@lru_cache(maxsize=512)
def _quoted(value: str) -> str:
    """Most are the names of cities, again and again."""
    return f'"{_ESCAPED.sub(_BEHIND_BACKSLASH, value)}"'


def moment(text: str) -> datetime:
    """A time as the driver reads it, which tries one form of strptime after the other."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:  # infinity, or a year of other than four digits
        found: datetime = timestamptz_in(text)
        return found


def answer(driven: CoreConnection) -> tuple[list[tuple[Any, ...]], bytes]:
    """(the rows of the statement that wants them, what the server says of the last one done).

    Raises:
        pg8000.exceptions.Error: what the server has to say against a statement.
        OSError: when there is no answer, or no end of it.
    """
    context, rows, read = Context(None), [], driven._sock.read
    readers: list[Callable[[str], Any]] | None = None
    code = done = b""
    while code != b"Z":
        head = read(5)
        if len(head) < 5:
            raise ConnectionResetError("the server has ended the connection") from context.error
        code, length = _HEAD.unpack(head)
        data = read(length - 4)
        if code == b"D":
            if readers is not None:
                rows.append(_row(data, readers))
        elif code == b"T":
            driven.handle_ROW_DESCRIPTION(data, context)
            readers = context.input_funcs
        elif code == b"C":
            done = data
        elif code in b"ENSZ":
            driven.message_types[code](data, context)
    if context.error is not None:
        raise context.error
    return rows, done


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
