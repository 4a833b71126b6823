"""What each forecast was made of: the experts' own forecasts as issued, and their weights."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from common.domain.forecast import HORIZON, NAIVE
from common.store.engine import run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from common.domain.forecast import Mode
    from common.store.engine import Connection

EXPERTS_KEPT = timedelta(days=60)
"""As far back as weights are learnt from."""


@dataclass(frozen=True, slots=True)
class IssuedExperts:
    """The experts of one forecast."""

    names: tuple[str, ...]
    """The last ones are the naive forecasts, `NAIVE`"""
    y: Sequence[float]
    """48 values of each expert but the naive ones, one after the other; nan where it says nothing"""
    weights: Sequence[float]
    """Of each expert, for each block of lead times after the other"""


_INSERT = """
INSERT INTO forecast_expert (city, target, mode, origin, names, y, weights)
VALUES (:city, :target, :mode, :origin, :names, :y, :weights) ON CONFLICT DO NOTHING
"""

_BETWEEN = f"""
WITH kept AS (
  SELECT origin, max(origin) OVER () - origin AS ago FROM forecast_expert
  WHERE city = :city AND target = :target AND mode = :mode AND origin > :after AND origin < :before
), chosen AS (
  SELECT max(origin) AS origin FROM kept GROUP BY floor(extract(epoch FROM ago) / 3600 / CAST(:apart AS int))
)
SELECT array_to_string(names, ','), string_agg(
  int4send(CAST(extract(epoch FROM CAST(:before AS timestamptz) - origin) AS int) / 3600)
  || array_send(expert.y || {" || ".join(NAIVE)} || forecast.y), '' ORDER BY origin)
FROM forecast_expert AS expert JOIN chosen USING (origin) JOIN forecast USING (city, target, mode, origin)
WHERE city = :city AND target = :target AND mode = :mode AND cardinality(weekly) = {HORIZON}
GROUP BY names
"""

_OF = f"""
SELECT array_to_string(names, ','), expert.y || {" || ".join(NAIVE)}, weights
FROM forecast_expert AS expert JOIN forecast USING (city, target, mode, origin)
WHERE city = :city AND target = :target AND mode = 'live' AND origin = :origin
"""


def insert_experts(
    connection: Connection, city: str, target: str, mode: Mode, *, origin: datetime, experts: IssuedExperts
) -> None:
    """Keep what a forecast was made of, which must be kept before; nothing changes where it is kept already."""
    run(
        connection,
        _INSERT,
        city=city,
        target=target,
        mode=mode,
        origin=origin,
        names=list(experts.names),
        y=list(experts.y),
        weights=list(experts.weights),
    )


def experts_between(
    connection: Connection,
    city: str,
    target: str,
    *,
    mode: Mode,
    after: datetime,
    before: datetime,
    apart: int,
) -> list[tuple[tuple[str, ...], bytes]]:
    """Experts of the forecasts with origin in (after, before), the last of each `apart` hours back from the newest.

    By the names of the experts; oldest first, in the server's own form, whose numbers cost little to read: of each
    forecast, as int4 the hours from its origin until `before`; then, as array_send writes it, an array of float4: 48
    values of each expert, and those of what was served.
    """
    asked = {"city": city, "target": target, "mode": mode, "after": after, "before": before, "apart": apart}
    return [(tuple(names.split(",")), found) for names, found in run(connection, _BETWEEN, **asked)]


def experts_of(connection: Connection, city: str, target: str, origin: datetime) -> IssuedExperts | None:
    """Those of one live forecast, here with the naive ones in `y`; None where they are not kept any more."""
    rows = run(connection, _OF, city=city, target=target, origin=origin)
    if not rows:
        return None
    names, y, weights = rows[0]
    return IssuedExperts(tuple(names.split(",")), [*map(float, y)], [*map(float, weights)])


def drop_old_experts(connection: Connection, *, now: datetime) -> int:
    """Forget the experts of forecasts that weights are no longer learnt from; how many."""
    [(count,)] = run(
        connection,
        """
        WITH gone AS (DELETE FROM forecast_expert WHERE origin < CAST(:now AS timestamptz) - CAST(:kept AS interval)
                      RETURNING 1)
        SELECT count(*) FROM gone
        """,
        now=now,
        kept=f"{EXPERTS_KEPT.days} days",
    )
    return int(count)
