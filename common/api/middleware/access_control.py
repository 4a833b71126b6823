"""Who is let in: addresses and headers of bearable length, known tokens, and nobody too often."""

from typing import TYPE_CHECKING

from common.api.context import ApiContext
from common.api.middleware.authentication import Caller, KeyRing, given_token, refusal, unauthorized
from common.api.middleware.client_ip import client_ip
from common.api.middleware.rate_limit import Limiter
from common.api.middleware.request_context import Refusal, RequestContext
from common.api.route import Route
from common.domain.errors import StoreError

if TYPE_CHECKING:
    from common.api.middleware.policy import Kind

LONGEST_PATH = 1024
LONGEST_QUERY = 2048
LARGEST_HEADERS = 32 * 1024
"""Bytes of all headers together."""
_LONGEST_TOKEN = 256
_UNLIMITED = ("/health",)
"""Endpoints that count for nobody: those who watch over the service must never be sent away."""
_TRY_AGAIN_S = "5"


class AccessControl:
    """Looks at each request before anything is done for it."""

    def __init__(self, context: ApiContext) -> None:
        policy = context.policy
        self._closed = policy.reads_need_token
        self._limiter = Limiter(policy.rates, context.shared, tick=context.tick)
        self._keys = KeyRing(context.database, context.clock, tick=context.tick)
        self._watch = context.watch

    def refusal(self, request: RequestContext) -> Refusal | None:
        """Why the request is sent away; None where it may go on. Tells the request who it is from."""
        route = request.route
        environ = request.environ
        too_large = _too_large(request)
        if too_large is not None:
            return too_large
        if route is not None and route.path in _UNLIMITED:
            if "HTTP_AUTHORIZATION" in environ or "HTTP_X_API_KEY" in environ:
                self._identify(request, given_token(environ))  # who has a token is told more
            return None
        token = None
        if "HTTP_AUTHORIZATION" in environ or "HTTP_X_API_KEY" in environ:
            token = given_token(environ)
        wrong = self._identify(request, token)
        allowance = request.allowance = self._limiter.take(*_counted(request, route))
        if allowance is not None and not allowance.granted:
            return _too_often(request, allowance.reset_s)
        if wrong is not None:
            return wrong
        return self.forbidden(request, route) if route is not None else None

    def forbidden(self, request: RequestContext, route: Route) -> Refusal | None:
        """Why the caller may not use this endpoint; None where he may."""
        if route.scope is None or (route.scope == "read" and not self._closed):
            return None
        if request.caller is None:
            return Refusal(
                503,
                "The store does not answer, so the token cannot be checked; try again soon.",
                "urn:vayu:problem:store-unavailable",
                [("Retry-After", _TRY_AGAIN_S)],
            )
        return refusal(request.caller, route.scope)

    def _identify(self, request: RequestContext, token: str | Refusal | None) -> Refusal | None:
        """Find out who it is; what is wrong with the token, if anything is."""
        request.client = client_ip(request.environ)
        request.caller = _ANONYMOUS
        if token is None or isinstance(token, Refusal):
            return token
        route = request.route
        if route is not None and route.scope is None and route.path not in _UNLIMITED:
            return None
        known = self._watch.known()
        try:
            found = (
                self._keys.caller(token, None if known is None else known.versions.keys)
                if len(token) <= _LONGEST_TOKEN
                else None
            )
        except StoreError:
            request.caller = None
            return None
        if found is None:
            return unauthorized("the token is not known here, has expired, or was revoked", wrong=True)
        request.caller = found
        return None


_ANONYMOUS = Caller("")


def _counted(request: RequestContext, route: Route | None) -> tuple["Kind", str]:
    """As what the request counts, and for whom."""
    caller = request.caller
    if caller is None or caller.scopes is None:
        return "anonymous", request.client
    writes = route is not None and route.method == "POST" and route.scope not in (None, "read")
    return "writes" if writes else "token", caller.name


def _too_often(request: RequestContext, reset_s: int) -> Refusal:
    who = "this token" if request.has_token else "this address"
    return Refusal(
        429,
        f"too many requests from {who}; try again in {reset_s} s",
        "urn:vayu:problem:too-many-requests",
        [("Retry-After", str(reset_s))],
    )


def _too_large(request: RequestContext) -> Refusal | None:
    environ = request.environ
    if len(environ.get("QUERY_STRING", "")) > LONGEST_QUERY or len(request.path) > LONGEST_PATH:
        return Refusal(
            414,
            f"an address has at most {LONGEST_PATH} characters, and {LONGEST_QUERY} behind its question mark",
        )
    if sum(len(value) for name, value in environ.items() if name[:5] == "HTTP_") > LARGEST_HEADERS:
        return Refusal(431, f"the headers have at most {LARGEST_HEADERS // 1024} KiB together")
    return None
