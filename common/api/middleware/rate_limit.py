"""How often each client may ask, in windows of fixed length that begin with the client's first request.

A window is counted here. Where processes share a Redis, what was counted goes there in batches, through the library
`limits`, at the latest every second and every fiftieth of an allowance: a busy client costs no round trip a request,
and may exceed its allowance by a fiftieth for each process at most. While Redis is away each process counts for
itself. The library's own memory is not used for that: it starts a thread for most requests that come more than 10 ms
apart (0.4 ms of CPU each, measured), and has no bound on how many addresses it remembers. Flask-Limiter counts within
Flask, which a cached answer never reaches, and asks Redis at every request.
"""

from collections.abc import Callable, Mapping
from math import ceil
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Literal, NamedTuple

from cachetools import LRUCache

if TYPE_CHECKING:
    from common.adapters.redis_memory import SharedMemory

Kind = Literal["anonymous", "token", "writes"]
KINDS: tuple[Kind, ...] = ("anonymous", "token", "writes")
"""As what a request counts: of an address; of a token, for reading; of a token, for what changes something."""


class Rate(NamedTuple):
    """So many requests in so many seconds."""

    number: int
    seconds: int


_MOST = 20_000
"""Clients that are remembered at a time; beyond, those that were silent longest are forgotten."""
_SHARED_EVERY_S = 1.0
_BATCHES = 50


class Allowance(NamedTuple):
    """What a client has left."""

    granted: bool
    limit: int
    remaining: int
    reset_s: int
    """Until the whole limit is there again."""


class _Window:
    __slots__ = ("counted", "ends", "fresh", "shared_at")

    def __init__(self, ends: float) -> None:
        self.ends = ends
        self.counted = 0
        """By all processes, as far as is known here."""
        self.fresh = 0
        """Of them, not yet added to what the others know."""
        self.shared_at = float("-inf")


class Limiter:
    """The windows of this process; `tick` is a clock that never goes back."""

    def __init__(
        self,
        rates: Mapping[Kind, Rate],
        shared: "SharedMemory | None" = None,
        *,
        tick: Callable[[], float] = monotonic,
    ) -> None:
        self._rates = rates
        self._shared = shared
        self._tick = tick
        self._guard = Lock()
        self._windows: LRUCache[tuple[Kind, str], _Window] = LRUCache(_MOST)

    def take(self, kind: Kind, client: str) -> Allowance | None:
        """Count one request of a client; None where its kind is not limited."""
        rate = self._rates.get(kind)
        if rate is None:
            return None
        now = self._tick()
        key = (kind, client)
        with self._guard:
            window = self._windows.get(key)
            if window is None or now >= window.ends:
                window = self._windows[key] = _Window(now + rate.seconds)
            window.counted += 1
            window.fresh += 1
            sharing = self._shared is not None and (
                window.fresh * _BATCHES >= rate.number or now >= window.shared_at + _SHARED_EVERY_S
            )
            if sharing:
                number, window.fresh, window.shared_at = window.fresh, 0, now
        if sharing:
            self._share(key, window, rate, number, now)
        used = window.counted
        return Allowance(
            used <= rate.number, rate.number, max(rate.number - used, 0), max(ceil(window.ends - now), 1)
        )

    def _share(self, key: tuple[Kind, str], window: _Window, rate: Rate, number: int, now: float) -> None:
        assert self._shared is not None  # noqa: S101 — `take` calls it only then
        counter = self._shared.add("/".join((*key, str(rate.seconds))), number, seconds=rate.seconds)
        if counter is not None:
            total, left_s = counter
            with self._guard:
                window.counted = total + window.fresh
                window.ends = now + left_s
