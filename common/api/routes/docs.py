"""The description of the API, and a page to try it."""

from functools import cache, partial
from importlib.resources import files

from flask import Flask, Response, current_app, request
from pydantic import Field

from common.api.blueprint import BASE, JSON, Blueprint
from common.api.errors import Problem
from common.api.routes.system import SERVICE
from common.api.schemas import Parameters
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


_NO_DASHBOARD = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Vayu</title>
</head>
<body>
<h1>Vayu</h1>
<p>There is no dashboard here, only the API: <a href="docs">try it</a>, or see
<a href="api/v1/cities/">all cities</a>.</p>
</body>
</html>
"""
"""Links are relative, so that they stay below any prefix."""


_FOR_A_DAY = "public, max-age=86400, s-maxage=86400, stale-while-revalidate=86400"

api = Blueprint("docs", abp_tags=[SERVICE])


class FilePath(Parameters):
    """Part of an address: a file."""

    file: str = Field(description="Its name")


@api.get(
    "/openapi.json",
    responses={200: {"content": {JSON: {"schema": {"type": "object"}}}}},
    scope=None,
    cache="data",
)
def description() -> Response:
    """This description of the API, in OpenAPI 3.1."""
    return Response(_description(request.root_path), content_type=JSON)


@api.get("/docs", responses={200: {"content": {HTML: {"schema": {"type": "string"}}}}}, scope=None)
def page() -> Response:
    """A page that shows this description and tries its endpoints."""
    at = f"{request.root_path}{BASE}/docs"
    response = Response(_PAGE.format(at=at), content_type=f"{HTML}; charset=utf-8")
    response.headers["Content-Security-Policy"] = _POLICY
    return response


@api.get("/docs/<file>", responses={200: {"content": {HTML: {}}}, 404: Problem}, scope=None, doc_ui=False)
def part(path: FilePath) -> Response:
    """A file of that page."""
    file = path.file
    if file == "start.js":
        return Response(_START, content_type="text/javascript; charset=utf-8")
    if file not in _FILES:
        raise NotFound("the page /docs has no such file")
    response = Response(_content(file), content_type=_FILES[file])
    response.headers["Cache-Control"] = _FOR_A_DAY
    return response


@cache
def _content(file: str) -> bytes:
    return files("flask_swagger_ui").joinpath("dist", file).read_bytes()


@cache
def _description(root: str) -> bytes:
    from common.api.description import as_json, document  # not before somebody asks for it

    blueprints = (each for each in current_app.iter_blueprints() if isinstance(each, Blueprint))
    return as_json(document(blueprints, root + BASE))


def install_at_root(app: Flask) -> None:
    """Send on who looks for the description, or for the page, at the root; say what is there, where no dashboard is."""
    for path in ("/openapi.json", "/docs"):
        app.add_url_rule(path, endpoint=path, view_func=partial(_below, path))
    app.add_url_rule("/", endpoint="/", view_func=_root)


def _root() -> Response:
    if "text/html" in request.accept_mimetypes.values():
        response = Response(_NO_DASHBOARD, 404, content_type=f"{HTML}; charset=utf-8")
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
        )
        return response
    raise NotFound("there is no dashboard here, only the API: it is described at /docs")


def _below(path: str) -> Response:
    """A redirection; its address is relative, so that it stays below any prefix."""
    up = "../" if request.path.endswith("/") else ""
    return Response(status=308, headers={"Location": up + (BASE + path).removeprefix("/")})
