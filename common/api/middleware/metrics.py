"""What is counted of the requests, over all worker processes of a server.

prometheus_client counts in files that the workers share; what a worker counted stays when it ends. A process that
serves alone (a function in a cloud) counts in its own memory.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from common.api.blueprint import BASE

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from prometheus_client import Counter, Histogram, Metric

    from common.api.blueprint import Endpoint
    from common.api.middleware.request_context import RequestContext

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the classes of response times; one class more holds what is longer."""
REQUESTS = "vayu_http_requests"
DURATION = "vayu_http_request_duration_seconds"
SENT = "vayu_http_response_bytes"
CACHE = "vayu_cache_requests"
CPU = "vayu_cpu_seconds"
LATELY_S = 60.0
"""The rates are those of about so many seconds."""
_SNAPSHOT_EVERY_S = 30.0
_FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Where prometheus_client looks for the folder; it is set here, before the library is imported."""


class Snapshot(NamedTuple):
    """What all workers had counted at a time."""

    at: float
    requests: float
    failed: float


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted by all workers since the server started."""

    families: list[Metric]
    per_second: float
    """Requests, in the last minute"""
    error_rate: float
    """Share of answers of 500 and above, in the last minute"""
    workers: int
    memory_bytes: int
    """Resident, of all workers"""


class Meter:
    """Counts the requests of this process and collects what all have counted."""

    def __init__(self) -> None:
        self._guard = Lock()
        self._instruments: _Instruments | None = None
        self._snapshots: deque[Snapshot] = deque(maxlen=4)
        self._cpu_at = 0.0
        self._cpu_s = 0.0

    def count(self, request: RequestContext) -> None:
        """Count a request that was answered."""
        own = self._begun(request.environ)
        requests, duration, sent = own.of(request.endpoint, request.status)
        requests.inc()
        duration.observe(request.seconds)
        sent.inc(request.length)
        if request.cache:
            own.cache.labels(request.cache).inc()
        now = time.monotonic()
        if now - self._cpu_at >= 1:  # to look costs as much as all the counting
            self._count_cpu(own, now)
        if now - self._snapshots[-1].at >= _SNAPSHOT_EVERY_S:
            self._snapshots.append(_snapshot(own.collect(), now))

    def collect(self, environ: WSGIEnvironment) -> Counted:
        """What all workers have counted; `environ`: of a request, which tells whether there are others."""
        own = self._begun(environ)
        now = time.monotonic()
        self._count_cpu(own, now)
        families = own.collect()
        present = _snapshot(families, now)
        before = next(
            (snapshot for snapshot in reversed(self._snapshots) if now - snapshot.at >= LATELY_S),
            self._snapshots[0],
        )
        requests = present.requests - before.requests
        workers = own.workers()
        return Counted(
            families,
            per_second=requests / (now - before.at),
            error_rate=(present.failed - before.failed) / requests if requests else 0.0,
            workers=len(workers),
            memory_bytes=sum(map(_memory, workers)),
        )

    def _count_cpu(self, own: _Instruments, now: float) -> None:
        with self._guard:
            used_s = time.process_time()
            own.cpu.inc(used_s - self._cpu_s)
            self._cpu_at, self._cpu_s = now, used_s

    def _begun(self, environ: WSGIEnvironment) -> _Instruments:
        if self._instruments is None:
            with self._guard:
                if self._instruments is None:
                    own = _Instruments(_shared_folder() if environ.get("wsgi.multiprocess") else None)
                    # What others counted before this process began is not of the last minute.
                    self._snapshots.append(_snapshot(own.collect(), time.monotonic() - LATELY_S))
                    self._instruments = own
        return self._instruments


class _Instruments:
    """The counters of this process; with a folder they are shared with other workers."""

    def __init__(self, folder: Path | None) -> None:
        if folder is not None:
            os.environ[_FOLDER_VARIABLE] = str(folder)
        from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
        from prometheus_client.multiprocess import MultiProcessCollector

        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._of: dict[tuple[int, int], tuple[Counter, Histogram, Counter]] = {}
        self._folder = folder
        self._registry = CollectorRegistry()
        own: CollectorRegistry | None = self._registry
        if folder is not None:
            MultiProcessCollector(self._registry, str(folder))  # type: ignore[no-untyped-call]
            own = None
        endpoint = ("method", "route")
        self._requests = Counter(REQUESTS, "Requests that were answered", (*endpoint, "status"), registry=own)
        self._duration = Histogram(
            DURATION,
            "Time until the answer was given to the server",
            endpoint,
            registry=own,
            buckets=BOUNDS_S,
        )
        self._sent = Counter(SENT, "Bytes of the bodies that were sent", endpoint, registry=own)
        self.cache = Counter(
            CACHE,
            "Answers that may be kept, by whether they were: hit, shared (by Redis), miss, or stale",
            ("result",),
            registry=own,
        )
        self.cpu = Counter(CPU, "CPU time of all workers", registry=own)

    def of(self, endpoint: Endpoint | None, status: int) -> tuple[Counter, Histogram, Counter]:
        """What counts the requests of an endpoint, their times, their bytes; looked up by labels once."""
        instruments = self._of.get((id(endpoint), status))
        if instruments is None:
            labels = ("any", "other") if endpoint is None else (endpoint.method, BASE + endpoint.path)
            instruments = self._of[id(endpoint), status] = (
                self._requests.labels(*labels, str(status)),
                self._duration.labels(*labels),
                self._sent.labels(*labels),
            )
        return instruments

    def collect(self) -> list[Metric]:
        return list(self._registry.collect())

    def workers(self) -> list[int]:
        """The processes that answer."""
        if self._folder is None:
            return [os.getpid()]
        from psutil import pid_exists

        pids = {int(file.stem.rpartition("_")[2]) for file in self._folder.glob("counter_*.db")}
        return sorted(filter(pid_exists, pids))


def _snapshot(families: list[Metric], now: float) -> Snapshot:
    statuses = [
        (sample.labels["status"], sample.value)
        for family in families
        if family.name == REQUESTS
        for sample in family.samples
    ]
    failed = sum(number for status, number in statuses if status.startswith("5"))
    return Snapshot(now, sum(number for _, number in statuses), failed)


def _shared_folder() -> Path | None:
    """The folder of this server's workers; None where nothing can be written: each shows what it counted itself."""
    with suppress(OSError):
        return private_folder(os.getppid())
    return None


def private_folder(server: int) -> Path:
    """A folder that the workers of one server share and nobody else can write to.

    Raises:
        OSError: when there is none to be had.
    """
    from psutil import Process

    made = Path(tempfile.gettempdir()) / f"vayu-metrics-{server}-{Process(server).create_time():.0f}"
    made.mkdir(mode=0o700, exist_ok=True)
    about = made.lstat()
    if about.st_uid != os.getuid() or about.st_mode & 0o077 or made.is_symlink():
        raise PermissionError(f"{made} is somebody else's")
    return made


def _memory(pid: int) -> int:
    """Resident memory in bytes; 0 of a process that has just ended."""
    from psutil import NoSuchProcess, Process

    try:
        return int(Process(pid).memory_info().rss)
    except NoSuchProcess:
        return 0
