"""One training of a city at a time, whichever processes and machines are at it: a lock as `advisory_lock` has it."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from common.domain.errors import StoreError
from common.store.advisory_lock import signs_of_life
from common.store.engine import Database, run
from common.store.errors import sqlstate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from common.store.engine import Connection

PATIENCE_S = 10
"""How long to wait for another training: as long as a process that was killed takes to be missed."""
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
        with signs_of_life(connection, lost) as check_lock:
            yield check_lock
            check_lock()


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
