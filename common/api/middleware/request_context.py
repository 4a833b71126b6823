"""One request and what became of it."""

import re
from dataclasses import dataclass, field
from os import urandom
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from common.api.blueprint import Endpoint, Scope
from common.api.middleware.rate_limit import Allowance

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

KEY = "vayu.request"
"""Where the context stands in the WSGI environment."""
_SANE = re.compile(r"[A-Za-z0-9._:=+/-]{1,128}")


class Caller(NamedTuple):
    """Who sent a request: a client address, or the holder of a token."""

    name: str
    """Of a token, how it begins; else the address."""
    scopes: frozenset[str] | None = None
    """What the token allows; None: there was none."""

    def may(self, scope: Scope) -> bool:
        """Whether the token allows this."""
        return self.scopes is not None and (scope in self.scopes or "admin" in self.scopes)


@dataclass(slots=True)
class Refusal:
    """Why a request is not answered."""

    status: int
    detail: str
    type: str = "about:blank"
    headers: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class RequestContext:
    """What is known of a request; filled in as it goes through the layers."""

    environ: "WSGIEnvironment"
    method: str
    path: str
    request_id: str
    endpoint: Endpoint | None = None
    """None where the address is not one of ours."""
    status: int = 0
    length: int = 0
    """Bytes of the body that were sent."""
    client: str = ""
    """The address it is from, as far as it can be known."""
    caller: Caller | None = None
    """None: it has a token that could not be checked."""
    allowance: Allowance | None = None
    """None: it counts for nobody."""
    refusal: Refusal | None = None
    """Why it is not answered."""
    for_cache: bool = False
    """Whether its answer is to be cached where it can be."""
    cache: str = ""
    """How the cache had to do with it: ``hit``, ``shared``, ``miss``, ``stale``; empty: not at all."""
    started: float = field(default_factory=perf_counter)
    ended: float = 0.0

    @property
    def has_token(self) -> bool:
        """Whether it came with a token that is in force."""
        return self.caller is not None and self.caller.scopes is not None

    @property
    def seconds(self) -> float:
        """How long it took, up to the last byte of the answer."""
        return self.ended - self.started


def begin(environ: "WSGIEnvironment") -> RequestContext:
    """The context of a request that has just come; its id is the client's own where that is sane."""
    given = environ.get("HTTP_X_REQUEST_ID")
    known = given if given and _SANE.fullmatch(given) else urandom(16).hex()
    context = RequestContext(environ, environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""), known)
    environ[KEY] = context
    return context


def present(environ: dict[str, Any]) -> RequestContext:
    """The context that the layers outside have begun."""
    context: RequestContext = environ[KEY]
    return context
