"""The HTTP API: a Flask application over finished rows, which computes no forecast, and the layer around it.

The layer knows who asks, how often, whether the answer is known already, and what each answer carries. A request whose
answer is known never reaches Flask, and costs less than one that does.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from flask import Flask, Response, g, request
from werkzeug.wsgi import ClosingIterator

from common.api import errors
from common.api.blueprint import BASE, Endpoint
from common.api.context import EXTENSION, ApiContext
from common.api.middleware.access_control import AccessControl, behind_proxies
from common.api.middleware.cached_responses import CachedResponses
from common.api.middleware.dashboard import Dashboard
from common.api.middleware.replies import Reply, allow_origins, captured, close_of, finish, is_preflight
from common.api.middleware.request_context import Refusal, RequestContext, begin, log_request, logger, present
from common.api.responses import JsonProvider
from common.api.routes import BLUEPRINTS, ENDPOINTS
from common.api.routes.docs import install_at_root

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["ApiContext", "create_app"]

LARGEST_BODY = 64 * 1024
_INTERNAL = Refusal(
    500, "Something went wrong here; the request id finds it in the log.", "urn:vayu:problem:internal"
)


def create_app(context: ApiContext) -> Flask:
    """The application; it talks to nothing before the first request."""
    app = Flask(__name__, static_folder=None, template_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.extensions[EXTENSION] = context
    app.json = JsonProvider(app)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    access = AccessControl(context)
    app.after_request(_finish)  # the first to be named runs last
    _enter_with(app, access)
    allow_origins(app, context.policy.origins)
    errors.install(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint, url_prefix=BASE)
    install_at_root(app)
    middleware = Middleware(app.wsgi_app, context, access, ENDPOINTS)
    policy = context.policy
    app.wsgi_app = behind_proxies(middleware, policy.trusted_proxies, policy.proxy_token)  # type: ignore[assignment,method-assign]
    if policy.dashboard is not None:
        app.wsgi_app = Dashboard(app.wsgi_app, policy.dashboard, policy.live_url)  # type: ignore[method-assign]
    return app


def _finish(response: Response) -> Response:
    finish(response, present(request.environ))
    return response


def _enter_with(app: Flask, access: AccessControl) -> None:
    """Before an endpoint is called, write the refusal that was decided on, or see that the caller may use it.

    The middleware has seen so for addresses that are plainly written; here nothing depends on how they are written.
    """
    by_name: dict[str, Endpoint] = {endpoint.name: endpoint for endpoint in ENDPOINTS}

    def enter() -> Response | None:
        environ, rule = request.environ, request.url_rule
        context = present(environ)
        g.request_id = context.request_id
        if rule is not None:
            context.endpoint = by_name.get(rule.endpoint)
        if context.refusal is not None:
            return errors.refused(context.refusal)
        if is_preflight(environ):
            response = Response(status=204)
            del response.headers["Content-Type"]
            return response
        refusal = None if context.endpoint is None else access.forbidden(context, context.endpoint)
        return None if refusal is None else errors.refused(refusal)

    app.before_request(enter)


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
            logger().error("request failed", exc_info=error, request_id=request.request_id, path=request.path)
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
        log_request(request)


def _counted(body: Iterable[bytes], request: RequestContext) -> Iterator[bytes]:
    for part in body:
        request.length += len(part)
        yield part
