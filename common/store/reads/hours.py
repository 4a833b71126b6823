"""City-hours and days as they are shown: the latest, and histories."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from common.domain.aqi import CATEGORIES, Standard
from common.domain.observation import POLLUTANTS
from common.store.engine import run
from common.store.reads.stamp import utc

RECENT = timedelta(hours=48)
"""The latest hour of a city is looked for this far back."""

_INDEX = {"in-naqi": ("aqi", "dominant"), "us-epa": ("aqi_us", "dominant_us")}
_CONCENTRATIONS = ", ".join(POLLUTANTS)
HAS_AIR = "basis IS NOT NULL"
"""Other city-hours have weather alone."""

_CATEGORY = "(CAST(:names AS text[]))[width_bucket(CAST({index} AS int), CAST(:lows AS int[]))]"
_ROUNDED = "round(CAST({name} AS float8) * 100) / 100"
_POLLUTANTS = "json_strip_nulls(json_build_object({pairs}))".format(
    pairs=", ".join(f"'{name}', {_ROUNDED.format(name=name)}" for name in POLLUTANTS)
)


def _scale(standard: Standard) -> dict[str, list[Any]]:
    """What `_CATEGORY` needs: the categories' names and lowest indices."""
    categories = CATEGORIES[standard]
    return {"names": [one.name for one in categories], "lows": [one.low for one in categories]}


@dataclass(frozen=True, slots=True)
class LatestHour:
    """One city-hour as it is shown."""

    time: datetime
    aqi: int | None
    dominant: str | None
    source: str | None
    basis: str | None
    stations: int
    detail: dict[str, Any]
    concentrations: dict[str, float]
    """Hourly means by pollutant, in `UNITS`; a missing one is absent."""


def latest_hour(connection: Connection, city: str, standard: Standard, now: datetime) -> LatestHour | None:
    """A city's latest hour with an index within `RECENT`; where none has one, the latest with any value."""
    index, dominant = _INDEX[standard]
    rows = run(
        connection,
        f"""
        SELECT time, {index}, {dominant}, source, basis, stations, detail::text, {_CONCENTRATIONS}
        FROM city_hour WHERE city = :city AND time > :start AND time <= :now AND {HAS_AIR}
        ORDER BY ({index} IS NULL), time DESC LIMIT 1
        """,
        city=city,
        start=now - RECENT,
        now=now,
    )
    if not rows:
        return None
    time, aqi, leading, source, basis, stations, detail, *values = rows[0]
    present = {name: value for name, value in zip(POLLUTANTS, values, strict=True) if value is not None}
    return LatestHour(time, aqi, leading, source, basis, stations, json.loads(detail), present)


def latest_indices(
    connection: Connection, cities: Sequence[str], standard: Standard, now: datetime
) -> dict[str, tuple[datetime, int, str | None, str | None]]:
    """City → (time, index, dominant pollutant, basis) of its latest hour with an index within `RECENT`."""
    index, dominant = _INDEX[standard]
    rows = run(
        connection,
        f"""
        SELECT wanted.city, latest.* FROM unnest(CAST(:cities AS text[])) AS wanted (city), LATERAL (
          SELECT time, {index}, {dominant}, basis FROM city_hour
          WHERE city_hour.city = wanted.city AND time > :start AND time <= :now AND {index} IS NOT NULL
          ORDER BY time DESC LIMIT 1) AS latest
        """,
        cities=list(cities),
        start=now - RECENT,
        now=now,
    )
    return {city: (time, aqi, leading, basis) for city, time, aqi, leading, basis in rows}


def hours_json(
    connection: Connection, city: str, standard: Standard, start: datetime, end: datetime
) -> tuple[int, str]:
    """(number, JSON array) of a city's hours in (start, end] that have any value, oldest first."""
    index, dominant = _INDEX[standard]
    [(count, points)] = run(
        connection,
        f"""
        SELECT count(*), COALESCE(json_agg(point ORDER BY point.time)::text, '[]') FROM (
          SELECT {utc("time")} AS time, {index} AS aqi, {_CATEGORY.format(index=index)} AS category,
                 {dominant} AS dominant_pollutant, basis, source, {_POLLUTANTS} AS pollutants
          FROM city_hour WHERE city = :city AND time > :start AND time <= :end AND {HAS_AIR}) AS point
        """,
        city=city,
        start=start,
        end=end,
        **_scale(standard),
    )
    return count, points


def days_json(
    connection: Connection, city: str, standard: Standard, *, first: date, last: date
) -> tuple[int, str]:
    """(number, JSON array) of a city's Indian days from `first` to `last`, oldest first.

    Days that were rolled up after they ended come from city_day, the others from their hours.
    """
    index, _ = _INDEX[standard]
    [(count, points)] = run(
        connection,
        f"""
        WITH rolled AS (
          SELECT day, basis, source, hours, {index} AS aqi, {index}_max AS aqi_max, {_CONCENTRATIONS}
          FROM city_day WHERE city = :city AND day BETWEEN :first AND :last
            AND rolled_at >= CAST(day + 1 AS timestamp) AT TIME ZONE 'Asia/Kolkata'
        ), open AS (
          SELECT CAST(midnight AS date) AS day
          FROM generate_series(CAST(:first AS timestamp), :last, interval '1 day') AS midnight
          WHERE NOT EXISTS (SELECT FROM rolled WHERE rolled.day = CAST(midnight AS date))
        ), fresh AS (
          SELECT open.day, hour.* FROM open, LATERAL (
            SELECT mode() WITHIN GROUP (ORDER BY basis), mode() WITHIN GROUP (ORDER BY source), count(*),
                   avg({index}), max({index}), {", ".join(f"avg({name})" for name in POLLUTANTS)}
            FROM city_hour
            WHERE city = :city AND {HAS_AIR}
              AND time > CAST(open.day AS timestamp) AT TIME ZONE 'Asia/Kolkata'
              AND time <= CAST(open.day + 1 AS timestamp) AT TIME ZONE 'Asia/Kolkata'
          ) AS hour (basis, source, hours, aqi, aqi_max, {_CONCENTRATIONS})
          WHERE hour.hours > 0
        )
        SELECT count(*), COALESCE(json_agg(point ORDER BY point.date)::text, '[]') FROM (
          SELECT day AS date, round(CAST(aqi AS numeric)) AS aqi, aqi_max,
                 {_CATEGORY.format(index="round(CAST(aqi AS numeric))")} AS category,
                 hours, basis, source, {_POLLUTANTS} AS pollutants
          FROM (SELECT * FROM rolled UNION ALL SELECT * FROM fresh) AS days) AS point
        """,
        city=city,
        first=first,
        last=last,
        **_scale(standard),
    )
    return count, points
