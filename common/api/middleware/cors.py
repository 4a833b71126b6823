"""What pages of other origins may do in a browser (CORS); credentials that browsers add by themselves are not used."""

from typing import TYPE_CHECKING

from flask import Flask, Response
from flask_cors import CORS

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_METHODS = ["GET", "HEAD", "POST", "OPTIONS"]
_SENT = ["Authorization", "X-API-Key", "Content-Type", "If-None-Match", "Idempotency-Key", "X-Request-Id"]
_READABLE = [
    "ETag", "Age", "Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "X-Request-Id",
    "Location", "Content-Disposition", "Warning",
]  # fmt: skip


def install(app: Flask, origins: tuple[str, ...]) -> None:
    """Let pages of these origins read answers; ``*``: everybody's."""
    if not origins:
        return
    everybody = "*" in origins
    CORS(
        app,
        origins="*" if everybody else list(origins),
        methods=_METHODS,
        allow_headers=_SENT,
        expose_headers=_READABLE,
        max_age=86400,
        send_wildcard=everybody,
        always_send=everybody,
    )
    if not everybody:  # Flask-CORS says so of several origins alone; but with one, too, others get no header
        app.after_request(_vary_by_origin)


def is_preflight(environ: "WSGIEnvironment") -> bool:
    """Whether a browser asks what a page may do."""
    return (
        environ["REQUEST_METHOD"] == "OPTIONS"
        and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
        and "HTTP_ORIGIN" in environ
    )


def allowed_origin(environ: "WSGIEnvironment", origins: tuple[str, ...]) -> str:
    """The request's origin where answers differ by it; else nothing."""
    origin: str = environ.get("HTTP_ORIGIN", "")
    return origin if origin and origin.lower() in map(str.lower, origins) else ""


def _vary_by_origin(response: Response) -> Response:
    response.vary.add("Origin")
    return response
