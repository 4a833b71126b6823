"""Models as they are listed."""

from datetime import datetime

from sqlalchemy import Connection

from common.store.engine import run
from common.store.reads.stamp import utc

_COLUMNS = (
    "version, city, target, mode, family, status, reason, {trained_at}, {window_start}, {window_end}, "
    "samples, features_hash, checksum, {promoted_at}"
).format(
    **{name: f"{utc(name)} AS {name}" for name in ("trained_at", "window_start", "window_end", "promoted_at")}
)


def models_json(
    connection: Connection, filters: dict[str, str | None], *, limit: int, offset: int
) -> tuple[int, str]:
    """(number of all, JSON array of one page) of models, newest first; their metrics without the leads."""
    names = ("city", "target", "mode", "family", "status")
    [(total, page)] = run(
        connection,
        f"""
        WITH found AS (
          SELECT * FROM model
          WHERE {" AND ".join(f"(CAST(:{name} AS text) IS NULL OR {name} = :{name})" for name in names)})
        SELECT (SELECT count(*) FROM found), COALESCE((
          SELECT json_agg(page)::text FROM (
            SELECT {_COLUMNS}, metrics - 'by_lead' - 'naive' AS metrics FROM found
            ORDER BY found.trained_at DESC, version LIMIT :limit OFFSET :offset) AS page), '[]')
        """,
        **{name: filters.get(name) for name in names},
        limit=limit,
        offset=offset,
    )
    return total, page


def trainings_json(connection: Connection, city: str, target: str) -> str | None:
    """JSON object: family → its latest live model, metrics whole; None where none was ever trained."""
    [(text,)] = run(
        connection,
        f"""
        SELECT json_object_agg(family, latest ORDER BY family)::text FROM (
          SELECT DISTINCT ON (family) {_COLUMNS}, metrics FROM model
          WHERE city = :city AND target = :target AND mode = 'live'
          ORDER BY family, model.trained_at DESC, version) AS latest
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
