"""Issued forecasts as they are served."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from common.store.engine import run
from common.store.record import Span


@dataclass(frozen=True, slots=True)
class ServedForecast:
    """The newest live forecast of a city, with the PM2.5 one of the same origin beside it if there is one."""

    city: str
    issued_at: datetime
    origin: datetime
    known_until: datetime
    model_version: str | None
    family: str
    basis: str | None
    source: str | None
    arrays: dict[str, Any]
    """``y, lo80, hi80, lo95, hi95``: 48 values each; ``categories``: 48 × 6; ``pm25``: the five again."""


_BANDS = "'y', {0}.y, 'lo80', {0}.lo80, 'hi80', {0}.hi80, 'lo95', {0}.lo95, 'hi95', {0}.hi95"


def newest_forecasts(
    connection: Connection, cities: Sequence[str], target: str, now: datetime
) -> dict[str, ServedForecast]:
    """City → its newest live forecast, however old; cities that never had one are absent."""
    rows = run(
        connection,
        f"""
        SELECT f.city, f.issued_at, f.origin, f.known_until, f.model_version, f.family, f.basis, f.source,
               json_build_object({_BANDS.format("f")}, 'categories', f.categories, 'pm25',
                 CASE WHEN pm.city IS NOT NULL THEN json_build_object({_BANDS.format("pm")}) END)::text
        FROM unnest(CAST(:cities AS text[])) AS wanted (city), LATERAL (
          SELECT * FROM forecast
          WHERE forecast.city = wanted.city AND target = :target AND mode = 'live' AND origin <= :now
          ORDER BY origin DESC LIMIT 1) AS f
        LEFT JOIN forecast AS pm
          ON (pm.city, pm.mode, pm.origin) = (f.city, f.mode, f.origin)
         AND pm.target = 'pm25' AND f.target = 'aqi'
        """,
        cities=list(cities),
        target=target,
        now=now,
    )
    return {row[0]: ServedForecast(*(*row[:-1], json.loads(row[-1]))) for row in rows}


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
