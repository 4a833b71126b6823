"""The HTTP API: a Flask application over finished rows; it computes no forecast."""

from collections.abc import Iterable

from flask import Flask, Response, g, request

from common.api import errors
from common.api.context import ApiContext
from common.api.dispatch import bind
from common.api.middleware import Middleware, cors
from common.api.middleware.access_control import AccessControl
from common.api.middleware.client_ip import behind_proxies
from common.api.middleware.request_context import present
from common.api.route import Route
from common.api.routes import ROUTES

__all__ = ["ApiContext", "create_app"]

LARGEST_BODY = 64 * 1024


def create_app(context: ApiContext) -> Flask:
    """The application; it talks to nothing before the first request."""
    app = Flask(__name__, static_folder=None, template_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    gate = AccessControl(context)
    _enter_with(app, gate, ROUTES)
    cors.install(app, context.policy.origins)
    errors.install(app)
    bind(app, context, ROUTES)
    whole = Middleware(app.wsgi_app, context, gate, ROUTES)
    app.wsgi_app = behind_proxies(whole, context.policy.trusted_proxies)  # type: ignore[assignment,method-assign]
    return app


def _enter_with(app: Flask, gate: AccessControl, routes: Iterable[Route]) -> None:
    """Before an endpoint is called, write the refusal that was decided on, or see that the caller may use it.

    The gate has seen so for addresses that are plainly written; here nothing depends on how an address is written.
    """
    by_endpoint = {f"{route.method} {route.path}": route for route in routes}

    def enter() -> Response | None:
        exchange = present(request.environ)
        g.request_id = exchange.request_id
        if request.url_rule is not None:
            exchange.route = by_endpoint.get(request.url_rule.endpoint)
        if exchange.refusal is not None:
            return errors.refused(exchange.refusal)
        if cors.is_preflight(request.environ):
            response = Response(status=204)
            del response.headers["Content-Type"]
            return response
        refusal = gate.forbidden(exchange, exchange.route) if exchange.route is not None else None
        return None if refusal is None else errors.refused(refusal)

    app.before_request(enter)
