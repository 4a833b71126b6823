"""One request, what became of it, and its line in the log: a JSON object on standard output."""

import logging
import re
from functools import cache
from os import urandom
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from common.api.blueprint import BASE, Endpoint, Scope
from common.api.middleware.rate_limit import Allowance

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from aws_lambda_powertools import Logger


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


class Refusal(msgspec.Struct):
    """Why a request is not answered."""

    status: int
    detail: str
    type: str = "about:blank"
    headers: list[tuple[str, str]] = msgspec.field(default_factory=list)


class RequestContext(msgspec.Struct):
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
    started: float = msgspec.field(default_factory=perf_counter)
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


SERVICE = "vayu-api"
_TRACE = "trace_of_header"


@cache
def logger() -> "Logger":
    """The log of the API."""
    from aws_lambda_powertools import Logger  # 40 ms, not before something is logged

    # No line shows them, and to look them up takes time: https://docs.python.org/3/howto/logging.html#optimization
    logging.logThreads = logging.logMultiprocessing = False
    logging._srcfile = None

    # A message of ours is no JSON in disguise, for which the library would look in each.
    return Logger(service=SERVICE, location=None, utc=True, json_serializer=_line, json_deserializer=str)


def _line(about: dict[str, Any]) -> str:
    trace = about.pop(_TRACE, None)
    if trace is not None:  # the library knows the trace of Lambda's environment alone
        about.setdefault("xray_trace_id", trace)
    return msgspec.json.encode(about, enc_hook=str).decode()


def _without_token(request: RequestContext) -> str:
    """The path; in place of a token that is part of it, as in links of mails, the name of that part."""
    endpoint = request.endpoint
    return BASE + endpoint.path if endpoint is not None and "{token}" in endpoint.path else request.path


def log_request(request: RequestContext) -> None:
    """Write the one line of a request that was answered; neither query, headers nor tokens: secrets."""
    trace = request.environ.get("HTTP_X_AMZN_TRACE_ID", "")
    about = {
        "method": request.method,
        "route": BASE + request.endpoint.path if request.endpoint else None,
        "path": _without_token(request)[:200],
        "status": request.status,
        "duration_ms": round(request.seconds * 1000, 1),
        "bytes": request.length,
        "cache": request.cache or None,
        "request_id": request.request_id,
        _TRACE: trace.partition(";")[0].removeprefix("Root=")[:100] or None,
    }
    logger().info("request", extra={name: value for name, value in about.items() if value is not None})
