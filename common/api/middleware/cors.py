"""What pages of other origins may do in a browser (CORS)."""

from typing import TYPE_CHECKING

from common.api.middleware.replies import Headers, varying

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_READABLE = (
    "ETag, Age, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, X-Request-Id, Location, "
    "Content-Disposition, Warning"
)
_PREFLIGHT = [
    ("Access-Control-Allow-Methods", "GET, HEAD, POST, OPTIONS"),
    (
        "Access-Control-Allow-Headers",
        "Authorization, X-API-Key, Content-Type, If-None-Match, Idempotency-Key, X-Request-Id",
    ),
    ("Access-Control-Max-Age", "86400"),
]


class Cors:
    """The origins whose pages may read answers; credentials that browsers add by themselves are never asked for."""

    def __init__(self, origins: tuple[str, ...]) -> None:
        self._everybody = "*" in origins
        self._origins = frozenset(origins)
        self.varies = bool(origins) and not self._everybody
        """Whether answers differ by origin."""

    def headers(self, environ: "WSGIEnvironment") -> Headers:
        """What an answer says to the browser."""
        if self._everybody:
            return _FOR_EVERYBODY
        origin = environ.get("HTTP_ORIGIN")
        if origin is None or origin not in self._origins:
            return _FOR_NOBODY
        return [("Access-Control-Allow-Origin", origin), _EXPOSED]

    def varying(self, headers: Headers) -> Headers:
        """The headers; where answers differ by origin, they say so."""
        return varying(headers, "Origin") if self.varies else headers

    def preflight(self, environ: "WSGIEnvironment") -> Headers | None:
        """The answer to a browser that asks what it may; None where none asks."""
        if "HTTP_ACCESS_CONTROL_REQUEST_METHOD" not in environ or "HTTP_ORIGIN" not in environ:
            return None
        allowed = self.headers(environ)
        return [*allowed, *(_PREFLIGHT if allowed else ())]


_EXPOSED = ("Access-Control-Expose-Headers", _READABLE)
_FOR_EVERYBODY: Headers = [("Access-Control-Allow-Origin", "*"), _EXPOSED]
_FOR_NOBODY: Headers = []
