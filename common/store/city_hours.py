"""City-hours: the reconciled series that forecasts and the API read."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from common.domain.hour_quality import HourQuality, hour_quality, may_replace
from common.domain.observation import POLLUTANTS, VARIABLES, WEATHER
from common.store.daily_aggregates import DAY
from common.store.engine import run

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from common.store.engine import Connection

_NAMES = (
    "city", "time", "source", "basis", "stations", *VARIABLES,
    "aqi", "dominant", "aqi_us", "dominant_us", "flags", "detail",
)  # fmt: skip
_TYPES = {
    "city": "text", "time": "timestamptz", "source": "text", "basis": "text", "stations": "smallint",
    **dict.fromkeys(VARIABLES, "real"),
    "aqi": "smallint", "dominant": "text", "aqi_us": "smallint", "dominant_us": "text",
    "flags": "text[]", "detail": "jsonb",
}  # fmt: skip
_VALUES = [name for name in _NAMES if name not in ("city", "time")]
_REVISED = ("source", "basis", "stations", *POLLUTANTS, "aqi", "dominant", "aqi_us", "dominant_us", "flags")
"""What a revision keeps: all but the weather and how the indices came about."""

_CONCENTRATIONS = ", ".join(POLLUTANTS)


def _columns(names: Iterable[str], table: str) -> str:
    return ", ".join(f"{table}.{name}" for name in names)


_SAID = ", ".join(
    f"'{name}', " + ("NULLIF(old.flags, '{}')" if name == "flags" else f"old.{name}") for name in _REVISED
)
_AGAIN = ", ".join("COALESCE(said.flags, '{}')" if name == "flags" else f"said.{name}" for name in _REVISED)
_UPSERT = f"""
WITH new AS MATERIALIZED (
  SELECT {", ".join("COALESCE(flags, '{}') AS flags" if name == "flags" else name for name in _NAMES)}
  FROM jsonb_to_recordset(CAST(:rows AS jsonb))
    AS given({", ".join(f"{name} {kind}" for name, kind in _TYPES.items())})
), due AS MATERIALIZED (
  SELECT {_columns(_NAMES, "new")}, old.computed_at AS since,
         jsonb_strip_nulls(jsonb_build_object({_SAID})) AS was,
         ({_columns(_REVISED, "old")}) IS DISTINCT FROM ({_columns(_REVISED, "new")}) AS revised
  FROM new LEFT JOIN city_hour AS old
    ON old.city = new.city AND old.time = new.time AND old.time BETWEEN :first AND :last
  WHERE old.city IS NULL
     OR ({_columns(_VALUES, "old")}) IS DISTINCT FROM ({_columns(_VALUES, "new")})
), kept AS (
  INSERT INTO city_hour_revision (city, time, replaced_at, computed_at, was)
  SELECT city, time, :now, since, was FROM due WHERE revised AND since < :now
  ON CONFLICT DO NOTHING
)
INSERT INTO city_hour ({", ".join(_NAMES)}, computed_at)
SELECT {", ".join(_NAMES)}, CASE WHEN revised THEN greatest(since, :now) ELSE since END FROM due
ORDER BY city, time
ON CONFLICT (city, time) DO UPDATE
SET {", ".join(f"{name} = excluded.{name}" for name in _VALUES)}, computed_at = excluded.computed_at
RETURNING city, {DAY}
"""

_MARK_DAYS = """
INSERT INTO city_day_stale (city, day)
SELECT city, day FROM jsonb_to_recordset(CAST(:days AS jsonb)) AS changed(city text, day date)
WHERE EXISTS (SELECT FROM city_day WHERE city_day.city = changed.city AND city_day.day = changed.day)
ORDER BY city, day
ON CONFLICT (city, day) DO UPDATE SET changed_by = excluded.changed_by
"""

AS_OF = f"""(
  SELECT city, time, {", ".join(_REVISED)}, {", ".join(WEATHER)}, detail FROM city_hour WHERE computed_at <= :as_of
  UNION ALL
  SELECT past.city, past.time, {_AGAIN}, {_columns(WEATHER, "kept")}, CAST('{{}}' AS jsonb)
  FROM city_hour_revision AS past
  CROSS JOIN LATERAL jsonb_to_record(past.was)
    AS said({", ".join(f"{name} {_TYPES[name]}" for name in _REVISED)})
  JOIN city_hour AS kept ON kept.city = past.city AND kept.time = past.time
  WHERE past.computed_at <= :as_of AND past.replaced_at > :as_of
) AS city_hour"""
"""In place of the table: the city-hours as they stood at ``:as_of``. Weather keeps no past and is today's."""


def lock_city(connection: Connection, city: str) -> None:
    """Let nobody else who calls this work on the hours of a city before this transaction ends."""
    run(connection, "SELECT pg_advisory_xact_lock(hashtext('city_hour'), hashtext(:city))", city=city)


def lock_cities(connection: Connection, cities: Iterable[str]) -> None:
    """`lock_city` for several, in the order in which everybody takes them."""
    run(
        connection,
        """
        SELECT pg_advisory_xact_lock(hashtext('city_hour'), hashtext(city))
        FROM (SELECT unnest(CAST(:cities AS text[])) AS city ORDER BY 1) AS sorted
        """,
        cities=sorted(set(cities)),
    )


def latest_city_hours(connection: Connection, cities: Iterable[str]) -> dict[str, datetime]:
    """City → its latest city-hour, with an index or without, of those of `cities` that have any."""
    rows = run(
        connection,
        """
        SELECT name, latest FROM unnest(CAST(:cities AS text[])) AS name
        CROSS JOIN LATERAL (SELECT max(time) AS latest FROM city_hour WHERE city = name) AS found
        WHERE latest IS NOT NULL
        """,
        cities=list(cities),
    )
    return dict(rows)


def upsert_city_hours(connection: Connection, rows: Iterable[dict[str, Any]], *, now: datetime) -> int:
    """`write_city_hours`; returns how many are new or changed in all."""
    return write_city_hours(connection, rows, now=now).total()


def write_city_hours(
    connection: Connection, rows: Iterable[dict[str, Any]], *, now: datetime
) -> Counter[str]:
    """Store city-hours, given as dicts of the table's columns; returns how many are new or changed, by city.

    Where anything but the weather and the detail changes, what the hour said until now goes to
    city_hour_revision, so that `AS_OF` finds it, and ``computed_at`` becomes `now`. It never goes back: under a
    clock that is behind (a replay, another machine's), or a second time at one moment, a change leaves no trace.

    One that is kept is never replaced by a poorer one: see `common.domain.hour_quality`. A row that is poorer for
    what it does not count says in ``worth`` what its `HourQuality` would be.

    Writers of one city must keep each other out: see `lock_city`.
    """
    batch = list(rows)
    written: Counter[str] = Counter()
    for first in range(0, len(batch), 4000):
        part = batch[first : first + 4000]
        times = [datetime.fromisoformat(row["time"]) for row in part]
        kept = _qualities(connection, {row["city"] for row in part}, min(times), max(times))
        allowed = [
            row
            for row, time in zip(part, times, strict=True)
            if (old := kept.get((row["city"], time))) is None or may_replace(_quality(row), old)
        ]
        found = run(
            connection,
            _UPSERT,
            rows=msgspec.json.encode(allowed).decode(),
            now=now,
            first=min(times),
            last=max(times),
        )
        written.update(city for city, _ in found)
        days = [{"city": city, "day": day.isoformat()} for city, day in set(map(tuple, found))]
        if days:
            run(connection, _MARK_DAYS, days=json.dumps(days))
    return written


def _quality(row: Mapping[str, Any]) -> HourQuality:
    if row.get("worth") is not None:
        return HourQuality(*row["worth"])
    return hour_quality(
        has_index=row.get("aqi") is not None,
        basis=row.get("basis"),
        has_concentrations=any(row.get(name) is not None for name in POLLUTANTS),
        stations=row.get("stations") or 0,
    )


def _qualities(
    connection: Connection, cities: Iterable[str], first: datetime, last: datetime
) -> dict[tuple[str, datetime], HourQuality]:
    """(city, time) → how good what is kept is, from `first` to `last`."""
    rows = run(
        connection,
        f"""
        SELECT city, time, aqi IS NOT NULL, basis, num_nonnulls({_CONCENTRATIONS}) > 0, stations FROM city_hour
        WHERE city = ANY(CAST(:cities AS text[])) AND time BETWEEN :first AND :last
        """,
        cities=sorted(cities),
        first=first,
        last=last,
    )
    return {
        (city, time): hour_quality(
            has_index=has_index, basis=basis, has_concentrations=has_concentrations, stations=stations
        )
        for city, time, has_index, basis, has_concentrations, stations in rows
    }


def stored_doubts(
    connection: Connection, cities: Iterable[str], start: datetime, end: datetime
) -> dict[str, dict[datetime, dict[str, dict[str, list[str]]]]]:
    """City → city-hour in (start, end] → source → station → its doubts, as `common.quality.explanation` keeps them."""
    found: dict[str, dict[datetime, dict[str, dict[str, list[str]]]]] = {city: {} for city in cities}
    rows = run(
        connection,
        """
        SELECT city, json_object_agg(extract(epoch FROM time)::bigint, detail -> 'doubts')::text FROM city_hour
        WHERE city = ANY(CAST(:cities AS text[])) AND time > :start AND time <= :end GROUP BY city
        """,
        cities=list(found),
        start=start,
        end=end,
    )
    for city, text in rows:
        for epoch, doubts in json.loads(text).items():
            found[city][datetime.fromtimestamp(int(epoch), UTC)] = doubts or {}
    return found


def history(
    connection: Connection,
    city: str,
    start: datetime,
    end: datetime,
    names: Sequence[str],
    *,
    as_of: datetime | None = None,
) -> list[list[float | None]]:
    """Hourly values of a city in (start, end] on the full grid of hours: one list a name, oldest first.

    `start` and `end` must be ends of Indian hours. A missing hour or value is None. With `as_of` the hours are
    as they stood then: for research that must not know of later corrections.
    """
    unknown = set(names) - {*_REVISED, *WEATHER}
    if unknown:
        raise ValueError(f"no such columns: {sorted(unknown)}")
    [(text,)] = run(
        connection,
        f"""
        SELECT json_build_array({", ".join(f"json_agg({name} ORDER BY hour)" for name in names)})::text
        FROM generate_series(CAST(:start AS timestamptz) + interval '1 hour', :end, interval '1 hour') AS hour
        LEFT JOIN {"city_hour" if as_of is None else AS_OF}
          ON city = :city AND time = hour AND time > :start AND time <= :end
        """,
        city=city,
        start=start,
        end=end,
        **({} if as_of is None else {"as_of": as_of}),
    )
    columns: list[list[float | None] | None] = json.loads(text)
    return [column or [] for column in columns]


def span(connection: Connection, city: str) -> tuple[datetime, datetime] | None:
    """First and last city-hour of a city; None where it has none."""
    rows = run(connection, "SELECT min(time), max(time) FROM city_hour WHERE city = :city", city=city)
    first, last = rows[0]
    return None if first is None else (first, last)


def provenance(connection: Connection, city: str, time: datetime) -> tuple[str | None, str | None]:
    """(source, basis) of one city-hour."""
    rows = run(
        connection,
        "SELECT source, basis FROM city_hour WHERE city = :city AND time = :time",
        city=city,
        time=time,
    )
    return (rows[0][0], rows[0][1]) if rows else (None, None)


def provenance_mix(
    connection: Connection, city: str, target: str, start: datetime, end: datetime
) -> dict[str, int]:
    """Basis → hours in (start, end] whose value of the target rests on it, the most first."""
    column = {"aqi": "aqi", "pm25": "pm25"}[target]
    rows = run(
        connection,
        f"""
        SELECT basis, count(*) FROM city_hour
        WHERE city = :city AND time > :start AND time <= :end AND {column} IS NOT NULL AND basis IS NOT NULL
        GROUP BY basis ORDER BY count(*) DESC, basis
        """,
        city=city,
        start=start,
        end=end,
    )
    return dict(rows)


def cities_between(connection: Connection, start: datetime, end: datetime) -> list[str]:
    """Names of the cities that have an index or PM2.5 at any hour in (start, end]."""
    rows = run(
        connection,
        "SELECT DISTINCT city FROM city_hour "
        "WHERE time > :start AND time <= :end AND COALESCE(aqi, pm25) IS NOT NULL ORDER BY city",
        start=start,
        end=end,
    )
    return [city for (city,) in rows]
