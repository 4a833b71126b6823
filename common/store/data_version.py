"""The versions of the data that are shown and of the keys: triggers raise them in the transactions that change either.

A version that was read before the data is never newer than they are. So what is kept under it may be fresher than
its version says, never older.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from common.store.daily_aggregates import WITH_AIR
from common.store.engine import run
from common.store.schema import version, version_due

if TYPE_CHECKING:
    from datetime import datetime

    from common.store.engine import Connection


class Versions(msgspec.Struct, frozen=True):
    """What is in force."""

    data: int
    keys: int
    secret: str
    """Known to whoever may read the database, and to nobody else"""


def versions(connection: Connection) -> Versions:
    """The versions as they are now."""
    rows = {what: (number, secret) for what, number, secret in run(connection, select(*version.c))}
    return Versions(data=rows["data"][0], keys=rows["keys"][0], secret=str(rows["data"][1]))


def data_version(connection: Connection) -> int:
    """The version of the data alone."""
    [(number,)] = run(connection, select(version.c.version).where(version.c.what == "data"))
    return int(number)


def newest_hour(connection: Connection, now: datetime) -> datetime | None:
    """The newest hour of any city that has air; None where that is more than a week ago."""
    rows = run(connection, NEWEST_HOUR, now=now)
    return rows[0][0] if rows else None


# No further back than a week: over the compressed chunks of years the plan alone would take 40 ms.
NEWEST_HOUR = f"""
    SELECT time FROM city_hour WHERE time > CAST(:now AS timestamptz) - interval '7 days' AND time <= :now
      AND {WITH_AIR} ORDER BY time DESC LIMIT 1
"""


def raise_data_version(connection: Connection) -> None:
    """Have everybody compute anew what they keep of the data."""
    run(connection, insert(version_due).values(what="data").on_conflict_do_nothing())
