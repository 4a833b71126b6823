"""What an endpoint is: the declaration that validates its input and documents it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from msgspec import Struct

BASE = "/api/v1"
JSON = "application/json"


Scope = Literal["read", "retrain", "admin"]
Kept = Literal["data", "minute", "never"]


class NoQuery(Struct, frozen=True):
    """No query parameters."""


class NoHeaders(Struct, frozen=True):
    """No headers of its own."""


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint. The handler's docstring says what it does: its first line in short, the rest at length.

    The handler is called with the context and, by keyword, ``city`` or ``job`` where the path names one, ``query``
    where parameters are declared, ``headers`` where headers are and ``body`` where a body is. It returns an
    `answer`, or a whole response.
    """

    method: Literal["GET", "POST"]
    path: str
    """Below `BASE`, with ``{city}`` for a city, ``{job}`` for the number of a job."""
    handler: Callable[..., Any]
    answer: Any
    """Type of the body of a success: a struct, or a union of structs; None where it is no JSON."""
    query: type[Struct] = NoQuery
    body: type[Struct] | None = None
    errors: tuple[int, ...] = ()
    """Statuses of its own, besides those that any endpoint may answer: see `common.api.openapi`."""
    media: tuple[str, ...] = (JSON,)
    """What it can answer with."""
    scope: Scope | None = "read"
    """What a token must allow; ``read`` needs none unless reads are closed. None: open to everyone, always."""
    cache: Kept = "never"
    """How long an answer holds: ``data``, as long as the data and the hour are the same; ``minute``, for the
    present minute besides."""
    tag: str = "Service"
    """What it is listed under."""
    status: int = 200
    """Of a success."""
    headers: type[Struct] = NoHeaders
    body_required: bool = True
    documented: bool = True
    """Whether the description names it."""
