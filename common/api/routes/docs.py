"""The description of the API, and a page to try it."""

from functools import cache
from importlib.resources import files

from flask import Response, request

from common.api.context import ApiContext
from common.api.route import BASE, JSON, Route
from common.domain.errors import NotFound

HTML = "text/html"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FILES = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "favicon-32x32.png": "image/png",
}
"""Of Swagger UI, as the package flask_swagger_ui carries them."""
_START = """\
const here = document.currentScript.src;
window.addEventListener("load", () => {
  window.ui = SwaggerUIBundle({
    url: new URL("../openapi.json", here).href,
    dom_id: "#swagger-ui",
    deepLinking: true,
    displayRequestDuration: true,
    tryItOutEnabled: true,
    validatorUrl: null,
  });
});
"""
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Vayu API</title>
<link rel="icon" type="image/png" href="{at}/favicon-32x32.png">
<link rel="stylesheet" href="{at}/swagger-ui.css">
<script defer src="{at}/swagger-ui-bundle.js"></script>
<script defer src="{at}/start.js"></script>
</head>
<body><div id="swagger-ui"></div></body>
</html>
"""


def description(_: ApiContext) -> Response:
    """This description of the API, in OpenAPI 3.1."""
    return Response(_described(request.root_path), content_type=JSON)


def page(_: ApiContext) -> Response:
    """A page that shows this description and tries its endpoints."""
    at = f"{request.root_path}{BASE}/docs"
    response = Response(_PAGE.format(at=at), content_type=f"{HTML}; charset=utf-8")
    response.headers["Content-Security-Policy"] = _POLICY
    return response


def part(_: ApiContext, *, file: str) -> Response:
    """A file of that page."""
    if file == "start.js":
        return Response(_START, content_type="text/javascript; charset=utf-8")
    if file not in _FILES:
        raise NotFound("the page /docs has no such file")
    response = Response(_content(file), content_type=_FILES[file])
    response.headers["Cache-Control"] = "public, max-age=86400"
    return response


@cache
def _content(file: str) -> bytes:
    return files("flask_swagger_ui").joinpath("dist", file).read_bytes()


@cache
def _described(root: str) -> bytes:
    from common.api.openapi import as_json, document  # not before somebody asks for it

    return as_json(document(root + BASE))


ROUTES = (
    Route("GET", "/openapi.json", description, None, scope=None, cache="data"),
    Route("GET", "/docs", page, None, media=(HTML,), scope=None),
    Route("GET", "/docs/{file}", part, None, scope=None, errors=(404,), documented=False),
)
