"""One table from our errors to HTTP, and every error as a problem document (RFC 9457)."""

from typing import NamedTuple
from urllib.parse import quote

import msgspec
from flask import Flask, Response, g, request
from pydantic import Field
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from common.api.middleware.request_context import Refusal, logger
from common.api.schemas import ABSENT, ApiModel
from common.domain.errors import (
    DataError,
    Fault,
    Gone,
    LimitReached,
    NotAcceptable,
    NotFound,
    NotSetUp,
    RequestError,
    Reused,
    StoreError,
    TooMuch,
    TooSoon,
    VayuError,
)

PROBLEM_JSON = "application/problem+json"
_INTERNAL = "Something went wrong here; the request id finds it in the log."
_PLAIN = {
    404: "there is nothing at this address",
    405: "this address does not take that method; Allow names those it takes",
    413: "the body is larger than 64 KiB",
    416: "the file ends before the bytes that Range asks for; Content-Range says how many it has",
}
"""Instead of what the web library says."""
_AGAIN_S = 5
"""Seconds after which a request that found no database may come again."""


class Wrong(ApiModel):
    """One thing that is wrong with the request."""

    parameter: str = Field(ABSENT, description="Of the address")
    header: str = ABSENT
    pointer: str = Field(
        ABSENT,
        description="Where in the JSON body (RFC 6901), such as /hours_ahead",
    )
    given: str | None = Field(description="Shortened; null where it is missing")
    allowed: str


class Problem(ApiModel):
    """Body of every error (RFC 9457)."""

    type: str = Field(description="A URN of ours, or about:blank where the status says it all")
    title: str
    status: int
    detail: str
    instance: str = Field(description="The path that was asked for")
    request_id: str = Field(description="As in the header X-Request-Id; finds it in the log")
    errors: list[Wrong] = Field(ABSENT, description="What is wrong, part by part")
    nearest: list[str] = Field(ABSENT, description="Names of cities that were perhaps meant")


class Answer(NamedTuple):
    """What an error of ours is answered with."""

    status: int
    type: str
    detail: str | None = None
    """Instead of the error's own text, which stays in the log."""


ANSWERS: dict[type[VayuError], Answer] = {
    DataError: Answer(400, "urn:vayu:problem:bad-request"),
    Reused: Answer(409, "urn:vayu:problem:key-reused"),
    LimitReached: Answer(409, "urn:vayu:problem:limit-reached"),
    TooMuch: Answer(422, "urn:vayu:problem:too-much"),
    NotAcceptable: Answer(406, "urn:vayu:problem:not-acceptable"),
    TooSoon: Answer(429, "urn:vayu:problem:too-many-requests"),
    NotSetUp: Answer(503, "urn:vayu:problem:not-set-up"),
    NotFound: Answer(404, "urn:vayu:problem:not-found"),
    Gone: Answer(410, "urn:vayu:problem:gone"),
    StoreError: Answer(
        503, "urn:vayu:problem:store-unavailable", "The store does not answer; try again soon."
    ),
    VayuError: Answer(500, "urn:vayu:problem:internal", _INTERNAL),
}
"""Error → answer; the first class of the error's MRO that is here decides."""


def install(app: Flask) -> None:
    """Answer every exception with a problem document."""
    app.register_error_handler(Exception, _handle)


def _handle(error: Exception) -> Response:
    if isinstance(error, HTTPException):
        return _http(error)
    answer = next((ANSWERS[kind] for kind in type(error).__mro__ if kind in ANSWERS), ANSWERS[VayuError])
    if answer.status == 500:
        logger().error("request failed", exc_info=error, request_id=g.request_id, path=request.path)
    elif answer.status > 500:
        cause = str(error.__cause__)[:500]
        logger().error("request failed", reason=str(error), cause=cause, request_id=g.request_id)
    faults, nearest = (error.faults, error.nearest) if isinstance(error, RequestError) else ((), ())
    response = problem(
        answer.status, answer.detail or str(error), answer.type, faults=faults, nearest=nearest
    )
    again_s = error.retry_after_s if isinstance(error, TooSoon) else _AGAIN_S
    if answer.status in (429, 503):
        response.headers["Retry-After"] = str(again_s)
    return response


def _http(error: HTTPException) -> Response:
    """Errors of the web itself: no such address, wrong method, body too large."""
    plain = error.get_response()
    response = problem(plain.status_code, _PLAIN.get(plain.status_code, error.description or ""))
    for name in ("Allow", "Content-Range", "Retry-After"):
        if name in plain.headers:
            response.headers[name] = plain.headers[name]
    return response


def refused(refusal: Refusal) -> Response:
    """The problem document of a refusal."""
    response = problem(refusal.status, refusal.detail, refusal.type)
    response.headers.extend(refusal.headers)
    return response


def problem(
    status: int,
    detail: str,
    type_: str = "about:blank",
    *,
    faults: tuple[Fault, ...] = (),
    nearest: tuple[str, ...] = (),
) -> Response:
    """A problem document as the response to the present request."""
    body = Problem.answer(
        type=type_,
        title=HTTP_STATUS_CODES[status],
        status=status,
        detail=detail,
        instance=quote(request.path[:200]),
        request_id=g.request_id,
        errors=[
            Wrong.answer(given=fault.given, allowed=fault.allowed, **{fault.where: fault.name})
            for fault in faults
        ]
        or None,
        nearest=list(nearest) or None,
    )
    return Response(msgspec.json.encode(body), status, content_type=PROBLEM_JSON)
