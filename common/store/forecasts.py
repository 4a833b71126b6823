"""Forecasts as issued, and the truth beside them once it is known: the record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.store import sql
from common.store.engine import run
from common.store.score_aggregates import roll_up

if TYPE_CHECKING:
    from datetime import datetime

    from common.domain.forecast import Mode
    from common.store.engine import Connection


@dataclass(frozen=True, slots=True)
class IssuedForecast:
    """One forecast of one target for one city; every array has 48 values, the first for origin + 1 h."""

    city: str
    target: str
    mode: Mode
    issued_at: datetime
    origin: datetime
    """End of the last hour that was over when it was issued."""
    known_until: datetime
    """The last hour whose value was known; before `origin` where data came late."""
    model_version: str | None
    family: str
    inputs_hash: str
    basis: str | None
    source: str | None
    y: list[float]
    lo80: list[float]
    hi80: list[float]
    lo95: list[float]
    hi95: list[float]
    categories: list[list[float]]
    """Probability of each of the six categories, lead by lead; empty unless the target is ``aqi``."""
    persistence: list[float]
    daily: list[float]
    mean24: list[float]
    weekly: list[float]
    """Null in rows issued by versions that did not make it"""


_FIELDS = tuple(IssuedForecast.__dataclass_fields__)
_INSERT = (
    f"INSERT INTO forecast ({', '.join(_FIELDS)}) VALUES ({', '.join(':' + name for name in _FIELDS)}) "
    "ON CONFLICT (city, target, mode, origin) DO NOTHING RETURNING 1"
)

_ISSUED = """
WITH kept AS (
  SELECT origin, max(origin) OVER () - origin AS ago FROM forecast
  WHERE city = :city AND target = :target AND mode = :mode AND origin > :after AND origin < :before
), chosen AS (
  SELECT max(origin) AS origin FROM kept GROUP BY floor(extract(epoch FROM ago) / 3600 / CAST(:apart AS int))
)
SELECT string_agg(
  int4send(CAST(extract(epoch FROM CAST(:before AS timestamptz) - origin) AS int) / 3600)
  || int4send(CAST(extract(epoch FROM origin - known_until) AS int) / 3600)
  || array_send(y || lo95 || lo80 || hi80 || hi95), '' ORDER BY origin)
FROM forecast JOIN chosen USING (origin)
WHERE city = :city AND target = :target AND mode = :mode
"""

_UNSEEN = """
SELECT DISTINCT city FROM model
WHERE status = 'champion' AND mode = 'live' AND
  (SELECT max(time) FROM city_hour
   WHERE city_hour.city = model.city AND time > CAST(:now AS timestamptz) - interval '1 day' AND time <= :now
     AND CASE WHEN model.target = 'aqi' THEN aqi ELSE pm25 END IS NOT NULL)
  > COALESCE((SELECT known_until FROM forecast
              WHERE forecast.city = model.city AND forecast.target = model.target AND forecast.mode = 'live'
              ORDER BY origin DESC LIMIT 1), '-infinity')
ORDER BY city
"""


def insert_forecast(connection: Connection, forecast: IssuedForecast) -> bool:
    """Keep a forecast as issued; False, and nothing changed, where one of the same origin is kept already."""
    values = {name: getattr(forecast, name) for name in _FIELDS}
    return bool(run(connection, _INSERT, **values))


def issued_between(
    connection: Connection,
    city: str,
    target: str,
    *,
    mode: Mode,
    after: datetime,
    before: datetime,
    apart: int,
) -> bytes:
    """Forecasts with origin in (after, before), the last of each `apart` hours counted back from the newest.

    Oldest first, in the server's own form, whose numbers cost little to read: of each, as int4 the hours from its
    origin until `before` and from the last hour known to it until its origin; then, as array_send writes it, an
    array of 240 float4: y, lo95, lo80, hi80, hi95.
    """
    asked = {"city": city, "target": target, "mode": mode, "after": after, "before": before, "apart": apart}
    [(found,)] = run(connection, _ISSUED, **asked)
    return found or b""


def unseen_by_forecasts(connection: Connection, now: datetime) -> list[str]:
    """Names of the cities that could be forecast, and have hours later than those their latest forecast knew."""
    return [city for (city,) in run(connection, _UNSEEN, now=now)]


def score(connection: Connection, *, mode: Mode, now: datetime, reach_hours: int = 24 * 7) -> int:
    """Set the truth known at `now` beside the forecasts of the last `reach_hours`; how many changed.

    Days that have settled are rolled up, so that the record stays quick to read.
    """
    changed = len(
        run(connection, sql.load("score_forecasts"), mode=mode, now=now, reach=f"{reach_hours} hours")
    )
    roll_up(connection, mode=mode, now=now)
    return changed
