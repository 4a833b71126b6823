"""City-hours: the reconciled series that forecasts and the API read."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import msgspec
from sqlalchemy import ARRAY, Text, cast, func, select

from common.domain.hour_quality import HourQuality, hour_quality, may_replace
from common.domain.observation import POLLUTANTS, VARIABLES, WEATHER
from common.store import sql
from common.store.daily_aggregates import DAY
from common.store.engine import run
from common.store.schema import city_hour

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import ColumnElement

    from common.domain.forecast import Target
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


def _of(table: str, names: Iterable[str]) -> str:
    return ", ".join(f"{table}.{name}" for name in names)


def _typed(names: Iterable[str]) -> str:
    return ", ".join(f"{name} {_TYPES[name]}" for name in names)


_UPSERT = sql.load(
    "upsert_city_hours",
    given_columns=", ".join("COALESCE(flags, '{}') AS flags" if name == "flags" else name for name in _NAMES),
    types=_typed(_NAMES),
    columns=", ".join(_NAMES),
    new_columns=_of("new", _NAMES),
    new_values=_of("new", _VALUES),
    old_values=_of("old", _VALUES),
    new_revised=_of("new", _REVISED),
    old_revised=_of("old", _REVISED),
    old_as_object=", ".join(
        f"'{name}', " + ("NULLIF(old.flags, '{}')" if name == "flags" else f"old.{name}") for name in _REVISED
    ),
    assignments=", ".join(f"{name} = excluded.{name}" for name in _VALUES),
    day=DAY,
)

AS_OF = sql.load(
    "city_hours_as_of",
    revised=", ".join(_REVISED),
    revised_types=_typed(_REVISED),
    weather=", ".join(WEATHER),
    former_revised=", ".join(
        "COALESCE(former.flags, '{}')" if name == "flags" else f"former.{name}" for name in _REVISED
    ),
    present_weather=_of("present", WEATHER),
)
"""In place of the table: the city-hours as they stood at ``:as_of``. Weather keeps no past and is today's."""

_MARK_DAYS = """
INSERT INTO city_day_stale (city, day)
SELECT city, day FROM jsonb_to_recordset(CAST(:days AS jsonb)) AS changed(city text, day date)
WHERE EXISTS (SELECT FROM city_day WHERE city_day.city = changed.city AND city_day.day = changed.day)
ORDER BY city, day
ON CONFLICT (city, day) DO UPDATE SET changed_by = excluded.changed_by
"""


class WrittenHours(msgspec.Struct):
    """Which city-hours are new or changed."""

    cities: Counter[str] = msgspec.field(default_factory=Counter)
    """City → how many"""
    first: datetime | None = None
    last: datetime | None = None

    def __iadd__(self, other: WrittenHours) -> Self:
        self.cities.update(other.cities)
        self.first = min((time for time in (self.first, other.first) if time is not None), default=None)
        self.last = max((time for time in (self.last, other.last) if time is not None), default=None)
        return self


def lock_city(connection: Connection, city: str) -> None:
    """Let nobody else who calls this work on the hours of a city before this transaction ends."""
    lock_cities(connection, [city])


def lock_cities(connection: Connection, cities: Iterable[str]) -> None:
    """`lock_city` for several, in the order in which everybody takes them."""
    ordered = func.unnest(cast(sorted(set(cities)), ARRAY(Text))).column_valued("city")
    run(connection, select(func.pg_advisory_xact_lock(func.hashtext("city_hour"), func.hashtext(ordered))))


def latest_city_hours(connection: Connection, cities: Iterable[str]) -> dict[str, datetime]:
    """City → its latest city-hour, with an index or without, of those of `cities` that have any."""
    name = func.unnest(cast(list(cities), ARRAY(Text))).column_valued("name")
    latest = (
        select(func.max(city_hour.c.time).label("time")).where(city_hour.c.city == name).lateral("latest")
    )
    rows = run(connection, select(name, latest.c.time).where(latest.c.time.is_not(None)))
    return dict(map(tuple, rows))


def upsert_city_hours(connection: Connection, rows: Iterable[dict[str, Any]], *, now: datetime) -> int:
    """`write_city_hours`; returns how many are new or changed in all."""
    return write_city_hours(connection, rows, now=now).cities.total()


def write_city_hours(
    connection: Connection, rows: Iterable[dict[str, Any]], *, now: datetime
) -> WrittenHours:
    """Store city-hours, given as dicts of the table's columns; returns which are new or changed.

    Where anything but the weather and the detail changes, what the hour was until now goes to
    city_hour_revision, so that `AS_OF` finds it, and ``computed_at`` becomes `now`. It never goes back: under a
    clock that is behind (a replay, another machine's), or a second time at one moment, a change leaves no trace.

    A stored hour is never replaced by a poorer one: see `common.domain.hour_quality`. A row that is poorer for
    what it does not count says in ``worth`` what its `HourQuality` would be.

    Writers of one city must keep each other out: see `lock_city`.
    """
    batch = list(rows)
    written = WrittenHours()
    for first in range(0, len(batch), 4000):
        part = batch[first : first + 4000]
        times = [datetime.fromisoformat(row["time"]) for row in part]
        stored = _qualities(connection, {row["city"] for row in part}, min(times), max(times))
        allowed = [
            row
            for row, time in zip(part, times, strict=True)
            if (old := stored.get((row["city"], time))) is None or may_replace(_quality(row), old)
        ]
        changed = run(
            connection,
            _UPSERT,
            rows=msgspec.json.encode(allowed).decode(),
            now=now,
            first=min(times),
            last=max(times),
        )
        hours = [time for *_, time in changed]
        written += WrittenHours(
            Counter(city for city, *_ in changed), min(hours, default=None), max(hours, default=None)
        )
        days = [
            {"city": city, "day": day.isoformat()} for city, day in {(city, day) for city, day, _ in changed}
        ]
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
    """(city, time) → how good the stored hour is, from `first` to `last`."""
    c = city_hour.c
    concentrations = func.num_nonnulls(*(c[name] for name in POLLUTANTS)) > 0
    rows = run(
        connection,
        select(c.city, c.time, c.aqi.is_not(None), c.basis, concentrations, c.stations).where(
            c.city == func.any(cast(sorted(cities), ARRAY(Text))), c.time.between(first, last)
        ),
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
    doubts: dict[str, dict[datetime, dict[str, dict[str, list[str]]]]] = {city: {} for city in cities}
    rows = run(
        connection,
        """
        SELECT city, json_object_agg(extract(epoch FROM time)::bigint, detail -> 'doubts')::text FROM city_hour
        WHERE city = ANY(CAST(:cities AS text[])) AND time > :start AND time <= :end GROUP BY city
        """,
        cities=list(doubts),
        start=start,
        end=end,
    )
    for city, text in rows:
        for epoch, of_hour in json.loads(text).items():
            doubts[city][datetime.fromtimestamp(int(epoch), UTC)] = of_hour or {}
    return doubts


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
        sql.load(
            "city_hour_history",
            columns=", ".join(f"json_agg({name} ORDER BY hour)" for name in names),
            city_hour="city_hour" if as_of is None else AS_OF,
        ),
        city=city,
        start=start,
        end=end,
        **({} if as_of is None else {"as_of": as_of}),
    )
    columns: list[list[float | None] | None] = json.loads(text)
    return [column or [] for column in columns]


def span(connection: Connection, city: str) -> tuple[datetime, datetime] | None:
    """First and last city-hour of a city; None where it has none."""
    ends = select(func.min(city_hour.c.time), func.max(city_hour.c.time)).where(city_hour.c.city == city)
    [(first, last)] = run(connection, ends)
    return None if first is None else (first, last)


def provenance(connection: Connection, city: str, time: datetime) -> tuple[str | None, str | None]:
    """(source, basis) of one city-hour."""
    columns = (city_hour.c.source, city_hour.c.basis)
    rows = run(connection, select(*columns).where(city_hour.c.city == city, city_hour.c.time == time))
    return (rows[0][0], rows[0][1]) if rows else (None, None)


def provenance_mix(
    connection: Connection, city: str, target: Target, start: datetime, end: datetime
) -> dict[str, int]:
    """Basis → hours in (start, end] whose value of the target rests on it, the most first."""
    c = city_hour.c
    hours = func.count()
    counted = (
        select(c.basis, hours)
        .where(c.city == city, *_within(start, end), c[target].is_not(None), c.basis.is_not(None))
        .group_by(c.basis)
        .order_by(hours.desc(), c.basis)
    )
    return dict(map(tuple, run(connection, counted)))


def cities_between(connection: Connection, start: datetime, end: datetime) -> list[str]:
    """Names of the cities that have an index or PM2.5 at any hour in (start, end]."""
    c = city_hour.c
    has_value = c.aqi.is_not(None) | c.pm25.is_not(None)
    cities = select(c.city).distinct().where(*_within(start, end), has_value).order_by(c.city)
    return [city for (city,) in run(connection, cities)]


def _within(start: datetime, end: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return city_hour.c.time > start, city_hour.c.time <= end
