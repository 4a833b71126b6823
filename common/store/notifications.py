"""Troubles that last are told once: when they begin, and again only after they were over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert

from common.store.engine import run
from common.store.schema import notice

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from common.store.engine import Connection


def begin(connection: Connection, kind: str, present: Mapping[str, str], *, now: datetime) -> dict[str, str]:
    """Note what is wrong at present, by what it is about; of this kind, what has not been told yet."""
    if present:
        new = insert(notice).values(
            [{"kind": kind, "about": about, "said": said, "since": now} for about, said in present.items()]
        )
        run(
            connection,
            new.on_conflict_do_update(index_elements=["kind", "about"], set_={"said": new.excluded.said}),
        )
    untold = select(notice.c.about, notice.c.said).where(notice.c.kind == kind, notice.c.told_at.is_(None))
    rows = run(connection, untold.order_by(notice.c.about))
    return {about: said for about, said in rows if about in present}


def told(connection: Connection, kind: str, abouts: list[str], *, now: datetime) -> None:
    """These have been told; nothing more is said of them until they are over."""
    these = (notice.c.kind == kind) & notice.c.about.in_(abouts)
    run(connection, update(notice).where(these).values(told_at=now))


def over(connection: Connection, kind: str, abouts: list[str]) -> list[str]:
    """These are over; those of them that had been told."""
    these = (notice.c.kind == kind) & notice.c.about.in_(abouts)
    rows = run(connection, delete(notice).where(these).returning(notice.c.about, notice.c.told_at))
    return sorted(about for about, told_at in rows if told_at is not None)


def known(connection: Connection, kind: str) -> set[str]:
    """What of this kind is going on, told or not."""
    return {about for (about,) in run(connection, select(notice.c.about).where(notice.c.kind == kind))}
