"""A call that runs while its caller does something else."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")


def in_background(call: Callable[[], Result], name: str) -> Callable[[], Result]:
    """Start `call` in a thread of its own; what is returned waits for it, and gives or raises what it did.

    A daemon, unlike the threads of `concurrent.futures`: the process may end while it hangs.
    """
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            future.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future.result
