"""Connections to PostgreSQL, kept between warm invocations, with the driver's errors translated.

A connection that its server has ended, or that nobody answers on, is replaced when it is next taken. Every wait has
an end: connecting and the sign of life of a kept connection (`connect_timeout_s`), a free connection (the same), a
statement (`statement_timeout_s`, on the server; a few seconds more on this side), and a transaction whose client
says nothing (`idle_timeout_s`, on the server), so that a function that was frozen or killed holds no locks for ever.
The limits are told anew in each transaction: behind PgBouncer, a connection is the same server's for no longer.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, TextClause, create_engine, event, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from common.domain.errors import StoreError
from common.store.address import driver_arguments
from common.store.driver import remember_statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.engine import Dialect, ExceptionContext
    from sqlalchemy.engine.interfaces import DBAPIConnection

UNREACHABLE = "the database cannot be reached; see that DATABASE_URL is right and the server is up"
BUSY = "all connections to the database that this process may have are in use; try again"
TOO_SLOW = "the database took too long to answer"
NO_TABLE = "the database lacks a table; run: vayu migrate"
FULL = "the disk of the database's server is full; make room on it, and try again"
DISTURBED = "another process changed the same rows at the same time; try again"
LESSER = (
    "the database was set up on a server with TimescaleDB's community edition, which this server does not offer; "
    "what is compressed cannot be read here: serve it by the former server, or see docs/storage.md"
)
NO_TLS = "the database does not offer TLS, which sslmode in DATABASE_URL asks for"

_TOLD = {
    "57014": TOO_SLOW,
    "55P03": TOO_SLOW,
    "53100": FULL,
    "40001": DISTURBED,
    "40P01": DISTURBED,
    "53300": "the database takes no more connections; raise max_connections, or put PgBouncer before it",
    "28P01": "the database does not take the user and password of DATABASE_URL",
    "28000": "the database does not let the user of DATABASE_URL in from here; see pg_hba.conf, and sslmode",
    "3D000": "the server has no database of the name in DATABASE_URL",
    "25006": "the database can only be read: the server is a standby",
}
"""SQLSTATE → what to say of a server error that is no fault of the statement."""
_GONE = ("08", "57P", "53", "58")
"""Connection trouble, operator intervention, out of resources, the server's own system; see UNREACHABLE."""
_OFFERS_LESS = (
    "SELECT to_regclass('city_daily') IS NOT NULL "
    "AND current_setting('timescaledb.license', true) IS DISTINCT FROM 'timescale'"
)
_GRACE_S = 3
_KEPT_S = 300
"""Networks forget connections that nothing was sent on, some after 350 s, and tell neither side."""


class Database:
    """One engine for the life of the process; nothing is opened before the first use.

    `pool_size` bounds the connections of this process; who finds all in use waits for one.
    """

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 4,
        statement_timeout_s: int = 60,
        connect_timeout_s: int = 15,
        idle_timeout_s: int = 60,
    ) -> None:
        self.url = url
        self._pool_size = pool_size
        self._timeout_s = statement_timeout_s
        self._connect_timeout_s = connect_timeout_s
        self._engine: Engine | None = None
        self._limits = (
            f"SET LOCAL statement_timeout = {statement_timeout_s * 1000:d}; "
            f"SET LOCAL idle_in_transaction_session_timeout = {idle_timeout_s * 1000:d}"
        )

    @property
    def engine(self) -> Engine:
        """The pool, made at the first call; it connects only when asked to.

        Raises:
            ConfigError: when the address cannot be understood.
        """
        if self._engine is None:
            remember_statements()
            url, connect_args = driver_arguments(self.url)
            self._engine = create_engine(
                url,
                connect_args=connect_args | {"timeout": self._connect_timeout_s},
                pool_size=self._pool_size,
                max_overflow=0,
                pool_pre_ping=True,
                pool_recycle=_KEPT_S,
                pool_timeout=min(10, self._connect_timeout_s),
            )
            event.listen(self._engine, "do_connect", _open_socket)
            _wait_for_answers(self._engine, self._timeout_s + _GRACE_S)
            event.listen(self._engine, "connect", _refuse_lesser_server)
            _see_lost_connections(self._engine, min(5, self._connect_timeout_s))
        return self._engine

    def patient(self) -> Database:
        """The same database for upkeep: one connection, whose statements may take an hour. Close it after use."""
        return Database(self.url, pool_size=1, statement_timeout_s=3600)

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
    def statements(self) -> Iterator[Connection]:
        """A connection each of whose statements stands for itself, as some of upkeep must.

        Raises:
            StoreError: as `transaction` does.
        """
        with _translated(), self.engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    def close(self) -> None:
        """Close all connections; the next use opens new ones."""
        if self._engine is not None:
            self._engine.dispose()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except PoolTimeout as error:
        raise StoreError(BUSY) from error
    except OSError as error:
        raise StoreError(_untrusted(error) or UNREACHABLE) from error
    except DBAPIError as error:
        told = _unanswered(error)
        if told is None:
            raise
        raise StoreError(told) from error


def run(connection: Connection, sql: str, **params: Any) -> Sequence[Any]:
    """Run one statement with ``:name`` parameters; its rows, or an empty list where it returns none."""
    result = connection.execute(_prepared(sql), params)
    return result.all() if result.returns_rows else []


def sqlstate(error: DBAPIError) -> str:
    """The five-character code of a server error; empty where the server said nothing."""
    return _field(error, "C")


def message(error: DBAPIError) -> str:
    """What the server said of an error; empty where it said nothing."""
    return _field(error, "M")


def _field(error: DBAPIError, name: str) -> str:
    first = error.orig.args[0] if error.orig is not None and error.orig.args else None
    return str(first.get(name, "")) if isinstance(first, dict) else ""


def _unanswered(error: DBAPIError) -> str | None:
    """What to say of a server error that is no fault of the statement; None where it is one."""
    state = sqlstate(error)
    if state in _TOLD:
        return _TOLD[state]
    if state == "42P01" and _field(error, "R") == "parserOpenTable":
        return NO_TABLE
    if state in ("0A000", "58P01") and "timescale" in message(error).lower():
        return LESSER
    if "refuses SSL" in str(error.orig):
        return NO_TLS
    gone = isinstance(error, InterfaceError | OperationalError) or state.startswith(_GONE)
    return UNREACHABLE if gone else None


def _untrusted(error: OSError) -> str | None:
    """What to say where TLS failed; None where something else did."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"the certificate of the database's server is not trusted: {error.verify_message.rstrip('.')}; "
            "see sslrootcert, sslmode and the host in DATABASE_URL"
        )
    return f"no TLS with the database's server: {error.reason}" if isinstance(error, ssl.SSLError) else None


def _open_socket(
    dialect: Dialect, _: object, cargs: tuple[Any, ...], cparams: dict[str, Any]
) -> DBAPIConnection | None:
    """Connect over a socket that is closed where no connection comes of it: pg8000 forgets its own."""
    if "unix_sock" in cparams:
        return None
    with ExitStack() as closing:
        address = (cparams.get("host", "localhost"), cparams.get("port", 5432))
        opened = closing.enter_context(socket.create_connection(address, cparams["timeout"]))
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection: DBAPIConnection = dialect.loaded_dbapi.Connection(*cargs, **cparams, sock=opened)
        closing.pop_all()
        return connection


def _see_lost_connections(engine: Engine, seconds: float) -> None:
    """Have a connection replaced that gives no sign of life in time, and never use one whose socket failed.

    pg8000 lets the socket's own error through, which SQLAlchemy does not take for a lost connection.
    """

    def alive(dbapi_connection: DBAPIConnection) -> bool:
        waits = dbapi_connection._usock.gettimeout()
        try:
            dbapi_connection._usock.settimeout(seconds)
            dbapi_connection.execute_simple("SELECT 1")
            dbapi_connection._usock.settimeout(waits)
        except (OSError, engine.dialect.loaded_dbapi.Error):
            return False
        return True

    def lost(context: ExceptionContext) -> None:
        if isinstance(context.original_exception, OSError):
            context.is_disconnect = True

    def end(dbapi_connection: DBAPIConnection) -> None:
        with suppress(OSError, engine.dialect.loaded_dbapi.Error):  # its socket is closed all the same
            dbapi_connection.close()

    engine.dialect.do_ping = alive  # type: ignore[method-assign]
    engine.dialect.do_close = end  # type: ignore[method-assign]
    event.listen(engine, "handle_error", lost)


def _wait_for_answers(engine: Engine, seconds: float) -> None:
    """Let a statement take its time, and yet not wait for ever on a server that has gone silent.

    pg8000 keeps the time-out of connecting for every answer; the server's own statement timeout is longer.
    """

    def set_timeout(dbapi_connection: Any, _: object) -> None:
        dbapi_connection._usock.settimeout(seconds)  # pg8000 has no public way

    event.listen(engine, "connect", set_timeout)


def _refuse_lesser_server(dbapi_connection: Any, _: object) -> None:
    """Such a server does not fail where chunks are compressed: it answers as if there were no rows in them.

    Raises:
        StoreError: when the database was set up on a server that offered more.
    """
    if dbapi_connection.execute_simple(_OFFERS_LESS).rows == [[True]]:
        raise StoreError(LESSER)


@cache
def _prepared(sql: str) -> TextClause:
    return text(sql)
