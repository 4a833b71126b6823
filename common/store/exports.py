"""Exports that were asked for: rows of the table `job`, of which nobody may have too many."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from common.domain.errors import TooSoon
from common.domain.exports import DAILY_MOST, RETENTION, UNFINISHED_MOST
from common.domain.messages import EXPORT
from common.store.engine import run
from common.store.schema import job

if TYPE_CHECKING:
    from datetime import datetime

    from common.store.engine import Connection

_DAY = timedelta(days=1)
_SOON_S = 60


def admit(connection: Connection, owner: str, key: str, *, now: datetime) -> None:
    """Let an owner ask for an export under that key; whoever asks at the same time waits for this transaction's end.

    Raises:
        TooSoon: when the owner has as many as may be, unless the same one waits already.
    """
    run(connection, select(func.pg_advisory_xact_lock(func.hashtext("export"), func.hashtext(owner))))
    mine = (job.c.type == EXPORT) & (job.c.payload["owner"].astext == owner)
    waits = job.c.state == "queued"
    if run(connection, select(job.c.id).where(mine, waits, job.c.key == key)):
        return
    recent = job.c.created_at > now - _DAY
    counted = select(
        func.count().filter(waits | (job.c.state == "running")),
        func.count().filter(recent),
        func.min(job.c.created_at).filter(recent),
    )
    [(unfinished, daily, oldest)] = run(connection, counted.where(mine))
    if unfinished >= UNFINISHED_MOST:
        raise TooSoon(
            f"{UNFINISHED_MOST} exports of yours are not finished yet; wait for one of them",
            retry_after_s=_SOON_S,
        )
    if daily >= DAILY_MOST:
        raise TooSoon(
            f"you had {DAILY_MOST} exports in 24 hours, which is as many as may be; ask again later, or take the files "
            "of the archive",
            retry_after_s=max(1, round((oldest + _DAY - now).total_seconds())),
        )


def needed_exports(connection: Connection, *, now: datetime) -> set[int]:
    """The numbers of the exports whose files are needed: those that are not over, and those done not long ago."""
    lasting = job.c.state.in_(("queued", "running")) | (
        (job.c.state == "done") & (job.c.finished_at > now - RETENTION)
    )
    return {id_ for (id_,) in run(connection, select(job.c.id).where(job.c.type == EXPORT, lasting))}
