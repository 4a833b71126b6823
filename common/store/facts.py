"""What a database says of itself, by name: its kind of data, the tier of its server, when upkeep last went through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from common.store.engine import run
from common.store.schema import meta

if TYPE_CHECKING:
    from common.store.engine import Connection


def fact(connection: Connection, key: str) -> str | None:
    """The value; None where it was never set."""
    rows = run(connection, select(meta.c.value).where(meta.c.key == key))
    return rows[0][0] if rows else None


def set_fact(connection: Connection, key: str, value: str) -> None:
    """Set a value; a row that has it already is not written again."""
    new = insert(meta).values(key=key, value=value)
    changed = meta.c.value != new.excluded.value
    run(
        connection,
        new.on_conflict_do_update(index_elements=["key"], set_={"value": new.excluded.value}, where=changed),
    )
