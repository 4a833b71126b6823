"""The description of the API in OpenAPI 3.1, made from the very declarations that validate. Imported when asked for."""

import json
import re
import sys
from collections.abc import Iterable
from inspect import cleandoc
from typing import Any

import msgspec

from common import __version__
from common.api.errors import PROBLEM_JSON, Problem
from common.api.examples import EXAMPLES, FAULTS
from common.api.route import BASE, JSON, Route
from common.api.routes import ROUTES
from common.domain.cities import LONGEST

_REF = "#/components/schemas/{name}"
_ABOUT = """\
Hourly air quality of 56 Indian cities, forecast 48 hours ahead with intervals, and the record of how every forecast \
turned out.

Times are ISO 8601 UTC and name the end of the hour. City names match whatever their case, accents and hyphens, and \
under their aliases. Errors are `application/problem+json` (RFC 9457). Reads need no token unless the operator has \
closed them; whoever sends one that is not valid is refused all the same.
"""
_TAGS = {
    "Cities": "All cities, ranked, side by side",
    "Air quality": "Now and before",
    "Forecasts": "Up to 48 hours ahead, and how far to trust them",
    "Models": "How they do, and their training",
    "Service": "The service itself",
}
_IN_PATH: dict[str, dict[str, Any]] = {
    "city": {
        "description": "Name or alias of a city",
        "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST, "pattern": "^[^/]+$"},
        "example": "Delhi",
    },
    "job": {
        "description": "Number of the job, as retrain gave it",
        "schema": {"type": "integer", "minimum": 1, "maximum": 10**18 - 1},
        "example": 42,
    },
}
_ERRORS = {
    400: "The request cannot be understood; `errors` names what is wrong",
    401: "A token is needed, or the one that was sent is unknown, over or revoked",
    403: "The token does not allow this",
    404: "There is nothing of that name, or no data of it; `nearest` names cities that were perhaps meant",
    405: "The address does not take that method",
    409: "The Idempotency-Key came with another request before",
    413: "The body is larger than 64 KiB",
    414: "The address is too long",
    415: "The body is not declared as application/json",
    429: "Too many requests; come again after Retry-After seconds",
    431: "The headers are too large",
    500: "A fault of ours; the request id finds it in the log",
    503: "The store does not answer; come again after Retry-After seconds",
}
_ANYWHERE = (400, 405, 414, 429, 431, 500, 503)
_GUARDED = (401, 403)
_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {"description": "Names the request in the log", "required": True, "schema": _TEXT},
    "ETag": {"description": "Send it back as If-None-Match: 304 if nothing has changed", "schema": _TEXT},
    "Cache-Control": {"description": "For how long the answer holds", "schema": _TEXT},
    "RateLimit-Limit": {"description": "Requests allowed in a window", "schema": _COUNT},
    "RateLimit-Remaining": {"description": "Requests left in it", "schema": _COUNT},
    "RateLimit-Reset": {"description": "Seconds until it is over", "schema": _COUNT},
    "Retry-After": {"description": "Seconds to wait", "schema": _COUNT},
    "Location": {"description": "Where the job tells how it does", "required": True, "schema": _TEXT},
    "Allow": {"description": "Methods that the address takes", "required": True, "schema": _TEXT},
    "WWW-Authenticate": {"description": "How to show a token", "schema": _TEXT},
}
_LIMITS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
_OF_ERROR = {401: ("WWW-Authenticate",), 405: ("Allow",), 429: ("Retry-After",), 503: ("Retry-After",)}
_OPEN: list[dict[str, list[str]]] = [{}, {"bearer": []}, {"key": []}]


def document(server: str = BASE) -> dict[str, Any]:
    """The whole description; addresses are below `server`."""
    routes = [route for route in ROUTES if route.documented]
    types = [kind for route in routes for kind in (route.answer, route.query, route.headers, route.body)]
    _, schemas = msgspec.json.schema_components([*filter(None, types), Problem], ref_template=_REF)
    schemas = _with_types(schemas)
    inputs = {kind.__name__ for route in routes for kind in (route.query, route.headers)}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Vayu",
            "version": __version__,
            "summary": "Air quality of Indian cities, measured and forecast",
            "description": _ABOUT,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": server}],
        "tags": [{"name": name, "description": told} for name, told in _TAGS.items()],
        "security": _OPEN,
        "paths": paths,
        "components": {
            "schemas": {name: schema for name, schema in sorted(schemas.items()) if name not in inputs},
            "responses": {str(status): _refusal(status) for status in _ERRORS},
            "headers": _HEADERS,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "A token of vayu keys create"},
                "key": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "X-API-Key",
                    "description": "The same token",
                },
            },
        },
    }


def as_json(described: dict[str, Any]) -> bytes:
    """As it is served and committed: indented, in the order in which it was made."""
    return (json.dumps(described, indent=1, ensure_ascii=False) + "\n").encode()


def _operation(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    brief, _, more = cleandoc(route.handler.__doc__ or "").partition("\n")
    told: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{route.method.lower()}{route.path}").strip("_"),
        "tags": [route.tag],
        "summary": brief.rstrip("."),
        "description": " ".join(more.split()),
    }
    named = re.findall(r"\{(\w+)\}", route.path)
    parameters = [{"name": name, "in": "path", "required": True, **_IN_PATH[name]} for name in named]
    parameters += _parameters("query", schemas[route.query.__name__])
    parameters += _parameters("header", schemas[route.headers.__name__])
    if route.cache != "never":
        parameters.append(
            {
                "name": "If-None-Match",
                "in": "header",
                "description": "An ETag that was given before",
                "schema": _TEXT,
            }
        )
    if parameters:
        told["parameters"] = parameters
    if route.body is not None:
        content = {"schema": {"$ref": _REF.format(name=route.body.__name__)}} | _example(route, "body")
        told["requestBody"] = {"required": route.body_required, "content": {JSON: content}}
    if route.scope is None:
        told["security"] = []
    elif route.scope != "read":
        told["security"] = [{"bearer": []}, {"key": []}]
        told["description"] = f"{told['description']} Needs a token with the scope `{route.scope}`.".strip()
    if not told["description"]:
        del told["description"]
    told["responses"] = dict(_responses(route))
    return told


def _with_types(schema: Any) -> Any:
    """The same, where enumerations say that they are of text."""
    if isinstance(schema, list):
        return [_with_types(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    typed = {name: _with_types(one) for name, one in schema.items()}
    texts = isinstance(typed.get("enum"), list) and all(isinstance(one, str) for one in typed["enum"])
    return typed | ({"type": "string"} if texts and "type" not in typed else {})


def _parameters(place: str, schema: dict[str, Any]) -> Iterable[dict[str, Any]]:
    for name, declared in schema["properties"].items():
        schema_of = dict(declared)
        parameter: dict[str, Any] = {"name": name, "in": place}
        if "description" in schema_of:
            parameter["description"] = schema_of.pop("description")
        if name in schema["required"]:
            parameter["required"] = True
        if schema_of.get("type") == "array":
            parameter |= {"style": "form", "explode": False}
        if "examples" in schema_of:
            [parameter["example"]] = schema_of.pop("examples")
        yield parameter | {"schema": schema_of}


def _responses(route: Route) -> Iterable[tuple[str, Any]]:
    headers = ["X-Request-Id", *_LIMITS, "Cache-Control"]
    if route.cache != "never":
        headers.append("ETag")
    if route.status == 202:
        headers.append("Location")
    yield (
        str(route.status),
        {
            "description": "Done" if route.status == 200 else "Accepted: it is done later",
            "headers": _refs(headers),
            "content": {media: _content(route, media) for media in route.media},
        },
    )
    if route.path == "/health":
        unwell = {JSON: {"schema": {"$ref": _REF.format(name=route.answer.__name__)}}}
        yield (
            "503",
            {"description": "It does not work", "headers": _refs(["X-Request-Id"]), "content": unwell},
        )
    if route.cache != "never":
        yield (
            "304",
            {
                "description": "Nothing has changed since that ETag",
                "headers": _refs(["X-Request-Id", "ETag"]),
            },
        )
    guarded = () if route.scope is None else _GUARDED
    for status in sorted({*_ANYWHERE, *guarded, *route.errors}):
        if (status, route.path) != (503, "/health"):
            yield str(status), {"$ref": f"#/components/responses/{status}"}


def _content(route: Route, media: str) -> dict[str, Any]:
    if media != JSON:
        return {"schema": _TEXT}
    if route.answer is None:
        return {"schema": {"type": "object"}}
    [schema], _ = msgspec.json.schema_components([route.answer], ref_template=_REF)
    return {"schema": schema, **_example(route, "answer")}


def _example(route: Route, part: str) -> dict[str, Any]:
    found = EXAMPLES.get((route.method, route.path, part))
    return {} if found is None else {"example": found}


def _refusal(status: int) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": {"$ref": _REF.format(name="Problem")}}
    if status in FAULTS:
        content["example"] = FAULTS[status]
    return {
        "description": _ERRORS[status],
        "headers": _refs(("X-Request-Id", *_OF_ERROR.get(status, ()))),
        "content": {PROBLEM_JSON: content},
    }


def _refs(names: Iterable[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


if __name__ == "__main__":
    sys.stdout.buffer.write(as_json(document()))
