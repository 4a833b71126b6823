"""Connections to PostgreSQL, kept between warm invocations, with the driver's errors translated.

A connection that its server has ended, or that nobody answers on, is replaced when it is next taken. Every wait has
an end: connecting and the sign of life of a kept connection (`connect_timeout_s`), a free connection (the same), a
statement (`statement_timeout_s`, on the server; a few seconds more on this side), and a transaction whose client
says nothing (`idle_timeout_s`, on the server), so that a function that was frozen or killed holds no locks for ever.
The limits are told anew in each transaction: behind PgBouncer, a connection is the same server's for no longer.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from common.domain.errors import StoreError
from common.store import faults
from common.store.faults import BUSY, DISTURBED, FULL, LESSER, NO_TABLE, NO_TLS, TOO_SLOW, UNREACHABLE
from common.store.light import LightConnection, LightReaders

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TypeAlias

    from sqlalchemy import Connection, Engine, TextClause
    from sqlalchemy.engine import ExceptionContext
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.exc import DBAPIError

    AnyConnection: TypeAlias = Connection | LightConnection
    """What reads may be asked on."""

__all__ = [
    "BUSY", "DISTURBED", "FULL", "LESSER", "NO_TABLE", "NO_TLS", "TOO_SLOW", "UNREACHABLE", "Database", "message",
    "run", "sqlstate",
]  # fmt: skip

_GRACE_S = 3
_KEPT_S = 300
"""Networks forget connections that nothing was sent on, some after 350 s, and tell neither side."""


class Database:
    """One engine for the life of the process; nothing is opened before the first use.

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
        self._pool_size = pool_size
        self._timeout_s = statement_timeout_s
        self._connect_timeout_s = connect_timeout_s
        self._engine: Engine | None = None
        self._beside: list[Database] = []
        self._limits = (
            f"SET LOCAL statement_timeout = {statement_timeout_s * 1000:d}; "
            f"SET LOCAL idle_in_transaction_session_timeout = {idle_timeout_s * 1000:d}"
        )
        self._readers = LightReaders(
            url,
            size=readers,
            statement_timeout_s=statement_timeout_s,
            answer_timeout_s=statement_timeout_s + _GRACE_S,
            connect_timeout_s=connect_timeout_s,
        )

    @property
    def engine(self) -> Engine:
        """The pool, made at the first call; it connects only when asked to.

        Raises:
            ConfigError: when the address cannot be understood.
        """
        if self._engine is None:
            from pg8000 import legacy
            from sqlalchemy import create_engine, make_url

            from common.store.address import driver_arguments
            from common.store.driver import connect, remember_statements

            remember_statements()
            arguments = driver_arguments(self.url)
            self._engine = create_engine(
                make_url(self.url).set(query={}),
                creator=lambda: connect(
                    arguments,
                    seconds=self._connect_timeout_s,
                    answer_s=self._timeout_s + _GRACE_S,
                    kind=legacy.Connection,
                ),
                pool_size=self._pool_size,
                max_overflow=0,
                pool_pre_ping=True,
                pool_recycle=_KEPT_S,
                pool_timeout=min(10, self._connect_timeout_s),
            )
            _see_lost_connections(self._engine, min(5, self._connect_timeout_s))
        return self._engine

    def patient(self) -> Database:
        """The same database for upkeep: one connection, whose statements may take an hour. Close it after use."""
        return Database(self.url, pool_size=1, statement_timeout_s=3600)

    def hasty(self) -> Database:
        """The same database for what must not wait for an answer longer than 2 s; it is closed with this one."""
        made = Database(self.url, pool_size=1, readers=2, statement_timeout_s=2, connect_timeout_s=2)
        self._beside.append(made)
        return made

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection whose work is kept when the block ends well and undone otherwise.

        Where the network fails while the work is being kept, it may have been: only work that may be done
        again is safe, as all of Vayu's is.

        Raises:
            StoreError: when the server cannot be reached or is not who it should be, ends the connection,
                takes longer than the statement timeout, has no room, has not been migrated, or offers less
                than the one that the database was set up on.
        """
        with _translated(), self.engine.begin() as connection:
            run(connection, self._limits)
            yield connection

    @contextmanager
    def reading(self) -> Iterator[LightConnection]:
        """A connection each of whose statements can only read, and stands for itself: see `common.store.light`.

        Raises:
            StoreError: as `transaction` does.
        """
        with self._readers.connection() as connection:
            yield connection

    @contextmanager
    def statements(self) -> Iterator[Connection]:
        """A connection each of whose statements stands for itself, as some of upkeep must.

        Raises:
            StoreError: as `transaction` does.
        """
        with _translated(), self.engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    def close(self) -> None:
        """Close all connections; the next use opens new ones."""
        for made in self._beside:
            made.close()
        self._readers.close()
        if self._engine is not None:
            self._engine.dispose()


@contextmanager
def _translated() -> Iterator[None]:
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.exc import TimeoutError as PoolTimeout

    try:
        yield
    except PoolTimeout as error:
        raise StoreError(BUSY) from error
    except OSError as error:
        raise StoreError(faults.untrusted(error) or UNREACHABLE) from error
    except DBAPIError as error:
        told = faults.told(error.orig)
        if told is None:
            raise
        raise StoreError(told) from error


def run(connection: AnyConnection, sql: str, **params: Any) -> Sequence[Any]:
    """Run one statement with ``:name`` parameters; its rows, or an empty list where it returns none."""
    if isinstance(connection, LightConnection):
        return connection.rows(sql, params)
    result = connection.execute(_prepared(sql), params)
    return result.all() if result.returns_rows else []


def sqlstate(error: DBAPIError) -> str:
    """The five-character code of a server error; empty where the server said nothing."""
    return faults.fields(error.orig).get("C", "")


def message(error: DBAPIError) -> str:
    """What the server said of an error; empty where it said nothing."""
    return faults.fields(error.orig).get("M", "")


def _see_lost_connections(engine: Engine, seconds: float) -> None:
    """Have a connection replaced that gives no sign of life in time, and never use one whose socket failed.

    pg8000 lets the socket's own error through, which SQLAlchemy does not take for a lost connection.
    """
    from sqlalchemy import event

    from common.store.driver import alive, end

    def lost(context: ExceptionContext) -> None:
        if isinstance(context.original_exception, OSError):
            context.is_disconnect = True

    def ping(dbapi_connection: DBAPIConnection) -> bool:
        return alive(dbapi_connection, seconds)

    engine.dialect.do_ping = ping  # type: ignore[method-assign]
    engine.dialect.do_close = end  # type: ignore[method-assign,assignment]
    event.listen(engine, "handle_error", lost)


@cache
def _prepared(sql: str) -> TextClause:
    from sqlalchemy import text

    return text(sql)
