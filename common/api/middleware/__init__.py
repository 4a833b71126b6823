"""The layer around Flask: who asks, how often, whether the answer is known already, and what each answer carries.

A request whose answer is known never reaches Flask, and costs less than one that does.
"""

from collections.abc import Iterable, Iterator
from time import perf_counter
from typing import TYPE_CHECKING

from common.api.context import ApiContext
from common.api.middleware import log
from common.api.middleware.access_control import AccessControl
from common.api.middleware.cached_responses import CachedResponses
from common.api.middleware.cors import Cors
from common.api.middleware.metrics import Meter
from common.api.middleware.problem import Refusal
from common.api.middleware.replies import (
    SECURITY_HEADERS,
    STATUS_LINES,
    Reply,
    captured,
    own_headers,
    packed,
    refused,
    with_defaults,
)
from common.api.middleware.request_context import RequestContext, begin
from common.api.route import Route

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["SECURITY_HEADERS", "Middleware"]

_INTERNAL = "Something went wrong here; the request id finds it in the log."


class Middleware:
    """A WSGI application around another."""

    def __init__(
        self, inner: "WSGIApplication", context: ApiContext, gate: AccessControl, routes: Iterable[Route]
    ) -> None:
        self._inner = inner
        self._browsers = Cors(context.policy.origins)
        self._gate = gate
        self._library = CachedResponses(context, routes, self._browsers)
        self._meter = context.meter

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        exchange = begin(environ)
        try:
            reply = self._reply(exchange)
        except Exception as error:  # noqa: BLE001 — the last place where a fault of ours can become an answer
            log.logger().error(
                "request failed", exc_info=error, request_id=exchange.request_id, path=exchange.path
            )
            reply = self._plain(
                refused(Refusal(500, _INTERNAL, "urn:vayu:problem:internal"), exchange), exchange
            )
        if exchange.method == "HEAD":
            reply = _without_body(reply)
        exchange.status = int(reply.status[:3])
        start_response(reply.status, reply.headers)
        if isinstance(reply.body, bytes):
            exchange.length = len(reply.body)
            _end(exchange, self._meter)
            return (reply.body,)
        return _Streamed(reply.body, exchange, self._meter)

    def _reply(self, exchange: RequestContext) -> Reply:
        if exchange.method == "OPTIONS":
            allowed = self._browsers.preflight(exchange.environ)
            if allowed is not None:
                return self._plain(Reply(STATUS_LINES[204], allowed, b""), exchange)
        route = exchange.route = self._library.route(exchange)
        refusal = self._gate.refusal(exchange)
        if refusal is not None:
            return self._plain(refused(refusal, exchange), exchange)
        if route is None or route.cache == "never":
            return self._plain(captured(self._inner, exchange), exchange)
        found = self._library.find(exchange, route, lambda: _asked_whole(self._inner, exchange))
        if isinstance(found, Reply):
            return self._plain(found, exchange)
        return self._library.reply(exchange, route, found)

    def _plain(self, reply: Reply, exchange: RequestContext) -> Reply:
        """The reply with what every answer carries that is not kept."""
        headers = with_defaults(reply.headers)
        told = {name for name, _ in headers}
        if "Cache-Control" not in told:
            headers.append(("Cache-Control", "no-store"))
        if "Access-Control-Allow-Origin" not in told:
            headers += self._browsers.headers(exchange.environ)
        headers += own_headers(exchange)
        return packed(reply._replace(headers=self._browsers.varying(headers)), exchange)


def _asked_whole(inner: "WSGIApplication", exchange: RequestContext) -> Reply:
    """What a GET gives, for a HEAD as well: it is kept for both."""
    exchange.environ["REQUEST_METHOD"] = "GET"
    return captured(inner, exchange)


def _without_body(reply: Reply) -> Reply:
    close = getattr(reply.body, "close", None)
    if close is not None:
        close()
    return reply._replace(body=b"")


def _end(exchange: RequestContext, meter: Meter) -> None:
    exchange.ended = perf_counter()
    meter.count(exchange)
    log.tell(exchange)


class _Streamed:
    """A body that is sent as it is made; when it is closed the request is over."""

    def __init__(self, body: Iterable[bytes], exchange: RequestContext, meter: Meter) -> None:
        self._body = body
        self._exchange = exchange
        self._meter = meter

    def __iter__(self) -> Iterator[bytes]:
        for part in self._body:
            self._exchange.length += len(part)
            yield part

    def close(self) -> None:
        close = getattr(self._body, "close", None)
        if close is not None:
            close()
        _end(self._exchange, self._meter)
