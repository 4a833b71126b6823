"""Upkeep: daily means, old rows dropped, statistics refreshed. Safe to run twice, and twice at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from common.domain.observation import POLLUTANTS
from common.store.engine import Database, run
from common.store.tiers import RAW, recorded

if TYPE_CHECKING:
    from sqlalchemy import Connection

_LOCK = 0x726F6C6C  # "roll"
_MEANS = (*POLLUTANTS, "aqi", "aqi_us")
_COLUMNS = ("basis", "source", "hours", *_MEANS, "aqi_max", "aqi_us_max")
_DAY = "((time - interval '1 minute') AT TIME ZONE 'Asia/Kolkata')::date"
_ROLL_UP = f"""
WITH present AS (
  SELECT city, {_DAY} AS day, max(computed_at) AS computed_at FROM city_hour
  WHERE basis IS NOT NULL AND time <= :now GROUP BY 1, 2
), due AS (
  -- a collection that began before the last upkeep may have ended after it
  SELECT city, day FROM present LEFT JOIN city_day USING (city, day)
  WHERE rolled_at IS NULL OR computed_at >= rolled_at - interval '1 hour'
), rolled AS (
  INSERT INTO city_day (city, day, rolled_at, {", ".join(_COLUMNS)})
  SELECT city, day, :now, mode() WITHIN GROUP (ORDER BY basis), mode() WITHIN GROUP (ORDER BY source), count(*),
         {", ".join(f"avg({name})" for name in _MEANS)}, max(aqi), max(aqi_us)
  FROM due JOIN city_hour USING (city)
  WHERE basis IS NOT NULL AND time <= :now
    AND time > day::timestamp AT TIME ZONE 'Asia/Kolkata'
    AND time <= (day + 1)::timestamp AT TIME ZONE 'Asia/Kolkata'
  GROUP BY city, day
  ON CONFLICT (city, day) DO UPDATE
  SET rolled_at = excluded.rolled_at, {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS)}
  RETURNING 1
) SELECT count(*) FROM rolled
"""

_AGE = {
    "reading": "time",
    "reading_revision": "time",
    "weather_forecast": "time",
    "source_run": "started_at",
}
"""Tables of raw data, and the column by which they age."""
_DONE_JOBS_KEPT = timedelta(days=7)


def maintain(database: Database, *, now: datetime, retain_raw_days: int) -> dict[str, object]:
    """Roll up the Indian days that changed, then drop raw rows older than `retain_raw_days`; returns counts.

    City-hours, daily means and the record are kept: a day once rolled up stays when its readings are gone.
    """
    patient = database.patient()
    try:
        return _maintain(patient, now, retain_raw_days)
    finally:
        patient.close()


def last_upkeep(connection: Connection) -> datetime | None:
    """When `maintain` last went through; None where it never did."""
    rows = run(connection, "SELECT CAST(value AS timestamptz) FROM meta WHERE key = 'maintained_at'")
    return rows[0][0] if rows else None


def _maintain(database: Database, now: datetime, retain_raw_days: int) -> dict[str, object]:
    oldest = now - timedelta(days=retain_raw_days)
    dropped: dict[str, int] = {}
    with database.transaction() as connection:
        run(connection, "SELECT pg_advisory_xact_lock(:key)", key=_LOCK)
        [(days,)] = run(connection, _ROLL_UP, now=now)
        if recorded(connection) != "plain":
            for table in RAW:  # whole chunks go at once; what is left is deleted row by row
                run(
                    connection,
                    f"SELECT drop_chunks('{table}', older_than => CAST(:oldest AS timestamptz))",
                    oldest=oldest,
                )
        for table, column in _AGE.items():
            dropped[table] = _drop(connection, table, f"{column} < :oldest", oldest)
        dropped["job"] = _drop(
            connection, "job", "state = 'done' AND finished_at < :oldest", now - _DONE_JOBS_KEPT
        )
        run(
            connection,
            """
            INSERT INTO meta (key, value) VALUES ('maintained_at', :now)
            ON CONFLICT (key) DO UPDATE SET value = excluded.value
            """,
            now=now.isoformat(),
        )
    with database.transaction() as connection:
        run(connection, "ANALYZE")
    return {"days": days, "dropped": dropped}


def _drop(connection: Connection, table: str, condition: str, oldest: datetime) -> int:
    [(count,)] = run(
        connection,
        f"WITH gone AS (DELETE FROM {table} WHERE {condition} RETURNING 1) SELECT count(*) FROM gone",
        oldest=oldest,
    )
    return int(count)
