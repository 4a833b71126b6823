"""A connection while one thread works with it: statements that read, statements by themselves, or a transaction.

Each statement is one round trip; the beginning of a transaction and the limits of its statements travel in front of
the first. What was lost before anything could have been changed is asked again on a new connection, unseen.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pg8000.core import IDLE
from pg8000.exceptions import Error, InterfaceError

from common.domain.errors import StoreError
from common.store import faults, protocol
from common.store.driver import end

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from pg8000 import legacy

    from common.store.pool import Pool

Rows = list[tuple[Any, ...]]


class Connection:
    """Each statement stands for itself; see `run` in `common.store.engine`.

    `before` goes in front of each, and `again` tells that one may be asked twice, as nothing is changed by it.
    A fault of the statement is raised as the driver's error, all that is not its fault as StoreError.
    """

    def __init__(self, pool: Pool, before: bytes = b"", *, again: bool = False) -> None:
        self._pool = pool
        self._before = before
        self._again = again
        self._driven: legacy.Connection | None = None

    def rows(self, sql: str, params: dict[str, Any]) -> Rows:
        """The rows of a statement with ``:name`` parameters; none where it returns none.

        Raises:
            KeyError: when a parameter is missing.
            pg8000.exceptions.DatabaseError: when the server refuses the statement for what it is.
            ConfigError, StoreError: as `Database.transaction` does.
        """
        with _translated():
            driven, kept = self._taken()
            try:
                return self._said(driven, sql, params)[0]
            except (OSError, Error) as error:
                at_fault = self._driven is not None  # the statement: the connection is as good as before
                if at_fault or not kept or not self._again or isinstance(error, TimeoutError):
                    raise
            return self._said(self._pool.renew(), sql, params)[0]

    def release(self) -> None:
        """Let others have what it works on."""
        if self._driven is not None:
            self._pool.keep(self._driven)
            self._driven = None

    def _taken(self) -> tuple[legacy.Connection, bool]:
        """(what it works on from now on, whether that was kept from before)."""
        return self._pool.take() if self._driven is None else (self._driven, True)

    def _said(self, driven: legacy.Connection, sql: str, params: dict[str, Any]) -> tuple[Rows, bytes]:
        """The answer; a connection on which anything happens but a fault of the statement is closed."""
        self._driven = driven
        packet = self._before + protocol.statement(sql, params, driven.py_types)
        try:
            driven._usock.sendall(packet)
            return protocol.answer(driven)
        except BaseException as error:
            if not isinstance(error, Error) or faults.lost(error):
                self._driven = None
                end(driven)
            raise


class Transaction(Connection):
    """All statements together: kept by `commit`, undone by `rollback`. `begin` goes in front of the first."""

    def __init__(self, pool: Pool, begin: bytes) -> None:
        super().__init__(pool, begin, again=True)
        self._begin = begin
        self._lost = False

    @contextmanager
    def savepoint(self) -> Iterator[Self]:
        """What the block does is undone alone where it fails, so that its error can be caught around it."""
        self.rows("SAVEPOINT here", {})
        try:
            yield self
        except BaseException:  # whatever it was, it goes on; only its traces are undone
            if self._driven is not None:
                self.rows("ROLLBACK TO SAVEPOINT here", {})
                self.rows("RELEASE SAVEPOINT here", {})
            raise
        self.rows("RELEASE SAVEPOINT here", {})

    def driver(self) -> legacy.Connection:
        """The driver's own connection, in the midst of the transaction."""
        self.rows("SELECT 1", {})
        return self._taken()[0]

    def commit(self) -> None:
        """Keep what was done.

        Raises:
            RuntimeError: when it was undone instead: a statement had failed, and its error was let pass.
            pg8000.exceptions.DatabaseError, StoreError: as `rows` does.
        """
        if self._driven is None and not self._lost:
            return  # nothing was done
        with _translated():
            if self._said(self._taken()[0], "COMMIT", {})[1].startswith(b"ROLLBACK"):
                raise RuntimeError("a transaction in which a statement failed cannot be kept")

    def rollback(self) -> None:
        """Undo what was done; where nobody answers, the server does so by itself."""
        if self._driven is not None:
            try:
                self.rows("ROLLBACK", {})
            except (StoreError, Error):
                if self._driven is not None:
                    end(self._driven)
                    self._driven = None

    def _taken(self) -> tuple[legacy.Connection, bool]:
        if self._lost:
            raise InterfaceError("the connection was lost in the midst of a transaction")
        return super()._taken()

    def _said(self, driven: legacy.Connection, sql: str, params: dict[str, Any]) -> tuple[Rows, bytes]:
        under_way = not self._before
        try:
            return super()._said(driven, sql, params)
        finally:
            self._lost = self._driven is None
            if not self._lost:
                under_way = driven._transaction_status != IDLE
            self._again = not under_way
            self._before = b"" if under_way else self._begin


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(faults.untrusted(error) or faults.UNREACHABLE) from error
    except Error as error:
        told = faults.told(error)
        if told is None:
            raise
        raise StoreError(told) from error
