"""The layer around Flask: who asks, how often, whether the answer is known already, and what each answer carries.

A request whose answer is known never reaches Flask, and costs less than one that does.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from werkzeug.wsgi import ClosingIterator

from common.api.blueprint import Endpoint
from common.api.context import ApiContext
from common.api.middleware import log
from common.api.middleware.access_control import AccessControl
from common.api.middleware.cached_responses import CachedResponses
from common.api.middleware.cors import is_preflight
from common.api.middleware.replies import Reply, captured, close_of
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
        status, headers, body = reply
        request.status = int(status[:3])
        start_response(status, headers)
        if request.method == "HEAD":
            close_of(body)()
            body = b""
        if isinstance(body, bytes):
            request.length = len(body)
            self._end(request)
            return (body,)
        return ClosingIterator(_counted(body, request), [close_of(body), partial(self._end, request)])

    def _reply(self, request: RequestContext) -> Reply:
        if is_preflight(request.environ):
            return captured(self._inner, request)
        endpoint = request.endpoint = self._cached.endpoint(request)
        refusal = self._access.refusal(request)
        if refusal is not None:
            return self._refused(refusal, request)
        if endpoint is None or endpoint.cache == "never":
            return captured(self._inner, request)
        answer = self._cached.find(request, endpoint, lambda: self._made(request, endpoint))
        return answer if isinstance(answer, Reply) else self._cached.reply(request, endpoint, answer)

    def _refused(self, refusal: Refusal, request: RequestContext) -> Reply:
        request.refusal = refusal
        return captured(self._inner, request)

    def _made(self, request: RequestContext, endpoint: Endpoint) -> Reply:
        """What a GET gives, for a HEAD as well: it is cached for both."""
        request.environ["REQUEST_METHOD"] = endpoint.method
        return captured(self._inner, request)

    def _end(self, request: RequestContext) -> None:
        request.ended = perf_counter()
        self._meter.count(request)
        log.log_request(request)


def _counted(body: Iterable[bytes], request: RequestContext) -> Iterator[bytes]:
    for part in body:
        request.length += len(part)
        yield part
