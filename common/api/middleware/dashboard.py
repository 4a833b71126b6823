"""The built dashboard, before the API: its files, and its page at every address that is a page's and not a file's.

WhiteNoise knows the files, their types and their compressed variants. It looks a path up in a table of what there was
when it was made, so no path leads anywhere else. Done here instead, as of version 6.12: entity tags by content, which
survive copies (it takes them from modification times); weak and several tags in If-None-Match, as proxies send them; an
encoding that is refused by ``q=0``; a new table when the folder has been built anew.
"""

import re
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from wsgiref.headers import Headers
from wsgiref.util import FileWrapper

from werkzeug.datastructures import Accept, MIMEAccept
from werkzeug.http import parse_accept_header, quote_etag

from common.api.middleware.access_control import LONGEST_PATH
from common.api.middleware.cached_responses import matches
from common.api.middleware.replies import HSTS, LONGEST_HEADER

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from whitenoise import WhiteNoise

Signature = tuple[int, ...]

PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; font-src 'self'; manifest-src 'self'; worker-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""What every file of the dashboard carries; the clouds' distributions send the same."""
_CONNECT = "connect-src 'self'"


def page_headers(live_url: str | None) -> dict[str, str]:
    """The headers of a page that may also connect to the origin of `live_url`, by WebSocket.

    It is named even where it is the page's own: not every browser takes ``'self'`` for ``wss:``, too.
    """
    if live_url is None:
        return PAGE_HEADERS
    scheme, _, rest = live_url.partition("://")
    origin = f"{scheme}://{rest.partition('/')[0]}"
    policy = PAGE_HEADERS["Content-Security-Policy"].replace(_CONNECT, f"{_CONNECT} {origin}")
    return PAGE_HEADERS | {"Content-Security-Policy": policy}


IMMUTABLE = re.compile(r"/assets/.+-[\w-]{8}\.\w+")
"""Files whose name changes with their content, as Vite names them."""
FOREVER = "public, max-age=31536000, immutable"
MEDIA_TYPES = {".webmanifest": "application/manifest+json"}
"""Those that WhiteNoise does not know."""
_INDEX = "/index.html"
_OF_THE_API = re.compile(r"/(api|docs|openapi\.json)(/.*)?", re.DOTALL)
_OF_A_PAGE = re.compile(r"(/(?!\.\.?(/|$))[^/\\\x00-\x1f\x7f]+)*/?")


class Dashboard:
    """A WSGI application before another, which gets what is none of the dashboard's."""

    def __init__(self, inner: "WSGIApplication", folder: Path, live_url: str | None = None) -> None:
        """`folder` need not be there yet: the dashboard is served as soon as it is. `live_url`: see `page_headers`."""
        self._inner = inner
        self._headers = page_headers(live_url)
        self._folder = folder
        self._scanning = Lock()
        self._scanned: tuple[Signature | None, WhiteNoise | None] = None, None

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], _decoded(environ.get("PATH_INFO", ""))
        if method in ("GET", "HEAD") and path is not None and not _OF_THE_API.fullmatch(path):
            files = self._files()
            if files is not None:
                file = files.files.get(path)
                page = file is None and path != "/" and _is_page(path, environ)
                file = files.files[_INDEX] if page or path == "/" else file
                if file is not None:
                    try:
                        return _serve(file, environ, start_response, self._headers, varies=page)
                    except FileNotFoundError:  # it is being built anew
                        self._scanned = None, None
        return self._inner(environ, start_response)

    def _files(self) -> "WhiteNoise | None":
        """What there is, looked through anew when it has changed; None where there is no dashboard."""
        signature = self._signature()
        if self._scanned[0] != signature or signature is None:
            with self._scanning:
                if self._scanned[0] != signature:
                    self._scanned = signature, None if signature is None else _scan(self._folder)
        return self._scanned[1]

    def _signature(self) -> Signature | None:
        """Changes with every build, also while one goes on; None where there is no page."""
        parts = (self._folder, self._folder / "assets", self._folder / "index.html")
        try:
            return tuple(part.stat().st_mtime_ns for part in parts)
        except OSError:
            return None


def _scan(folder: Path) -> "WhiteNoise | None":
    from whitenoise import WhiteNoise  # a function without a dashboard needs none

    try:
        files = WhiteNoise(
            None,
            str(folder),
            max_age=None,
            allow_all_origins=False,
            mimetypes=MEDIA_TYPES,
            add_headers_function=_add_headers,
        )
    except OSError:  # files went while it looked
        return None
    files.files = {url: file for url, file in files.files.items() if "/." not in url}  # the build's own
    return files if _INDEX in files.files else None


def _add_headers(headers: Headers, path: str, url: str) -> None:
    headers["Content-Type"] = str(headers["Content-Type"]).replace(
        '"', ""
    )  # as everything else here writes it
    headers["Cache-Control"] = FOREVER if IMMUTABLE.fullmatch(url) else "no-cache"
    # Weak: the compressed variants have it too.
    headers["ETag"] = quote_etag(blake2b(Path(path).read_bytes(), digest_size=16).hexdigest(), weak=True)


def _decoded(path: str) -> str | None:
    """WSGI's path, whose characters are bytes; None where they are no UTF-8, or too many."""
    try:
        return path.encode("latin-1").decode() if len(path) <= LONGEST_PATH else None
    except UnicodeError:
        return None


def _is_page(path: str, environ: "WSGIEnvironment") -> bool:
    """Whether a browser asks for a page by this address: the router in the page knows which."""
    if "." in path.rpartition("/")[2] or not _OF_A_PAGE.fullmatch(path):
        return False
    accepted = parse_accept_header(environ.get("HTTP_ACCEPT", "")[:LONGEST_HEADER], MIMEAccept)
    return any(media == "text/html" and quality > 0 for media, quality in accepted)


def _serve(
    file: Any,
    environ: "WSGIEnvironment",
    start_response: "StartResponse",
    page: dict[str, str],
    *,
    varies: bool,
) -> Iterable[bytes]:
    """The answer with a file and the headers of `page`; `varies`: others get something else at this address."""
    known_tags = environ.get("HTTP_IF_NONE_MATCH")
    encodings = parse_accept_header(environ.get("HTTP_ACCEPT_ENCODING", "")[:LONGEST_HEADER], Accept)
    about = {"HTTP_ACCEPT_ENCODING": ", ".join(name for name, quality in encodings if quality > 0)}
    if known_tags is not None:
        about["HTTP_IF_NONE_MATCH"] = file.etag if matches(known_tags, file.etag) else ""
    response = file.get_response(environ["REQUEST_METHOD"], about)
    headers = Headers(list(response.headers))
    if varies:
        headers["Vary"] = ", ".join(filter(None, (headers["Vary"], "Accept")))
    if environ.get("wsgi.url_scheme") == "https":
        headers.add_header(*HSTS)
    for name, value in page.items():
        headers[name] = value
    start_response(f"{response.status.value} {response.status.phrase}", headers.items())
    if response.file is None:
        return []
    wrap = environ.get("wsgi.file_wrapper", FileWrapper)
    wrapped: Iterable[bytes] = wrap(response.file)
    return wrapped
