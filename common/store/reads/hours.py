"""City-hours and days as they are shown: the latest, and histories."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from common.domain.aqi import CATEGORIES, Standard
from common.domain.observation import POLLUTANTS
from common.store.city_hours import AS_OF
from common.store.daily_aggregates import AGGREGATES, WITH_AIR
from common.store.engine import run
from common.store.reads.stamp import utc

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.store.engine import Connection

RECENT = timedelta(hours=48)
"""The latest hour of a city is looked for this far back."""

_INDEX = {"in-naqi": ("aqi", "dominant"), "us-epa": ("aqi_us", "dominant_us")}
_CONCENTRATIONS = ", ".join(POLLUTANTS)
_CATEGORY = "(CAST(:names AS text[]))[width_bucket(CAST({index} AS int), CAST(:lows AS int[]))]"
_ROUNDED = "round(CAST({name} AS float8) * 100) / 100"
_POLLUTANTS = "json_strip_nulls(json_build_object({pairs}))".format(
    pairs=", ".join(f"'{name}', {_ROUNDED.format(name=name)}" for name in POLLUTANTS)
)


def _scale(standard: Standard) -> dict[str, list[Any]]:
    """What `_CATEGORY` needs: the categories' names and lowest indices."""
    categories = CATEGORIES[standard]
    return {"names": [one.name for one in categories], "lows": [one.low for one in categories]}


def _hours(as_of: datetime | None) -> tuple[str, dict[str, datetime]]:
    """What to read city-hours from, now or as they stood at `as_of`, and the parameter that this needs."""
    return ("city_hour", {}) if as_of is None else (AS_OF, {"as_of": as_of})


@dataclass(frozen=True, slots=True)
class LatestHour:
    """One city-hour as it is shown."""

    time: datetime
    aqi: int | None
    dominant: str | None
    source: str | None
    basis: str | None
    stations: int
    flags: list[str]
    detail: dict[str, Any]
    """Empty for an hour that has been revised since."""
    concentrations: dict[str, float]
    """Hourly means by pollutant, in `UNITS`; a missing one is absent."""


def latest_hour(
    connection: Connection, city: str, standard: Standard, now: datetime, *, as_of: datetime | None = None
) -> LatestHour | None:
    """A city's latest hour with an index within `RECENT`; where none has one, the latest with any value.

    With `as_of`, what was the latest then.
    """
    index, dominant = _INDEX[standard]
    hours, moment = _hours(as_of)
    now = as_of or now
    rows = run(
        connection,
        f"""
        SELECT time, {index}, {dominant}, source, basis, stations, array_to_json(flags)::text, detail::text,
               {_CONCENTRATIONS}
        FROM {hours} WHERE city = :city AND time > :start AND time <= :now AND {WITH_AIR}
        ORDER BY ({index} IS NULL), time DESC LIMIT 1
        """,
        city=city,
        start=now - RECENT,
        now=now,
        **moment,
    )
    if not rows:
        return None
    time, aqi, leading, source, basis, stations, flags, detail, *values = rows[0]
    present = {name: value for name, value in zip(POLLUTANTS, values, strict=True) if value is not None}
    return LatestHour(
        time, aqi, leading, source, basis, stations, json.loads(flags), json.loads(detail), present
    )


def latest_json(
    connection: Connection,
    cities: Mapping[str, str],
    standard: Standard,
    now: datetime,
    *,
    stale: timedelta,
) -> str:
    """JSON array of `cities`, each with its latest index within `RECENT` in the place of its null.

    `cities`: name → JSON object that ends with ``"latest":null}``. What takes its place: see
    `common.api.schemas.Index`. Older than `stale` is stale.
    """
    index, dominant = _INDEX[standard]
    [(text,)] = run(
        connection,
        f"""
        SELECT concat('[', string_agg(concat(left(object, -{len("null}")}), COALESCE(latest.shown, 'null'), '}}'),
                                      ',' ORDER BY place), ']')
        FROM unnest(CAST(:cities AS text[]), CAST(:objects AS text[])) WITH ORDINALITY AS wanted (city, object, place)
        LEFT JOIN LATERAL (
          SELECT json_build_object(
            'aqi', {index}, 'category', {_CATEGORY.format(index=index)}, 'dominant_pollutant', {dominant},
            'timestamp', {utc("time")},
            'age_minutes', CAST(floor(extract(epoch FROM :now - time) / 60) AS int),
            'stale', :now - time > CAST(:stale AS interval), 'basis', basis)::text
          FROM city_hour
          WHERE city_hour.city = wanted.city AND time > :start AND time <= :now AND {index} IS NOT NULL
          ORDER BY time DESC LIMIT 1) AS latest (shown) ON true
        """,
        cities=list(cities),
        objects=list(cities.values()),
        start=now - RECENT,
        now=now,
        stale=f"{stale.total_seconds():.0f} s",
        **_scale(standard),
    )
    return str(text)


def hours_json(
    connection: Connection,
    city: str,
    standard: Standard,
    start: datetime,
    end: datetime,
    *,
    as_of: datetime | None = None,
) -> tuple[int, str]:
    """(number, JSON array) of a city's hours in (start, end] that have any value, oldest first.

    With `as_of`, as they stood then.
    """
    index, dominant = _INDEX[standard]
    hours, moment = _hours(as_of)
    [(count, points)] = run(
        connection,
        f"""
        SELECT count(*), COALESCE(json_agg(point ORDER BY point.time)::text, '[]') FROM (
          SELECT {utc("time")} AS time, {index} AS aqi, {_CATEGORY.format(index=index)} AS category,
                 {dominant} AS dominant_pollutant, basis, source, flags, {_POLLUTANTS} AS pollutants
          FROM {hours} WHERE city = :city AND time > :start AND time <= :end AND {WITH_AIR}) AS point
        """,
        city=city,
        start=start,
        end=end,
        **moment,
        **_scale(standard),
    )
    return count, points


def days_json(
    connection: Connection,
    city: str,
    standard: Standard,
    *,
    first: date,
    last: date,
    as_of: datetime | None = None,
) -> tuple[int, str]:
    """(number, JSON array) of a city's Indian days from `first` to `last`, oldest first.

    They come from city_day, but those that were not rolled up yet, or whose hours have changed since, from their
    hours, and so do all with `as_of`, as the hours stood then.
    """
    index, _ = _INDEX[standard]
    hours, moment = _hours(as_of)
    bounds = {"city": city, "first": first, "last": last}
    rolled_up = "city = :city AND day BETWEEN :first AND :last" + ("" if as_of is None else " AND false")
    # Known before the hours are asked for: only parts of the table within constant bounds are looked at.
    [(open_from, open_to)] = run(
        connection,
        f"""
        SELECT COALESCE(min(day), :first), COALESCE(max(day) + 1, :first) FROM (
          SELECT CAST(midnight AS date) AS day
          FROM generate_series(CAST(:first AS timestamp), :last, interval '1 day') AS midnight) AS asked
        WHERE day NOT IN (SELECT day FROM city_day WHERE {rolled_up})
           OR day IN (SELECT day FROM city_day_stale WHERE city = :city)
        """,
        **bounds,
    )
    [(count, points)] = run(
        connection,
        f"""
        WITH rolled AS (
          SELECT day, basis, source, hours, {index} AS aqi, {index}_max AS aqi_max, {_CONCENTRATIONS}
          FROM city_day WHERE {rolled_up} AND day NOT IN (SELECT day FROM city_day_stale WHERE city = :city)
        ), open AS (
          SELECT CAST(midnight AS date) AS day
          FROM generate_series(CAST(:first AS timestamp), :last, interval '1 day') AS midnight
          WHERE NOT EXISTS (SELECT FROM rolled WHERE rolled.day = CAST(midnight AS date))
        ), fresh AS (
          SELECT open.day, basis, source, hours, {index} AS aqi, {index}_max AS aqi_max, {_CONCENTRATIONS}
          FROM open, LATERAL (
            SELECT {AGGREGATES} FROM {hours}
            WHERE city = :city AND {WITH_AIR}
              AND time > CAST(open.day AS timestamp) AT TIME ZONE 'Asia/Kolkata'
              AND time <= CAST(open.day + 1 AS timestamp) AT TIME ZONE 'Asia/Kolkata'
              AND time > CAST(:open_from AS timestamp) AT TIME ZONE 'Asia/Kolkata'
              AND time <= CAST(:open_to AS timestamp) AT TIME ZONE 'Asia/Kolkata'
          ) AS hour
          WHERE hour.hours > 0
        )
        SELECT count(*), COALESCE(json_agg(point ORDER BY point.date)::text, '[]') FROM (
          SELECT day AS date, round(CAST(aqi AS numeric)) AS aqi, aqi_max,
                 {_CATEGORY.format(index="round(CAST(aqi AS numeric))")} AS category,
                 hours, basis, source, {_POLLUTANTS} AS pollutants
          FROM (SELECT * FROM rolled UNION ALL SELECT * FROM fresh) AS days) AS point
        """,
        open_from=open_from,
        open_to=open_to,
        **bounds,
        **moment,
        **_scale(standard),
    )
    return count, points
