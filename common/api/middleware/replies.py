"""What goes back to the client: the headers of every response, those of CORS, and gzip where it is worth it."""

import gzip
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from flask import Flask
from flask_cors import CORS
from werkzeug import Response
from werkzeug.datastructures import Accept
from werkzeug.datastructures import Headers as WerkzeugHeaders
from werkzeug.http import parse_accept_header

from common.api.middleware.request_context import RequestContext

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication, WSGIEnvironment


SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
"""What every answer carries, unless it says otherwise itself."""
EVENT_STREAM = "text/event-stream"
HSTS = ("Strict-Transport-Security", "max-age=31536000")
SMALLEST_PACKED = 1024
"""Bytes of a body that is not packed."""
_TEXTS = ("text/", "application/json", "application/problem+json", "application/javascript", "image/svg+xml")
LONGEST_HEADER = 4096
_OF_SHARED_CACHES = re.compile(r"public, |, s-maxage=\d+|, stale-while-revalidate=\d+")
STATUS_LINES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}

Headers = list[tuple[str, str]]


class Reply(NamedTuple):
    """An answer on its way; a body of several parts is not known in advance."""

    status: str
    headers: Headers
    body: bytes | Iterable[bytes]


def captured(inner: "WSGIApplication", request: RequestContext) -> Reply:
    """What an application answers; its body in one piece where its length is known."""
    started: list[tuple[str, Headers]] = []

    def start(status: str, headers: Headers, _: object = None) -> Callable[[bytes], object]:
        started[:] = [(status, headers)]
        return _unused

    body = inner(request.environ, start)
    [(status, headers)] = started
    if any(name == "Content-Length" for name, _ in headers):
        try:
            return Reply(status, headers, b"".join(body))
        finally:
            close_of(body)()
    return Reply(status, headers, body)


def close_of(body: object) -> Callable[[], None]:
    """What is called when a body was sent, or is not wanted."""
    close: Callable[[], None] = getattr(body, "close", lambda: None)
    return close


def finish(response: Response, request: RequestContext) -> None:
    """Complete a response of Flask's, unless it is to be cached as it is."""
    if request.for_cache and is_cacheable(response):
        return
    promise = response.headers.get("Cache-Control", "no-store")
    response.headers["Cache-Control"] = promise_to(request.environ, promise)
    add_security_headers(response.headers)
    response.headers.extend(own_headers(request))
    _pack(response, request)


def add_security_headers(headers: WerkzeugHeaders) -> None:
    """Add those that the answer does not say itself."""
    # Looked through at once: werkzeug raises and catches an error for each header that is asked for and not there.
    given = {name.lower() for name, _ in headers}
    headers.extend((name, value) for name, value in SECURITY_HEADERS.items() if name.lower() not in given)


def is_cacheable(response: Response) -> bool:
    """Whether it is whole, went well, and says nothing itself of how long it holds."""
    return (
        response.status_code == 200 and not response.is_streamed and "Cache-Control" not in response.headers
    )


def promise_to(environ: "WSGIEnvironment", promise: str) -> str:
    """Cache-Control as this client gets it: the answer to a token is for its holder alone.

    A cache between us does not know that X-API-Key is a token, and takes `public` to be meant for Authorization, too.
    """
    if "HTTP_AUTHORIZATION" not in environ and "HTTP_X_API_KEY" not in environ:
        return promise
    own = _OF_SHARED_CACHES.sub("", promise)
    return own if own.startswith(("private", "no-store")) else f"private, {own}"


def own_headers(request: RequestContext) -> Headers:
    """The headers of this very request."""
    headers = [("X-Request-Id", request.request_id)]
    # By plain HTTP nobody may believe it: RFC 6797 §7.2.
    if request.environ.get("wsgi.url_scheme") == "https":
        headers.append(HSTS)
    if request.allowance is not None:
        _, limit, remaining, reset_s = request.allowance
        headers += (
            ("RateLimit-Limit", str(limit)),
            ("RateLimit-Remaining", str(remaining)),
            ("RateLimit-Reset", str(reset_s)),
        )
    return headers


def _pack(response: Response, request: RequestContext) -> None:
    """Compress the body by gzip, where the client takes that and it is worth it."""
    if response.content_encoding or not (response.mimetype or "").startswith(_TEXTS):
        return
    if response.status_code == 206:  # its bytes are those that were asked for
        return
    if response.mimetype == EVENT_STREAM:  # each part is wanted as soon as it is there
        return
    if response.is_sequence and len(response.get_data()) <= SMALLEST_PACKED:
        return
    response.vary.add("Accept-Encoding")
    if request.method == "HEAD" or not takes_gzip(request.environ.get("HTTP_ACCEPT_ENCODING", "")):
        return
    tag, _ = response.get_etag()
    if tag is not None:  # it is of the plain body
        response.set_etag(tag, weak=True)
    response.content_encoding = "gzip"
    if response.is_sequence:
        response.set_data(gzip.compress(response.get_data(), 6, mtime=0))
    else:
        body = response.response
        response.call_on_close(close_of(body))
        response.response = _packed(body)  # type: ignore[arg-type]


@lru_cache(maxsize=256)
def takes_gzip(accept_encoding: str) -> bool:
    """Whether gzip is welcome. Flask-Compress 1.25 packs for ``gzip;q=0``, which forbids it."""
    return parse_accept_header(accept_encoding[:LONGEST_HEADER], Accept).quality("gzip") > 0


def _packed(body: Iterable[bytes]) -> Iterator[bytes]:
    """A body with gzip that is packed as it comes."""
    packer = zlib.compressobj(6, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    for part in body:
        if ready := packer.compress(part):
            yield ready
    yield packer.flush()


def _unused(_: bytes) -> object:
    """WSGI's other way of writing, which no application here uses.

    Raises:
        NotImplementedError: always, so that one that does is seen at its first answer.
    """
    raise NotImplementedError("answers are given as iterables")


_METHODS = ["GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"]
_SENT = [
    "Authorization", "X-API-Key", "Content-Type", "If-None-Match", "If-Range", "Range", "Idempotency-Key",
    "X-Request-Id",
]  # fmt: skip
_READABLE = [
    "ETag", "Age", "Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "X-Request-Id",
    "Location", "Content-Disposition", "Content-Range", "Accept-Ranges", "Warning",
]  # fmt: skip


def allow_origins(app: Flask, origins: tuple[str, ...]) -> None:
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
