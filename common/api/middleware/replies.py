"""What goes back to the client: the headers that every response carries, and gzip where that is worth it."""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from werkzeug import Response
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header

from common.api.middleware.request_context import RequestContext

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
"""What every answer carries, unless it says otherwise itself."""
SMALLEST_PACKED = 1024
"""Bytes of a body that is not packed."""
_TEXTS = ("text/", "application/json", "application/problem+json", "application/javascript", "image/svg+xml")
_LONGEST_HEADER = 4096


def response_of(inner: "WSGIApplication", request: RequestContext) -> Response:
    """What an application answers; its body in one piece where its length is known."""
    response = Response.from_app(inner, request.environ)
    if response.content_length is not None:
        response.make_sequence()
        response.close()
    return response


def add_headers(response: Response, request: RequestContext) -> None:
    """Add what every answer carries, and what is so of this request alone."""
    headers = response.headers
    for name, value in SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    headers["X-Request-Id"] = request.request_id
    # By plain HTTP nobody may believe it: RFC 6797 §7.2.
    if request.environ.get("wsgi.url_scheme") == "https":
        headers["Strict-Transport-Security"] = "max-age=31536000"
    if request.allowance is not None:
        headers["RateLimit-Limit"] = str(request.allowance.limit)
        headers["RateLimit-Remaining"] = str(request.allowance.remaining)
        headers["RateLimit-Reset"] = str(request.allowance.reset_s)


def pack(response: Response, request: RequestContext) -> None:
    """Compress the body by gzip, where the client takes that and it is worth it."""
    if response.content_encoding or not (response.mimetype or "").startswith(_TEXTS):
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
        response.call_on_close(getattr(body, "close", lambda: None))
        response.response = _packed(body)  # type: ignore[arg-type]


@lru_cache(maxsize=256)
def takes_gzip(accept_encoding: str) -> bool:
    """Whether gzip is welcome. Flask-Compress 1.25 packs for ``gzip;q=0``, which forbids it."""
    return parse_accept_header(accept_encoding[:_LONGEST_HEADER], Accept).quality("gzip") > 0


def _packed(body: Iterable[bytes]) -> Iterator[bytes]:
    """A body with gzip that is packed as it comes."""
    packer = zlib.compressobj(6, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    for part in body:
        if ready := packer.compress(part):
            yield ready
    yield packer.flush()
