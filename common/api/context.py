"""What the application is given when it is put together."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from common.adapters.queue import Queue
from common.domain.observation import Clock
from common.store.engine import Database
from common.store.meta import dataset

SIMULATED = "simulated"
_KEPT = timedelta(minutes=1)


@dataclass(frozen=True)
class ApiContext:
    """The store, the clock and the queue of one process."""

    database: Database
    clock: Clock
    queue: Queue
    _dataset: dict[str, tuple[datetime, str]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def simulated(self) -> bool:
        """Whether the database holds simulated data; asked of it once a minute, once it says what it holds.

        Raises:
            StoreError: when the database cannot be reached.
        """
        now = self.clock()
        kept = self._dataset.get("dataset")
        if kept is None or abs(now - kept[0]) >= _KEPT:
            with self.database.transaction() as connection:
                found = dataset(connection)
            if found is None:
                return False
            kept = self._dataset["dataset"] = (now, found)
        return kept[1] == SIMULATED

    @cached_property
    def probe(self) -> Database:
        """A connection for /health alone: neither a busy pool nor a hanging server may hold it up."""
        return Database(self.database.url, pool_size=1, statement_timeout_s=2, connect_timeout_s=2)
