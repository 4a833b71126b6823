"""Readings made for tests, and what the database made of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from common.domain.observation import HOUR, Basis, Reading, hour_ending
from common.ingest.reconcile import reconcile
from common.store.engine import Database, run
from common.store.readings import Written, upsert_readings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CLEAN = {"pm25": 30.0, "pm10": 50.0, "no2": 40.0}
"""Means whose sub-indices are all 50: three of them, as an AQI needs."""


@dataclass
class Clock:
    """A clock that goes only when told to, or when something waits by it."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def air(pm25: float) -> dict[str, float]:
    """Air whose index PM2.5 alone decides, if it is above 30 µg/m³."""
    return {**CLEAN, "pm25": pm25}


def series(
    end: datetime,
    hours: int,
    values: Mapping[str, float],
    *,
    city: str = "Delhi",
    source: str = "cpcb",
    station: str = "ITO",
    basis: Basis = "measured",
    published: Mapping[str, int] | None = None,
) -> list[Reading]:
    """The same values at each of the `hours` hours up to `end`."""
    return [
        Reading(source, city, end - ago * HOUR, basis, values, station, published or {})
        for ago in reversed(range(hours))
    ]


def keep(database: Database, readings: Iterable[Reading], now: datetime) -> Written:
    with database.transaction() as connection:
        return upsert_readings(connection, readings, now=now)


def keep_and_reconcile(database: Database, readings: list[Reading], now: datetime) -> int:
    """Store the readings, and compute every hour from the first of them to `now`; how many changed."""
    keep(database, readings, now)
    cities = {
        reading.city: min(item.time for item in readings if item.city == reading.city) for reading in readings
    }
    changed = 0
    with database.transaction() as connection:
        for city, first in cities.items():
            changed += reconcile(connection, city, hour_ending(first) - HOUR, now, now=now)
    return changed


def city_hours(database: Database, city: str = "Delhi") -> dict[datetime, dict[str, Any]]:
    """Time → the whole row, but for the city's name and when it was computed."""
    with database.transaction() as connection:
        rows = run(
            connection,
            "SELECT time, to_jsonb(city_hour) - 'city' - 'computed_at' - 'time' FROM city_hour "
            "WHERE city = :city ORDER BY time",
            city=city,
        )
    return dict(rows)


def count(database: Database, table: str) -> int:
    with database.transaction() as connection:
        [(number,)] = run(connection, f"SELECT count(*) FROM {table}")  # noqa: S608 — tables of ours
    return int(number)


def minutes(number: int) -> timedelta:
    return timedelta(minutes=number)
