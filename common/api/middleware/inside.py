"""What is left to do of the layer once Flask knows which endpoint a request is for."""

from collections.abc import Iterable

from flask import Flask, Response, g, request

from common.api.middleware.access_control import AccessControl
from common.api.middleware.replies import refused
from common.api.middleware.request_context import present
from common.api.route import Route


def install(app: Flask, gate: AccessControl, routes: Iterable[Route]) -> None:
    """Before an endpoint is called, tell the exchange its route, and see that the caller may use it.

    The gate has seen so for addresses that are plainly written; here nothing depends on how an address is written.
    """
    by_endpoint = {f"{route.method} {route.path}": route for route in routes}

    def enter() -> Response | None:
        exchange = present(request.environ)
        g.request_id = exchange.request_id
        if request.url_rule is not None:
            exchange.route = by_endpoint.get(request.url_rule.endpoint)
        refusal = gate.forbidden(exchange, exchange.route) if exchange.route is not None else None
        if refusal is None:
            return None
        status, headers, body = refused(refusal, exchange)
        return Response(body, status, headers)

    app.before_request(enter)
