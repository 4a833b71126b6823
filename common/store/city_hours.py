"""City-hours: the reconciled series that forecasts and the API read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from common.domain.observation import BASES, POLLUTANTS, VARIABLES
from common.store.engine import run

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

_NAMES = (
    "city", "time", "source", "basis", "stations", *VARIABLES,
    "aqi", "dominant", "aqi_us", "dominant_us", "detail",
)  # fmt: skip
_TYPES = (
    "city text, time timestamptz, source text, basis text, stations smallint, "
    + ", ".join(f"{name} real" for name in VARIABLES)
    + ", aqi smallint, dominant text, aqi_us smallint, dominant_us text, detail jsonb"
)
_VALUES = [name for name in _NAMES if name not in ("city", "time")]

_BASES = "ARRAY[" + ", ".join(f"'{basis}'" for basis in BASES) + "]"
_CONCENTRATIONS = ", ".join(f"{{0}}.{name}" for name in POLLUTANTS)
_QUALITY = (
    f"({{0}}.aqi IS NULL, COALESCE(array_position({_BASES}, {{0}}.basis), 99), "
    f"num_nonnulls({_CONCENTRATIONS}) = 0, -{{0}}.stations)"
)
"""By this, city-hours are sorted from good to poor, as `common.ingest.reconcile` ranks them."""

_UPSERT = f"""
INSERT INTO city_hour ({", ".join(_NAMES)}, computed_at)
SELECT {", ".join(_NAMES)}, :now FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS new({_TYPES})
ORDER BY city, time
ON CONFLICT (city, time) DO UPDATE
SET {", ".join(f"{name} = excluded.{name}" for name in _VALUES)}, computed_at = excluded.computed_at
WHERE ({", ".join(f"city_hour.{name}" for name in _VALUES)})
   IS DISTINCT FROM ({", ".join(f"excluded.{name}" for name in _VALUES)})
  AND {_QUALITY.format("excluded")} <= {_QUALITY.format("city_hour")}
RETURNING 1
"""


def lock_city(connection: Connection, city: str) -> None:
    """Let nobody else who calls this work on the hours of a city before this transaction ends."""
    run(connection, "SELECT pg_advisory_xact_lock(hashtext('city_hour'), hashtext(:city))", city=city)


def upsert_city_hours(connection: Connection, rows: Iterable[dict[str, Any]], *, now: datetime) -> int:
    """Store city-hours, given as dicts of the table's columns; returns how many are new or changed.

    One that is kept is never replaced by a poorer one, without an index, of a lesser basis or of fewer
    stations: readings are only ever added, so that it is poorer means that some have been dropped since.
    """
    batch = list(rows)
    written = 0
    for first in range(0, len(batch), 4000):
        text = json.dumps(batch[first : first + 4000])
        written += len(run(connection, _UPSERT, rows=text, now=now))
    return written


def history(
    connection: Connection, city: str, start: datetime, end: datetime, names: Sequence[str]
) -> list[list[float | None]]:
    """Hourly values of a city in (start, end] on the full grid of hours: one list a name, oldest first.

    `start` and `end` must be ends of Indian hours. A missing hour or value is None.
    """
    unknown = set(names) - set(_NAMES)
    if unknown:
        raise ValueError(f"no such columns: {sorted(unknown)}")
    [(text,)] = run(
        connection,
        f"""
        SELECT json_build_array({", ".join(f"json_agg({name} ORDER BY hour)" for name in names)})::text
        FROM generate_series(CAST(:start AS timestamptz) + interval '1 hour', :end, interval '1 hour') AS hour
        LEFT JOIN city_hour ON city = :city AND time = hour AND time > :start AND time <= :end
        """,
        city=city,
        start=start,
        end=end,
    )
    columns: list[list[float | None] | None] = json.loads(text)
    return [column or [] for column in columns]


def span(connection: Connection, city: str) -> tuple[datetime, datetime] | None:
    """First and last city-hour of a city; None where it has none."""
    rows = run(connection, "SELECT min(time), max(time) FROM city_hour WHERE city = :city", city=city)
    first, last = rows[0]
    return None if first is None else (first, last)


def latest_hours(connection: Connection, now: datetime) -> dict[str, datetime]:
    """City → its latest city-hour that has an index, within the two days before `now`."""
    rows = run(
        connection,
        """
        SELECT city, max(time) FROM city_hour
        WHERE time > CAST(:now AS timestamptz) - interval '2 days' AND time <= :now AND aqi IS NOT NULL
        GROUP BY city
        """,
        now=now,
    )
    return dict(rows)


def provenance(connection: Connection, city: str, time: datetime) -> tuple[str | None, str | None]:
    """(source, basis) of one city-hour."""
    rows = run(
        connection,
        "SELECT source, basis FROM city_hour WHERE city = :city AND time = :time",
        city=city,
        time=time,
    )
    return (rows[0][0], rows[0][1]) if rows else (None, None)


def cities_between(connection: Connection, start: datetime, end: datetime) -> list[str]:
    """Names of the cities that have an index at any hour in (start, end]."""
    rows = run(
        connection,
        "SELECT DISTINCT city FROM city_hour WHERE time > :start AND time <= :end AND aqi IS NOT NULL ORDER BY city",
        start=start,
        end=end,
    )
    return [city for (city,) in rows]
