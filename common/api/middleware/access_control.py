"""Who is let in: addresses and headers of bearable length, known tokens, and nobody too often."""

from collections.abc import Callable
from hmac import compare_digest
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING

from werkzeug.middleware.proxy_fix import ProxyFix

from common.alerts.links import TOKEN_MARK
from common.api.blueprint import BASE, Endpoint, Scope
from common.api.context import ApiContext
from common.api.middleware.rate_limit import Limiter
from common.api.middleware.request_context import Caller, Refusal, RequestContext
from common.domain.client_address import network_of
from common.domain.errors import StoreError
from common.ports import Clock
from common.store import api_keys
from common.store.alerts import owner_of_token
from common.store.engine import Database
from common.store.errors import UNREACHABLE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from common.api.middleware.rate_limit import Kind


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
        self._database = context.database

    def refusal(self, request: RequestContext) -> Refusal | None:
        """Why the request is sent away; None where it may go on. Tells the request who it is from."""
        endpoint = request.endpoint
        environ = request.environ
        too_large = _too_large(request)
        if too_large is not None:
            return too_large
        if endpoint is not None and endpoint.path in _UNLIMITED:
            if "HTTP_AUTHORIZATION" in environ or "HTTP_X_API_KEY" in environ:
                self._identify(request, given_token(environ))  # holders of a token see more
            return None
        token = None
        if "HTTP_AUTHORIZATION" in environ or "HTTP_X_API_KEY" in environ:
            token = given_token(environ)
        wrong = self._identify(request, token)
        allowance = request.allowance = self._limiter.take(*_counted(request, endpoint))
        if allowance is not None and not allowance.granted:
            return _too_often(request, allowance.reset_s)
        if wrong is not None:
            return wrong
        return self.forbidden(request, endpoint) if endpoint is not None else None

    def forbidden(self, request: RequestContext, endpoint: Endpoint) -> Refusal | None:
        """Why the caller may not use this endpoint; None where he may."""
        if endpoint.scope is None or (endpoint.scope == "read" and not self._closed):
            return None
        if endpoint.by_strangers and request.caller is not None and request.caller.scopes is None:
            return None
        if request.caller is None:
            return Refusal(
                503,
                "The store does not answer, so the token cannot be checked; try again soon.",
                "urn:vayu:problem:store-unavailable",
                [("Retry-After", _TRY_AGAIN_S)],
            )
        return refusal(request.caller, endpoint.scope)

    def _identify(self, request: RequestContext, token: str | Refusal | None) -> Refusal | None:
        """Find out who it is; what is wrong with the token, if anything is."""
        request.client = client_ip(request.environ)
        request.caller = _ANONYMOUS
        if token is None or isinstance(token, Refusal):
            return token
        endpoint = request.endpoint
        if endpoint is not None and endpoint.scope is None and endpoint.path not in _UNLIMITED:
            return None
        try:
            caller = self._caller(request, token) if len(token) <= _LONGEST_TOKEN else None
        except StoreError:
            request.caller = None
            return None
        if caller is None:
            return unauthorized("the token is not known here, has expired, or was revoked", wrong=True)
        request.caller = caller
        return None

    def _caller(self, request: RequestContext, token: str) -> Caller | None:
        """The holder of a token; those of alerts' owners are looked up where they are good for anything."""
        if token.startswith(TOKEN_MARK) and request.path.startswith(_OF_ALERTS):
            with self._database.reading() as connection:
                owner = owner_of_token(connection, api_keys.hashed(token))
            return None if owner is None else Caller(f"{TOKEN_MARK}{owner.id}", _ALERTS_ALONE)
        known = self._watch.known()
        return self._keys.caller(token, None if known is None else known.versions.keys)


_ANONYMOUS = Caller("")
_OF_ALERTS = f"{BASE}/alerts"
_ALERTS_ALONE = frozenset({"alerts"})


def _counted(request: RequestContext, endpoint: Endpoint | None) -> tuple["Kind", str]:
    """As what the request counts, and for whom."""
    caller = request.caller
    if caller is None or caller.scopes is None:
        return "anonymous", request.client
    writes = endpoint is not None and endpoint.method != "GET" and endpoint.scope not in (None, "read")
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


def behind_proxies(app: "WSGIApplication", trusted: int, token: str | None = None) -> "WSGIApplication":
    """The application where so many proxies of ours stand before it, each of which appends to X-Forwarded-For.

    With `token`, only of requests that carry it: others have come by another way, and say what they like.
    """
    if not trusted:
        return app
    forwarded = ProxyFix(app, x_for=trusted, x_proto=0)
    if token is None:
        return forwarded

    def choose(environ: "WSGIEnvironment", start_response: "StartResponse") -> "Iterable[bytes]":
        shown = environ.get("HTTP_X_VAYU_PROXY", "")
        ours = compare_digest(shown.encode("latin-1", "replace"), token.encode())
        return (forwarded if ours else app)(environ, start_response)

    return choose


def client_ip(environ: "WSGIEnvironment") -> str:
    """The client's address, an IPv6 one as its /64: so much of it a single household has to choose from.

    The peer's own where the proxies name none.
    """
    forwarded: str = environ.get("REMOTE_ADDR") or ""
    before = environ.get("werkzeug.proxy_fix.orig")
    peer: str = (before["REMOTE_ADDR"] if before else forwarded) or ""
    return network_of(forwarded) or network_of(peer) or peer


_NOTE_EVERY_S = 60.0
_CHALLENGE = 'Bearer realm="vayu"'


def given_token(environ: "WSGIEnvironment") -> str | Refusal | None:
    """The token of a request, from either header; None where there is none."""
    named: str | None = environ.get("HTTP_X_API_KEY")
    authorization: str | None = environ.get("HTTP_AUTHORIZATION")
    if authorization is not None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() == "bearer":
            token = token.strip()
            if named is not None and named.strip() != token:
                return Refusal(400, "Authorization and X-API-Key give different tokens; send one of them")
            return token
    return None if named is None else named.strip()


def unauthorized(detail: str, *, wrong: bool) -> Refusal:
    """A 401; `wrong`: a token was given."""
    challenge = f'{_CHALLENGE}, error="invalid_token"' if wrong else _CHALLENGE
    return Refusal(401, detail, "urn:vayu:problem:unauthorized", [("WWW-Authenticate", challenge)])


def refusal(caller: Caller, scope: Scope) -> Refusal | None:
    """Why a caller may not do what needs a token of this scope; None where he may."""
    if caller.may(scope):
        return None
    if caller.scopes is None:
        return unauthorized(
            f"this needs a token that allows {scope}, as Authorization: Bearer … or X-API-Key: …", wrong=False
        )
    allowed = ", ".join(sorted(caller.scopes))
    return Refusal(
        403,
        f"the token allows {allowed}; this needs {scope}",
        "urn:vayu:problem:forbidden",
        [("WWW-Authenticate", f'{_CHALLENGE}, error="insufficient_scope", scope="{scope}"')],
    )


class KeyRing:
    """The keys in force, all of them, so that a token that nobody has costs no question to the database.

    They are read anew whenever their version has changed, which is looked at every second.
    """

    def __init__(self, database: Database, clock: Clock, *, tick: Callable[[], float] = monotonic) -> None:
        self._database = database
        self._clock = clock
        self._tick = tick
        self._reading = Lock()
        self._version: int | None = None
        self._locks: dict[str, api_keys.Lock] = {}
        self._used: set[str] = set()
        self._note_at = tick() + _NOTE_EVERY_S

    def caller(self, token: str, version: int | None) -> Caller | None:
        """The holder of a token, where it is in force; `version`: of the keys, None where that was never known.

        Raises:
            StoreError: when the keys were never read, and cannot be.
        """
        if version is None:
            raise StoreError(UNREACHABLE)
        if version != self._version:
            self._read(version)
        prefix = token[: api_keys.PREFIX_LENGTH]
        key = self._locks.get(prefix, api_keys.NOBODYS)
        if not key.opens_to(api_keys.hashed(token), self._clock()):
            return None
        self._used.add(prefix)
        if self._tick() >= self._note_at:
            self._note()
        return Caller(prefix, key.scopes)

    def _read(self, version: int) -> None:
        with self._reading:
            if version == self._version:
                return
            try:
                with self._database.reading() as connection:
                    self._locks = api_keys.locks(connection)
                self._version = version
            except StoreError:
                if self._version is None:
                    raise

    def _note(self) -> None:
        self._note_at = self._tick() + _NOTE_EVERY_S
        used, self._used = self._used, set()
        try:
            with self._database.transaction() as connection:
                api_keys.note_use(connection, used, now=self._clock())
        except StoreError:
            self._used |= used
