"""What is counted of the requests, whatever number of worker processes share them.

Each process counts in a small file of its own, mapped into memory, and a scrape adds up those of all workers of the
server. What a worker counted stays when it ends: the next that starts goes on in its file. A process that serves
alone (a function in a cloud) counts in its own memory.
"""

from __future__ import annotations

import mmap
import os
import tempfile
import time
from array import array
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from common.api.route import BASE, Route

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from wsgiref.types import WSGIEnvironment

    from common.api.edge.exchange import Exchange

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the classes of response times; one class more holds what is longer."""
STATUSES = (200, 202, 204, 304, 308, 400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 500, 503)
RESULTS = ("hit", "shared", "miss", "stale")
LATELY_S = 60
"""The rates are those of so many seconds."""
_OTHER = ("", "")
_RING = 64
_COMMON, _LATE = 1, 4
_EACH = len(STATUSES) + 1 + len(BOUNDS_S) + 1 + 2 + len(RESULTS)
_TIMES = len(STATUSES) + 1
_SUM = _TIMES + len(BOUNDS_S) + 1
_BYTES = _SUM + 1
_RESULTS = _BYTES + 1


class Endpoint(NamedTuple):
    """What was counted of one; empty path: of addresses that are none of ours."""

    method: str
    path: str
    statuses: dict[str, int]
    times: list[int]
    """By class of `BOUNDS_S`"""
    seconds: float
    sent: int
    """Bytes"""
    results: dict[str, int]


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted by all workers since the server started."""

    endpoints: list[Endpoint]
    lately: tuple[int, int, float]
    """(requests, those that failed here, seconds) of the last minute"""
    cpu_s: float
    memory_bytes: int
    workers: int


class Meter:
    """Counts the requests of this process and reads what all have counted."""

    def __init__(self) -> None:
        self._names: list[tuple[str, str]] = [_OTHER]
        self._places: dict[int, int] = {}
        self._folder: Path | None = None
        self._counts: memoryview[float] | None = None
        self._cpu_before = 0.0
        self._guard = Lock()

    def learn(self, routes: Iterable[Route]) -> None:
        """Tell endpoints apart; to be called before the first request; the same again does nothing more."""
        for route in routes:
            if id(route) not in self._places:
                self._places[id(route)] = len(self._names)
                self._names.append((route.method, BASE + route.path))

    def count(self, exchange: Exchange) -> None:
        """Count a request that was answered."""
        seconds, now = exchange.seconds, int(time.time())
        with self._guard:
            counts = self._begun(exchange.environ)
            place = self._place(self._places.get(id(exchange.route), 0))
            counts[place + _STATUS.get(exchange.status, len(STATUSES))] += 1
            counts[place + _TIMES + _class(seconds)] += 1
            counts[place + _SUM] += seconds
            counts[place + _BYTES] += exchange.length
            if exchange.kept:
                counts[place + _RESULTS + RESULTS.index(exchange.kept)] += 1
            late = _COMMON + now % _RING * _LATE
            if counts[late] != now:
                counts[late : late + _LATE] = array("d", (now, 0, 0, 0))
                # Once a second: asking costs as much as all the counting.
                counts[0] = self._cpu_before + time.process_time()
            counts[late + 1] += 1
            counts[late + 2] += exchange.status >= 500
            counts[late + 3] += seconds

    def counted(self, environ: WSGIEnvironment) -> Counted:
        """What all workers have counted; `environ`: of a request, which tells whether there are others."""
        with self._guard:
            own = self._begun(environ)  # first: it learns here what the worker before had used
            own[0] = self._cpu_before + time.process_time()
        total = array("d", bytes(8 * self._size))
        late = [0.0, 0.0, 0.0]
        since = time.time() - LATELY_S
        for counts in self._all():
            for place in range(_COMMON, _COMMON + _RING * _LATE, _LATE):
                if counts[place] > since:
                    late = [a + b for a, b in zip(late, counts[place + 1 : place + _LATE], strict=True)]
            total = array("d", map(sum, zip(total, counts, strict=True)))
        workers = self._workers()
        return Counted(
            endpoints=[self._endpoint(total, number) for number in range(len(self._names))],
            lately=(int(late[0]), int(late[1]), late[2]),
            cpu_s=total[0],
            memory_bytes=sum(map(_memory, workers)),
            workers=len(workers),
        )

    @property
    def _size(self) -> int:
        return self._place(len(self._names))

    @staticmethod
    def _place(number: int) -> int:
        return _COMMON + _RING * _LATE + number * _EACH

    def _begun(self, environ: WSGIEnvironment) -> memoryview[float]:
        if self._counts is None and environ.get("wsgi.multiprocess"):
            with suppress(OSError):  # where nothing can be written each worker tells what it counted itself
                self._counts = self._open(_folder(os.getppid(), self._size))
        if self._counts is None:
            self._counts = memoryview(mmap.mmap(-1, 8 * self._size)).cast("d")
        return self._counts

    def _open(self, folder: Path) -> memoryview[float]:
        mine = folder / _mark(os.getpid())
        for left in folder.iterdir():
            if not _lives(left.name):
                with suppress(OSError):  # another worker was quicker
                    left.rename(mine)
                    break
        with mine.open("a+b") as file:
            file.truncate(8 * self._size)
            counts = memoryview(mmap.mmap(file.fileno(), 8 * self._size)).cast("d")
        self._folder = folder
        self._cpu_before = counts[0]
        return counts

    def _all(self) -> Iterator[array[float] | memoryview[float]]:
        if self._folder is None and self._counts is not None:
            yield self._counts
        if self._folder is None:
            return
        for file in self._folder.iterdir():
            with suppress(OSError):
                counts = array("d", file.read_bytes())
                if len(counts) == self._size:
                    yield counts

    def _workers(self) -> list[int]:
        if self._folder is None:
            return [os.getpid()]
        return [int(file.name.partition("-")[0]) for file in self._folder.iterdir() if _lives(file.name)]

    def _endpoint(self, total: array[float], number: int) -> Endpoint:
        method, path = self._names[number]
        counts = total[self._place(number) : self._place(number + 1)]
        names = (*map(str, STATUSES), "other")
        return Endpoint(
            method=method,
            path=path,
            statuses={name: int(n) for name, n in zip(names, counts[:_TIMES], strict=True) if n},
            times=[int(n) for n in counts[_TIMES:_SUM]],
            seconds=counts[_SUM],
            sent=int(counts[_BYTES]),
            results={name: int(n) for name, n in zip(RESULTS, counts[_RESULTS:], strict=True)},
        )


_STATUS = {status: place for place, status in enumerate(STATUSES)}


def _class(seconds: float) -> int:
    return next((place for place, bound in enumerate(BOUNDS_S) if seconds <= bound), len(BOUNDS_S))


def _folder(server: int, size: int) -> Path:
    """A folder that the workers of one server share and nobody else can write to; of one code alone.

    Raises:
        OSError: when there is none to be had.
    """
    made = Path(tempfile.gettempdir()) / f"vayu-metrics-{_mark(server)}-{size}"
    made.mkdir(mode=0o700, exist_ok=True)
    about = made.lstat()
    if about.st_uid != os.getuid() or about.st_mode & 0o077 or made.is_symlink():
        raise PermissionError(f"{made} is somebody else's")
    return made


def _mark(pid: int) -> str:
    """A name that no other process will have."""
    return f"{pid}-{_started(pid)}"


def _lives(mark: str) -> bool:
    pid, _, started = mark.partition("-")
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        pass
    return _started(int(pid)) == started


def _started(pid: int) -> str:
    """When it was started, in the system's ticks; 0 where the system does not tell."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return "0"


def _memory(pid: int) -> int:
    """Resident memory in bytes; of a system that does not tell, this process's most."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
