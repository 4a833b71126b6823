"""The layer around Flask: who asks, how often, whether the answer is known already, and what each answer carries.

A request whose answer is known never reaches Flask, and costs less than one that does.
"""

from collections.abc import Iterable, Iterator
from time import perf_counter
from typing import TYPE_CHECKING

from common.api.blueprint import Endpoint
from common.api.context import ApiContext
from common.api.middleware import log
from common.api.middleware.access_control import AccessControl
from common.api.middleware.cached_responses import CachedResponses
from common.api.middleware.cors import is_preflight
from common.api.middleware.metrics import Meter
from common.api.middleware.replies import (
    Reply,
    captured,
    own_headers,
    packed,
    with_defaults,
)
from common.api.middleware.request_context import Refusal, RequestContext, begin

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_INTERNAL = Refusal(
    500, "Something went wrong here; the request id finds it in the log.", "urn:vayu:problem:internal"
)


class Middleware:
    """A WSGI application around another."""

    def __init__(
        self,
        inner: "WSGIApplication",
        context: ApiContext,
        access: AccessControl,
        endpoints: Iterable[Endpoint],
    ) -> None:
        self._inner = inner
        self._access = access
        self._cached = CachedResponses(context, endpoints)
        self._meter = context.meter

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        request = begin(environ)
        try:
            reply = self._reply(request)
        except Exception as error:  # noqa: BLE001 — the last place where a fault of ours can become an answer
            log.logger().error(
                "request failed", exc_info=error, request_id=request.request_id, path=request.path
            )
            reply = self._refused(_INTERNAL, request)
        if request.method == "HEAD":
            reply = _without_body(reply)
        request.status = int(reply.status[:3])
        start_response(reply.status, reply.headers)
        if isinstance(reply.body, bytes):
            request.length = len(reply.body)
            _end(request, self._meter)
            return (reply.body,)
        return _Streamed(reply.body, request, self._meter)

    def _reply(self, request: RequestContext) -> Reply:
        if is_preflight(request.environ):
            return self._plain(captured(self._inner, request), request)
        endpoint = request.endpoint = self._cached.endpoint(request)
        refusal = self._access.refusal(request)
        if refusal is not None:
            return self._refused(refusal, request)
        if endpoint is None or endpoint.cache == "never":
            return self._plain(captured(self._inner, request), request)
        answer = self._cached.find(request, endpoint, lambda: _get_reply(self._inner, request))
        if isinstance(answer, Reply):
            return self._plain(answer, request)
        return self._cached.reply(request, endpoint, answer)

    def _refused(self, refusal: Refusal, request: RequestContext) -> Reply:
        request.refusal = refusal
        return self._plain(captured(self._inner, request), request)

    def _plain(self, reply: Reply, request: RequestContext) -> Reply:
        """The reply with what every answer carries that is not cached."""
        headers = with_defaults(reply.headers)
        if all(name != "Cache-Control" for name, _ in headers):
            headers.append(("Cache-Control", "no-store"))
        headers += own_headers(request)
        return packed(reply._replace(headers=headers), request)


def _get_reply(inner: "WSGIApplication", request: RequestContext) -> Reply:
    """What a GET gives, for a HEAD as well: it is kept for both."""
    request.environ["REQUEST_METHOD"] = "GET"
    return captured(inner, request)


def _without_body(reply: Reply) -> Reply:
    close = getattr(reply.body, "close", None)
    if close is not None:
        close()
    return reply._replace(body=b"")


def _end(request: RequestContext, meter: Meter) -> None:
    request.ended = perf_counter()
    meter.count(request)
    log.log_request(request)


class _Streamed:
    """A body that is sent as it is made; when it is closed the request is over."""

    def __init__(self, body: Iterable[bytes], request: RequestContext, meter: Meter) -> None:
        self._body = body
        self._request = request
        self._meter = meter

    def __iter__(self) -> Iterator[bytes]:
        for part in self._body:
            self._request.length += len(part)
            yield part

    def close(self) -> None:
        close = getattr(self._body, "close", None)
        if close is not None:
            close()
        _end(self._request, self._meter)
