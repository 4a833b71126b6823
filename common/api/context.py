"""What the application is given when it is put together; `context` is that of the application that answers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from threading import Lock
from time import monotonic
from typing import Generic, TypeVar, cast

from flask import current_app
from werkzeug.local import LocalProxy

from common.adapters.redis_memory import SharedMemory
from common.api.middleware.data_version import Watch
from common.api.middleware.metrics import Counted, Meter
from common.api.middleware.rate_limit import Kind, Rate
from common.api.middleware.response_cache import ResponseCache, build_id
from common.api.schemas.system import Metrics
from common.ports import Clock, Queue
from common.store.dataset_kind import dataset
from common.store.engine import Database

SIMULATED = "simulated"
_DATASET_FOR = timedelta(minutes=1)
_HEALTH_S = 1.0
_METRICS_S = 5.0


T = TypeVar("T")


class Recent(Generic[T]):
    """The last result; while one thread computes the next, the others get it all the same. Nobody waits."""

    def __init__(self, seconds: float, tick: Callable[[], float] = monotonic) -> None:
        """`tick` is a clock that never goes back."""
        self._seconds = seconds
        self._tick = tick
        self._computing = Lock()
        self._last: tuple[float, T] | None = None

    def get(self, compute: Callable[[], T]) -> T:
        """The last result if it is recent, else what `compute` returns; its errors are raised and not kept."""
        last = self._last
        if last is not None and self._tick() - last[0] < self._seconds:
            return last[1]
        alone = self._computing.acquire(blocking=False)
        if last is not None and not alone:
            return last[1]
        started = self._tick()
        try:
            result = compute()
            self._last = started, result
        except BaseException:
            self._last = None
            raise
        finally:
            if alone:
                self._computing.release()
        return result


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator decides; by itself: open reads, nothing is limited or cached."""

    reads_need_token: bool = False
    rates: dict[Kind, Rate] = field(default_factory=dict)
    """Who is not named is not limited."""
    trusted_proxies: int = 0
    """How many proxies of ours stand before the API, each of which appends to X-Forwarded-For."""
    origins: tuple[str, ...] = ("*",)
    """Whose pages may read answers in a browser; ``*``: everybody's."""
    cache_bytes: int = 0
    """What this process may keep of finished answers; 0: nothing is kept, here or in Redis."""
    redis_url: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class ApiContext:
    """The store, the clock and the queue of one process."""

    database: Database
    clock: Clock
    queue: Queue
    policy: Policy = field(default_factory=Policy)
    tick: Callable[[], float] = monotonic
    """A clock that never goes back, for what only lasts."""
    meter: Meter = field(default_factory=Meter, repr=False, compare=False)
    """What is counted of the requests."""
    _dataset: dict[str, tuple[datetime, str]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def simulated(self) -> bool:
        """Whether the database holds simulated data; asked of it once a minute, once it says what it holds.

        Raises:
            StoreError: when the database cannot be reached.
        """
        now = self.clock()
        known = self._dataset.get("dataset")
        if known is None or abs(now - known[0]) >= _DATASET_FOR:
            with self.database.reading() as connection:
                kind = dataset(connection)
            if kind is None:
                return False
            known = self._dataset["dataset"] = (now, kind)
        return known[1] == SIMULATED

    @cached_property
    def health(self) -> Recent[bytes]:
        """The last answer of /health that found a database."""
        return Recent(_HEALTH_S, self.tick)

    @cached_property
    def metrics(self) -> Recent[tuple[Metrics, Counted]]:
        """What /metrics showed last."""
        return Recent(_METRICS_S, self.tick)

    @cached_property
    def probe(self) -> Database:
        """Connections for /health and the versions: neither a busy pool nor a hanging server may hold them up."""
        return self.database.hasty()

    @cached_property
    def shared(self) -> SharedMemory | None:
        """What this process shares with others, if they share anything."""
        url = self.policy.redis_url
        return None if url is None else SharedMemory(url, tick=self.tick)

    @cached_property
    def watch(self) -> Watch:
        """The versions of the data and of the keys, as this process knows them."""
        return Watch(self.probe, self.clock, tick=self.tick)

    @cached_property
    def answers(self) -> ResponseCache | None:
        """The answers that are kept, if any are."""
        most = self.policy.cache_bytes
        return ResponseCache(most, self.shared, build_id) if most else None


EXTENSION = "vayu"
context = cast("ApiContext", LocalProxy(lambda: current_app.extensions[EXTENSION]))
"""Of the application that answers the present request."""
