"""What is left to do once Flask knows which endpoint a request is for."""

from collections.abc import Iterable

from flask import Flask, Response, g, request

from common.api.errors import refused
from common.api.middleware.access_control import AccessControl
from common.api.middleware.cors import is_preflight
from common.api.middleware.request_context import present
from common.api.route import Route


def install(app: Flask, gate: AccessControl, routes: Iterable[Route]) -> None:
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
            return refused(exchange.refusal)
        if is_preflight(request.environ):
            response = Response(status=204)
            del response.headers["Content-Type"]
            return response
        refusal = gate.forbidden(exchange, exchange.route) if exchange.route is not None else None
        return None if refusal is None else refused(refusal)

    app.before_request(enter)
