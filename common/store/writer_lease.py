"""A lease on writing, with a fencing token: one process writes what a schedule brings, in whatever region it runs.

The lease is an advisory lock (`common.store.advisory_lock`): it ends with its holder's process, or when the database
has heard nothing of it for the idle time-out, by the database's own clock. A holder that was paused for longer does not
know that it has ended. So each taking has a token, one more than the last, and every transaction that writes under the
lease first shares the row that has it: who takes the lease waits for such a transaction, and from then on the former
holder's fail. A random name stands beside the token, since a standby that is promoted may not have had the last taking.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from common.domain.errors import StoreError
from common.store.advisory_lock import try_lock
from common.store.engine import run
from common.store.schema import writer_lease

if TYPE_CHECKING:
    from collections.abc import Iterator

    from common.store.engine import Connection, Database

COLLECTING = "collecting"
"""Asking the sources for the last day of all cities, and storing it."""


class Lease(msgspec.Struct, frozen=True):
    """A lease as it was taken."""

    name: str
    token: int
    """One more than when it was taken before"""
    holder: str
    taken_at: datetime
    """By the database's clock"""

    def check(self, connection: Connection) -> None:
        """Make sure that the lease stays ours until the end of this transaction; call it before anything is written.

        Raises:
            StoreError: when another process has taken it, or the database is one that knows nothing of it.
        """
        ours = select(writer_lease.c.token).where(
            writer_lease.c.name == self.name,
            writer_lease.c.token == self.token,
            writer_lease.c.holder == self.holder,
        )
        if not run(connection, ours.with_for_update(read=True)):
            raise StoreError(_lost(self.name, self.token))


@contextmanager
def take_lease(database: Database, name: str) -> Iterator[Lease | None]:
    """Take the lease if nobody holds it, for as long as the block takes; None where somebody does.

    Raises:
        StoreError: when the database cannot be reached.
    """
    holder = uuid4().hex
    with try_lock(database, f"lease on {name}", lost=f"the lease on {name} was lost") as check_lock:
        if check_lock is None:
            yield None
            return
        with database.transaction() as connection:
            first = insert(writer_lease).values(
                name=name, token=1, holder=holder, taken_at=func.clock_timestamp()
            )
            taken = first.on_conflict_do_update(
                index_elements=["name"],
                set_={
                    "token": writer_lease.c.token + 1,
                    "holder": first.excluded.holder,
                    "taken_at": first.excluded.taken_at,
                },
            )
            [(token, taken_at)] = run(
                connection, taken.returning(writer_lease.c.token, writer_lease.c.taken_at)
            )
            check_lock()  # it may have been lost while this waited for a former holder's transaction
        yield Lease(name, token, holder, taken_at)


def last_lease(connection: Connection, name: str) -> Lease | None:
    """The last taking, whether it is still held or not; None: it was never taken."""
    columns = (writer_lease.c.name, writer_lease.c.token, writer_lease.c.holder, writer_lease.c.taken_at)
    rows = run(connection, select(*columns).where(writer_lease.c.name == name))
    return Lease(*rows[0]) if rows else None


def _lost(name: str, token: int) -> str:
    return f"the lease on {name} with token {token} was lost to another process; nothing more is written under it"
