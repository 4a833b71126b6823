"""Cities over a period of time: their ranking, and one beside another; from daily means wherever there are any.

Each answer is one statement. Days that were not rolled up yet, or whose hours have changed since, are made from their
hours, which `start` and `end` bound by constants: only those parts of the table are looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from common.domain.aqi import CATEGORIES
from common.domain.cities import all_cities
from common.domain.observation import HOUR, IST, POLLUTANTS, last_full_hour
from common.store.daily_aggregates import AGGREGATES, WITH_AIR
from common.store.engine import run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from common.domain.aqi import Standard
    from common.domain.cities import City
    from common.store.engine import Connection

_INDEX = {"in-naqi": "aqi", "us-epa": "aqi_us"}
_ASKED = """
asked AS MATERIALIZED (
  SELECT city, state, place
  FROM unnest(CAST(:cities AS text[]), CAST(:states AS text[])) WITH ORDINALITY AS given (city, state, place))"""
_NOT_STALE = """NOT EXISTS (
  SELECT FROM city_day_stale WHERE city_day_stale.city = city_day.city AND city_day_stale.day = city_day.day)"""
_DAYS = f"""
rolled AS MATERIALIZED (
  SELECT city, day, basis, hours, {{columns}} FROM city_day
  WHERE city = ANY(CAST(:cities AS text[])) AND day BETWEEN CAST(:first AS date) AND CAST(:last AS date)
    AND {_NOT_STALE}
), fresh AS (
  SELECT asked.city, CAST(midnight AS date) AS day, basis, hours, {{columns}}
  FROM asked
  CROSS JOIN generate_series(CAST(:first AS timestamp), CAST(:last AS timestamp), interval '1 day') AS midnight
  CROSS JOIN LATERAL (
    SELECT {AGGREGATES} FROM city_hour
    WHERE city = asked.city AND {WITH_AIR}
      AND time > midnight AT TIME ZONE 'Asia/Kolkata'
      AND time <= (midnight + interval '1 day') AT TIME ZONE 'Asia/Kolkata'
      AND time > CAST(:start AS timestamptz) AND time <= CAST(:end AS timestamptz)
  ) AS hour
  WHERE hours > 0 AND NOT EXISTS (
    SELECT FROM rolled WHERE rolled.city = asked.city AND rolled.day = CAST(midnight AS date))
), days AS (SELECT * FROM rolled UNION ALL SELECT * FROM fresh)"""
_HOURS = f"""
days AS (
  SELECT city, basis, 1 AS hours, {{columns}} FROM city_hour
  WHERE city = ANY(CAST(:cities AS text[])) AND {WITH_AIR}
    AND time > CAST(:start AS timestamptz) AND time <= CAST(:end AS timestamptz))"""
_BUCKET = "width_bucket(CAST(round(CAST({value} AS numeric)) AS int), CAST(:lows AS int[]))"
_MEAN = "sum({name} * hours) / sum(hours) FILTER (WHERE {name} IS NOT NULL)"
"""Over all hours, each day counting by its number of them."""
_POLLUTANTS = "json_strip_nulls(json_build_object({pairs}))".format(
    pairs=", ".join(f"'{name}', round(CAST({_MEAN.format(name=name)} AS numeric), 2)" for name in POLLUTANTS)
)


@dataclass(frozen=True, slots=True)
class Period:
    """What ends after `start` and by `end`."""

    start: datetime
    end: datetime

    @classmethod
    def of_hours(cls, hours: int, now: datetime) -> Period:
        """The last `hours` that are over."""
        end = last_full_hour(now)
        return cls(end - hours * HOUR, end)

    @classmethod
    def of_days(cls, days: int, now: datetime) -> Period:
        """The last Indian `days`, the present one as far as its hours are over; midnight belongs to the day it ends."""
        end = last_full_hour(now)
        last = (end - HOUR).astimezone(IST).replace(hour=0)
        return cls((last - timedelta(days=days - 1)).astimezone(end.tzinfo), end)

    @property
    def hours(self) -> int:
        """How many hours end in it."""
        return (self.end - self.start) // HOUR

    def days(self) -> dict[str, str]:
        """The first and the last Indian day, as parameters."""
        last = (self.end - HOUR).astimezone(IST).date()
        return {"first": self.start.astimezone(IST).date().isoformat(), "last": last.isoformat()}


def rankings_json(
    connection: Connection,
    by: str,
    standard: Standard,
    period: Period,
    *,
    daily: bool,
    descending: bool,
    limit: int,
) -> tuple[int, str, str]:
    """Of all cities: (number ranked, JSON array of the first `limit`, JSON array of names of those without a value).

    `by` is ``aqi`` or a pollutant; `daily`: the period consists of Indian days, else of hours. Equal values, as they
    are shown, share a rank, and the next follows as many places later.
    """
    [(number, ranked, missing)] = run(
        connection,
        _ranking(by, standard, daily, descending),
        **_all(),
        **_bounds(period, daily=daily),
        **(_scale(standard) if by == "aqi" else {}),
        limit=limit,
    )
    return number, ranked, missing


@cache
def _ranking(by: str, standard: Standard, daily: bool, descending: bool) -> str:
    column = _INDEX[standard] if by == "aqi" else by
    category = f"(CAST(:names AS text[]))[{_BUCKET.format(value='value')}]" if by == "aqi" else "NULL"
    return f"""
    WITH {_ASKED}, {(_DAYS if daily else _HOURS).format(columns=column)}, by_basis AS (
      SELECT city, basis, sum(hours) AS hours, sum({column} * hours) AS total
      FROM days WHERE {column} IS NOT NULL GROUP BY city, basis
    ), mean AS (
      SELECT city, round(CAST(sum(total) / sum(hours) AS numeric), {1 if by == "aqi" else 2}) AS value,
             sum(hours) AS hours, json_object_agg(basis, hours ORDER BY hours DESC, basis COLLATE "C") AS basis
      FROM by_basis GROUP BY city
    ), ranked AS (
      SELECT rank() OVER (ORDER BY value {"DESC" if descending else "ASC"}) AS rank,
             count(*) OVER (PARTITION BY value) > 1 AS tied, city, state, value, hours, basis
      FROM mean JOIN asked USING (city))
    SELECT (SELECT count(*) FROM ranked), COALESCE((
      SELECT json_agg(one ORDER BY one.rank, one.city COLLATE "C") FROM (
        SELECT rank, tied, city, state, value, {category} AS category, hours, basis
        FROM ranked ORDER BY rank, city COLLATE "C" LIMIT CAST(:limit AS int)) AS one), '[]')::text, COALESCE((
      SELECT json_agg(city ORDER BY place) FROM asked WHERE city NOT IN (SELECT city FROM mean)), '[]')::text
    """


def comparison_json(
    connection: Connection, cities: Sequence[City], standard: Standard, period: Period
) -> tuple[str, str]:
    """(JSON array of those of `cities` with data in the period of Indian days, JSON array of the others' names)."""
    [(found, missing)] = run(
        connection,
        _comparison(standard),
        **_cities(cities),
        **_bounds(period, daily=True),
        lows=[one.low for one in CATEGORIES[standard]],
    )
    return found, missing


@cache
def _comparison(standard: Standard) -> str:
    index = _INDEX[standard]
    columns = ", ".join((f"{index} AS aqi", f"{index}_max AS highest", *POLLUTANTS))
    categories = ", ".join(
        f"'{one.name}', count(*) FILTER (WHERE bucket = {place})"
        for place, one in enumerate(CATEGORIES[standard], start=1)
    )
    extreme = "(array_agg(day ORDER BY aqi {order}, day) FILTER (WHERE aqi IS NOT NULL))[1]"
    return f"""
    WITH {_ASKED}, {_DAYS.format(columns=columns)}, placed AS (
      SELECT *, {_BUCKET.format(value="aqi")} AS bucket FROM days
    ), by_basis AS (
      SELECT city, json_object_agg(basis, hours ORDER BY hours DESC, basis COLLATE "C") AS basis
      FROM (SELECT city, basis, sum(hours) AS hours FROM days GROUP BY city, basis) AS summed GROUP BY city
    ), told AS (
      SELECT city, sum(hours) AS hours, count(*) AS days,
             round(CAST({_MEAN.format(name="aqi")} AS numeric), 1) AS aqi_mean,
             round(CAST(max(aqi) AS numeric)) AS aqi_max, {extreme.format(order="DESC")} AS aqi_max_date,
             round(CAST(min(aqi) AS numeric)) AS aqi_min, {extreme.format(order="ASC")} AS aqi_min_date,
             max(highest) AS aqi_highest_hour, json_build_object({categories}) AS category_days,
             {_POLLUTANTS} AS pollutants
      FROM placed GROUP BY city
    ), shown AS (
      SELECT city, state, hours, days, aqi_mean, aqi_max, aqi_max_date, aqi_min, aqi_min_date, aqi_highest_hour,
             category_days, pollutants, basis
      FROM told JOIN by_basis USING (city) JOIN asked USING (city))
    SELECT COALESCE(json_agg(row_to_json(shown) ORDER BY place)::text, '[]'), COALESCE((
      SELECT json_agg(city ORDER BY place) FROM asked WHERE city NOT IN (SELECT city FROM told)), '[]')::text
    FROM shown JOIN asked USING (city)
    """


@cache
def _all() -> dict[str, str]:
    return _cities(all_cities())


def _cities(cities: Sequence[City]) -> dict[str, str]:
    """Names and states as arrays in PostgreSQL's own notation, which needs no conversion."""
    return {
        "cities": "{" + ",".join(f'"{city.name}"' for city in cities) + "}",
        "states": "{" + ",".join(f'"{city.state}"' for city in cities) + "}",
    }


def _bounds(period: Period, *, daily: bool) -> dict[str, datetime | str]:
    return {"start": period.start, "end": period.end, **(period.days() if daily else {})}


def _scale(standard: Standard) -> dict[str, list[Any]]:
    categories = CATEGORIES[standard]
    return {"names": [one.name for one in categories], "lows": [one.low for one in categories]}
