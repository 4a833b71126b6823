"""Answers that are known already, and what is promised of them."""

from collections.abc import Callable, Iterable
from datetime import datetime

from common.api.blueprint import CachePolicy, Endpoint
from common.api.context import ApiContext
from common.api.middleware.cache_control import good_for_s, span
from common.api.middleware.cache_key import CacheKeys, name_of
from common.api.middleware.cors import allowed_origin
from common.api.middleware.data_version import Known
from common.api.middleware.replies import (
    STATUS_LINES,
    Headers,
    Reply,
    matches,
    own_headers,
    takes_gzip,
    varying,
    with_defaults,
)
from common.api.middleware.request_context import RequestContext
from common.api.middleware.response_cache import Answer, Content, Question

STALE_FOR_S = 600
"""While the database does not answer, an answer made so long ago is still given, marked as what it is."""
_SHARED_FOR_S = {"data": 3600, "minute": 60}
_OF_THE_BODY = ("Content-Length", "Content-Type", "Content-Disposition", "Content-Encoding")
"""What a 304 does not repeat."""
_STALE = ("Warning", '111 vayu "Revalidation Failed"')


class CachedResponses:
    """Finds answers, has them made where there are none, and keeps them."""

    def __init__(self, context: ApiContext, endpoints: Iterable[Endpoint]) -> None:
        self._clock = context.clock
        self._closed = context.policy.reads_need_token
        self._watch = context.watch
        self._answers = context.answers
        self._keys = CacheKeys(endpoints)
        self._origins = context.policy.origins
        self._promised: dict[CachePolicy, tuple[int, Known, str]] = {}

    def endpoint(self, request: RequestContext) -> Endpoint | None:
        """The endpoint of a request, where its address is plainly written."""
        return self._keys.endpoint(request.method, request.path)

    def find(self, request: RequestContext, endpoint: Endpoint, make: Callable[[], Reply]) -> Answer | Reply:
        """The answer, kept or made now; what `make` says where that is none that can be kept."""
        known = self._watch.known()
        written = self._keys.written(request, endpoint)
        name = self._keys.known(written)
        is_new = name is None
        if name is None:
            name = name_of(request.environ, endpoint, request.path)
        if known is None or name is None:
            return make()
        unvaried = name
        now = self._clock()
        if origin := allowed_origin(request.environ, self._origins):
            name = f"{origin} {name}"  # its answer names it
        answer: Answer | Reply
        before = None if self._answers is None or known.sure else self._answers.newest(name)
        if before is not None and _bearable(before, now):
            request.cache = "stale"
            answer = before
        else:
            answer = self._made(request, endpoint, make, name, known, now)
        if is_new and isinstance(answer, Answer):
            self._keys.remember(written, unvaried)
        return answer

    def reply(self, request: RequestContext, endpoint: Endpoint, answer: Answer) -> Reply:
        """An answer as this client gets it."""
        environ = request.environ
        headers = own_headers(request)
        if request.cache == "stale":
            age_s = max(int(self._clock().timestamp() - answer.made_at), 0)
            headers += (("Cache-Control", "no-cache"), ("Age", str(age_s)), _STALE)
        else:
            headers.append(("Cache-Control", self._promise(endpoint.cache)))
        has = environ.get("HTTP_IF_NONE_MATCH")
        if has is not None and matches(has, answer.tag):
            return Reply(STATUS_LINES[304], self._common(answer, "nothing") + headers, b"")
        if answer.packable and takes_gzip(environ.get("HTTP_ACCEPT_ENCODING", "")):
            return Reply(STATUS_LINES[200], self._common(answer, "packed") + headers, answer.packed)
        return Reply(STATUS_LINES[200], self._common(answer, "plain") + headers, answer.body)

    def _made(
        self,
        request: RequestContext,
        endpoint: Endpoint,
        make: Callable[[], Reply],
        name: str,
        known: Known,
        now: datetime,
    ) -> Answer | Reply:
        answers = self._answers
        if answers is None or not known.sure:
            return _as_answer(make(), now)
        question = Question(name, (known.versions.data, span(endpoint.cache, now)), known.versions.seal)
        answer, request.cache = answers.get_or_make(
            question, lambda: _as_answer(make(), now), seconds=_SHARED_FOR_S[endpoint.cache]
        )
        if isinstance(answer, Reply) and answer.status[:3] == "503":  # the database has just gone
            before = answers.newest(name)
            if before is not None and _bearable(before, now):
                request.cache = "stale"
                return before
        return answer

    def _common(self, answer: Answer, form: str) -> Headers:
        """The headers that every use of an answer in this form has in common."""
        ready = answer.ready.get(form)
        if ready is None:
            headers = varying(answer.content.headers, "Accept-Encoding")
            if form == "nothing":
                headers = [(name, value) for name, value in headers if name not in _OF_THE_BODY]
            elif form == "packed":
                headers += [("Content-Encoding", "gzip"), ("Content-Length", str(len(answer.packed)))]
            else:
                headers.append(("Content-Length", str(len(answer.body))))
            headers = [*with_defaults(headers), ("ETag", answer.tag)]
            ready = answer.ready[form] = headers
        return ready

    def _promise(self, policy: CachePolicy) -> str:
        if self._closed:
            return "private, no-cache"
        known = self._watch.known()
        now = self._clock()
        if known is None or not known.sure:
            return "no-cache"
        second = int(now.timestamp())
        before = self._promised.get(policy)
        if before is not None and before[0] == second and before[1] is known:
            return before[2]
        promise = f"public, max-age={good_for_s(policy, now, known.newest)}, stale-if-error={STALE_FOR_S}"
        self._promised[policy] = second, known, promise
        return promise


def _bearable(answer: Answer, now: datetime) -> bool:
    return abs(now.timestamp() - answer.made_at) <= STALE_FOR_S


def _as_answer(reply: Reply, now: datetime) -> Answer | Reply:
    """What can be kept as what is kept."""
    names = {name for name, _ in reply.headers}
    if reply.status[:3] != "200" or not isinstance(reply.body, bytes) or "Cache-Control" in names:
        return reply
    headers = [(name, value) for name, value in reply.headers if name != "Content-Length"]
    return Answer(Content(headers, reply.body, now.timestamp()))
