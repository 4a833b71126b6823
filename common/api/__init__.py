"""The HTTP API: a Flask application over finished rows; it computes no forecast."""

from flask import Flask, Response, g, request

from common.api import errors
from common.api.blueprint import BASE, Endpoint
from common.api.context import EXTENSION, ApiContext
from common.api.middleware import cors
from common.api.middleware.access_control import AccessControl, behind_proxies
from common.api.middleware.replies import finish
from common.api.middleware.request_context import present
from common.api.middleware.wsgi import Middleware
from common.api.responses import JsonProvider
from common.api.routes import BLUEPRINTS, ENDPOINTS
from common.api.routes.docs import redirect_from_root

__all__ = ["ApiContext", "create_app"]

LARGEST_BODY = 64 * 1024


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
    cors.install(app, context.policy.origins)
    errors.install(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint, url_prefix=BASE)
    redirect_from_root(app)
    middleware = Middleware(app.wsgi_app, context, access, ENDPOINTS)
    app.wsgi_app = behind_proxies(middleware, context.policy.trusted_proxies)  # type: ignore[assignment,method-assign]
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
        context = present(request.environ)
        g.request_id = context.request_id
        if request.url_rule is not None:
            context.endpoint = by_name.get(request.url_rule.endpoint)
        if context.refusal is not None:
            return errors.refused(context.refusal)
        if cors.is_preflight(request.environ):
            response = Response(status=204)
            del response.headers["Content-Type"]
            return response
        refusal = None if context.endpoint is None else access.forbidden(context, context.endpoint)
        return None if refusal is None else errors.refused(refusal)

    app.before_request(enter)
