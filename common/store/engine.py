"""Connections to PostgreSQL, kept between warm invocations, with the driver's errors translated."""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, TextClause, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from common.domain.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.engine.interfaces import DBAPIConnection

UNREACHABLE = "the database cannot be reached; see that DATABASE_URL is right and the server is up"
TOO_SLOW = "the database took too long to answer"
NO_TABLE = "the database lacks a table; run: vayu migrate"
_NEEDLESS = ("channel_binding", "connect_timeout", "gssencmode", "keepalives", "target_session_attrs")
"""What libpq may be told and pg8000 does by itself or has no use for."""
_GRACE_S = 5
_GONE = ("08", "57P", "53")  # connection trouble, operator intervention, out of resources


class Database:
    """One engine for the life of the process; nothing is opened before the first use."""

    def __init__(
        self, url: str, *, pool_size: int = 4, statement_timeout_s: int = 60, connect_timeout_s: int = 15
    ) -> None:
        self.url = url
        self._pool_size = pool_size
        self._timeout_ms = statement_timeout_s * 1000
        self._connect_timeout_s = connect_timeout_s
        self._engine: Engine | None = None

    @property
    def engine(self) -> Engine:
        """The pool, made at the first call; it connects only when asked to."""
        if self._engine is None:
            url, connect_args = _driver_arguments(self.url)
            self._engine = create_engine(
                url,
                connect_args=connect_args | {"timeout": self._connect_timeout_s},
                pool_size=self._pool_size,
                max_overflow=0,
                pool_pre_ping=True,
                pool_timeout=min(10, self._connect_timeout_s),
            )
            _see_lost_connections(self._engine)
            _wait_for_answers(self._engine, self._timeout_ms / 1000 + _GRACE_S)
        return self._engine

    def patient(self) -> Database:
        """The same database for upkeep: one connection, whose statements may take an hour. Close it after use."""
        return Database(self.url, pool_size=1, statement_timeout_s=3600)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection whose work is kept when the block ends well and undone otherwise.

        Raises:
            StoreError: when the server cannot be reached, ends the connection, takes longer than the
                statement timeout, or has not been migrated.
        """
        try:
            with self.engine.begin() as connection:
                run(connection, f"SET LOCAL statement_timeout = {self._timeout_ms:d}")
                yield connection
        except (InterfaceError, OperationalError, PoolTimeout, OSError) as error:
            raise StoreError(UNREACHABLE) from error
        except DBAPIError as error:
            told = _unanswered(error)
            if told is None:
                raise
            raise StoreError(told) from error

    def close(self) -> None:
        """Close all connections; the next use opens new ones."""
        if self._engine is not None:
            self._engine.dispose()


def run(connection: Connection, sql: str, **params: Any) -> Sequence[Any]:
    """Run one statement with ``:name`` parameters; its rows, or an empty list where it returns none."""
    result = connection.execute(_prepared(sql), params)
    return result.all() if result.returns_rows else []


def sqlstate(error: DBAPIError) -> str:
    """The five-character code of a server error; empty where the server said nothing."""
    return _field(error, "C")


def _field(error: DBAPIError, name: str) -> str:
    first = error.orig.args[0] if error.orig is not None and error.orig.args else None
    return str(first.get(name, "")) if isinstance(first, dict) else ""


def _unanswered(error: DBAPIError) -> str | None:
    """What to say of a server error that is no fault of the statement; None where it is one."""
    state = sqlstate(error)
    if state == "57014":
        return TOO_SLOW
    if state == "42P01" and _field(error, "R") == "parserOpenTable":
        return NO_TABLE
    return UNREACHABLE if state.startswith(_GONE) else None


def _see_lost_connections(engine: Engine) -> None:
    """Have a connection that the server has ended replaced when it is taken from the pool.

    pg8000 lets the socket's own error through there, which SQLAlchemy does not take for a lost connection.
    """
    ping = engine.dialect.do_ping

    def alive(dbapi_connection: DBAPIConnection) -> bool:
        try:
            return ping(dbapi_connection)
        except OSError:
            return False

    engine.dialect.do_ping = alive  # type: ignore[method-assign]


def _wait_for_answers(engine: Engine, seconds: float) -> None:
    """Let a statement take its time, and yet not wait for ever on a server that has gone silent.

    pg8000 keeps the time-out of connecting for every answer; the server's own statement timeout is longer.
    """

    def set_timeout(dbapi_connection: Any, _: object) -> None:
        dbapi_connection._usock.settimeout(seconds)  # pg8000 has no public way

    event.listen(engine, "connect", set_timeout)


@cache
def _prepared(sql: str) -> TextClause:
    return text(sql)


def _driver_arguments(raw: str) -> tuple[Any, dict[str, Any]]:
    """Turn what libpq would understand behind the ``?`` into what pg8000 understands.

    Raises:
        ConfigError: when it holds something that neither does.
    """
    url = make_url(raw)
    query = {name: value for name, value in url.query.items() if name not in _NEEDLESS}
    unknown = query.keys() - {"host", "sslmode", "application_name"}
    if unknown:
        raise ConfigError(f"DATABASE_URL: {', '.join(sorted(unknown))} behind the '?' is not understood")
    arguments: dict[str, Any] = {}
    host = query.pop("host", None)
    mode = query.pop("sslmode", None)
    if isinstance(host, str) and host.startswith("/"):
        arguments["unix_sock"] = str(Path(host) / f".s.PGSQL.{url.port or 5432}")
    elif isinstance(host, str):
        url = url.set(host=host)
    if mode in ("require", "verify-ca", "verify-full"):
        context = ssl.create_default_context()
        if mode != "verify-full":
            context.check_hostname = False
        if mode == "require":
            context.verify_mode = ssl.CERT_NONE
        arguments["ssl_context"] = context
    return url.set(query=query), arguments
