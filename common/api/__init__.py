"""The HTTP API: a Flask application over finished rows; it computes no forecast."""

from flask import Flask

from common.api import errors
from common.api.context import ApiContext
from common.api.dispatch import bind
from common.api.middleware import Middleware, cors, inside
from common.api.middleware.access_control import AccessControl
from common.api.middleware.client_ip import behind_proxies
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
    inside.install(app, gate, ROUTES)
    cors.install(app, context.policy.origins)
    errors.install(app)
    bind(app, context, ROUTES)
    whole = Middleware(app.wsgi_app, context, gate, ROUTES)
    app.wsgi_app = behind_proxies(whole, context.policy.trusted_proxies)  # type: ignore[assignment,method-assign]
    return app
