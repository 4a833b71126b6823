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
from common.store import sql
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

CHOSEN = sql.load("forecasts_with_truth")
"""Forecasts of the days of `scope` (city, target, mode, day) whose truth is known in part at least."""

ADDED = sql.load(
    "score_sums",
    day_of=OF,
    of_whom=WHO,
    sums=", ".join(f"{sum_} AS {name}" for name, sum_ in SUMS.items()),
    last_of_block=_LAST,
    pair_values=", ".join(f"CAST(pair.{name} AS float8)" for name in _PARTS),
    naive=", ".join(NAIVE),
    parts=", ".join(_PARTS),
    contender_parts=", ".join(f"contender.{name}" for name in _PARTS),
)
"""Sums over the pairs of `chosen`: of ours by lead time, of challengers by block, as the block's last lead time.

A challenging model is named by its family.
"""

_EDGES = [band.high + 0.5 for band in CATEGORIES["in-naqi"][:-1]]
CATEGORY_COUNT = len(_EDGES) + 1
PLACE = f"width_bucket(CAST({{}} AS float8), CAST(ARRAY{_EDGES} AS float8[])) + 1"
_CHANCES = {
    aqi: " + ".join(f"p[{place + 2}]" for place, edge in enumerate(_EDGES) if edge > aqi) for aqi in EXCEEDED
}
"""AQI → the probability that it is exceeded, from those of the categories."""
EXCEEDANCES = ", ".join(
    f"('{aqi}', {chance}, {_above('pair.actual', aqi)})" for aqi, chance in _CHANCES.items()
)
"""Events of `STATED` that are an AQI above a value: name, stated probability, whether it happened."""

TENTH = "CAST(least(floor(stated * 10 + 1e-6), 9) AS smallint)"
"""The tenth in which a stated probability is; single precision has 0.7 a little below it."""

STATED = sql.load(
    "stated_probabilities",
    day_of=OF,
    tenth=TENTH,
    predicted_place=PLACE.format("pair.y"),
    observed_place=PLACE.format("pair.actual"),
    categories=str(CATEGORY_COUNT),
    exceedances=EXCEEDANCES,
)
"""Probabilities stated by `chosen`, by tenths, and how often what they were of came true."""

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
    [(scope,)] = run(
        connection,
        sql.load("settle_forecast_days", day_of=OF),
        mode=mode,
        settled=(now - _SETTLED).astimezone(IST).date(),
        most=_AT_ONCE,
    )
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
