"""From a declared route to a Flask rule: input is read and validated, the answer written as JSON."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from flask import Flask, Response, request

from common.api.context import ApiContext
from common.api.params import read_body, read_query
from common.api.route import BASE, JSON, NoQuery, Route
from common.domain.cities import find_city


def bind(app: Flask, context: ApiContext, routes: Iterable[Route]) -> None:
    """Give the application its routes."""
    for route in routes:
        app.add_url_rule(
            BASE + route.path.replace("{", "<").replace("}", ">"),
            endpoint=f"{route.method} {route.path}",
            view_func=_view(route, context),
            methods=[route.method],
        )


def json_response(answer: msgspec.Struct, status: int = 200) -> Response:
    """A struct as a JSON response."""
    return Response(msgspec.json.encode(answer), status, content_type=JSON)


def _view(route: Route, context: ApiContext) -> Callable[..., Response]:
    def view(**path: str) -> Response:
        arguments: dict[str, Any] = {
            name: find_city(text) if name == "city" else text for name, text in path.items()
        }
        query = read_query(route.query, dict(request.args.lists()))
        if route.query is not NoQuery:
            arguments["query"] = query
        if route.body is not None:
            arguments["body"] = read_body(route.body, request.mimetype, request.get_data)
        answer = route.handler(context, **arguments)
        return answer if isinstance(answer, Response) else json_response(answer)

    return view
