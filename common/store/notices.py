"""Troubles that last are told once: when they begin, and again only after they were over."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from common.store.engine import run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from common.store.engine import Connection


def begin(connection: Connection, kind: str, present: Mapping[str, str], *, now: datetime) -> dict[str, str]:
    """Note what is wrong at present, by what it is about; of this kind, what has not been told yet."""
    run(
        connection,
        """
        INSERT INTO notice (kind, about, said, since)
        SELECT :kind, key, value, :now FROM jsonb_each_text(CAST(:present AS jsonb))
        ON CONFLICT (kind, about) DO UPDATE SET said = excluded.said
        """,
        kind=kind,
        present=json.dumps(dict(present)),
        now=now,
    )
    rows = run(
        connection,
        "SELECT about, said FROM notice WHERE kind = :kind AND told_at IS NULL ORDER BY about",
        kind=kind,
    )
    return {about: said for about, said in rows if about in present}


def told(connection: Connection, kind: str, abouts: list[str], *, now: datetime) -> None:
    """These have been told; nothing more is said of them until they are over."""
    run(
        connection,
        "UPDATE notice SET told_at = :now WHERE kind = :kind AND about = ANY(:abouts)",
        kind=kind,
        abouts=abouts,
        now=now,
    )


def over(connection: Connection, kind: str, abouts: list[str]) -> list[str]:
    """These are over; those of them that had been told."""
    rows = run(
        connection,
        "DELETE FROM notice WHERE kind = :kind AND about = ANY(:abouts) RETURNING about, told_at",
        kind=kind,
        abouts=abouts,
    )
    return sorted(about for about, told_at in rows if told_at is not None)


def known(connection: Connection, kind: str) -> set[str]:
    """What of this kind is going on, told or not."""
    return {about for (about,) in run(connection, "SELECT about FROM notice WHERE kind = :kind", kind=kind)}
