"""The connections that a process keeps: made when needed, replaced when lost, never more than it may have."""

from __future__ import annotations

import time
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any

from common.domain.errors import StoreError
from common.store import faults, protocol
from common.store.address import driver_arguments
from common.store.driver import alive, connect, end

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pg8000.legacy import Connection

_KEPT_S = 300
"""Networks forget connections that nothing was sent on, some after 350 s, and tell neither side."""


class Pool:
    """At most `size` connections to one address; who finds all in use waits for one.

    `sure_s`: one that was used so lately needs no sign of life; `answer_s`: how long it may take to say anything.
    """

    def __init__(
        self, address: str, *, size: int, sure_s: float, answer_s: float, connect_timeout_s: float
    ) -> None:
        self._address = address
        self._sure_s = sure_s
        self._answer_s = answer_s
        self._connect_s = connect_timeout_s
        self._free = BoundedSemaphore(size)
        self._idle: list[tuple[float, Connection]] = []
        self._arguments: dict[str, Any] | None = None

    @contextmanager
    def place(self) -> Iterator[None]:
        """Room for one connection more.

        Raises:
            StoreError: when none comes free in time.
        """
        if not self._free.acquire(timeout=min(10, self._connect_s)):
            raise StoreError(faults.BUSY)
        try:
            yield
        finally:
            self._free.release()

    def take(self) -> tuple[Connection, bool]:
        """(a connection that seems to work, whether it was kept from before)."""
        while self._idle:
            try:
                since, driven = self._idle.pop()
            except IndexError:  # another thread was quicker
                break
            rested = time.monotonic() - since
            if rested >= _KEPT_S:
                end(driven)
            elif rested < self._sure_s or alive(driven, min(5, self._connect_s)):
                return driven, True
            else:
                end(driven)
                self.close()  # those beside it as well: each would cost as long a wait
        return self._new(), False

    def renew(self) -> Connection:
        """A new connection, where one was found to be lost: those kept beside it may be as well."""
        self.close()
        return self._new()

    def keep(self, driven: Connection) -> None:
        """Take back a connection that works."""
        self._idle.append((time.monotonic(), driven))

    def close(self) -> None:
        """Close what is not in use; the next use opens a new one."""
        while self._idle:
            try:
                _, driven = self._idle.pop()
            except IndexError:
                break
            end(driven)

    def _new(self) -> Connection:
        if self._arguments is None:
            self._arguments = driver_arguments(self._address)
        made = connect(self._arguments, seconds=self._connect_s, answer_s=self._answer_s)
        made.register_in_adapter(protocol.TIMESTAMPTZ, protocol.moment)
        return made
