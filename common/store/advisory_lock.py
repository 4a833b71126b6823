"""Locks that hold over processes and machines, for as long as their holder shows that it lives.

Each belongs to an open transaction of a connection of its own: the server lets it go when the process ends, however it
ends, or falls silent for the idle time-out; and it holds behind PgBouncer in transaction mode, where a session's lock
would stay with whatever client has that session next. An idle transaction without a snapshot keeps nobody from
vacuuming.
"""

from __future__ import annotations

from contextlib import ExitStack, closing, contextmanager, suppress
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from common.domain.errors import StoreError
from common.store.engine import Database, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from common.store.engine import Connection

SIGN_OF_LIFE_S = 15
"""Less than the idle time-out of a transaction."""


@contextmanager
def try_lock(database: Database, name: str, *, lost: str) -> Iterator[Callable[[], None] | None]:
    """Take the lock of that name if nobody holds it; gives what makes sure that it is still ours, else None.

    What is given raises StoreError with the sentence `lost` when the lock is gone, because this process was frozen or
    the network failed: call it before each thing that only the holder may do.

    Raises:
        StoreError: when the database cannot be reached.
    """
    with closing(Database(database.url, pool_size=1)) as own, _transaction(own) as connection:
        lock = func.pg_try_advisory_xact_lock(func.hashtext("vayu"), func.hashtext(name))
        [(is_ours,)] = run(connection, select(lock))
        if not is_ours:
            yield None
            return
        with signs_of_life(connection, lost) as check_lock:
            yield check_lock


@contextmanager
def _transaction(database: Database) -> Iterator[Connection]:
    """A transaction that holds a lock and nothing else: that it was lost is no reason to fail at its end."""
    stack = ExitStack()
    connection = stack.enter_context(database.transaction())
    try:
        yield connection
    finally:
        with suppress(StoreError):
            stack.close()


@contextmanager
def signs_of_life(connection: Connection, lost: str) -> Iterator[Callable[[], None]]:
    """Speak on the connection now and then, as the server wants; gives what does so at once."""
    speaking, done = Lock(), Event()

    def check_lock() -> None:
        try:
            with speaking:
                run(connection, select(1))
        except StoreError as error:
            raise StoreError(lost) from error

    def keep() -> None:
        while not done.wait(SIGN_OF_LIFE_S):
            try:
                check_lock()
            except StoreError:
                return  # whoever is about to write gets the error

    keeper = Thread(target=keep, name="signs of life of a lock", daemon=True)
    keeper.start()
    try:
        yield check_lock
    finally:
        done.set()
        keeper.join()
