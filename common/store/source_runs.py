"""How each source did at each run: the ground of its health."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from common.store.engine import run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import Connection


def record_run(
    connection: Connection,
    source: str,
    *,
    started_at: datetime,
    finished_at: datetime,
    readings: int = 0,
    rejected: Mapping[str, int] | None = None,
    latest: datetime | None = None,
    reason: str | None = None,
    message: str | None = None,
) -> None:
    """Keep one run; `reason` and `message` only where it failed, `latest` is its newest reading's time."""
    run(
        connection,
        """
        INSERT INTO source_run (source, started_at, finished_at, readings, rejected, reason, message, latest)
        VALUES (:source, :started_at, :finished_at, :readings, CAST(:rejected AS jsonb), :reason, :message, :latest)
        ON CONFLICT (source, started_at) DO NOTHING
        """,
        source=source,
        started_at=started_at,
        finished_at=finished_at,
        readings=readings,
        rejected=json.dumps(dict(rejected or {})),
        latest=latest,
        reason=reason,
        message=message[:300] if message else None,
    )
