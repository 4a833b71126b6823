"""Models that are followed: they forecast beside the champion, and the record compares them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from common.domain.forecast import NAIVE, Mode
from common.store.engine import run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from common.store.connection import Connection
    from common.store.models import ModelRow

CHALLENGER_FOLLOWED = timedelta(days=14)
"""So long a challenger is followed where no later training names another."""
MOST_FOLLOWED = 2
"""Models of a city and target that are followed at the same time."""


def follow(connection: Connection, version: str | None, champion: str, *, now: datetime) -> None:
    """Follow this challenger beside the `champion`, and no longer the challenger before it; None: no challenger."""
    run(
        connection,
        """
        UPDATE model SET shadow_until = CASE WHEN model.version = :version THEN CAST(:until AS timestamptz) END
        FROM model AS served
        WHERE served.version = :champion AND model.status IN ('rejected', 'candidate')
          AND (model.city, model.target, model.mode) = (served.city, served.target, served.mode)
          AND (model.shadow_until IS NOT NULL OR model.version = :version)
        """,
        version=version or "",
        champion=champion,
        until=now + CHALLENGER_FOLLOWED,
    )


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


@dataclass(frozen=True, slots=True)
class DayOfRivals:
    """Sums of absolute errors over the forecasts that the champion's family issued on one UTC day."""

    day: date
    n: int
    ours: float
    theirs: float


_KNOWN = "actual[lead] IS NOT NULL AND origin + lead * interval '1 hour' <= :now"
_RIVALS = f"""
WITH pair AS (
  SELECT CASE WHEN model.status = 'retired' THEN model.version ELSE model.family END AS rival,
         CAST(origin AT TIME ZONE 'UTC' AS date) AS day,
         abs(forecast.y[lead] - actual[lead]) AS ours, abs(forecast_rival.y[lead] - actual[lead]) AS theirs
  FROM forecast JOIN forecast_truth USING (city, target, mode, origin)
  JOIN forecast_rival USING (city, target, mode, origin) JOIN model ON model.version = forecast_rival.rival,
       generate_series(1, 48) AS lead
  WHERE forecast.city = :city AND forecast.target = :target AND forecast.mode = :mode
    AND origin > :start AND origin <= :now AND forecast.family = :family
    AND (CAST(:version AS text) IS NULL OR forecast.model_version = :version) AND {_KNOWN}
), naive AS (
  SELECT name AS rival, CAST(origin AT TIME ZONE 'UTC' AS date) AS day, abs(y[lead] - actual[lead]) AS ours,
         abs(CASE name {" ".join(f"WHEN '{name}' THEN {name}[lead]" for name in NAIVE)} END - actual[lead]) AS theirs
  FROM forecast JOIN forecast_truth USING (city, target, mode, origin),
       generate_series(1, 48) AS lead, unnest(ARRAY[{", ".join(f"'{name}'" for name in NAIVE)}]) AS name
  WHERE city = :city AND target = :target AND mode = :mode AND origin > :start AND origin <= :now
    AND family = :family AND family <> 'naive'
    AND (CAST(:version AS text) IS NULL OR model_version = :version) AND {_KNOWN}
)
SELECT rival, day, count(*), sum(ours), sum(theirs) FROM (SELECT * FROM pair UNION ALL SELECT * FROM naive) AS rivals
WHERE theirs IS NOT NULL GROUP BY rival, day ORDER BY rival, day
"""


def rival_days(
    connection: Connection, champion: ModelRow, *, start: datetime, now: datetime, itself: bool = False
) -> dict[str, list[DayOfRivals]]:
    """How those that were followed beside the champion did on the very hours it forecast since `start`, by day.

    By the rival's family, since each day's training makes a new version; a former champion and a naive forecast by
    its own name. The champion's side is all that its family issued, or only what it did `itself`. A naive forecast
    that some of those were issued without has fewer pairs, or none.
    """
    rows = run(
        connection,
        _RIVALS,
        city=champion.city,
        target=champion.target,
        mode=champion.mode,
        family=champion.family,
        version=champion.version if itself else None,
        start=start,
        now=now,
    )
    found: dict[str, list[DayOfRivals]] = {}
    for rival, day, n, ours, theirs in rows:
        found.setdefault(rival, []).append(DayOfRivals(day, n, float(ours), float(theirs)))
    return found
