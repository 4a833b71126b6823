"""Challengers: what providers and former champions forecast beside the champion, so that the record compares them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from common.store.engine import run
from common.store.schema import forecast_challenger, model

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
    c = model.c
    challenging = (
        select(c.version)
        .where(c.city == city, c.target == target, c.mode == mode, c.status != "champion")
        .where(c.challenger_until > now, c.trained_at <= now, c.pruned_at.is_(None))
        .order_by(c.trained_at.desc(), c.version)
        .limit(MAX_CHALLENGERS)
    )
    return [version for (version,) in run(connection, challenging)]


def insert_challenger_forecasts(
    connection: Connection,
    city: str,
    mode: Mode,
    origin: datetime,
    forecasts: Iterable[tuple[str, str, Sequence[float | None]]],
) -> int:
    """Store challengers' forecasts, (target, challenger, 48 values), beside ours of that origin; how many are new."""
    rows = [
        {"city": city, "target": target, "mode": mode, "origin": origin, "challenger": name, "y": list(y)}
        for target, name, y in forecasts
    ]
    if not rows:
        return 0
    new = insert(forecast_challenger).values(rows).on_conflict_do_nothing()
    return len(run(connection, new.returning(forecast_challenger.c.origin)))
