"""Finished answers, kept in this process, and in Redis for the others.

An answer is kept under what was asked, the version of the data and the stretch of time it was made for. So whatever
changes the data makes it void, in every process, without being told. In Redis it is marked with a secret of the
database: what somebody else put there, or something broke, is not taken for an answer.
"""

import gzip
from collections.abc import Callable
from functools import cache
from hashlib import blake2b
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgspec
from cachetools import LRUCache
from dogpile.cache import make_region
from dogpile.cache.api import NO_VALUE
from werkzeug.http import generate_etag, quote_etag

from common.api.middleware.replies import SMALLEST_PACKED

if TYPE_CHECKING:
    from common.adapters.redis_memory import SharedMemory

T = TypeVar("T")
Validity = tuple[int, int]
"""(version of the data, stretch of time): see `cache_control.span`."""

LARGEST = 256 * 1024
"""Bytes of an answer that is kept."""
_OVERHEAD = 2048
"""Bytes that an answer takes besides its body, about."""
_POINTER = 512
"""Bytes that the name of the newest answer takes, about."""
_MARK = 16
_BEGINNING = "vayu:answer:"
_ANSWERS_DEPEND_ON = ("api", "domain", "store")


def entity_tag(body: bytes) -> str:
    """A weak tag: the answer with gzip and the one without differ in their bytes, not in what they say."""
    return quote_etag(generate_etag(body), weak=True)


class Content(msgspec.Struct, frozen=True, array_like=True):
    """What an answer is, wherever it is kept."""

    headers: list[tuple[str, str]]
    body: bytes
    made_at: float
    """Seconds since 1970."""


class Answer:
    """A kept answer; the body with gzip is made when it is first wanted."""

    __slots__ = ("_packed", "body", "content", "made_at", "ready", "size", "tag")

    def __init__(self, content: Content) -> None:
        self.content = content
        self.body = content.body
        self.made_at = content.made_at
        self.tag = entity_tag(content.body)
        self.size = _OVERHEAD + 2 * len(content.body)
        self.ready: dict[str, list[tuple[str, str]]] = {}
        """By the form in which it is sent, the headers that every use of it has in common."""
        self._packed: bytes | None = None

    @property
    def packable(self) -> bool:
        """Whether it is worth packing."""
        return len(self.body) > SMALLEST_PACKED

    @property
    def packed(self) -> bytes:
        """The body with gzip."""
        if self._packed is None:
            self._packed = gzip.compress(self.body, 6, mtime=0)
        return self._packed


class Question(NamedTuple):
    """What an answer is kept under."""

    name: str
    validity: Validity
    seal: str
    """The secret of the database"""

    @property
    def key(self) -> str:
        """Its name in this process."""
        return f"{self.validity[0]}:{self.validity[1]}:{self.name}"


class ResponseCache:
    """The answers that this process keeps: so many bytes of them, those used last. One computation a question."""

    def __init__(
        self,
        most_bytes: int,
        shared: "SharedMemory | None" = None,
        build_id: Callable[[], str] = lambda: "",
    ) -> None:
        """`build_id` says which code makes the answers: another's are not taken out of Redis."""
        self._most = most_bytes
        self._shared = shared
        self._build_id = build_id
        self._memory = _Memory(most_bytes, getsizeof=_size)
        self._region = make_region().configure("dogpile.cache.memory", arguments={"cache_dict": self._memory})

    @property
    def bytes(self) -> int:
        """What is kept in this process."""
        return int(self._memory.currsize)

    def get_or_make(
        self, question: Question, make: Callable[[], Answer | T], *, seconds: int
    ) -> tuple[Answer | T, str]:
        """The answer, and where it is from: ``hit``, kept here; ``shared``, by Redis; ``miss``, made now.

        Others who ask the same meanwhile wait for it. What `make` returns is kept if it is an `Answer`; `seconds`: for
        how long in Redis.
        """
        how = "hit"

        def fetch_or_make() -> Answer | T:
            nonlocal how
            how = "shared"
            shared = self._fetch(question)
            if shared is not None:
                return shared
            how = "miss"
            made = make()
            if isinstance(made, Answer):
                self._share(question, made, seconds)
            return made

        answer: Answer | T = self._region.get_or_create(
            question.key, fetch_or_make, should_cache_fn=self._is_kept
        )
        if how != "hit" and self._is_kept(answer):
            self._region.set(_newest(question.name), question.key)
        return answer, how

    def newest(self, name: str) -> Answer | None:
        """The answer that was kept here last under this name, valid or not."""
        key = self._region.get(_newest(name))
        newest = NO_VALUE if key is NO_VALUE else self._region.get(key)
        return newest if isinstance(newest, Answer) else None

    def clear(self) -> int | None:
        """Forget all answers, here and in Redis; how many were there, None where it was not to be reached."""
        self._memory.clear()
        return None if self._shared is None else self._shared.forget(_BEGINNING)

    def _is_kept(self, answer: object) -> bool:
        return isinstance(answer, Answer) and answer.size <= self._most and len(answer.body) <= LARGEST

    def _fetch(self, question: Question) -> Answer | None:
        text = None if self._shared is None else self._shared.get(self._name(question))
        content = None if text is None else _opened(text, question)
        return None if content is None else Answer(content)

    def _share(self, question: Question, answer: Answer, seconds: int) -> None:
        if self._shared is not None and len(answer.body) <= LARGEST:
            self._shared.put(self._name(question), _sealed(answer.content, question), seconds=seconds)

    def _name(self, question: Question) -> str:
        digest = blake2b(question.name.encode(), digest_size=16).hexdigest()
        version, span = question.validity
        return f"{_BEGINNING}{self._build_id()}:{version}:{span}:{digest}"


class _Memory(LRUCache[str, Any]):
    """What dogpile.cache keeps its values in; threads take turns."""

    def __init__(self, maxsize: int, getsizeof: Callable[[Any], float]) -> None:
        super().__init__(maxsize, getsizeof)
        self._turns = RLock()

    def get(self, key: str, default: Any = None) -> Any:
        with self._turns:
            return super().get(key, default)

    def __setitem__(self, key: str, value: Any) -> None:
        with self._turns:
            super().__setitem__(key, value)

    def clear(self) -> None:
        with self._turns:
            super().clear()


def _size(value: Any) -> float:
    """Bytes of a value of dogpile.cache."""
    return value.payload.size if isinstance(value.payload, Answer) else _POINTER


def _newest(name: str) -> str:
    return f"newest:{name}"


def _mark(text: bytes, question: Question) -> bytes:
    about = msgspec.msgpack.encode((question.name, question.validity))
    return blake2b(about + text, key=question.seal.encode(), digest_size=_MARK).digest()


def _sealed(content: Content, question: Question) -> bytes:
    text = msgspec.msgpack.encode(content)
    return _mark(text, question) + text


def _opened(sealed: bytes, question: Question) -> Content | None:
    mark, text = sealed[:_MARK], sealed[_MARK:]
    if mark != _mark(text, question):
        return None
    try:
        return msgspec.msgpack.decode(text, type=Content)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None


@cache
def build_id() -> str:
    """A digest of all code that an answer depends on, so that during a deployment old and new do not mix theirs."""
    digest = blake2b(digest_size=8)
    root = Path(__file__).parents[2]
    for folder in _ANSWERS_DEPEND_ON:
        for file in sorted((root / folder).rglob("*.py")) + sorted((root / folder).rglob("*.json")):
            digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
