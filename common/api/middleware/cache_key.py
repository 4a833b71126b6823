"""Which endpoint an address is of, and under what name its answer is kept."""

from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock
from typing import TYPE_CHECKING

import msgspec

from common.api.middleware.request_context import RequestContext
from common.api.params import read_query
from common.api.route import BASE, Route
from common.domain.cities import find_city
from common.domain.errors import VayuError

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_REMEMBERED = 4096
_LONGEST = 512
"""Characters of an address and a query that are remembered as they were written."""

Written = tuple[str, str, str, str]
"""Where it is mounted, path, query, Accept: as a client wrote them."""


class CacheKeys:
    """The endpoints by address, and the names of what was asked lately."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._whole: dict[tuple[str, str], Route] = {}
        self._beginning: dict[tuple[str, str], Route] = {}
        for route in routes:
            methods = ("GET", "HEAD") if route.method == "GET" else (route.method,)
            beginning, brace, _ = (BASE + route.path).partition("/{")
            for method in methods:
                if brace:
                    self._beginning[method, beginning] = route
                else:
                    self._whole[method, beginning.rstrip("/")] = route
        self._guard = Lock()
        self._names: OrderedDict[Written, str] = OrderedDict()

    def route(self, method: str, path: str) -> Route | None:
        """The endpoint of a plainly written address; what is written otherwise is left to Flask."""
        path = path.removesuffix("/")
        found = self._whole.get((method, path))
        return found or self._beginning.get((method, path.rpartition("/")[0]))

    def written(self, request: RequestContext, route: Route) -> Written:
        """What was asked, as it was written."""
        environ = request.environ
        accept = environ.get("HTTP_ACCEPT", "") if len(route.media) > 1 else ""
        return environ.get("SCRIPT_NAME", ""), request.path, environ.get("QUERY_STRING", ""), accept

    def known(self, written: Written) -> str | None:
        """The name of what was asked, where that was asked lately and answered well."""
        with self._guard:
            found = self._names.get(written)
            if found is not None:
                self._names.move_to_end(written)
            return found

    def remember(self, written: Written, name: str) -> None:
        """Know the name at once the next time."""
        if sum(map(len, written)) <= _LONGEST:
            with self._guard:
                self._names[written] = name
                if len(self._names) > _REMEMBERED:
                    self._names.popitem(last=False)


def name_of(environ: "WSGIEnvironment", route: Route, path: str) -> str | None:
    """One name for all ways to ask the same: whatever the city's spelling and the order of the parameters.

    None where it is not asked rightly: that is for the endpoint to say.
    """
    from flask import Request

    request = Request(environ)
    try:
        query = read_query(route.query, dict(request.args.lists()))
        wanted = (
            path.removesuffix("/").rpartition("/")[2].encode("latin-1").decode() if "{" in route.path else ""
        )
        place = find_city(wanted).slug if route.path.endswith("{city}") else wanted
    except (VayuError, UnicodeError):
        return None
    media = request.accept_mimetypes.best_match(route.media) if len(route.media) > 1 else ""
    mounted = environ.get("SCRIPT_NAME", "")
    return msgspec.json.encode((mounted, route.path, place, query, media)).decode()
