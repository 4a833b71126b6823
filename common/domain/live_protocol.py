"""What a live connection and its clients say to each other: JSON texts over WebSocket, one message a frame.

A client begins with ``hello``; it may send another at any time, to change its filters. The server answers ``welcome``,
then sends ``event`` for each event after the one that the client has seen, or ``reload`` where that is no longer kept.
``ping`` may come from either side: from a client it is answered by ``pong``, from the server it needs no answer. What
cannot be understood gets ``error``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, Protocol

from common.domain.cities import all_cities, find_city
from common.domain.errors import DataError, NotFound

MAX_FRAME: Final = 32_768
"""Bytes of the largest message, in either direction."""
WEBSOCKET_PATH: Final = "/live/ws"
"""Where `vayu live` serves WebSocket."""
KINDS: Final = ("hours", "forecast", "model", "source", "alert")
"""Kinds of events."""

# WebSocket close codes, https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1 and its registry at IANA.
GOING_AWAY: Final = 1001
"""The server ends; connect again, with the last `seq`."""
REFUSED: Final = 1008
"""The token is missing or wrong, or no hello came."""
TOO_BIG: Final = 1009
TRY_AGAIN_LATER: Final = 1013
"""The client reads too slowly, or there are too many connections; connect again, with the last `seq`."""

_LONGEST_TOKEN = 256
_LARGEST_SEQ = 2**63 - 1
_FIELDS = frozenset({"type", "after", "cities", "kinds", "token"})


class ProtocolError(DataError):
    """A client's message that cannot be understood; the text says what is allowed."""


class EventLike(Protocol):
    """An event as the store has it: `common.store.events.Event`."""

    @property
    def seq(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def cities(self) -> Sequence[str]: ...
    @property
    def data_version(self) -> int | None: ...
    @property
    def time(self) -> datetime: ...
    @property
    def detail(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events a client wants."""

    cities: frozenset[str] | None = None
    """Names, as `common.domain.cities` has them; None: all"""
    kinds: frozenset[str] | None = None
    """None: all"""

    def wants(self, kind: str, cities: Sequence[str]) -> bool:
        """Whether an event of that kind goes to the client; one without cities concerns all of them."""
        if self.kinds is not None and kind not in self.kinds:
            return False
        return self.cities is None or not cities or not self.cities.isdisjoint(cities)


EVERYTHING: Final = Filter()


@dataclass(frozen=True, slots=True)
class Hello:
    """A client's first message."""

    after: int | None = None
    """The last event that it has seen; None: only what comes from now on"""
    cities: tuple[str, ...] | None = None
    """Names, as `common.domain.cities` has them; None: all"""
    kinds: tuple[str, ...] | None = None
    """None: all"""
    token: str | None = None

    def __repr__(self) -> str:
        """Without the token, which must not come into a log."""
        return f"Hello(after={self.after}, cities={self.cities}, kinds={self.kinds})"

    @property
    def filter(self) -> Filter:
        """Which events it asks for."""
        return Filter(
            None if self.cities is None else frozenset(self.cities),
            None if self.kinds is None else frozenset(self.kinds),
        )


def parse_message(text: str | bytes) -> Hello | Literal["ping", "pong"]:
    """A client's message.

    Raises:
        ProtocolError: when it is none.
    """
    body = _object(text)
    kind = body.get("type")
    if kind == "ping":
        return "ping"
    if kind == "pong":
        return "pong"
    if kind == "hello":
        return _hello(body)
    given = f"not {_shown(kind)}" if "type" in body else "which is missing"
    raise ProtocolError(f"type must be hello, ping or pong, {given}")


def parse_hello(text: str | bytes) -> Hello:
    """A client's hello.

    Raises:
        ProtocolError: when it is none.
    """
    message = parse_message(text)
    if isinstance(message, Hello):
        return message
    raise ProtocolError('the first message must be a hello, such as {"type":"hello","after":null}')


def welcome(seq: int) -> str:
    """Answers a hello; `seq`: of the newest event that the client need not be sent."""
    return _text({"type": "welcome", "seq": seq})


def event_message(event: EventLike | Mapping[str, Any]) -> str:
    """One event; of a mapping, its fields as `GET /events` has them, its time as a datetime or a text."""
    return _text({"type": "event", **event_body(event)})


def event_body(event: EventLike | Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an event as clients see them, in WebSocket messages and in the data of an SSE stream."""
    if isinstance(event, Mapping):
        body = dict(event)
        if isinstance(body.get("time"), datetime):
            body["time"] = _instant(body["time"])
        return body
    return {
        "seq": event.seq,
        "kind": event.kind,
        "cities": list(event.cities),
        "time": _instant(event.time),
        "data_version": event.data_version,
        "detail": dict(event.detail),
    }


def reload() -> str:
    """Events that the client has not seen are no longer kept: it is to read everything anew."""
    return _text({"type": "reload"})


def ping() -> str:
    """A sign of life, which needs no answer."""
    return _text({"type": "ping"})


def pong() -> str:
    """Answers a client's ping."""
    return _text({"type": "pong"})


def error(detail: str) -> str:
    """Says what is wrong with a client's message."""
    return _text({"type": "error", "detail": detail})


def sequence_number(given: object) -> int | None:
    """The number of an event that a client has seen, from JSON or from the text of an address or a header.

    Raises:
        ProtocolError: when it is none.
    """
    if given is None:
        return None
    if isinstance(given, str) and given.isascii() and given.isdecimal() and len(given) <= 19:
        given = int(given)
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= _LARGEST_SEQ:
        raise ProtocolError(
            f"after must be the seq of the last event seen, a whole number from 0, or null, not {_shown(given)}"
        )
    return given


def city_names(given: object) -> tuple[str, ...] | None:
    """The cities of a filter, by name or alias, as `common.domain.cities` writes them.

    Raises:
        ProtocolError: when it is no list of cities.
    """
    names = _texts("cities", given, most=len(all_cities()), example='["Delhi"]')
    if names is None:
        return None
    try:
        return tuple(dict.fromkeys(find_city(name).name for name in names))
    except NotFound as unknown:
        raise ProtocolError(f"cities: {unknown}") from unknown


def kind_names(given: object) -> tuple[str, ...] | None:
    """The kinds of a filter.

    Raises:
        ProtocolError: when it is no list of kinds.
    """
    names = _texts("kinds", given, most=len(KINDS), example='["forecast"]')
    for name in names or ():
        if name not in KINDS:
            raise ProtocolError(f"kinds must be some of {', '.join(KINDS)}, not {_shown(name)}")
    return None if names is None else tuple(dict.fromkeys(names))


def _object(text: str | bytes) -> dict[str, Any]:
    length = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if length > MAX_FRAME:
        raise ProtocolError(f"a message has at most {MAX_FRAME} bytes, not {length}")
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        raise ProtocolError(
            'a message must be a JSON object, such as {"type":"hello","after":null}'
        ) from None
    if not isinstance(body, dict):
        raise ProtocolError(f"a message must be a JSON object, not {_shown(body)}")
    return body


def _hello(body: dict[str, Any]) -> Hello:
    unknown = sorted(body.keys() - _FIELDS)
    if unknown:
        raise ProtocolError(f"a hello has {', '.join(sorted(_FIELDS))}, and no {_shown(unknown[0])}")
    token = body.get("token")
    if token is not None and (not isinstance(token, str) or not 1 <= len(token) <= _LONGEST_TOKEN):
        raise ProtocolError(f"token must be a text of 1 to {_LONGEST_TOKEN} characters, or null")
    after = body.get("after")
    if isinstance(after, str):
        raise ProtocolError(f"after must be a number or null, not {_shown(after)}")
    return Hello(
        sequence_number(after), city_names(body.get("cities")), kind_names(body.get("kinds")), token or None
    )


def _texts(name: str, given: object, *, most: int, example: str) -> list[str] | None:
    if given is None:
        return None
    if not isinstance(given, list) or not all(isinstance(text, str) for text in given):
        raise ProtocolError(f"{name} must be a list such as {example}, or null, not {_shown(given)}")
    if not 1 <= len(given) <= most:
        raise ProtocolError(f"{name} must have 1 to {most} entries, or be null for all")
    return given


def _shown(given: object) -> str:
    try:
        text = json.dumps(given, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = type(given).__name__
    text = text if len(text) <= 40 else text[:40] + "…"
    return text.encode("utf-8", "replace").decode()


def _instant(time: datetime) -> str:
    """As the API writes times: ISO 8601 in UTC, to the second, with ``Z``."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _text(body: Mapping[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
