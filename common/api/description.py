"""The description of the API in OpenAPI 3.1: flask-openapi3's, completed. Imported when somebody asks for it.

flask-openapi3 describes what an endpoint takes and answers with when all is well. Added here is what holds for all of
them: refusals as problem documents, headers, and how a token is sent.
"""

import json
import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from flask_openapi3 import Info, License, OpenAPI

from common import __version__
from common.api.blueprint import BASE, Blueprint, Endpoint
from common.api.errors import PROBLEM_JSON, Problem

_ABOUT = """\
Hourly air quality of 56 Indian cities, forecast 48 hours ahead with intervals, and the record of how every forecast \
turned out.

Times are ISO 8601 UTC and name the end of the hour. City names match whatever their case, accents and hyphens, and \
under their aliases. Errors are `application/problem+json` (RFC 9457). Reads need no token unless the operator has \
closed them; whoever sends one that is not valid is refused all the same.
"""
_ERRORS = {
    400: "The request cannot be understood; `errors` names what is wrong",
    401: "A token is needed, or the one that was sent is unknown, over or revoked",
    403: "The token does not allow this",
    404: "There is nothing of that name, or no data of it; `nearest` names cities that were perhaps meant",
    405: "The address does not take that method",
    406: "The format cannot be written at this address; `detail` names those that can",
    409: "The Idempotency-Key came with another request before, or there is as much as may be",
    410: "It existed, and is not kept any more",
    413: "The body is larger than 64 KiB",
    414: "The address is too long",
    415: "The body is not declared as application/json",
    416: "The file ends before the bytes that Range asks for; Content-Range says how many it has",
    422: "It is more than may be had at once; `detail` says how to have it otherwise",
    429: "Too many requests; come again after Retry-After seconds",
    431: "The headers are too large",
    500: "A fault of ours; the request id finds it in the log",
    503: "The store does not answer; come again after Retry-After seconds",
}
_PIECE = "The bytes that the header Range asks for"
_SUCCESS = {200: "Done", 201: "Made", 202: "Accepted: it is done later", 204: "Done; there is nothing to say"}
_ANYWHERE = (400, 405, 414, 429, 431, 500, 503)
_GUARDED = (401, 403)
_PROBLEM: dict[str, Any] = {
    "type": "about:blank",
    "instance": "/api/v1/forecast/Dehli",
    "request_id": "5d8b2a1c0f7e4c7b9d3e6a5f4b3c2d1e",
}
EXAMPLES: dict[int, dict[str, Any]] = {
    400: _PROBLEM
    | {
        "type": "urn:vayu:problem:bad-request",
        "title": "Bad Request",
        "status": 400,
        "detail": "hours must be a whole number from 1 to 48, not '72'",
        "instance": "/api/v1/forecast/Delhi",
        "errors": [{"parameter": "hours", "given": "72", "allowed": "a whole number from 1 to 48"}],
    },
    404: _PROBLEM
    | {
        "type": "urn:vayu:problem:not-found",
        "title": "Not Found",
        "status": 404,
        "detail": "unknown city 'Dehli'; the 56 cities are listed at /api/v1/cities/; did you mean Delhi?",
        "errors": [
            {"parameter": "city", "given": "Dehli", "allowed": "a city of /api/v1/cities/, by name or alias"}
        ],
        "nearest": ["Delhi"],
    },
}
"""Status → a problem document."""
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
    "Content-Range": {
        "description": "Which bytes these are, and of how many",
        "required": True,
        "schema": _TEXT,
    },
    "Location": {"description": "Where it tells how it does", "required": True, "schema": _TEXT},
    "Allow": {"description": "Methods that the address takes", "required": True, "schema": _TEXT},
    "WWW-Authenticate": {"description": "How to show a token", "schema": _TEXT},
}
_LIMITS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
_OF_ERROR = {401: ("WWW-Authenticate",), 405: ("Allow",), 429: ("Retry-After",), 503: ("Retry-After",)}
_TOKEN: list[dict[str, list[str]]] = [{"bearer": []}, {"key": []}]
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "An ETag that was given before",
    "schema": _TEXT,
}


def document(blueprints: Iterable[Blueprint], server: str = BASE) -> dict[str, Any]:
    """The description of all endpoints of the blueprints; addresses are below `server`."""
    return _document(tuple(blueprints)) | {"servers": [{"url": server}]}


def as_json(described: dict[str, Any]) -> bytes:
    """As it is served and committed: indented, in the order in which it was made."""
    return (json.dumps(described, indent=1, ensure_ascii=False) + "\n").encode()


@cache
def _document(blueprints: tuple[Blueprint, ...]) -> dict[str, Any]:
    app = OpenAPI(
        "vayu",
        info=Info(
            title="Vayu",
            version=__version__,
            summary="Air quality of Indian cities, measured and forecast",
            description=_ABOUT,
            license=License(name="Apache 2.0", identifier="Apache-2.0"),
        ),
        security_schemes={
            "bearer": {"type": "http", "scheme": "bearer", "description": "A token of vayu keys create"},
            "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same token"},
        },
        validation_error_status=400,
        validation_error_model=Problem,
        doc_ui=False,
    )
    for blueprint in blueprints:
        blueprint.describe()
        app.register_api(blueprint)
    described = _whole_bounds(app.api_doc)
    for endpoint in (endpoint for blueprint in blueprints for endpoint in blueprint.endpoints):
        if endpoint.documented:
            _complete(described["paths"][endpoint.path][endpoint.method.lower()], endpoint)
    components = described["components"]
    components["schemas"] = {
        name: {key: value for key, value in schema.items() if key != "title"}
        for name, schema in sorted(components["schemas"].items())
    }
    components["responses"] = {str(status): _refusal(status) for status in _ERRORS}
    components["headers"] = _HEADERS
    complete: dict[str, Any] = described | {"servers": [], "security": [{}, *_TOKEN]}
    return complete


def _whole_bounds(described: Any) -> Any:
    """The same, where the bounds of whole numbers are whole numbers; flask-openapi3 makes fractions of them."""
    if isinstance(described, list):
        return [_whole_bounds(part) for part in described]
    if not isinstance(described, dict):
        return described
    return {
        name: int(part)
        if name in ("minimum", "maximum") and isinstance(part, float) and part.is_integer()
        else _whole_bounds(part)
        for name, part in described.items()
    }


def _complete(operation: dict[str, Any], endpoint: Endpoint) -> None:
    """Add to an operation what flask-openapi3 does not know of it."""
    operation["operationId"] = re.sub(r"\W+", "_", endpoint.method.lower() + endpoint.path).strip("_")
    operation["summary"] = operation["summary"].rstrip(".")
    description = " ".join(operation.pop("description", "").replace("<br/>", " ").split())
    if endpoint.scope is None:
        operation["security"] = []
    elif endpoint.by_strangers:
        operation["security"] = [{}, *_TOKEN]
    elif endpoint.scope != "read":
        operation["security"] = _TOKEN
        description = f"{description} Needs a token with the scope `{endpoint.scope}`.".strip()
    if description:
        operation["description"] = description
    parameters = [_parameter(parameter) for parameter in operation.pop("parameters", [])]
    if endpoint.cached_by_clients:
        parameters.append(_IF_NONE_MATCH)
    if parameters:
        operation["parameters"] = parameters
    operation["responses"] = dict(_responses(endpoint, operation["responses"]))


def _parameter(parameter: dict[str, Any]) -> dict[str, Any]:
    """One parameter; a list is one text with commas."""
    schema = dict(parameter["schema"])
    for name in ("description", "example"):
        schema.pop(name, None)
    if schema.get("type") == "array":
        parameter |= {"style": "form", "explode": False}
    if not parameter["required"]:
        del parameter["required"]
    return parameter | {"schema": schema}


def _responses(endpoint: Endpoint, described: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    headers = ["X-Request-Id", *_LIMITS, "Cache-Control"]
    if endpoint.cached_by_clients:
        headers.append("ETag")
    if endpoint.status in (201, 202):
        headers.append("Location")
    yield (
        str(endpoint.status),
        described[str(endpoint.status)]
        | {
            "description": _SUCCESS[endpoint.status],
            "headers": _refs(headers),
        },
    )
    if 206 in endpoint.responses:
        yield "206", described["206"] | {"description": _PIECE, "headers": _refs([*headers, "Content-Range"])}
    if endpoint.cached_by_clients:
        unchanged = "Nothing has changed since that ETag"
        yield "304", {"description": unchanged, "headers": _refs(["X-Request-Id", "ETag"])}
    guarded = () if endpoint.scope is None else _GUARDED
    own = {status for status in endpoint.responses if isinstance(status, int) and status >= 400}
    for status in sorted({*_ANYWHERE, *guarded, *own}):
        if status in own and endpoint.responses[status] is not Problem:
            unwell = {"description": "It does not work", "headers": _refs(["X-Request-Id"])}
            yield str(status), described[str(status)] | unwell
        else:
            yield str(status), {"$ref": f"#/components/responses/{status}"}


def _refusal(status: int) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": {"$ref": "#/components/schemas/Problem"}}
    if status in EXAMPLES:
        content["example"] = EXAMPLES[status]
    return {
        "description": _ERRORS[status],
        "headers": _refs(("X-Request-Id", *_OF_ERROR.get(status, ()))),
        "content": {PROBLEM_JSON: content},
    }


def _refs(names: Iterable[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
