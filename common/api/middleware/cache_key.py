"""Which endpoint an address is of, and under what name its answer is cached."""

from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock
from typing import TYPE_CHECKING

import msgspec

from common.api.blueprint import BASE, Endpoint
from common.api.middleware.request_context import RequestContext
from common.api.validation import read_query
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
    """The endpoints by address, and the names of recent requests."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._whole: dict[tuple[str, str], Endpoint] = {}
        self._beginning: dict[tuple[str, str], Endpoint] = {}
        for endpoint in endpoints:
            methods = ("GET", "HEAD") if endpoint.method == "GET" else (endpoint.method,)
            beginning, brace, _ = (BASE + endpoint.path).partition("/{")
            for method in methods:
                if brace:
                    self._beginning[method, beginning] = endpoint
                else:
                    self._whole[method, beginning.rstrip("/")] = endpoint
        self._guard = Lock()
        self._names: OrderedDict[Written, str] = OrderedDict()

    def endpoint(self, method: str, path: str) -> Endpoint | None:
        """The endpoint of a plainly written address; what is written otherwise is left to Flask."""
        path = path.removesuffix("/")
        whole = self._whole.get((method, path))
        return whole or self._beginning.get((method, path.rpartition("/")[0]))

    def written(self, request: RequestContext, endpoint: Endpoint) -> Written:
        """The request, as it was written."""
        environ = request.environ
        accept = environ.get("HTTP_ACCEPT", "") if len(endpoint.media) > 1 else ""
        return environ.get("SCRIPT_NAME", ""), request.path, environ.get("QUERY_STRING", ""), accept

    def known(self, written: Written) -> str | None:
        """The name of a request that came lately and was answered well."""
        with self._guard:
            name = self._names.get(written)
            if name is not None:
                self._names.move_to_end(written)
            return name

    def remember(self, written: Written, name: str) -> None:
        """Know the name at once the next time."""
        if sum(map(len, written)) <= _LONGEST:
            with self._guard:
                self._names[written] = name
                if len(self._names) > _REMEMBERED:
                    self._names.popitem(last=False)


def name_of(environ: "WSGIEnvironment", endpoint: Endpoint, path: str) -> str | None:
    """One name for all ways to ask the same: whatever the city's spelling and the order of the parameters.

    None where it is not asked rightly: that is for the endpoint to say.
    """
    from flask import Request

    request = Request(environ)
    try:
        query = read_query(endpoint.query, dict(request.args.lists()))
        wanted = (
            path.removesuffix("/").rpartition("/")[2].encode("latin-1").decode()
            if "{" in endpoint.path
            else ""
        )
        place = find_city(wanted).slug if endpoint.path.endswith("{city}") else wanted
    except (VayuError, UnicodeError):
        return None
    media = request.accept_mimetypes.best_match(endpoint.media) if len(endpoint.media) > 1 else ""
    mounted = environ.get("SCRIPT_NAME", "")
    parameters = None if query is None else query.model_dump(mode="json")
    return msgspec.json.encode((mounted, endpoint.path, place, parameters, media)).decode()
