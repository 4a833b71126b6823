"""Upkeep: daily means, old rows dropped, statistics refreshed. Safe to run twice, and twice at once."""

from __future__ import annotations

from datetime import datetime, timedelta

from common.domain.observation import POLLUTANTS
from common.store.engine import Database, run

_LOCK = 0x726F6C6C  # "roll"
_MEANS = (*POLLUTANTS, "aqi", "aqi_us")
_COLUMNS = ("basis", "source", "hours", *_MEANS, "aqi_max", "aqi_us_max")
_DAY = "((time - interval '1 minute') AT TIME ZONE 'Asia/Kolkata')::date"
_ROLL_UP = f"""
WITH changed AS (
  SELECT DISTINCT city, {_DAY} AS day FROM city_hour
  WHERE computed_at >= COALESCE((SELECT max(rolled_at) FROM city_day), '-infinity')
), rolled AS (
  INSERT INTO city_day (city, day, rolled_at, {", ".join(_COLUMNS)})
  SELECT city, day, :now, mode() WITHIN GROUP (ORDER BY basis), mode() WITHIN GROUP (ORDER BY source), count(*),
         {", ".join(f"avg({name})" for name in _MEANS)}, max(aqi), max(aqi_us)
  FROM changed JOIN city_hour USING (city)
  WHERE basis IS NOT NULL AND time <= :now
    AND time > day::timestamp AT TIME ZONE 'Asia/Kolkata'
    AND time <= (day + 1)::timestamp AT TIME ZONE 'Asia/Kolkata'
  GROUP BY city, day
  ON CONFLICT (city, day) DO UPDATE
  SET rolled_at = excluded.rolled_at, {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS)}
  RETURNING 1
) SELECT count(*) FROM rolled
"""

_KEEP = {
    "reading": "time",
    "reading_revision": "time",
    "weather_forecast": "time",
}
"""Tables of raw data, and the column by which they age."""


def maintain(database: Database, *, now: datetime, retain_raw_days: int) -> dict[str, object]:
    """Roll up the Indian days that changed, then drop raw rows older than `retain_raw_days`; returns counts.

    City-hours, daily means and the record are kept: a day once rolled up stays when its readings are gone.
    """
    patient = database.patient()
    try:
        return _maintain(patient, now, retain_raw_days)
    finally:
        patient.close()


def _maintain(database: Database, now: datetime, retain_raw_days: int) -> dict[str, object]:
    oldest = now - timedelta(days=retain_raw_days)
    dropped: dict[str, int] = {}
    with database.transaction() as connection:
        run(connection, "SELECT pg_advisory_xact_lock(:key)", key=_LOCK)
        [(days,)] = run(connection, _ROLL_UP, now=now)
        for table, column in _KEEP.items():
            [(dropped[table],)] = run(
                connection,
                f"WITH gone AS (DELETE FROM {table} WHERE {column} < :oldest RETURNING 1) SELECT count(*) FROM gone",
                oldest=oldest,
            )
        [(dropped["job"],)] = run(
            connection,
            """
            WITH gone AS (DELETE FROM job WHERE state = 'done' AND finished_at < :oldest RETURNING 1)
            SELECT count(*) FROM gone
            """,
            oldest=now - timedelta(days=7),
        )
        [(dropped["source_run"],)] = run(
            connection,
            "WITH gone AS (DELETE FROM source_run WHERE started_at < :oldest RETURNING 1) SELECT count(*) FROM gone",
            oldest=oldest,
        )
    with database.transaction() as connection:
        run(connection, "ANALYZE")
    return {"days": days, "dropped": dropped}
