"""Forecasts as issued, and the truth beside them once it is known: the record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from common.domain.forecast import MAPE_FLOOR, NAIVE, Mode
from common.store.engine import run

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection


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


_FIELDS = tuple(IssuedForecast.__dataclass_fields__)
_INSERT = (
    f"INSERT INTO forecast ({', '.join(_FIELDS)}) VALUES ({', '.join(':' + name for name in _FIELDS)}) "
    "ON CONFLICT (city, target, mode, origin) DO NOTHING RETURNING 1"
)

_SCORE = """
WITH due AS (
  SELECT forecast.city, forecast.target, forecast.mode, forecast.origin
  FROM forecast LEFT JOIN forecast_truth USING (city, target, mode, origin)
  WHERE forecast.mode = :mode AND origin < :now
    AND origin >= CAST(:now AS timestamptz) - CAST(:reach AS interval)
    AND (scored IS NULL OR scored < 48 OR origin >= CAST(:now AS timestamptz) - interval '3 days')
), truth AS (
  SELECT due.*, array_agg(CASE WHEN target = 'aqi' THEN aqi ELSE pm25 END ORDER BY hour)::real[] AS actual,
         count(CASE WHEN target = 'aqi' THEN aqi ELSE pm25 END) AS known
  FROM due
  CROSS JOIN generate_series(origin + interval '1 hour', origin + interval '48 hours', interval '1 hour') AS hour
  LEFT JOIN city_hour ON city_hour.city = due.city AND city_hour.time = hour AND hour <= :now
  GROUP BY due.city, due.target, due.mode, due.origin
)
INSERT INTO forecast_truth (city, target, mode, origin, actual, scored, scored_at)
SELECT city, target, mode, origin, actual, known, :now FROM truth WHERE known > 0
ON CONFLICT (city, target, mode, origin) DO UPDATE
SET actual = excluded.actual, scored = excluded.scored, scored_at = excluded.scored_at
WHERE forecast_truth.actual IS DISTINCT FROM excluded.actual
RETURNING 1
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

_RECORD = f"""
WITH pair AS (
  SELECT lead, y[lead] AS y, actual[lead] AS actual, lo80[lead] AS lo80, hi80[lead] AS hi80,
         lo95[lead] AS lo95, hi95[lead] AS hi95, {", ".join(f"{name}[lead] AS {name}" for name in NAIVE)}
  FROM forecast JOIN forecast_truth USING (city, target, mode, origin), generate_series(1, 48) AS lead
  WHERE city = :city AND target = :target AND mode = :mode AND origin > :start AND origin <= :end
    AND (CAST(:family AS text) IS NULL OR family = :family)
)
SELECT lead, count(*) AS n, avg(abs(y - actual)), sqrt(avg((y - actual) ^ 2)), avg(y - actual),
       avg(abs(y - actual) / actual) FILTER (WHERE actual >= {MAPE_FLOOR}), var_pop(actual), avg((y - actual) ^ 2),
       {", ".join(f"avg(abs({name} - actual))" for name in NAIVE)},
       avg((actual BETWEEN lo80 AND hi80)::int), avg((actual BETWEEN lo95 AND hi95)::int)
FROM pair WHERE actual IS NOT NULL GROUP BY GROUPING SETS ((lead), ()) ORDER BY lead NULLS FIRST
"""


def insert_forecast(connection: Connection, forecast: IssuedForecast) -> bool:
    """Keep a forecast as issued; False, and nothing changed, where one of the same origin is kept already."""
    values = {name: getattr(forecast, name) for name in _FIELDS}
    return bool(run(connection, _INSERT, **values))


def unseen_by_forecasts(connection: Connection, now: datetime) -> list[str]:
    """Names of the cities that could be forecast, and have hours later than those their latest forecast knew."""
    return [city for (city,) in run(connection, _UNSEEN, now=now)]


def score(connection: Connection, *, mode: Mode, now: datetime, reach_hours: int = 24 * 7) -> int:
    """Set the truth known at `now` beside the forecasts of the last `reach_hours`; how many changed."""
    return len(run(connection, _SCORE, mode=mode, now=now, reach=f"{reach_hours} hours"))


@dataclass(frozen=True, slots=True)
class LeadScore:
    """How forecasts did at one lead time, or at all (`lead` None); errors in the target's unit."""

    lead: int | None
    n: int
    mae: float
    rmse: float
    bias: float
    mape: float | None
    """A share of 1, over hours whose truth is at least `MAPE_FLOOR`."""
    r2: float | None
    naive_mae: dict[str, float]
    coverage80: float
    coverage95: float

    @property
    def best_naive(self) -> str:
        """The naive forecast with the smallest MAE on these very hours."""
        return min(self.naive_mae, key=lambda name: self.naive_mae[name])

    @property
    def skill(self) -> float | None:
        """1 − MAE / MAE of the best naive; None where that one made no error."""
        naive = self.naive_mae[self.best_naive]
        return 1 - self.mae / naive if naive > 0 else None


def record(
    connection: Connection,
    city: str,
    target: str,
    *,
    mode: Mode,
    start: datetime,
    end: datetime,
    family: str | None = None,
) -> list[LeadScore]:
    """Scores over forecasts with origin in (start, end]: first all leads together, then lead by lead."""
    rows = run(connection, _RECORD, city=city, target=target, mode=mode, start=start, end=end, family=family)
    return [_lead_score(row) for row in rows if row[1]]


def _lead_score(row: Any) -> LeadScore:
    lead, n, mae, rmse, bias, mape, variance, mse, *rest = row
    naive, (coverage80, coverage95) = rest[: len(NAIVE)], rest[len(NAIVE) :]
    return LeadScore(
        lead=lead,
        n=n,
        mae=float(mae),
        rmse=float(rmse),
        bias=float(bias),
        mape=None if mape is None else float(mape),
        r2=1 - float(mse) / float(variance) if variance else None,
        naive_mae={name: float(value) for name, value in zip(NAIVE, naive, strict=True)},
        coverage80=float(coverage80),
        coverage95=float(coverage95),
    )


def cities_with_record(connection: Connection, *, mode: Mode, start: datetime, end: datetime) -> list[str]:
    """Cities that have a forecast with origin in (start, end]."""
    rows = run(
        connection,
        "SELECT DISTINCT city FROM forecast WHERE mode = :mode AND origin > :start AND origin <= :end ORDER BY city",
        mode=mode,
        start=start,
        end=end,
    )
    return [city for (city,) in rows]
