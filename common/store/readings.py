"""Readings: written once, corrected with a trace, never erased by a missing value."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from common.domain.observation import POLLUTANTS, VARIABLES, Basis, Reading
from common.store.city_hours import lock_cities
from common.store.engine import run
from common.store.sanitize import sanitize

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from common.store.engine import Connection

_Row = TypeVar("_Row")
_CHUNK = 4000
_TYPES = "city text, source text, station text, time timestamptz, basis text, {values}, published jsonb"
_COLUMNS = ", ".join(VARIABLES)
_DIFFERS = " OR ".join(f"new.{name} <> reading.{name}" for name in ("basis", *VARIABLES))
_FILLS = " OR ".join(f"(reading.{name} IS NULL AND new.{name} IS NOT NULL)" for name in VARIABLES)
_MERGED = ", ".join(f"{name} = COALESCE(excluded.{name}, reading.{name})" for name in VARIABLES)
_REPLACED = "NOT (reading.published || new.published) @> reading.published"
"""Whether an index that was published is another one now; not so for one that is merely added or missing."""
_KEY = "(city, source, station, time)"
_SAME = " AND ".join(f"reading.{name} = new.{name}" for name in ("city", "source", "station", "time"))
_AIR = f"(published <> '{{}}' OR num_nonnulls({', '.join(POLLUTANTS)}) > 0)"
_SERIES = ", ".join(
    f"'{name}', CASE WHEN count({name}) > 0 THEN array_agg({name} ORDER BY time) END" for name in VARIABLES
)

_UPSERT = f"""
WITH new AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb))
    AS given({_TYPES.format(values=", ".join(f"{name} real" for name in VARIABLES))})
), due AS MATERIALIZED (
  SELECT new.*, reading.city IS NOT NULL AND ({_DIFFERS} OR {_REPLACED}) AS corrected, reading.received_at,
         to_jsonb(reading) AS was
  FROM new LEFT JOIN reading ON reading.time BETWEEN :first AND :last AND {_SAME}
  WHERE reading.city IS NULL OR {_DIFFERS} OR {_FILLS} OR NOT reading.published @> new.published
), kept AS (
  INSERT INTO reading_revision (city, source, station, time, replaced_at, received_at, was)
  SELECT city, source, station, time, :now, received_at,
         jsonb_strip_nulls(was - 'city' - 'source' - 'station' - 'time' - 'received_at')
  FROM due WHERE corrected
  ON CONFLICT DO NOTHING
), written AS (
  INSERT INTO reading (city, source, station, time, basis, {_COLUMNS}, published, received_at)
  SELECT city, source, station, time, basis, {_COLUMNS}, published, :now FROM due
  ORDER BY city, source, station, time
  ON CONFLICT {_KEY} DO UPDATE
  SET basis = excluded.basis, {_MERGED},
      published = reading.published || excluded.published, received_at = excluded.received_at
  RETURNING (xmax = 0) AS fresh, city, source, time
)
SELECT city, source, count(*) FILTER (WHERE fresh), count(*) FILTER (WHERE NOT fresh), min(time), max(time)
FROM written GROUP BY city, source
"""
"""Rows that say nothing new are not touched: to update a row to what it is already costs as much as any update."""


@dataclass(slots=True)
class Written:
    """How many readings were new, how many changed an older one, and the times that they touch."""

    new: int = 0
    changed: int = 0
    first: datetime | None = None
    last: datetime | None = None
    parts: dict[tuple[str, str], Written] = field(default_factory=dict, compare=False)
    """The same by (city, source), where anything was written."""

    def add(self, new: int, changed: int, first: datetime, last: datetime) -> None:
        """Count so much more."""
        self.new += new
        self.changed += changed
        self.first = min(self.first or first, first)
        self.last = max(self.last or last, last)


def upsert_readings(connection: Connection, readings: Iterable[Reading], *, now: datetime) -> Written:
    """Store readings; the same again changes nothing, a correction keeps what it replaced.

    Readings of one call that share city, source, station and time must have been merged before. Their cities are
    locked until the transaction ends: of two at once that bring the same correction, one finds it kept.
    """
    total = Written()
    for rows in _chunks(readings):
        lock_cities(connection, {reading.city for reading in rows})
        text = msgspec.json.encode([_row(reading) for reading in rows]).decode()
        times = [reading.time for reading in rows]
        for city, source, *written in run(
            connection, _UPSERT, rows=text, now=now, first=min(times), last=max(times)
        ):
            total.add(*written)
            total.parts.setdefault((city, source), Written()).add(*written)
    return total


@dataclass(frozen=True, slots=True)
class StationSeries:
    """What one station told: lists of one length, in order of time."""

    source: str
    station: str
    basis: Basis
    times: list[int]
    """Epoch seconds."""
    air: list[bool]
    """Whether anything but weather was told."""
    published: list[dict[str, int]]
    """As in `Reading`; empty as a whole where nothing was published at any time."""
    values: dict[str, list[float | None]]
    """By variable; one that was never told is absent."""


def readings_between(
    connection: Connection, city: str, start: datetime, end: datetime
) -> list[StationSeries]:
    """Readings of a city in (start, end], station by station."""
    return readings_of(connection, [city], start, end)[city]


def readings_of(
    connection: Connection, cities: Iterable[str], start: datetime, end: datetime
) -> dict[str, list[StationSeries]]:
    """City → its readings in (start, end], station by station."""
    told: dict[str, list[StationSeries]] = {city: [] for city in cities}
    found = run(
        connection,
        f"""
        SELECT city, source, station, basis, json_build_object(
          'times', json_agg(extract(epoch FROM time)::bigint ORDER BY time),
          'air', json_agg({_AIR} ORDER BY time),
          'published', CASE WHEN bool_or(published <> '{{}}') THEN json_agg(published ORDER BY time) END,
          'values', json_strip_nulls(json_build_object({_SERIES})))::text
        FROM reading WHERE city = ANY(CAST(:cities AS text[])) AND time > :start AND time <= :end
        GROUP BY city, source, station, basis ORDER BY city, source, station, basis
        """,
        cities=list(told),
        start=start,
        end=end,
    )
    for city, source, station, basis, text in found:
        row = msgspec.json.decode(text)  # of all readings of a day: the largest answer of a run
        told[city].append(
            StationSeries(
                source, station, basis, row["times"], row["air"], row["published"] or [], row["values"]
            )
        )
    return told


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
        "station": sanitize(reading.station),
        "time": reading.time,
        "basis": reading.basis,
        "published": dict(reading.published),
        **reading.values,
    }


def _chunks(items: Iterable[_Row]) -> Iterator[Sequence[_Row]]:
    iterator = iter(items)
    while rows := list(islice(iterator, _CHUNK)):
        yield rows
