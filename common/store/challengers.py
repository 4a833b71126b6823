"""Models that are followed: they forecast beside the champion, and the record compares them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.store.engine import run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from common.domain.forecast import Mode
    from common.store.engine import Connection

MOST_FOLLOWED = 2
"""Models of a city and target that are followed at the same time."""


def followed(connection: Connection, city: str, target: str, mode: Mode, *, now: datetime) -> list[str]:
    """Versions of the models that forecast beside the champion, `MOST_FOLLOWED` at most, the newest first."""
    rows = run(
        connection,
        """
        SELECT version FROM model
        WHERE city = :city AND target = :target AND mode = :mode AND shadow_until > CAST(:now AS timestamptz)
          AND trained_at <= :now AND status <> 'champion' AND pruned_at IS NULL
        ORDER BY trained_at DESC, version LIMIT :most
        """,
        city=city,
        target=target,
        mode=mode,
        now=now,
        most=MOST_FOLLOWED,
    )
    return [version for (version,) in rows]


def keep_rival(
    connection: Connection,
    city: str,
    target: str,
    mode: Mode,
    *,
    origin: datetime,
    version: str,
    y: Sequence[float],
) -> bool:
    """Keep what a followed model forecast beside the champion; False where it is kept already."""
    return bool(
        run(
            connection,
            """
            INSERT INTO forecast_rival (city, target, mode, origin, rival, y)
            VALUES (:city, :target, :mode, :origin, :version, :y) ON CONFLICT DO NOTHING RETURNING 1
            """,
            city=city,
            target=target,
            mode=mode,
            origin=origin,
            version=version,
            y=list(y),
        )
    )
