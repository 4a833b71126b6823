"""Jobs as whoever asked for them follows them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import case, select

from common.store.engine import run
from common.store.jobs import NEVER, OVERDUE
from common.store.schema import job

if TYPE_CHECKING:
    from common.store.engine import Connection


class JobRow(msgspec.Struct, frozen=True):
    """One job as it is stored."""

    id: int
    payload: dict[str, Any]
    state: str
    attempts: int
    max_attempts: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    available_at: datetime | None
    """None where `elsewhere`"""
    error: str | None
    outcome: Any
    overdue: bool
    """Whether its worker fell silent, by the server's clock"""
    elsewhere: bool
    """Whether another queue carries its message"""


def job_row(connection: Connection, id_: int, type_: str, names: str = "city") -> JobRow | None:
    """A job of that type whose payload `names` something, such as a city; None where there is none."""
    c = job.c
    elsewhere = c.available_at == NEVER
    columns = (
        c.id, c.payload, c.state, c.attempts, c.max_attempts, c.created_at, c.started_at, c.finished_at,
        case((~elsewhere, c.available_at)), c.error, c.outcome, OVERDUE, elsewhere,
    )  # fmt: skip
    rows = run(connection, select(*columns).where(c.id == id_, c.type == type_, c.payload.has_key(names)))
    return JobRow(*rows[0]) if rows else None
