"""Around every request: its id, the security headers, one line in the log."""

import re
from functools import cache
from time import perf_counter
from typing import TYPE_CHECKING
from uuid import uuid4

from flask import Flask, Response, g, request

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

REQUEST_ID = "X-Request-Id"
_SANE = re.compile(r"[A-Za-z0-9._:=+/-]{1,128}")

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}


@cache
def logger() -> "Logger":
    """The log of the API: a JSON object a line on standard output."""
    from aws_lambda_powertools import Logger  # 40 ms, not before something is logged

    return Logger(service="vayu-api", location=None)


def install(app: Flask) -> None:
    """Have every request named and logged, every response marked."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    g.started = perf_counter()
    given = request.headers.get(REQUEST_ID, "")
    g.request_id = given if _SANE.fullmatch(given) else uuid4().hex


def _end(response: Response) -> Response:
    response.headers[REQUEST_ID] = g.request_id
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    logger().info(
        "request",
        method=request.method,
        route=request.url_rule.rule if request.url_rule else None,
        path=request.path,
        status=response.status_code,
        duration_ms=round((perf_counter() - g.started) * 1000, 1),
        request_id=g.request_id,
    )
    return response
