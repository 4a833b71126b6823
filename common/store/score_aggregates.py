"""Sums over pairs of forecast and truth, of which all scores are made; those of settled days are kept.

A day is the Indian one of the origin. Whatever changes its truth makes it, by a trigger of the schema, a day whose
sums are computed when they are asked for, until it is rolled up again.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from common.domain.breakpoints import CATEGORIES
from common.domain.forecast import BLOCKS, EXCEEDED, MAPE_FLOOR, NAIVE, Mode
from common.domain.observation import IST
from common.store.engine import run

if TYPE_CHECKING:
    from datetime import datetime

    from common.store.engine import Connection

_SETTLED = timedelta(days=5)
"""A day that began so long ago is rolled up: the truth of its last hours is known, and no more looked at again."""
_AT_ONCE = 60
"""Days of a city and target that are rolled up at a time: the first run after an upgrade has years before it."""

_BOUNDS = {"lo95": 0.025, "lo80": 0.1, "hi80": 0.9, "hi95": 0.975}


LATER = ("weekly",)
"""Naive forecasts that are null in forecasts issued before they were introduced: how many pairs have one is counted."""


def _above(name: str, aqi: int) -> str:
    return f"{name} >= {aqi + 0.5}"


SUMS = {
    "n": "count(*)",
    "large": f"count(*) FILTER (WHERE actual >= {MAPE_FLOOR})",
    "within80": "count(*) FILTER (WHERE actual BETWEEN lo80 AND hi80)",
    "within95": "count(*) FILTER (WHERE actual BETWEEN lo95 AND hi95)",
    **{
        f"{name}_{aqi}": f"count(*) FILTER (WHERE target = 'aqi' AND {condition})"
        for aqi in EXCEEDED
        for name, condition in {
            "observed": _above("actual", aqi),
            "predicted": _above("predicted", aqi),
            "hit": f"{_above('predicted', aqi)} AND {_above('actual', aqi)}",
            "persisted": _above("persistence", aqi),
            "persisted_hit": f"{_above('persistence', aqi)} AND {_above('actual', aqi)}",
        }.items()
    },
    "error": "sum(abs(predicted - actual))",
    "squared": "sum((predicted - actual) * (predicted - actual))",
    "bias": "sum(predicted - actual)",
    "share": f"sum(abs(predicted - actual) / actual) FILTER (WHERE actual >= {MAPE_FLOOR})",
    "actual": "sum(actual)",
    "actual_squared": "sum(actual * actual)",
    **{name: f"sum(abs({name} - actual))" for name in NAIVE},
    **{f"{name}_n": f"count({name})" for name in LATER},
    "ours": "sum(abs(ours - actual))",
    "width80": "sum(hi80 - lo80)",
    "width95": "sum(hi95 - lo95)",
    "loss": "sum(({}) / {})".format(
        " + ".join(
            f"greatest({level} * (actual - {name}), {level - 1:.3f} * (actual - {name}))"
            for name, level in _BOUNDS.items()
        ),
        len(_BOUNDS),
    ),
}
"""What is added up, all of it over pairs whose truth is known; by name."""

NAMES = ", ".join(SUMS)
OF = "city, target, mode, day"
WHO = "challenger, version, family, lead"
_PARTS = ("predicted", "ours", "actual", "lo80", "hi80", "lo95", "hi95", *NAIVE)

_LAST = "CASE {} END".format(" ".join(f"WHEN lead <= {last} THEN {last}" for _, last in BLOCKS))

CHOSEN = """
SELECT scope.day, forecast.*, COALESCE(model_version, '') AS version, actual
FROM scope JOIN forecast ON (forecast.city, forecast.target, forecast.mode) = (scope.city, scope.target, scope.mode)
  AND forecast.origin > CAST(scope.day AS timestamp) AT TIME ZONE 'Asia/Kolkata'
  AND forecast.origin <= CAST(scope.day + 1 AS timestamp) AT TIME ZONE 'Asia/Kolkata'
JOIN forecast_truth AS truth ON (truth.city, truth.target, truth.mode, truth.origin)
  = (forecast.city, forecast.target, forecast.mode, forecast.origin)
"""
"""Forecasts of the days of `scope` (city, target, mode, day) whose truth is known in part at least."""

ADDED = f"""
SELECT {OF}, {WHO}, {", ".join(f"{sql} AS {name}" for name, sql in SUMS.items())}
FROM (
  SELECT {OF}, version, family, challenger,
         CAST(CASE WHEN challenger = '' THEN lead ELSE {_LAST} END AS smallint) AS lead,
         {", ".join(f"CAST(pair.{name} AS float8)" for name in _PARTS)}
  FROM (
    SELECT {OF}, version, family, '' AS challenger, y AS predicted, y AS ours, actual, lo80, hi80, lo95, hi95,
           {", ".join(NAIVE)}
    FROM chosen
    UNION ALL
    SELECT {OF}, version, family, challenger, challenger_y, y, actual, NULL, NULL, NULL, NULL, {", ".join(NAIVE)}
    FROM (SELECT chosen.*, forecast_challenger.y AS challenger_y,
                 COALESCE('model:' || model.family, forecast_challenger.challenger) AS challenger
          FROM chosen JOIN forecast_challenger USING (city, target, mode, origin)
          LEFT JOIN model ON model.version = forecast_challenger.challenger) AS beside
  ) AS contender ({OF}, version, family, challenger, {", ".join(_PARTS)}),
  unnest({", ".join(f"contender.{name}" for name in _PARTS)}) WITH ORDINALITY AS pair ({", ".join(_PARTS)}, lead)
  WHERE pair.actual IS NOT NULL AND pair.predicted IS NOT NULL
) AS pair
GROUP BY {OF}, {WHO}
"""
"""Sums over the pairs of `chosen`: of ours by lead time, of challengers by block, as the block's last lead time.

A challenging model is named by its family.
"""

_EDGES = [band.high + 0.5 for band in CATEGORIES["in-naqi"][:-1]]
_CATEGORIES = len(_EDGES) + 1
_PLACE = f"width_bucket(CAST({{}} AS float8), CAST(ARRAY{_EDGES} AS float8[])) + 1"
_CHANCES = {
    aqi: " + ".join(f"p[{place + 2}]" for place, edge in enumerate(_EDGES) if edge > aqi) for aqi in EXCEEDED
}
"""AQI → the probability that it is exceeded, from those of the categories."""

STATED = f"""
SELECT {OF}, version, family, event, CAST(least(floor(stated * 10), 9) AS smallint) AS bin,
       CAST(count(*) AS int) AS n, sum(stated) AS stated, CAST(count(*) FILTER (WHERE happened) AS int) AS happened
FROM (SELECT * FROM chosen WHERE target = 'aqi') AS chosen,
     LATERAL (
       SELECT {_PLACE.format("pair.y")} AS predicted, {_PLACE.format("pair.actual")} AS observed, pair.actual, p
       FROM unnest(chosen.y, chosen.actual) WITH ORDINALITY AS pair (y, actual, lead)
       JOIN (SELECT (place - 1) / {_CATEGORIES} + 1 AS lead, array_agg(CAST(p AS float8) ORDER BY place) AS p
             FROM unnest(chosen.categories) WITH ORDINALITY AS each (p, place) GROUP BY 1) AS chances USING (lead)
       WHERE pair.actual IS NOT NULL
     ) AS pair,
     LATERAL (VALUES ('category', p[predicted], predicted = observed),
       {", ".join(f"('{aqi}', {chance}, {_above('pair.actual', aqi)})" for aqi, chance in _CHANCES.items())}
     ) AS claim (event, stated, happened)
GROUP BY {OF}, version, family, event, bin
"""
"""Probabilities stated by `chosen`, by tenths, and how often what they were of came true."""

_ROLL_UP = f"""
WITH scope AS MATERIALIZED (
  UPDATE forecast_day_state AS state SET rolled = true
  FROM (SELECT {OF} FROM forecast_day_state WHERE NOT rolled AND mode = :mode AND day < :settled
        ORDER BY day LIMIT {_AT_ONCE} FOR UPDATE) AS due
  WHERE (state.city, state.target, state.mode, state.day) = (due.city, due.target, due.mode, due.day)
  RETURNING due.*
)
SELECT json_agg(scope)::text FROM scope
"""
_SCOPE = """
scope AS MATERIALIZED (
  SELECT * FROM json_to_recordset(CAST(:scope AS json)) AS due (city text, target text, mode text, day date)
)"""
ROLLED = {
    "forecast_day": (f"{OF}, {WHO}, {NAMES}", ADDED),
    "forecast_day_stated": (f"{OF}, version, family, event, bin, n, stated, happened", STATED),
}
"""Table → its columns, and what gives them."""


def roll_up(connection: Connection, *, mode: Mode, now: datetime) -> int:
    """Add up the days that have settled and were not yet, or whose truth has changed since; how many there were."""
    [(scope,)] = run(connection, _ROLL_UP, mode=mode, settled=(now - _SETTLED).astimezone(IST).date())
    if scope is None:
        return 0
    # What the rows locked above say now is seen by the statements that follow, whoever changed it meanwhile.
    for table, (columns, select) in ROLLED.items():
        run(
            connection,
            f"WITH {_SCOPE} DELETE FROM {table} AS old USING scope "
            "WHERE (old.city, old.target, old.mode, old.day) = (scope.city, scope.target, scope.mode, scope.day)",
            scope=scope,
        )
        run(
            connection,
            f"WITH {_SCOPE}, chosen AS MATERIALIZED ({CHOSEN}) INSERT INTO {table} ({columns}) {select}",
            scope=scope,
        )
    return len(json.loads(scope))
