"""Where independent tasks of a training or a backtest are computed: here, in other processes, or on a cluster.

A task is a function of a module and its arguments. It has one thread wherever it runs, so its result is the same to the
bit. Large arrays that several tasks take must be arguments of their own, not parts of other objects: only then does
Dask send them once. Processes of one machine share them in memory either way.
"""

from __future__ import annotations

from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from threadpoolctl import threadpool_limits

from common.domain.errors import WorkerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from distributed import Client

T = TypeVar("T")

CONNECT_TIMEOUT_S = 10
WITHOUT_DASK = "Dask is not installed: pip install 'vayu[dask]'"


class Runner(Protocol):
    """Computes ``task(*arguments)`` for each of the arguments.

    The results come in the order of the arguments, each as soon as those before it are there. They must be read
    to the end before the next call.
    """

    def __call__(self, task: Callable[..., T], arguments: Iterable[tuple[Any, ...]]) -> Iterator[T]: ...


def in_process(task: Callable[..., T], arguments: Iterable[tuple[Any, ...]]) -> Iterator[T]:
    """One task after the other, each when its result is asked for."""
    for each in arguments:
        yield on_one_thread(task, *each)


def on_one_thread(task: Callable[..., T], *arguments: Any) -> T:
    """The result of a task whose matrices, trees and nested tasks have one thread."""
    from joblib import parallel_config

    # Dask's backend of joblib would send the trees of a forest back to the cluster, as tasks of their own.
    with threadpool_limits(limits=1), parallel_config(backend="threading", n_jobs=1):
        return task(*arguments)


@contextmanager
def on_processes(jobs: int) -> Iterator[Runner]:
    """Tasks run in `jobs` processes of this machine; 0: one for each core. One job needs no process of its own.

    Raises:
        WorkerError: when a process ends in the midst of a task.
    """
    from joblib import Parallel, cpu_count
    from joblib.externals.loky import get_reusable_executor

    jobs = jobs or cpu_count()
    if jobs == 1:
        yield in_process
        return
    try:
        with Parallel(n_jobs=jobs, backend="loky", return_as="generator") as pool:
            yield _runner(pool)
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
        WorkerError: without Dask; when the scheduler cannot be reached or has no workers; when Vayu is not installed on
            them; when they are lost.
    """
    try:
        from distributed import Client, CommClosedError, FutureCancelledError, KilledWorker
    except ImportError as error:
        raise WorkerError(WITHOUT_DASK) from error
    from joblib import Parallel, parallel_config

    try:
        client = Client(scheduler, timeout=CONNECT_TIMEOUT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise WorkerError(
            f"no Dask scheduler can be reached at {scheduler}; start one: dask scheduler"
        ) from error
    with client:
        _check_workers(client, scheduler)
        try:
            with parallel_config(backend="dask", client=client), Parallel(return_as="generator") as pool:
                yield _runner(pool)
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
        client.run(_here)
    except ImportError as error:
        raise WorkerError(
            "the workers of the Dask cluster need the same version of Vayu: pip install 'vayu[dask]' there"
        ) from error


def _here() -> None:
    """What a worker can run only where this module is installed."""


def _runner(pool: Any) -> Runner:
    from joblib import delayed

    def run(task: Callable[..., T], arguments: Iterable[tuple[Any, ...]]) -> Iterator[T]:
        results: Iterator[T] = pool(delayed(on_one_thread)(task, *each) for each in arguments)
        return results

    return run
