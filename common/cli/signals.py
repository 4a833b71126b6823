"""Ending on request: Ctrl-C, a closed terminal, SIGTERM."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Stop(BaseException):
    """A request to end; no `except Exception` on the way may take it for a failure."""


@contextmanager
def until_told_to_stop(*, again_s: float = 3.0) -> Iterator[None]:
    """Ctrl-C and its like end the block as if it had run through, and are ignored from then on.

    The block is told every `again_s` seconds until it ends: what is raised while a finalizer runs is lost.
    """

    def tell(*_: object) -> None:
        raise _Stop

    def end(*_: object) -> None:
        for number in _ENDING:
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGALRM, tell)
        signal.setitimer(signal.ITIMER_REAL, again_s, again_s)
        raise _Stop

    before = {number: signal.getsignal(number) for number in _ENDING}
    for number, handler in before.items():
        if number != signal.SIGHUP or handler is not signal.SIG_IGN:  # nohup
            signal.signal(number, end)
    try:
        yield
    except _Stop:
        signal.setitimer(signal.ITIMER_REAL, 0)
        return
    except BaseException:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
        raise
