"""Challengers: what providers and former champions forecast beside the champion, so that the record compares them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from common.store.engine import run

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from common.domain.forecast import Mode
    from common.store.engine import Connection

MAX_CHALLENGERS = 2
"""Models of a city and target that challenge the champion at the same time."""


def current_challengers(
    connection: Connection, city: str, target: str, mode: Mode, *, now: datetime
) -> list[str]:
    """Versions of the models that forecast beside the champion, `MAX_CHALLENGERS` at most, the newest first."""
    rows = run(
        connection,
        """
        SELECT version FROM model
        WHERE city = :city AND target = :target AND mode = :mode AND challenger_until > CAST(:now AS timestamptz)
          AND trained_at <= :now AND status <> 'champion' AND pruned_at IS NULL
        ORDER BY trained_at DESC, version LIMIT :most
        """,
        city=city,
        target=target,
        mode=mode,
        now=now,
        most=MAX_CHALLENGERS,
    )
    return [version for (version,) in rows]


def insert_challenger_forecasts(
    connection: Connection,
    city: str,
    mode: Mode,
    origin: datetime,
    forecasts: Iterable[tuple[str, str, Sequence[float | None]]],
) -> int:
    """Store challengers' forecasts, (target, challenger, 48 values), beside ours of that origin; how many are new."""
    rows = [{"target": target, "challenger": name, "y": list(y)} for target, name, y in forecasts]
    if not rows:
        return 0
    new = run(
        connection,
        """
        INSERT INTO forecast_challenger (city, target, mode, origin, challenger, y)
        SELECT :city, target, :mode, :origin, challenger, y
        FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS new(target text, challenger text, y real[])
        ON CONFLICT DO NOTHING RETURNING 1
        """,
        city=city,
        mode=mode,
        origin=origin,
        rows=msgspec.json.encode(rows).decode(),  # what is not a number becomes null
    )
    return len(new)
