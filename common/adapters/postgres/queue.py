"""The local queue: jobs in PostgreSQL, worked off by `common.entry.worker`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from common.store import jobs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.ports import Clock
    from common.store.engine import Database


class PostgresQueue:
    """Sends by adding a job; a message of the same type and subject that still waits stands for both."""

    in_database = True

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def send(
        self, type_: str, subject: str, data: Mapping[str, Any], *, delay: timedelta = timedelta(0)
    ) -> str:
        """Send a message; returns the job's id.

        Raises:
            StoreError: when the database cannot be reached.
        """
        with self._database.transaction() as connection:
            return str(jobs.enqueue(connection, type_, subject, dict(data), now=self._clock(), delay=delay))
