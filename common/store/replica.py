"""Reads from a copy of the database, which follows it by streaming replication and may be behind it.

What is read there is never older than the data version that is in force here: the copy is asked for its version in the
transaction, and the snapshot, in which the rows are read. One that is behind, or does not answer, costs nothing but the
way to the database itself.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Literal

from common.domain.errors import StoreError
from common.store.data_version import data_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from common.store.engine import Connection, Database

ReplicaState = Literal["used", "behind", "unavailable"]
_RESTS_S = 5.0
"""A copy that did not answer is left alone for so long."""


class ReadReplica:
    """A database and its copy. `least` gives the data version that answers must not be older than; None: any will do.

    `tick` is a clock that never goes back.
    """

    def __init__(
        self,
        database: Database,
        replica: Database,
        least: Callable[[], int | None],
        *,
        tick: Callable[[], float] = monotonic,
    ) -> None:
        self._database = database
        self._replica = replica
        self._least = least
        self._tick = tick
        self._rests_until = float("-inf")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for `run` to either; of the copy: in one transaction, all of whose statements see the same.

        Raises:
            StoreError: when neither answers; also when the copy is lost while it is being read.
        """
        with ExitStack() as stack:
            connection = self._from_replica(stack)
            yield connection or stack.enter_context(self._database.reading())

    def state(self) -> ReplicaState:
        """How the copy is; it is tried now."""
        with ExitStack() as stack:
            connection = self._from_replica(stack)
            if connection is not None:
                return "used"
        return "unavailable" if self._tick() < self._rests_until else "behind"

    def _from_replica(self, stack: ExitStack) -> Connection | None:
        if self._tick() < self._rests_until:
            return None
        least = self._least()
        with ExitStack() as attempt:
            try:
                connection = attempt.enter_context(self._replica.snapshot())
                version = data_version(connection)
            except StoreError:
                self._rests_until = self._tick() + _RESTS_S
                return None
            if least is not None and version < least:
                return None
            stack.push(attempt.pop_all())
        return connection
