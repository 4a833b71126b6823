"""Issued forecasts as they are served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.domain.breakpoints import CAP, CATEGORIES, NOISE
from common.domain.forecast import EXCEEDED
from common.store.engine import run
from common.store.reads.stamp import utc

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from common.store.engine import Connection
    from common.store.verification import Span


@dataclass(frozen=True, slots=True)
class ServedForecast:
    """The newest live forecast of a city; with an AQI the PM2.5 one of the same origin, if there is one."""

    city: str
    issued_at: datetime
    origin: datetime
    known_until: datetime
    model_version: str | None
    family: str
    basis: str | None
    source: str | None
    points: str
    """JSON array of the lead times: see `common.api.schemas.forecast.ForecastPoint`"""


_BOUNDS = {"lower_80": "lo80", "upper_80": "hi80", "lower_95": "lo95", "upper_95": "hi95"}
_BANDS = CATEGORIES["in-naqi"]
_NAMES = "ARRAY[" + ", ".join(f"'{band.name}'" for band in _BANDS) + "]"
_LOWS = "ARRAY[" + ", ".join(str(band.low) for band in _BANDS) + "]"


def _index(value: str) -> str:
    return f"CAST(least(greatest(floor({value} + {0.5 + NOISE}), 0), {CAP}) AS int)"


def _joined(pairs: Mapping[str, str]) -> str:
    """SQL for ``"name":value`` after ``"name":value`` of terms that are numbers: ten times as quick as json_build."""
    return ", ',', ".join(f"""'"{name}":', {sql}""" for name, sql in pairs.items())


def _chance(*places: int) -> str:
    terms = " + ".join(f"f.categories[lead][{place}]" for place in places)
    return f"trim_scale(round(CAST({terms} AS numeric), 3))"


_CHANCES = _joined({band.name: _chance(place) for place, band in enumerate(_BANDS, 1)})
_EXCEEDED = _joined(
    {
        str(above): _chance(*(place for place, band in enumerate(_BANDS, 1) if band.low > above))
        for above in EXCEEDED
    }
)
_AQI = f"""concat('"aqi":', aqi, ',"category":"', ({_NAMES})[place], '"',
  CASE WHEN cardinality(f.categories) > 0 THEN
    concat(',"confidence":', trim_scale(round(CAST(f.categories[lead][place] AS numeric), 3))) END,
  ',', {_joined({name: _index(f"f.{array}[lead]") for name, array in _BOUNDS.items()})},
  CASE WHEN cardinality(f.categories) > 0 THEN
    concat(',"probabilities":{{', {_CHANCES}, '}},"exceedance":{{', {_EXCEEDED}, '}}') END)"""


def _pm25(table: str) -> str:
    values = {"value": f"round(CAST({table}.y[lead] AS numeric), 1)"} | {
        name: f"greatest(round(CAST({table}.{array}[lead] AS numeric), 1), 0.0)"
        for name, array in _BOUNDS.items()
    }
    return f"""concat('"pm25":{{', {_joined(values)}, '}}')"""


_WHOLE = ", ".join(f"{name} || '{{}}' AS {name}" for name in ("y", *_BOUNDS.values(), "categories"))
"""Unpacked once: an array of a row this wide is kept compressed, and would be unpacked for each of its elements."""
_POINTS = f"""
SELECT concat('[', string_agg(
  concat('{{"time":"', {utc("(f.origin + lead * interval '1 hour')")}, '","lead_hours":', lead,
    ',', CASE WHEN f.target = 'aqi' THEN {_AQI} ELSE {_pm25("f")} END,
    CASE WHEN pm.city IS NOT NULL THEN concat(',', {_pm25("pm")}) END, '}}'), ',' ORDER BY lead), ']')
FROM (SELECT lead, aqi, width_bucket(aqi, {_LOWS}) AS place
      FROM generate_series(1, CAST(:hours AS int)) AS lead, LATERAL (SELECT {_index("f.y[lead]")}) AS said (aqi)) AS at
"""


def newest_forecasts(
    connection: Connection, cities: Sequence[str], target: str, hours: int, now: datetime
) -> dict[str, ServedForecast]:
    """City → its newest live forecast, however old, up to that lead time; cities that never had one are absent."""
    rows = run(
        connection,
        f"""
        SELECT f.city, f.issued_at, f.origin, f.known_until, f.model_version, f.family, f.basis, f.source, ({_POINTS})
        FROM unnest(CAST(:cities AS text[])) AS wanted (city), LATERAL (
          SELECT city, target, issued_at, origin, known_until, model_version, family, basis, source, {_WHOLE}
          FROM (SELECT * FROM forecast
                WHERE forecast.city = wanted.city AND target = :target AND mode = 'live' AND origin <= :now
                ORDER BY origin DESC LIMIT 1) AS newest OFFSET 0) AS f
        LEFT JOIN LATERAL (
          SELECT city, {_WHOLE} FROM forecast
          WHERE (city, mode, origin) = (f.city, 'live', f.origin) AND target = 'pm25' AND f.target = 'aqi' OFFSET 0
        ) AS pm ON true
        """,
        cities=list(cities),
        target=target,
        hours=hours,
        now=now,
    )
    return {row[0]: ServedForecast(*row) for row in rows}


def forecast_span(connection: Connection, span: Span) -> tuple[datetime, datetime] | None:
    """First and last origin of the forecasts of a time, of whatever family."""
    [(first, last)] = run(
        connection,
        """
        SELECT min(origin), max(origin) FROM forecast
        WHERE city = :city AND target = :target AND mode = :mode AND origin > :start AND origin <= :end
        """,
        city=span.city,
        target=span.target,
        mode=span.mode,
        start=span.start,
        end=span.end,
    )
    return None if first is None else (first, last)
