"""Answers that are known already, and what is promised of them."""

from collections.abc import Callable, Iterable
from datetime import datetime

from common.api.context import ApiContext
from common.api.middleware.cache_control import good_for_s, span
from common.api.middleware.cache_key import CacheKeys, name_of
from common.api.middleware.conditional import matches, takes_gzip
from common.api.middleware.cors import allowed_origin
from common.api.middleware.data_version import Known
from common.api.middleware.replies import STATUS_LINES, Headers, Reply, own_headers, varying, with_defaults
from common.api.middleware.request_context import RequestContext
from common.api.middleware.response_cache import Answer, Content, Question
from common.api.route import Kept, Route

STALE_FOR_S = 600
"""While the database does not answer, an answer made so long ago is still given, marked as what it is."""
_SHARED_FOR_S = {"data": 3600, "minute": 60}
_OF_THE_BODY = ("Content-Length", "Content-Type", "Content-Disposition", "Content-Encoding")
"""What a 304 does not repeat."""
_STALE = ("Warning", '111 vayu "Revalidation Failed"')


class CachedResponses:
    """Finds answers, has them made where there are none, and keeps them."""

    def __init__(self, context: ApiContext, routes: Iterable[Route]) -> None:
        self._clock = context.clock
        self._closed = context.policy.reads_need_token
        self._watch = context.watch
        self._answers = context.answers
        self._keys = CacheKeys(routes)
        self._origins = context.policy.origins
        self._promised: dict[Kept, tuple[int, Known, str]] = {}

    def route(self, request: RequestContext) -> Route | None:
        """The endpoint of a request, where its address is plainly written."""
        return self._keys.route(request.method, request.path)

    def find(self, request: RequestContext, route: Route, make: Callable[[], Reply]) -> Answer | Reply:
        """The answer, kept or made now; what `make` says where that is none that can be kept."""
        known = self._watch.known()
        written = self._keys.written(request, route)
        name = self._keys.known(written)
        is_new = name is None
        if name is None:
            name = name_of(request.environ, route, request.path)
        if known is None or name is None:
            return make()
        asked = name
        now = self._clock()
        if origin := allowed_origin(request.environ, self._origins):
            name = f"{origin} {name}"  # its answer names it
        found: Answer | Reply
        before = None if self._answers is None or known.sure else self._answers.newest(name)
        if before is not None and _bearable(before, now):
            request.kept = "stale"
            found = before
        else:
            found = self._made(request, route, make, name, known, now)
        if is_new and isinstance(found, Answer):
            self._keys.remember(written, asked)
        return found

    def reply(self, request: RequestContext, route: Route, answer: Answer) -> Reply:
        """An answer as this client gets it."""
        environ = request.environ
        headers = own_headers(request)
        if request.kept == "stale":
            age_s = max(int(self._clock().timestamp() - answer.made_at), 0)
            headers += (("Cache-Control", "no-cache"), ("Age", str(age_s)), _STALE)
        else:
            headers.append(("Cache-Control", self._promise(route.cache)))
        has = environ.get("HTTP_IF_NONE_MATCH")
        if has is not None and matches(has, answer.tag):
            return Reply(STATUS_LINES[304], self._common(answer, "nothing") + headers, b"")
        if answer.packable and takes_gzip(environ.get("HTTP_ACCEPT_ENCODING", "")):
            return Reply(STATUS_LINES[200], self._common(answer, "packed") + headers, answer.packed)
        return Reply(STATUS_LINES[200], self._common(answer, "plain") + headers, answer.body)

    def _made(
        self,
        request: RequestContext,
        route: Route,
        make: Callable[[], Reply],
        name: str,
        known: Known,
        now: datetime,
    ) -> Answer | Reply:
        answers = self._answers
        if answers is None or not known.sure:
            return _as_answer(make(), now)
        question = Question(name, (known.versions.data, span(route.cache, now)), known.versions.secret)
        found, request.kept = answers.get_or_make(
            question, lambda: _as_answer(make(), now), seconds=_SHARED_FOR_S[route.cache]
        )
        if isinstance(found, Reply) and found.status[:3] == "503":  # the database has just gone
            before = answers.newest(name)
            if before is not None and _bearable(before, now):
                request.kept = "stale"
                return before
        return found

    def _common(self, answer: Answer, form: str) -> Headers:
        """The headers that every use of an answer in this form has in common."""
        found = answer.ready.get(form)
        if found is None:
            headers = varying(answer.content.headers, "Accept-Encoding")
            if form == "nothing":
                headers = [one for one in headers if one[0] not in _OF_THE_BODY]
            elif form == "packed":
                headers += [("Content-Encoding", "gzip"), ("Content-Length", str(len(answer.packed)))]
            else:
                headers.append(("Content-Length", str(len(answer.body))))
            headers = [*with_defaults(headers), ("ETag", answer.tag)]
            found = answer.ready[form] = headers
        return found

    def _promise(self, kept: Kept) -> str:
        if self._closed:
            return "private, no-cache"
        known = self._watch.known()
        now = self._clock()
        if known is None or not known.sure:
            return "no-cache"
        second = int(now.timestamp())
        before = self._promised.get(kept)
        if before is not None and before[0] == second and before[1] is known:
            return before[2]
        told = f"public, max-age={good_for_s(kept, now, known.newest)}, stale-if-error={STALE_FOR_S}"
        self._promised[kept] = second, known, told
        return told


def _bearable(answer: Answer, now: datetime) -> bool:
    return abs(now.timestamp() - answer.made_at) <= STALE_FOR_S


def _as_answer(reply: Reply, now: datetime) -> Answer | Reply:
    """What can be kept as what is kept."""
    told = {name for name, _ in reply.headers}
    if reply.status[:3] != "200" or not isinstance(reply.body, bytes) or "Cache-Control" in told:
        return reply
    headers = [one for one in reply.headers if one[0] != "Content-Length"]
    return Answer(Content(headers, reply.body, now.timestamp()))
