"""Models as they are listed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.store.engine import run
from common.store.reads.stamp import utc

if TYPE_CHECKING:
    from datetime import datetime

    from common.store.engine import Connection

_COLUMNS = (
    "version, city, target, mode, family, status, reason, {trained_at}, {window_start}, {window_end}, "
    "samples, features_hash, checksum, {promoted_at}"
).format(
    **{name: f"{utc(name)} AS {name}" for name in ("trained_at", "window_start", "window_end", "promoted_at")}
)

_FILTERS = ("city", "target", "mode", "family", "status")
MOST_COUNTED = 10_000
"""Models are counted so far and no further: the answer must not slow down with the years."""


def models_json(
    connection: Connection, filters: dict[str, str | None], *, limit: int, offset: int
) -> tuple[int, str]:
    """(number of all, but `MOST_COUNTED` at most; JSON array of one page), newest first; metrics without the leads."""
    chosen = {name: value for name, value in filters.items() if value is not None}
    where = " AND ".join(f"{name} = :{name}" for name in _FILTERS if name in chosen) or "true"
    [(total, page)] = run(
        connection,
        f"""
        SELECT (SELECT count(*) FROM (SELECT FROM model WHERE {where} LIMIT {MOST_COUNTED}) AS matching), COALESCE((
          SELECT json_agg(page)::text FROM (
            SELECT {_COLUMNS}, metrics - 'by_lead' - 'naive' AS metrics FROM model WHERE {where}
            ORDER BY model.trained_at DESC, version COLLATE "C" LIMIT :limit OFFSET :offset) AS page), '[]')
        """,
        **chosen,
        limit=limit,
        offset=offset,
    )
    return total, page


def trainings_json(connection: Connection, city: str, target: str) -> str | None:
    """JSON object: family → its latest live model, metrics whole; None where none was ever trained."""
    [(text,)] = run(
        connection,
        f"""
        SELECT json_object_agg(family, latest ORDER BY family COLLATE "C")::text FROM (
          SELECT DISTINCT ON (family) {_COLUMNS}, metrics FROM model
          WHERE city = :city AND target = :target AND mode = 'live'
          ORDER BY family, model.trained_at DESC, version COLLATE "C") AS latest
        """,
        city=city,
        target=target,
    )
    return None if text is None else str(text)


def champion_since(connection: Connection, city: str, target: str) -> tuple[str, str, datetime | None] | None:
    """(version, family, when promoted) of the live champion."""
    rows = run(
        connection,
        """
        SELECT version, family, promoted_at FROM model
        WHERE city = :city AND target = :target AND mode = 'live' AND status = 'champion'
        """,
        city=city,
        target=target,
    )
    return (rows[0][0], rows[0][1], rows[0][2]) if rows else None
