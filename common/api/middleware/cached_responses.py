"""Answers that are known already: under what name they are cached, until when they hold, and what clients are promised.

Indian hours end at half past the UTC hour, collections start at ``xx:37`` and take minutes. So an answer of the
data is good until the next hour's are expected, once those of the present hour are in; until then, and where the
data are late, anything may come at any moment, and nothing is promised for longer than a minute.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from io import BytesIO
from threading import RLock
from typing import TYPE_CHECKING

import msgspec
from cachetools import LRUCache
from werkzeug import Request
from werkzeug.datastructures import Headers as WerkzeugHeaders
from werkzeug.http import parse_etags

from common.api.blueprint import BASE, JSON, CachePolicy, Endpoint
from common.api.context import ApiContext
from common.api.middleware.replies import (
    STATUS_LINES,
    Headers,
    Reply,
    add_security_headers,
    allowed_origin,
    own_headers,
    promise_to,
    takes_gzip,
)
from common.api.middleware.request_context import RequestContext
from common.api.middleware.response_cache import Answer, Content, Question
from common.api.validation import read_body, read_query
from common.domain.cities import find_city
from common.domain.errors import VayuError
from common.domain.observation import HOUR, last_full_hour

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

STALE_FOR_S = 600
"""While the database does not answer, an answer made so long ago is still given, marked as what it is."""
_REVALIDATED_WITHIN_S = 30
_SHARED_FOR_S = {"data": 3600, "minute": 60}
_STALE = ("Warning", '111 vayu "Revalidation Failed"')
_EXPECTED = timedelta(minutes=10)
"""After the end of an hour its data may come; `common.cli.schedule` says when they are collected."""
_SETTLED = timedelta(minutes=15)
"""After the end of an hour its data are all there, and the forecasts made of them."""
_REMEMBERED = 4096
_LONGEST_HEADER = 4096
_LONGEST = 512
"""Characters of an address, a query and a body that are remembered as they were written."""
_LONGEST_BODY = 4096
"""Bytes of a body whose answer is cached."""

Written = tuple[str, str, str, str, str]
"""Where it is mounted, path, query, Accept, body: as a client wrote them."""


class CachedResponses:
    """Finds answers, has them made where there are none, and keeps them."""

    def __init__(self, context: ApiContext, endpoints: Iterable[Endpoint]) -> None:
        self._clock = context.clock
        self._closed = context.policy.reads_need_token
        self._watch = context.watch
        self._cache = context.answers
        self._keys = CacheKeys(endpoints)
        self._origins = context.policy.origins

    def endpoint(self, request: RequestContext) -> Endpoint | None:
        """The endpoint of a request, where its address is plainly written."""
        return self._keys.endpoint(request.method, request.path)

    def find(self, request: RequestContext, endpoint: Endpoint, make: Callable[[], Reply]) -> Answer | Reply:
        """The answer, cached or made now; what `make` returns where that cannot be cached."""
        if self._cache is None and endpoint.method == "POST":
            return make()  # nothing is cached here, and what clients may cache is no POST's answer
        known = self._watch.known()
        written = self._keys.written(request, endpoint)
        if known is None or written is None:
            return make()
        name = unvaried = self._keys.known(written) or name_of(request.environ, endpoint, written)
        if name is None:
            return make()
        request.for_cache = True
        now = self._clock()
        if origin := allowed_origin(request.environ, self._origins):
            name = f"{origin} {name}"  # its answer names it
        answer: Answer | Reply
        before = None if known.sure else self._newest(endpoint, name)
        if before is not None and _bearable(before, now):
            request.cache = "stale"
            answer = before
        elif self._cache is None or not known.sure:
            answer = _as_answer(make(), now)
        else:
            question = Question(name, (known.versions.data, span(endpoint.cache, now)), known.versions.secret)
            answer, request.cache = self._cache.get_or_make(
                question, lambda: _as_answer(make(), now), seconds=_SHARED_FOR_S[endpoint.cache]
            )
            if isinstance(answer, Reply) and answer.status[:3] == "503":  # the database has just gone
                before = self._newest(endpoint, name)
                if before is not None and _bearable(before, now):
                    request.cache = "stale"
                    answer = before
        if unvaried is not None and isinstance(answer, Answer):
            self._keys.remember(written, unvaried)
        return answer

    def reply(self, request: RequestContext, endpoint: Endpoint, answer: Answer) -> Reply:
        """An answer as this client gets it."""
        environ = request.environ
        headers = own_headers(request)
        if endpoint.method == "POST":
            headers.append(
                ("Cache-Control", "no-store")
            )  # what is cached here is no answer that others could reuse
        else:
            headers.append(("ETag", answer.tag))
            if request.cache == "stale":
                age_s = max(int(self._clock().timestamp() - answer.made_at), 0)
                promise = "private, no-cache" if self._closed else "no-cache"
                headers += (("Age", str(age_s)), _STALE)
            else:
                promise = self._promise(endpoint.cache)
            headers.append(("Cache-Control", promise_to(environ, promise)))
            known_tags = environ.get("HTTP_IF_NONE_MATCH")
            if known_tags and matches(known_tags, answer.tag):
                return Reply(STATUS_LINES[304], _headers(answer, "unchanged") + headers, b"")
        if answer.packable and takes_gzip(environ.get("HTTP_ACCEPT_ENCODING", "")):
            return Reply(STATUS_LINES[200], _headers(answer, "packed") + headers, answer.packed)
        return Reply(STATUS_LINES[200], _headers(answer, "plain") + headers, answer.body)

    def _newest(self, endpoint: Endpoint, name: str) -> Answer | None:
        """The answer that was cached last, valid or not; none to a POST, which is never told that it is stale."""
        return None if self._cache is None or endpoint.method == "POST" else self._cache.newest(name)

    def _promise(self, policy: CachePolicy) -> str:
        if self._closed:
            return "private, no-cache"
        known = self._watch.known()
        if known is None or not known.sure:
            return "no-cache"
        seconds = good_for_s(policy, self._clock(), known.newest)
        return shareable_for(seconds)


def shareable_for(seconds: int) -> str:
    """Cache-Control of what anybody may keep for so long, in a browser and for others.

    A shared cache may give it a little longer while it asks for the next one, so that nobody waits for that.
    """
    return (
        f"public, max-age={seconds}, s-maxage={seconds}, stale-while-revalidate={_REVALIDATED_WITHIN_S}, "
        f"stale-if-error={STALE_FOR_S}"
    )


def _bearable(answer: Answer, now: datetime) -> bool:
    return abs(now.timestamp() - answer.made_at) <= STALE_FOR_S


def _as_answer(reply: Reply, now: datetime) -> Answer | Reply:
    """What can be cached as what is cached: a reply that says how long it holds has been completed already."""
    headers = dict(reply.headers)
    if headers.pop("Content-Length", None) is None or "Cache-Control" in headers:
        return reply
    assert isinstance(reply.body, bytes)  # noqa: S101 — its length is known
    return Answer(Content(list(headers.items()), reply.body, now.timestamp()))


def _headers(answer: Answer, form: str) -> Headers:
    """The headers that every use of an answer in this form has in common; made once."""
    ready = answer.ready.get(form)
    if ready is None:
        headers = WerkzeugHeaders(answer.content.headers)
        add_security_headers(headers)
        headers["Vary"] = ", ".join((*headers.getlist("Vary"), "Accept-Encoding"))
        if form == "unchanged":
            for name in ("Content-Type", "Content-Disposition"):
                headers.remove(name)
        else:
            headers["Content-Length"] = str(len(answer.packed if form == "packed" else answer.body))
        if form == "packed":
            headers["Content-Encoding"] = "gzip"
        ready = answer.ready[form] = headers.to_wsgi_list()
    return ready


def matches(if_none_match: str, tag: str) -> bool:
    """Whether a tag is among those that the client has, by weak comparison (RFC 9110, 8.8.3.2 and 13.1.2)."""
    return if_none_match == tag or parse_etags(if_none_match[:_LONGEST_HEADER]).contains_raw(tag)


def span(policy: CachePolicy, now: datetime) -> int:
    """Number of the stretch of time that an answer of `now` holds for, its data being the same."""
    seconds = int(now.timestamp())
    return seconds // 60 if policy == "minute" else (seconds - 1800) // 3600


def good_for_s(policy: CachePolicy, now: datetime, newest: datetime | None) -> int:
    """Seconds for which clients may keep an answer; `newest`: the newest hour that there are data of."""
    if policy == "minute":
        return 60 - now.second
    hour = last_full_hour(now)
    if newest is None or newest < hour or now < hour + _SETTLED:
        return 60
    return int((hour + HOUR + _EXPECTED - now) / timedelta(seconds=1))


class CacheKeys:
    """The endpoints by address, and the names of recent requests."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._whole: dict[tuple[str, str], Endpoint] = {}
        self._beginning: dict[tuple[str, str], Endpoint] = {}
        for endpoint in endpoints:
            if "/{" in endpoint.path[:-1].rpartition("/")[0]:
                continue  # what goes on after a city is not cached, and left to Flask
            methods = ("GET", "HEAD") if endpoint.method == "GET" else (endpoint.method,)
            beginning, brace, _ = (BASE + endpoint.path).partition("/{")
            for method in methods:
                if brace:
                    self._beginning[method, beginning] = endpoint
                else:
                    self._whole[method, beginning.rstrip("/")] = endpoint
        self._turns = RLock()
        self._names: LRUCache[Written, str] = LRUCache(_REMEMBERED)

    def endpoint(self, method: str, path: str) -> Endpoint | None:
        """The endpoint of a plainly written address; what is written otherwise is left to Flask."""
        path = path.removesuffix("/")
        whole = self._whole.get((method, path))
        return whole or self._beginning.get((method, path.rpartition("/")[0]))

    def written(self, request: RequestContext, endpoint: Endpoint) -> Written | None:
        """The request, as it was written; None where its body is none of which the answer is cached."""
        environ = request.environ
        accept = environ.get("HTTP_ACCEPT", "") if len(endpoint.media) > 1 else ""
        body = "" if endpoint.body is None else _body(environ)
        if body is None:
            return None
        return environ.get("SCRIPT_NAME", ""), request.path, environ.get("QUERY_STRING", ""), accept, body

    def known(self, written: Written) -> str | None:
        """The name of a request that came lately and was answered well."""
        with self._turns:
            return self._names.get(written)

    def remember(self, written: Written, name: str) -> None:
        """Know the name at once the next time."""
        if sum(map(len, written)) <= _LONGEST:
            with self._turns:
                self._names[written] = name


def _body(environ: "WSGIEnvironment") -> str | None:
    """The body, byte by byte as characters, left to be read again; None where it is long, or not said to be JSON."""
    length = environ.get("CONTENT_LENGTH", "")
    media = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if not (length.isascii() and length.isdecimal()) or int(length) > _LONGEST_BODY or media != JSON:
        return None
    content = environ["wsgi.input"].read(int(length))
    environ["wsgi.input"] = BytesIO(content)
    return str(content, "latin-1")


def name_of(environ: "WSGIEnvironment", endpoint: Endpoint, written: Written) -> str | None:
    """One name for all ways to ask the same: whatever the city's spelling and the order of the parameters.

    None where it is not asked rightly: that is for the endpoint to say.
    """
    mounted, path, _, _, body = written
    request = Request(environ)
    try:
        query = read_query(endpoint.query, dict(request.args.lists()))
        content = (
            None if endpoint.body is None else read_body(endpoint.body, JSON, lambda: body.encode("latin-1"))
        )
        wanted = (
            path.removesuffix("/").rpartition("/")[2].encode("latin-1").decode()
            if "{" in endpoint.path
            else ""
        )
        place = find_city(wanted).slug if endpoint.path.endswith("{city}") else wanted
    except (VayuError, UnicodeError):
        return None
    media = request.accept_mimetypes.best_match(endpoint.media) if len(endpoint.media) > 1 else ""
    models = (query, content)
    parameters = [None if model is None else model.model_dump(mode="json") for model in models]
    return msgspec.json.encode((mounted, endpoint.path, place, parameters, media)).decode()
