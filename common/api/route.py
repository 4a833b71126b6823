"""What an endpoint is: the declaration that validates its input and, later, documents it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from msgspec import Struct

BASE = "/api/v1"
JSON = "application/json"


class NoQuery(Struct, frozen=True):
    """No query parameters."""


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint. The first line of the handler's docstring says what it does.

    The handler is called with the context and, by keyword, ``city`` where the path names one, ``query``
    where parameters are declared and ``body`` where a body is. It returns an `answer`, or a whole response.
    """

    method: Literal["GET", "POST"]
    path: str
    """Below `BASE`, with ``{city}`` for a city."""
    handler: Callable[..., Any]
    answer: Any
    """Type of the body of a 200: a struct, or a union of structs."""
    query: type[Struct] = NoQuery
    body: type[Struct] | None = None
    errors: tuple[int, ...] = ()
    """Statuses of its own, besides those that any endpoint may answer (400, 405, 500, 503)."""
    media: tuple[str, ...] = (JSON,)
    """What it can answer with."""
