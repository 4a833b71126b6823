"""What a process knows of the database's versions; it looks once a second at most, and in one thread."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from time import monotonic

from common.domain.errors import StoreError
from common.ports import Clock
from common.store import data_version
from common.store.data_version import Versions
from common.store.engine import Database

_EVERY_S = 1.0
_OLDEST_S = 2.0
"""What is older is not used while another thread asks: the answer is awaited."""
_AGAIN_S = 5.0
"""A database that did not answer is left alone for so long."""


@dataclass(frozen=True, slots=True)
class Known:
    """What was last heard."""

    versions: Versions
    newest: datetime | None
    """The newest hour of any city when the data changed last."""
    sure: bool
    """False: the database does not answer at the moment."""


class Watch:
    """The versions as this process knows them; `tick` is a clock that never goes back."""

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
        waits = self._known is None or (self._known.sure and now - self._heard > _OLDEST_S)
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
            self._next = self._tick() + _AGAIN_S
        else:
            self._known = Known(versions, newest, sure=True)
            self._heard = looked_at
            self._next = looked_at + _EVERY_S
