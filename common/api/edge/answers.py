"""Finished answers, kept in this process, and in Redis for the others.

An answer is kept under what was asked, and holds as long as the version of the data and the stretch of time that it
was made for. So whatever changes the data makes it void, in every process, without being told. In Redis it is marked
with a secret of the database: what somebody else put there, or something broke, is not taken for an answer.
"""

import gzip
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from threading import Event, Lock
from typing import TYPE_CHECKING

import msgspec

from common.api.edge.negotiate import entity_tag

if TYPE_CHECKING:
    from common.adapters.cache_redis import SharedMemory

Validity = tuple[int, int]
"""(version of the data, stretch of time): see `freshness.span`."""

LARGEST = 256 * 1024
"""Bytes of an answer that is kept."""
_SMALLEST_PACKED = 1024
_OVERHEAD = 2048
"""Bytes that an answer takes besides its body, about."""
_WAIT_S = 10.0
_MARK = 16
_BEGINNING = "vayu:answer:"


class Content(msgspec.Struct, frozen=True, array_like=True):
    """What an answer is, wherever it is kept."""

    headers: list[tuple[str, str]]
    body: bytes
    made_at: float
    """Seconds since 1970."""


class Answer:
    """A kept answer; the body with gzip is made when it is first wanted."""

    __slots__ = ("_packed", "body", "content", "made_at", "ready", "size", "tag", "validity")

    def __init__(self, content: Content, validity: Validity) -> None:
        self.content = content
        self.body = content.body
        self.made_at = content.made_at
        self.validity = validity
        self.tag = entity_tag(content.body)
        self.size = _OVERHEAD + 2 * len(content.body)
        self.ready: dict[str, list[tuple[str, str]]] = {}
        """By the form in which it is sent, the headers that every use of it has in common."""
        self._packed: bytes | None = None

    @property
    def packable(self) -> bool:
        """Whether it is worth packing."""
        return len(self.body) > _SMALLEST_PACKED

    @property
    def packed(self) -> bytes:
        """The body with gzip."""
        if self._packed is None:
            self._packed = gzip.compress(self.body, 6, mtime=0)
        return self._packed


class Answers:
    """The answers that this process keeps: so many bytes of them, those used last."""

    def __init__(
        self,
        most_bytes: int,
        shared: "SharedMemory | None" = None,
        revision: Callable[[], str] = lambda: "",
    ) -> None:
        """`revision` says which code makes the answers: another's are not taken out of Redis."""
        self._most = most_bytes
        self._shared = shared
        self._revision = revision
        self._named: str | None = None
        self._guard = Lock()
        self._bytes = 0
        self._kept: OrderedDict[str, Answer] = OrderedDict()
        self._making: dict[str, Event] = {}

    def find(self, key: str) -> Answer | None:
        """The answer kept here, valid or not."""
        with self._guard:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def fetch(self, key: str, validity: Validity, seal: str) -> Answer | None:
        """The answer another process left in Redis, now kept here too."""
        if self._shared is None:
            return None
        text = self._shared.get(self._name(key, validity))
        content = None if text is None else _opened(text, key, validity, seal)
        if content is None:
            return None
        answer = Answer(content, validity)
        self._keep(key, answer)
        return answer

    def put(self, key: str, answer: Answer, seal: str, *, seconds: int) -> None:
        """Keep an answer, here and, for so many seconds, for the others."""
        self._keep(key, answer)
        if self._shared is not None and len(answer.body) <= LARGEST:
            sealed = _sealed(answer.content, key, answer.validity, seal)
            self._shared.put(self._name(key, answer.validity), sealed, seconds=seconds)

    @contextmanager
    def alone(self, key: str) -> Iterator[bool]:
        """Be the only one in this process who makes this answer; False: somebody else was, and is done by now."""
        with self._guard:
            others = self._making.get(key)
            mine = None if others else Event()
            if mine:
                self._making[key] = mine
        if others:
            others.wait(_WAIT_S)
            yield False
            return
        try:
            yield True
        finally:
            with self._guard:
                del self._making[key]
            if mine:
                mine.set()

    def clear(self) -> int | None:
        """Forget all answers, here and in Redis; how many were there, None where it was not to be reached."""
        with self._guard:
            self._kept.clear()
            self._bytes = 0
        return None if self._shared is None else self._shared.forget(_BEGINNING)

    def _keep(self, key: str, answer: Answer) -> None:
        if answer.size > self._most or len(answer.body) > LARGEST:
            return
        with self._guard:
            before = self._kept.pop(key, None)
            self._bytes += answer.size - (before.size if before else 0)
            self._kept[key] = answer
            while self._bytes > self._most:
                _, oldest = self._kept.popitem(last=False)
                self._bytes -= oldest.size

    def _name(self, key: str, validity: Validity) -> str:
        if self._named is None:
            self._named = self._revision()
        digest = blake2b(key.encode(), digest_size=16).hexdigest()
        return f"{_BEGINNING}{self._named}:{validity[0]}:{validity[1]}:{digest}"


def _mark(text: bytes, key: str, validity: Validity, seal: str) -> bytes:
    about = msgspec.msgpack.encode((key, validity))
    return blake2b(about + text, key=seal.encode(), digest_size=_MARK).digest()


def _sealed(content: Content, key: str, validity: Validity, seal: str) -> bytes:
    text = msgspec.msgpack.encode(content)
    return _mark(text, key, validity, seal) + text


def _opened(sealed: bytes, key: str, validity: Validity, seal: str) -> Content | None:
    mark, text = sealed[:_MARK], sealed[_MARK:]
    if mark != _mark(text, key, validity, seal):
        return None
    try:
        return msgspec.msgpack.decode(text, type=Content)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None
