"""From a declared route to a Flask rule: input is read and validated, the answer written as JSON."""

import re
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from flask import Flask, Response, request
from werkzeug.routing import BaseConverter, Map

from common.api.context import ApiContext
from common.api.params import read_body, read_headers, read_query
from common.api.route import BASE, JSON, NoHeaders, NoQuery, Route
from common.domain.cities import find_city
from common.domain.errors import Fault, NotFound


class CityName(BaseConverter):
    """What may stand for a city in an address: anything but the names that other endpoints have there."""

    def __init__(self, map_: Map, *besides: str) -> None:
        super().__init__(map_)
        if besides:
            self.regex = f"(?!(?:{'|'.join(map(re.escape, besides))})$)[^/]+"


AT_ROOT = ("/openapi.json", "/docs")


def bind(app: Flask, context: ApiContext, routes: Iterable[Route]) -> None:
    """Give the application its routes."""
    app.url_map.converters["city"] = CityName
    listed = tuple(routes)
    for route in listed:
        folder, _, rest = route.path.partition("{city}")
        besides = ", ".join(repr(one) for one in _siblings(listed, folder) if not rest)
        app.add_url_rule(
            BASE
            + route.path.replace("{city}", f"<city({besides}):city>").replace("{", "<").replace("}", ">"),
            endpoint=f"{route.method} {route.path}",
            view_func=_view(route, context),
            methods=[route.method],
        )
    for path in AT_ROOT:  # where people look for them first
        app.add_url_rule(path, endpoint=path, view_func=_below(BASE + path))


def json_response(answer: msgspec.Struct, status: int = 200) -> Response:
    """A struct as a JSON response."""
    return Response(msgspec.json.encode(answer), status, content_type=JSON)


def _siblings(routes: Iterable[Route], folder: str) -> list[str]:
    """The fixed names that endpoints have in a folder of addresses."""
    names = (one.path.removeprefix(folder) for one in routes if one.path.startswith(folder))
    return [name for name in names if name and not {"/", "{"} & set(name)]


def _below(path: str) -> Callable[[], Response]:
    """A view that redirects to that path; the address is relative, so that it stays below any prefix."""

    def view() -> Response:
        up = "../" if request.path.endswith("/") else ""
        return Response(status=308, headers={"Location": up + path.removeprefix("/")})

    return view


def _view(route: Route, context: ApiContext) -> Callable[..., Response]:
    def view(**path: str) -> Response:
        query = read_query(route.query, dict(request.args.lists()))
        arguments: dict[str, Any] = {name: _IN_PATH.get(name, str)(text) for name, text in path.items()}
        if route.query is not NoQuery:
            arguments["query"] = query
        if route.headers is not NoHeaders:
            arguments["headers"] = read_headers(route.headers, dict(request.headers))
        if route.body is not None:
            arguments["body"] = read_body(
                route.body, request.mimetype, request.get_data, required=route.body_required
            )
        answer = route.handler(context, **arguments)
        return answer if isinstance(answer, Response) else json_response(answer, route.status)

    return view


def _job(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= len(text) <= 18:
        fault = Fault("parameter", "job", text[:40], "the number of a job, as retrain gave it")
        raise NotFound(f"there is no job {text[:40]!r}", faults=(fault,))
    return int(text)


_IN_PATH: dict[str, Callable[[str], Any]] = {"city": find_city, "job": _job}
"""How the parts of an address are read."""
