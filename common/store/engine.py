"""Connections to PostgreSQL, kept between warm invocations, with the driver's errors translated.

A connection that its server has ended, or that nobody answers on, is replaced when it is next taken. Every wait has
an end: connecting and the sign of life of a kept connection (`connect_timeout_s`), a free connection (the same), a
statement (`statement_timeout_s`, on the server; a few seconds more on this side), and a transaction whose client
says nothing (`idle_timeout_s`, on the server), so that a function that was frozen or killed holds no locks for ever.
The limits are told anew in each transaction: behind PgBouncer, a connection is the same server's for no longer.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from common.store import protocol
from common.store.connection import Connection, Transaction
from common.store.faults import BUSY, DISTURBED, FULL, LESSER, NO_TABLE, NO_TLS, TOO_SLOW, UNREACHABLE
from common.store.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "BUSY", "DISTURBED", "FULL", "LESSER", "NO_TABLE", "NO_TLS", "TOO_SLOW", "UNREACHABLE", "Database",
    "run",
]  # fmt: skip

Lent = TypeVar("Lent", bound=Connection)

_GRACE_S = 3
_SURE_S = 5
"""Only what can be asked again is asked of a connection that gave no sign of life for so long."""


class Database:
    """All connections to one database for the life of the process; none is opened before the first use.

    `pool_size` bounds the connections of this process that may write, `readers` those that `reading` uses; who finds
    all in use waits for one.
    """

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 4,
        readers: int = 4,
        statement_timeout_s: int = 60,
        connect_timeout_s: int = 15,
        idle_timeout_s: int = 60,
    ) -> None:
        self.url = url
        self._beside: list[Database] = []
        limit = f"set_config('statement_timeout', '{statement_timeout_s * 1000:d}', true)"
        idle = f"set_config('idle_in_transaction_session_timeout', '{idle_timeout_s * 1000:d}', true)"
        self._only_reading = protocol.unanswered(
            f"SELECT {limit}, set_config('transaction_read_only', 'on', true)"
        )
        self._beginning = protocol.unanswered("BEGIN") + protocol.unanswered(f"SELECT {limit}, {idle}")
        answer_s = statement_timeout_s + _GRACE_S
        self._writers = Pool(
            url, size=pool_size, sure_s=0, answer_s=answer_s, connect_timeout_s=connect_timeout_s
        )
        self._readers = Pool(
            url, size=readers, sure_s=_SURE_S, answer_s=answer_s, connect_timeout_s=connect_timeout_s
        )

    def patient(self) -> Database:
        """The same database for upkeep: one connection, whose statements may take an hour. Close it after use."""
        return Database(self.url, pool_size=1, statement_timeout_s=3600)

    def hasty(self) -> Database:
        """The same database for what must not wait for an answer longer than 2 s; it is closed with this one."""
        made = Database(self.url, pool_size=1, readers=2, statement_timeout_s=2, connect_timeout_s=2)
        self._beside.append(made)
        return made

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A connection whose work is kept when the block ends well and undone otherwise.

        It connects at the first statement. Where the network fails while the work is being kept, it may have been:
        only work that may be done again is safe, as all of Vayu's is.

        Raises:
            ConfigError: when the address cannot be understood.
            StoreError: when the server cannot be reached or is not who it should be, ends the connection,
                takes longer than the statement timeout, has no room, has not been migrated, or offers less
                than the one that the database was set up on.
        """
        with _lent(self._writers, Transaction(self._writers, self._beginning)) as connection:
            try:
                yield connection
                connection.commit()
            except BaseException:  # an interrupt, too: others get the connection after it
                connection.rollback()
                raise

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection each of whose statements can only read, and stands for itself.

        Raises:
            ConfigError, StoreError: as `transaction` does.
        """
        with _lent(self._readers, Connection(self._readers, self._only_reading, again=True)) as connection:
            yield connection

    @contextmanager
    def statements(self) -> Iterator[Connection]:
        """A connection each of whose statements stands for itself, as some of upkeep must.

        Raises:
            ConfigError, StoreError: as `transaction` does.
        """
        with _lent(self._writers, Connection(self._writers)) as connection:
            yield connection

    def close(self) -> None:
        """Close all connections; the next use opens new ones."""
        for made in self._beside:
            made.close()
        self._readers.close()
        self._writers.close()


@contextmanager
def _lent(pool: Pool, connection: Lent) -> Iterator[Lent]:
    with pool.place():
        try:
            yield connection
        finally:
            connection.release()


def run(connection: Connection, sql: str, **params: Any) -> Sequence[Any]:
    """Run one statement with ``:name`` parameters; its rows, or an empty list where it returns none."""
    return connection.rows(sql, params)
