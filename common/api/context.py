"""What the application is given when it is put together; `context` is that of the application that answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from threading import BoundedSemaphore, Lock
from time import monotonic
from typing import Generic, TypeVar, cast

import msgspec
from flask import current_app
from werkzeug.local import LocalProxy

from common.adapters.redis_memory import SharedMemory
from common.alerts.cap import UNNAMED, Publisher
from common.api.middleware.metrics import Counted, Meter
from common.api.middleware.rate_limit import Kind, Rate
from common.api.middleware.response_cache import ResponseCache, build_id
from common.api.schemas.system import Metrics
from common.domain.errors import StoreError
from common.ports import AlertChannel, Clock, PublishedFiles, Queue, Seal
from common.store import data_version
from common.store.data_version import Versions
from common.store.dataset_kind import dataset
from common.store.engine import Database
from common.store.replica import ReadReplica

SIMULATED = "simulated"
_DATASET_FOR = timedelta(minutes=1)
_HEALTH_S = 1.0
_METRICS_S = 5.0
_LOOK_EVERY_S = 1.0
_LOOKED_OLDEST_S = 2.0
"""What is older is not used while another thread asks: the answer is awaited."""
_LOOK_AGAIN_S = 5.0
"""A database that did not answer is left alone for so long."""


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


class Known(msgspec.Struct, frozen=True):
    """What was last heard."""

    versions: Versions
    newest: datetime | None
    """The newest hour of any city when the data changed last."""
    sure: bool
    """False: the database does not answer at the moment."""


class Watch:
    """The database's versions as this process knows them; it looks once a second at most, and in one thread.

    `tick` is a clock that never goes back.
    """

    def __init__(self, database: Database, clock: Clock, *, tick: Callable[[], float] = monotonic) -> None:
        self._database = database
        self._clock = clock
        self._tick = tick
        self._looking = Lock()
        self._known: Known | None = None
        self._next = float("-inf")
        self._heard = float("-inf")

    def known(self) -> Known | None:
        """What is known, at most two seconds old if it is sure; None where nothing ever was."""
        now = self._tick()
        if now < self._next:
            return self._known
        waits = self._known is None or (self._known.sure and now - self._heard > _LOOKED_OLDEST_S)
        if not self._looking.acquire(blocking=waits):
            return self._known
        try:
            if self._tick() >= self._next:
                self._look()
        finally:
            self._looking.release()
        return self._known

    def forget(self) -> None:
        """Ask at the next opportunity."""
        self._next = float("-inf")
        self._heard = float("-inf")

    def _look(self) -> None:
        before = self._known
        looked_at = self._tick()
        try:
            with self._database.reading() as connection:
                versions = data_version.versions(connection)
                if before is None or versions.data != before.versions.data:
                    newest = data_version.newest_hour(connection, self._clock())
                else:
                    newest = before.newest
        except StoreError:
            if before is not None:
                self._known = Known(before.versions, before.newest, sure=False)
            self._next = self._tick() + _LOOK_AGAIN_S
        else:
            self._known = Known(versions, newest, sure=True)
            self._heard = looked_at
            self._next = looked_at + _LOOK_EVERY_S


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator decides; by itself: open reads, nothing is limited or cached."""

    reads_need_token: bool = False
    rates: dict[Kind, Rate] = field(default_factory=dict)
    """Who is not named is not limited."""
    trusted_proxies: int = 0
    """How many proxies of ours stand before the API, each of which appends to X-Forwarded-For."""
    proxy_token: str | None = field(default=None, repr=False)
    """What those proxies send as X-Vayu-Proxy; None: whatever comes is believed to come by them."""
    origins: tuple[str, ...] = ("*",)
    """Whose pages may read answers in a browser; ``*``: everybody's."""
    cache_bytes: int = 0
    """What this process may keep of finished answers; 0: nothing is kept, here or in Redis."""
    redis_url: str | None = field(default=None, repr=False)
    dashboard: Path | None = None
    """Folder of the built dashboard, which need not be there yet; None: the API alone."""
    live_url: str | None = None
    """Where clients connect by WebSocket; None: there is none."""
    streams: int = 2
    """How many streams of events a process serves at a time; each keeps one of its threads busy."""
    stream_s: float = 25.0
    """So long a stream lasts; its client then comes again by itself."""


@dataclass(frozen=True)
class ApiContext:
    """The store, the clock and the queue of one process."""

    database: Database
    clock: Clock
    queue: Queue
    policy: Policy = field(default_factory=Policy)
    open_object_store: Callable[[], PublishedFiles] | None = None
    """Where the models' files are; its library is loaded by the first call. None: they are not given away."""
    open_archive: Callable[[], PublishedFiles] | None = None
    """Where the archive of open data is; its library is loaded by the first call. None: there is none."""
    alert_channels: Callable[[], Mapping[str, AlertChannel]] = field(default=dict)
    """The ways by which alerts leave; their libraries are loaded by the first call."""
    seal: Seal | None = None
    """Keeps the addresses of alerts; None: alerts are not set up here."""
    publisher: Publisher = UNNAMED
    """In whose name public alerts are published."""
    replica: Database | None = None
    """A copy of the database, for reads that may be answered from it; None: there is none."""
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
            with self.reads.reading() as connection:
                kind = dataset(connection)
            if kind is None:
                return False
            known = self._dataset["dataset"] = (now, kind)
        return known[1] == SIMULATED

    @cached_property
    def archive(self) -> PublishedFiles | None:
        """The archive of open data, if there is one."""
        return None if self.open_archive is None else self.open_archive()

    @cached_property
    def streams(self) -> BoundedSemaphore:
        """Places for streams of events."""
        return BoundedSemaphore(self.policy.streams)

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
    def reads(self) -> Database | ReadReplica:
        """Where rows are read from that the data version covers: `reading`, as `Database` has it."""
        if self.replica is None:
            return self.database
        return ReadReplica(self.database, self.replica, self._version_in_force, tick=self.tick)

    @cached_property
    def replica_probe(self) -> ReadReplica | None:
        """The same for /health, which does not wait long."""
        if self.replica is None:
            return None
        return ReadReplica(self.probe, self.replica.hasty(), self._version_in_force, tick=self.tick)

    def _version_in_force(self) -> int | None:
        known = self.watch.known()
        return None if known is None else known.versions.data

    @cached_property
    def answers(self) -> ResponseCache | None:
        """The answers that are kept, if any are."""
        most = self.policy.cache_bytes
        return ResponseCache(most, self.shared, build_id) if most else None


EXTENSION = "vayu"
context = cast("ApiContext", LocalProxy(lambda: current_app.extensions[EXTENSION]))
"""Of the application that answers the present request."""
