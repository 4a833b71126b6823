"""Readings and weather forecasts: written once, corrected with a trace, never erased by a missing value."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from common.domain.observation import VARIABLES, WEATHER, Basis, Reading, WeatherForecast
from common.store.engine import run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

_Row = TypeVar("_Row")
_CHUNK = 4000
_TYPES = "city text, source text, station text, time timestamptz, basis text, {values}, published jsonb"
_COLUMNS = ", ".join(VARIABLES)
_ROWS = "jsonb_to_recordset(CAST(:rows AS jsonb)) AS new(" + (
    _TYPES.format(values=", ".join(f"{name} real" for name in VARIABLES)) + ")"
)
_DIFFERS = " OR ".join(f"new.{name} <> reading.{name}" for name in ("basis", *VARIABLES))
_FILLS = " OR ".join(f"(reading.{name} IS NULL AND new.{name} IS NOT NULL)" for name in VARIABLES)
_MERGED = ", ".join(f"{name} = COALESCE(excluded.{name}, reading.{name})" for name in VARIABLES)
_REPLACED = "NOT (reading.published || new.published) @> reading.published"
"""Whether an index that was published is another one now; not so for one that is merely added or missing."""
_KEY = "(city, source, station, time)"

_KEEP_OLD = f"""
INSERT INTO reading_revision (city, source, station, time, replaced_at, received_at, was)
SELECT reading.city, reading.source, reading.station, reading.time, :now, reading.received_at,
       jsonb_strip_nulls(to_jsonb(reading) - 'city' - 'source' - 'station' - 'time' - 'received_at')
FROM {_ROWS} JOIN reading USING {_KEY}
WHERE {_DIFFERS} OR {_REPLACED}
ON CONFLICT DO NOTHING
"""

_UPSERT = f"""
WITH written AS (
  INSERT INTO reading (city, source, station, time, basis, {_COLUMNS}, published, received_at)
  SELECT city, source, station, time, basis, {_COLUMNS}, published, :now FROM {_ROWS}
  ORDER BY city, source, station, time
  ON CONFLICT {_KEY} DO UPDATE
  SET basis = excluded.basis, {_MERGED},
      published = reading.published || excluded.published, received_at = excluded.received_at
  WHERE {_DIFFERS.replace("new.", "excluded.")} OR {_FILLS.replace("new.", "excluded.")}
     OR NOT reading.published @> excluded.published
  RETURNING (xmax = 0) AS fresh, city, time
)
SELECT count(*) FILTER (WHERE fresh), count(*) FILTER (WHERE NOT fresh), min(time), max(time) FROM written
"""

_UPSERT_WEATHER = f"""
INSERT INTO weather_forecast (city, source, issued_at, time, {", ".join(WEATHER)})
SELECT city, source, issued_at, time, {", ".join(WEATHER)}
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS new(
  city text, source text, issued_at timestamptz, time timestamptz,
  {", ".join(f"{name} real" for name in WEATHER)})
ORDER BY city, source, issued_at, time
ON CONFLICT (city, source, issued_at, time) DO NOTHING
"""


@dataclass(slots=True)
class Written:
    """How many readings were new, how many changed an older one, and the times that they touch."""

    new: int = 0
    changed: int = 0
    first: datetime | None = None
    last: datetime | None = None


def upsert_readings(connection: Connection, readings: Iterable[Reading], *, now: datetime) -> Written:
    """Store readings; the same again changes nothing, a correction keeps what it replaced.

    Readings of one call that share city, source, station and time must have been merged before.
    """
    total = Written()
    for rows in _chunks(readings):
        text = json.dumps([_row(reading) for reading in rows])
        run(connection, _KEEP_OLD, rows=text, now=now)
        [(new, changed, first, last)] = run(connection, _UPSERT, rows=text, now=now)
        total.new += new
        total.changed += changed
        total.first = min(filter(None, (total.first, first)), default=None)
        total.last = max(filter(None, (total.last, last)), default=None)
    return total


def insert_weather_forecasts(connection: Connection, forecasts: Iterable[WeatherForecast]) -> None:
    """Archive weather forecasts as issued; one already kept is not touched."""
    for rows in _chunks(forecasts):
        text = json.dumps(
            [
                {
                    "city": row.city,
                    "source": row.source,
                    "issued_at": row.issued_at.isoformat(),
                    "time": row.time.isoformat(),
                    **row.values,
                }
                for row in rows
            ]
        )
        run(connection, _UPSERT_WEATHER, rows=text)


def readings_between(
    connection: Connection, city: str, start: datetime, end: datetime
) -> list[tuple[str, str, Basis, list[dict[str, Any]]]]:
    """Readings of a city in (start, end]: (source, station, basis, rows in order of time).

    Each row is a dict of ``time`` (epoch seconds), the variables that are present, and ``published``.
    """
    found = run(
        connection,
        f"""
        SELECT source, station, basis, json_agg(
          json_strip_nulls(json_build_object('time', extract(epoch FROM time)::bigint, 'published', published,
          {", ".join(f"'{name}', {name}" for name in VARIABLES)})) ORDER BY time)::text
        FROM reading WHERE city = :city AND time > :start AND time <= :end
        GROUP BY source, station, basis ORDER BY source, station, basis
        """,
        city=city,
        start=start,
        end=end,
    )
    return [(source, station, basis, json.loads(rows)) for source, station, basis, rows in found]


def cities_with_readings(connection: Connection, start: datetime, end: datetime) -> list[str]:
    """Names of the cities that have any reading in (start, end]."""
    rows = run(
        connection,
        "SELECT DISTINCT city FROM reading WHERE time > :start AND time <= :end ORDER BY city",
        start=start,
        end=end,
    )
    return [city for (city,) in rows]


def _row(reading: Reading) -> dict[str, Any]:
    return {
        "city": reading.city,
        "source": reading.source,
        "station": reading.station.replace("\0", ""),  # PostgreSQL's text cannot hold a NUL
        "time": reading.time.isoformat(),
        "basis": reading.basis,
        "published": dict(reading.published),
        **reading.values,
    }


def _chunks(items: Iterable[_Row]) -> Iterator[Sequence[_Row]]:
    iterator = iter(items)
    while rows := list(islice(iterator, _CHUNK)):
        yield rows
