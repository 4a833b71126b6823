"""Redis as something that may be there: asked within short times, left alone for a while after a failure.

Nothing is lost when it is away, slow, or holds nonsense: whoever asks gets None and does the work himself.
"""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis import Redis

T = TypeVar("T")

TIMEOUT_S = 0.1
"""Longer, and the work would have been done without it."""
REST_S = 5.0
"""After a failure it is not asked for so long."""
LARGEST = 512 * 1024
"""Bytes of one value; what is larger is neither kept nor taken."""
_PAGE = 500


class SharedMemory:
    """Values that several processes share, and counters; `tick` is a clock that never goes back."""

    def __init__(
        self, url: str, *, tick: Callable[[], float] = time.monotonic, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._url = url
        self._tick = tick
        self._timeout_s = timeout_s
        self._making = Lock()
        self._client: Redis | None = None
        self._counters: Any = None
        self._rests_until = float("-inf")
        self.failures = 0
        """How often it did not answer."""

    @property
    def resting(self) -> bool:
        """Whether it is left alone at the moment."""
        return self._tick() < self._rests_until

    def get(self, name: str) -> bytes | None:
        """A value, where there is one and it may be had."""
        value = self.ask(lambda client: client.getrange(name, 0, LARGEST))
        return value if isinstance(value, bytes) and 0 < len(value) <= LARGEST else None

    def put(self, name: str, value: bytes, *, seconds: int) -> None:
        """Keep a value for so long, where it can be."""
        if len(value) <= LARGEST:
            self.ask(lambda client: client.set(name, value, ex=seconds))

    def add(self, name: str, number: int, *, seconds: int) -> tuple[int, float] | None:
        """Add to a counter that begins anew every so many seconds: (its sum, seconds that it has left)."""

        def counted(_: Redis) -> tuple[int, float]:
            total: int = self._counters.incr(name, seconds, number)
            # It has just begun: the time that is left need not be asked for.
            left = seconds if total == number else self._counters.get_expiry(name) - time.time()
            return total, max(float(left), 0.0)

        return self.ask(counted)

    def forget(self, beginning: str) -> int | None:
        """Drop every value whose name begins so; how many there were, or None where it cannot be asked."""

        def dropped(client: Redis) -> int:
            pattern = "".join(f"\\{letter}" if letter in "*?[]^\\" else letter for letter in beginning) + "*"
            names = list(client.scan_iter(pattern, count=_PAGE))
            for first in range(0, len(names), _PAGE):
                client.unlink(*names[first : first + _PAGE])
            return len(names)

        return self.ask(dropped)

    def alive(self) -> bool:
        """Whether it answers now, resting or not."""
        self._rests_until = float("-inf")
        return bool(self.ask(lambda client: client.ping()))

    def ask(self, question: Callable[[Redis], T]) -> T | None:
        """The answer to a question; None where it rests or fails."""
        if self.resting:
            return None
        from redis.exceptions import RedisError

        try:
            return question(self._client or self._connect())
        except (RedisError, OSError, ValueError, TypeError):  # the last two: an answer of another kind
            self.failures += 1
            self._rests_until = self._tick() + REST_S
            return None

    def close(self) -> None:
        """Close its connections; the next use opens new ones."""
        with self._making:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _connect(self) -> Redis:
        with self._making:
            if self._client is None:
                from limits.storage.redis import RedisStorage
                from redis import ConnectionPool, Redis
                from redis.backoff import NoBackoff
                from redis.retry import Retry

                pool = ConnectionPool.from_url(
                    self._url,
                    socket_timeout=self._timeout_s,
                    socket_connect_timeout=self._timeout_s,
                    retry=Retry(NoBackoff(), 0),
                )
                self._counters = RedisStorage("redis://", connection_pool=pool, key_prefix="vayu:count")
                self._client = Redis(connection_pool=pool)
            return self._client
