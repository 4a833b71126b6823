"""One training of a city at a time, whichever processes and machines are at it.

The lock belongs to an open transaction of a connection of its own: the server lets it go when the process ends,
however it ends, or falls silent for the idle time-out; and it holds behind PgBouncer in transaction mode. An idle
transaction without a snapshot keeps nobody from vacuuming.
"""

from __future__ import annotations

from contextlib import closing, contextmanager
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from common.domain.errors import StoreError
from common.store.engine import Database, run
from common.store.errors import sqlstate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from common.store.engine import Connection

PATIENCE_S = 10
"""How long to wait for another training: as long as a process that was killed takes to be missed."""
_SIGN_OF_LIFE_S = 15
"""Less than the idle time-out of a transaction."""
_TAKEN = "55P03"


@contextmanager
def hold_training_lock(
    database: Database, city: str, mode: str, *, patience_s: int = PATIENCE_S
) -> Iterator[Callable[[], None]]:
    """Be the only one who trains this city; gives what makes sure that it still is so, for use before writing.

    Raises:
        StoreError: when another process trains it, and is not done within `patience_s`; also what is given, when
            the lock was lost because this process was frozen or the network failed.
    """
    lost = f"the lock on {city}'s training was lost; it is tried again"
    with closing(Database(database.url, pool_size=1)) as own, own.transaction() as connection:
        _take(connection, city, mode, patience_s)
        with _spoken_for(connection, lost) as check_lock:
            yield check_lock
            check_lock()


@contextmanager
def _spoken_for(connection: Connection, lost: str) -> Iterator[Callable[[], None]]:
    """Give the connection a sign of life now and then, as the server wants; gives what asks for one at once."""
    speaking, done = Lock(), Event()

    def check_lock() -> None:
        try:
            with speaking:
                run(connection, select(1))
        except StoreError as error:
            raise StoreError(lost) from error

    def keep() -> None:
        while not done.wait(_SIGN_OF_LIFE_S):
            try:
                check_lock()
            except StoreError:
                return  # whoever is about to write gets the error

    keeper = Thread(target=keep, name="lock on a training", daemon=True)
    keeper.start()
    try:
        yield check_lock
    finally:
        done.set()
        keeper.join()


def _take(connection: Connection, city: str, mode: str, patience_s: int) -> None:
    """Take the lock, asking again every few seconds: no statement may wait for as long as a training takes."""
    lock = func.pg_advisory_xact_lock(func.hashtext("training"), func.hashtext(f"{city}/{mode}"))
    run(connection, f"SET LOCAL lock_timeout = {min(patience_s, PATIENCE_S) * 1000:d}")
    for last in [False] * (patience_s // PATIENCE_S - 1) + [True]:
        try:
            with connection.begin_nested():
                run(connection, select(lock))
        except StoreError as error:
            if sqlstate(error) != _TAKEN:
                raise
            if last:
                raise StoreError(
                    f"{city} is being trained by another process; try again when it is done"
                ) from error
        else:
            return
