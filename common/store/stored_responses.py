"""Answers that take long to make, stored in the database until the data they are made of change, or the hour does.

So any process makes one quickly that another has made, without Redis and with an empty memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from common.store.engine import run
from common.store.schema import stored_response, version

if TYPE_CHECKING:
    from datetime import datetime

    from common.store.engine import Connection


def find(connection: Connection, name: str, hour: datetime) -> tuple[int, str | None]:
    """(the version of the data now, the answer if it was made of that one in that hour)."""
    [(number, body)] = run(connection, _FIND, name=name, hour=hour)
    return number, body


_STORED = (
    select(stored_response.c.body)
    .where(
        stored_response.c.name == bindparam("name"),
        stored_response.c.version == version.c.version,
        stored_response.c.hour == bindparam("hour"),
    )
    .correlate(version)
    .scalar_subquery()
)
_FIND = select(version.c.version, _STORED).where(version.c.what == "data")
"""Made once: to put it together takes a third as long as to run it."""


def keep(connection: Connection, name: str, version: int, hour: datetime, body: str) -> None:
    """Keep an answer made after that version was read, in the place of an older one."""
    new = insert(stored_response).values(name=name, version=version, hour=hour, body=body)
    c = stored_response.c
    older = tuple_(c.version, c.hour) < tuple_(new.excluded.version, new.excluded.hour)
    values = {"version": new.excluded.version, "hour": new.excluded.hour, "body": new.excluded.body}
    run(connection, new.on_conflict_do_update(index_elements=["name"], set_=values, where=older))
