"""What goes back to the client, and the headers that it carries."""

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from werkzeug.datastructures import Accept
from werkzeug.http import generate_etag, parse_accept_header, parse_etags, quote_etag

from common.api.middleware.request_context import RequestContext

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

Headers = list[tuple[str, str]]

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
"""What every answer carries, unless it says otherwise itself."""
_TEXTS = ("text/", "application/json", "application/problem+json", "application/javascript", "image/svg+xml")
_SMALLEST_PACKED = 1024
STATUS_LINES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}
_LONGEST_HEADER = 4096


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
            close = getattr(body, "close", None)
            if close is not None:
                close()
    return Reply(status, headers, body)


def own_headers(request: RequestContext) -> Headers:
    """The headers of this very request."""
    headers = [("X-Request-Id", request.request_id)]
    if (
        request.environ.get("wsgi.url_scheme") == "https"
    ):  # by plain HTTP nobody may believe it: RFC 6797 §7.2
        headers.append(("Strict-Transport-Security", "max-age=31536000"))
    if request.allowance is not None:
        _, limit, remaining, reset_s = request.allowance
        headers += (
            ("RateLimit-Limit", str(limit)),
            ("RateLimit-Remaining", str(remaining)),
            ("RateLimit-Reset", str(reset_s)),
        )
    return headers


def with_defaults(headers: Headers) -> Headers:
    """The headers, and those of `SECURITY_HEADERS` that are not among them."""
    names = {name.lower() for name, _ in headers}
    return headers + [(name, value) for name, value in SECURITY_HEADERS.items() if name.lower() not in names]


def varying(headers: Headers, *names: str) -> Headers:
    """The headers, with these names in Vary besides those that are there."""
    before = [value.strip() for name, line in headers if name == "Vary" for value in line.split(",")]
    added = [name for name in names if name.lower() not in map(str.lower, before)]
    rest = [(name, value) for name, value in headers if name != "Vary"]
    return [*rest, ("Vary", ", ".join((*before, *added)))]


def packed(reply: Reply, request: RequestContext) -> Reply:
    """The reply with gzip, where that is welcome and worth it."""
    present = dict(reply.headers)
    if "Content-Encoding" in present or not present.get("Content-Type", "").startswith(_TEXTS):
        return reply
    whole = isinstance(reply.body, bytes)
    if whole and len(reply.body) <= _SMALLEST_PACKED:  # type: ignore[arg-type]
        return reply
    headers = varying(reply.headers, "Accept-Encoding")
    if not takes_gzip(request.environ.get("HTTP_ACCEPT_ENCODING", "")) or request.method == "HEAD":
        return reply._replace(headers=headers)
    headers = [
        (name, _weak(value) if name == "ETag" else value)
        for name, value in headers
        if name != "Content-Length"
    ]
    headers.append(("Content-Encoding", "gzip"))
    if isinstance(reply.body, bytes):
        body = gzip.compress(reply.body, 6, mtime=0)
        return Reply(reply.status, [*headers, ("Content-Length", str(len(body)))], body)
    return Reply(reply.status, headers, _Packing(reply.body))


def _weak(tag: str) -> str:
    return tag if tag.startswith("W/") else f"W/{tag}"


class _Packing:
    """A body with gzip that is packed as it comes."""

    def __init__(self, body: Iterable[bytes]) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        packer = zlib.compressobj(6, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
        for part in self._body:
            if ready := packer.compress(part):
                yield ready
        yield packer.flush()

    def close(self) -> None:
        close = getattr(self._body, "close", None)
        if close is not None:
            close()


def _unused(_: bytes) -> object:
    """WSGI's other way of writing, which no application here uses.

    Raises:
        NotImplementedError: always, so that one that does is found at its first answer.
    """
    raise NotImplementedError("answers are given as iterables")


@lru_cache(maxsize=256)
def takes_gzip(accept_encoding: str) -> bool:
    """Whether gzip is welcome."""
    return parse_accept_header(accept_encoding[:_LONGEST_HEADER], Accept).quality("gzip") > 0


def entity_tag(body: bytes) -> str:
    """A weak tag: the answer with gzip and the one without differ in their bytes, not in what they say."""
    return quote_etag(generate_etag(body), weak=True)


def matches(if_none_match: str, tag: str) -> bool:
    """Whether a tag is among those that the client has, by weak comparison (RFC 9110, 8.8.3.2 and 13.1.2)."""
    return if_none_match == tag or parse_etags(if_none_match[:_LONGEST_HEADER]).contains_raw(tag)
