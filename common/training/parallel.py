"""Where independent tasks of a training or a backtest are computed: here, in other processes, or on a cluster.

A task is a function of a module and its arguments. It has one thread wherever it runs, so its result is the same to the
bit. Large arrays that several tasks take must be arguments of their own, not parts of other objects: only then does
Dask send them once. Processes of one machine share them in memory either way.
"""

from __future__ import annotations

from collections import Counter, deque
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from common import __version__
from common.domain.errors import WorkerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from distributed import Client, Future

T = TypeVar("T")

CONNECT_TIMEOUT_S = 5
_LARGE = 100_000
"""Arrays of more bytes go to a cluster by themselves, and once."""
_AHEAD = 4
"""So many tasks for each thread of a cluster are sent before the first of them is done: each may have large arrays."""
WITHOUT_DASK = "Dask is not installed: pip install 'vayu[dask]'"
WITHOUT_VAYU = "the workers of the Dask cluster need the same version of vayu[dask] as here"


class Runner(Protocol):
    """Computes ``task(*arguments)`` for each of the arguments.

    The results come in the order of the arguments, each as soon as those before it are there. They must be read
    to the end before the next call.
    """

    def __call__(self, task: Callable[..., T], arguments: Sequence[tuple[Any, ...]]) -> Iterator[T]: ...


def in_process(task: Callable[..., T], arguments: Sequence[tuple[Any, ...]]) -> Iterator[T]:
    """One task after the other, each when its result is needed."""
    for each in arguments:
        yield on_one_thread(task, *each)


def on_one_thread(task: Callable[..., T], *arguments: Any) -> T:
    """The result of a task whose matrices and trees have one thread."""
    with threadpool_limits(limits=1):
        return task(*arguments)


@contextmanager
def on_processes(jobs: int) -> Iterator[Runner]:
    """Tasks run in `jobs` processes of this machine; 0: one for each core. One job needs no process of its own.

    Raises:
        WorkerError: when a process ends in the midst of a task.
    """
    from joblib import Parallel, cpu_count, delayed
    from joblib.externals.loky import get_reusable_executor

    jobs = jobs or cpu_count()
    if jobs == 1:
        yield in_process
        return
    try:
        with Parallel(n_jobs=jobs, backend="loky", return_as="generator") as pool:

            def run(task: Callable[..., T], arguments: Sequence[tuple[Any, ...]]) -> Iterator[T]:
                results: Iterator[T] = pool(delayed(on_one_thread)(task, *each) for each in arguments)
                return results

            yield run
    except BrokenProcessPool as error:
        raise WorkerError(
            "a process ended in the midst of its work, probably for want of memory; try fewer --jobs"
        ) from error
    finally:
        # joblib keeps the processes for five minutes: their memory is wanted before.
        get_reusable_executor().shutdown(wait=True)


@contextmanager
def on_cluster(scheduler: str) -> Iterator[Runner]:
    """Tasks run on the workers of a Dask cluster; `scheduler` is the address of its scheduler.

    Raises:
        WorkerError: without Dask; when the scheduler cannot be reached or has no workers; when they have
            not the same version of Vayu; when they are lost.
    """
    try:
        from distributed import Client
        from distributed.client import FutureCancelledError
        from distributed.comm import CommClosedError
        from distributed.scheduler import KilledWorker
    except ImportError as error:
        raise WorkerError(WITHOUT_DASK) from error
    try:
        client = Client(scheduler, timeout=CONNECT_TIMEOUT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise WorkerError(
            f"no Dask scheduler can be reached at {scheduler}; start one: dask scheduler"
        ) from error
    with client:
        _check_workers(client, scheduler)
        try:
            yield partial(_send, client)
        except (CommClosedError, FutureCancelledError, KilledWorker) as error:
            raise WorkerError(
                f"the Dask cluster at {scheduler} lost its workers in the midst of the work; its log says why"
            ) from error


def _check_workers(client: Client, scheduler: str) -> None:
    try:
        client.wait_for_workers(1, timeout=CONNECT_TIMEOUT_S)
    except TimeoutError as error:
        raise WorkerError(
            f"the Dask scheduler at {scheduler} has no workers; start some: dask worker {scheduler}"
        ) from error
    try:
        versions = set(client.run(_version).values())
    except ImportError as error:
        raise WorkerError(f"{WITHOUT_VAYU}, and have none") from error
    if versions != {__version__}:
        raise WorkerError(f"{WITHOUT_VAYU}, {__version__}, and have {', '.join(sorted(versions))}")


def _version() -> str:
    """Fails on a worker where this module is not installed."""
    return __version__


def _send(client: Client, task: Callable[..., T], arguments: Sequence[tuple[Any, ...]]) -> Iterator[T]:
    """A `Runner`. joblib's backend for Dask is not used: it waits for ever for a task whose workers died (1.6.0), and
    gives a cluster of one thread nothing to do."""
    uses = Counter(
        id(argument) for each in arguments for argument in each if isinstance(argument, np.ndarray)
    )
    shared: dict[int, Future] = {}

    def sent(argument: Any) -> Any:
        if not isinstance(argument, np.ndarray) or argument.nbytes < _LARGE:
            return argument
        if id(argument) in shared:
            return shared[id(argument)]
        there = client.scatter(argument, hash=False)
        if uses[id(argument)] > 1:
            shared[id(argument)] = there
        return there

    most = _AHEAD * max(sum(client.ncores().values()), 1)
    waiting: deque[Future] = deque()
    for each in arguments:
        waiting.append(client.submit(on_one_thread, task, *map(sent, each), pure=False))
        if len(waiting) >= most:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
