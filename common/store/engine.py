"""Connections to PostgreSQL: SQLAlchemy's pool over pg8000, kept between warm invocations.

A connection that its server has ended, or that nobody answers on, is replaced when it is next taken. Every wait has
an end: connecting and the sign of life of a kept connection (`connect_timeout_s`), a free connection (the same), a
statement (`statement_timeout_s`, on the server; a few seconds more on this side), and a transaction whose client
says nothing (`idle_timeout_s`, on the server), so that a function that was frozen or killed holds no locks for ever.
The limits are set in each transaction: behind PgBouncer a connection has the same server session for no longer.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from pg8000 import Error as DriverError
from pg8000 import NotSupportedError
from sqlalchemy import Connection, Engine, NullPool, QueuePool, column, create_engine, event, text
from sqlalchemy.exc import TimeoutError as PoolTimeout

from common.domain.errors import StoreError
from common.store.connection import DriverConnection, connect, parsed
from common.store.errors import BUSY, LESSER, UNCONFIRMED, UNREACHABLE, timed_out, translate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Executable, RootTransaction, TextClause, TextualSelect

__all__ = ["Connection", "Database", "run", "with_columns"]

_GRACE_S = 3
_RECYCLE_S = 300
"""Networks forget connections that nothing was sent on, some after 350 s, and tell neither side."""
_BEGINNING = "beginning"
"""The option of an engine that says how its transactions begin."""
_OFFERS_LESS = (
    "SELECT to_regclass('city_daily') IS NOT NULL "
    "AND current_setting('timescaledb.license', true) IS DISTINCT FROM 'timescale'"
)
_ANY_CHUNK = "SET LOCAL timescaledb.max_tuples_decompressed_per_dml_transaction = 0"
"""A correction of a few hours touches a batch of each city, up to 1,000 rows: from 100,000 on, TimescaleDB refuses the
statement. A server that does not know this setting takes it for one of ours."""


class _Beginning(NamedTuple):
    """How the transactions of a pool begin."""

    statement: str
    sign_of_life_s: float
    """The server answers it within this time, or is taken for lost"""
    answer_s: float
    """So long is waited for every answer after it"""


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
        self._connect_s = connect_timeout_s
        self._answer_s = statement_timeout_s + _GRACE_S
        self._sign_of_life_s = min(5, connect_timeout_s)
        self._derived: list[Database] = []
        limits = (
            f"SET LOCAL statement_timeout = {statement_timeout_s * 1000:d}; "
            f"SET LOCAL idle_in_transaction_session_timeout = {idle_timeout_s * 1000:d}"
        )
        self._writers = self._pooled(pool_size, f"BEGIN; {limits}; {_ANY_CHUNK}", pool_pre_ping=True)
        event.listen(self._writers, "checkin", self._wait_for_sign_of_life)
        # Not the dialect's option for it, which changes the session, and so another client's behind PgBouncer.
        self._readers = self._pooled(readers, f"BEGIN READ ONLY; {limits}")
        self._autocommit = self._engine(poolclass=NullPool, isolation_level="AUTOCOMMIT")

    def patient(self) -> Database:
        """The same database for upkeep: one connection, whose statements may take an hour. Close it after use."""
        return Database(self.url, pool_size=1, statement_timeout_s=3600)

    def hasty(self) -> Database:
        """The same database for what must not wait for an answer longer than 2 s; it is closed with this one."""
        made = Database(self.url, pool_size=1, readers=2, statement_timeout_s=2, connect_timeout_s=2)
        self._derived.append(made)
        return made

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection whose work is kept when the block ends well and undone otherwise.

        Resources that may fail alone: `Connection.begin_nested`. Where the network fails while the work is being kept,
        or the server waits too long for its synchronous standby, it may have been kept: only work that may be done
        again is safe, as all of Vayu's is.

        Raises:
            ConfigError: when the address cannot be understood.
            StoreError: when the server cannot be reached or is not who it should be, ends the connection,
                takes longer than the statement timeout, has no room, has not been migrated, or offers less
                than the one that the database was set up on.
            sqlalchemy.exc.DBAPIError: when the server refuses a statement for what it is.
            RuntimeError: when a statement has failed whose error was caught within the block.
        """
        with self._connection(self._writers) as connection, _begin(connection) as transaction:
            yield connection
            _must_be_there(connection)
            if not transaction.is_active:
                return  # the block has ended it
            try:
                transaction.commit()
            except StoreError as error:
                if timed_out(error):
                    raise StoreError(UNCONFIRMED) from error
                raise

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for `run`, each of whose statements can only read, and stands for itself.

        One that is lost is replaced, and the statement asked again.

        Raises:
            ConfigError, StoreError, sqlalchemy.exc.DBAPIError: as `transaction` does.
        """
        with self._connection(self._readers) as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection that can only read, and whose statements all see the database as it was at the first of them.

        Raises:
            ConfigError, StoreError, sqlalchemy.exc.DBAPIError: as `transaction` does.
        """
        with self._connection(self._readers) as connection, _begun(connection):
            run(connection, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            yield connection
            _must_be_there(connection)

    @contextmanager
    def statements(self) -> Iterator[Connection]:
        """A new connection each of whose statements stands for itself, as some of upkeep must.

        Raises:
            ConfigError, StoreError, sqlalchemy.exc.DBAPIError: as `transaction` does.
        """
        with self._connection(self._autocommit) as connection:
            connection.begin()  # for `run`; the server is told nothing of it
            yield connection

    def close(self) -> None:
        """Close all connections; the next use opens new ones."""
        for derived in self._derived:
            derived.close()
        self._readers.dispose()
        self._writers.dispose()

    def _pooled(self, size: int, begin: str, **options: Any) -> Engine:
        return self._engine(
            poolclass=QueuePool,
            pool_size=size,
            max_overflow=0,
            pool_timeout=min(10, self._connect_s),
            pool_recycle=_RECYCLE_S,
            # Of pg8000 alone, which would send a BEGIN of its own: a transaction begins below, with its limits.
            isolation_level="AUTOCOMMIT",
            execution_options={_BEGINNING: _Beginning(begin, self._sign_of_life_s, self._answer_s)},
            **options,
        )

    def _engine(self, **options: Any) -> Engine:
        def new() -> DriverConnection:
            return connect(self.url, seconds=self._connect_s)

        engine = create_engine(
            "postgresql+pg8000://", creator=new, json_deserializer=msgspec.json.decode, **options
        )
        event.listen(engine, "handle_error", translate)

        @event.listens_for(engine, "connect")
        def check(connection: DriverConnection, _: object) -> None:
            # Such a server does not fail where chunks are compressed: it answers as if there were no rows in them.
            cursor = connection.cursor()
            cursor.execute(_OFFERS_LESS)
            if cursor.fetchone()[0]:
                raise NotSupportedError(LESSER)
            connection.rollback()
            connection.settimeout(self._answer_s)

        return engine

    def _wait_for_sign_of_life(self, connection: DriverConnection | None, _: object) -> None:
        """Of a connection that the pool asks before it gives it away again."""
        if connection is not None:
            connection.settimeout(self._sign_of_life_s)

    @contextmanager
    def _connection(self, engine: Engine) -> Iterator[Connection]:
        parsed(self.url)  # so that SQLAlchemy does not wrap what is wrong with it
        try:
            connection = engine.connect()
        except PoolTimeout as error:
            raise StoreError(BUSY) from error
        with connection:
            yield connection


def run(connection: Connection, statement: str | Executable, **params: Any) -> Sequence[Any]:
    """Run a statement of Core, or one in SQL with ``:name`` parameters; its rows, empty where it returns none."""
    if isinstance(statement, str):
        statement = _text(statement)
    if connection.in_transaction():
        _must_be_there(connection)
        return _rows(connection, statement, params)
    try:
        with _begun(connection):
            return _rows(connection, statement, params)
    except StoreError as error:
        if not connection.invalidated or timed_out(error):
            raise
    with _begin(connection):  # nothing can have been changed
        return _rows(connection, statement, params)


def _begun(connection: Connection) -> RootTransaction:
    """A transaction. Its first message tells whether the server is still there: if not, there is a new connection."""
    try:
        return _begin(connection)
    except StoreError:
        if not connection.invalidated:
            raise
        return _begin(connection)


def _begin(connection: Connection) -> RootTransaction:
    """A transaction with the limits of its pool.

    Not by SQLAlchemy's event ``begin``: an engine with any such listener looks for those of ten other events at each
    statement, which takes a tenth of all that a read does.
    """
    beginning: _Beginning = connection.get_execution_options()[_BEGINNING]
    transaction = connection.begin()
    try:
        driver: Any = connection.connection.dbapi_connection
        driver.settimeout(beginning.sign_of_life_s)
        try:
            driver.cursor().execute(beginning.statement)  # by SQLAlchemy it takes twice as long
        except DriverError:
            driver.close()
            connection.exec_driver_sql(
                beginning.statement
            )  # fails at once, and SQLAlchemy sees that it is lost
        driver.settimeout(beginning.answer_s)
    except BaseException:
        transaction.close()
        raise
    return transaction


def _rows(connection: Connection, statement: Executable, params: dict[str, Any]) -> Sequence[Any]:
    result = connection.execute(statement, params)
    return result.all() if result.returns_rows else []


def _must_be_there(connection: Connection) -> None:
    if connection.invalidated:
        raise StoreError(UNREACHABLE)


def with_columns(statement: str, *names: str) -> TextualSelect:
    """A statement in SQL for `run` that is made once, with the names of all its columns, in their order.

    SQLAlchemy looks at the columns of another's result at every execution: of a dozen, as long as at all the rest.
    """
    return _text(statement).columns(*map(column, names))


@lru_cache(maxsize=512)
def _text(sql: str) -> TextClause:
    # pg8000 looks at every character of a statement at each execution, and indentation is an eighth of them.
    return text("\n".join(line.strip() for line in sql.splitlines()))
