"""A result that is kept for some seconds, so that many who ask at once cost no more than one."""

from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Generic, TypeVar

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
