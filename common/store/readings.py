"""Readings: written once, corrected with a trace, never erased by a missing value."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from sqlalchemy import select

from common.domain.observation import POLLUTANTS, VARIABLES, Basis, Reading
from common.store import sql
from common.store.city_hours import lock_cities
from common.store.engine import run
from common.store.sanitize import sanitize
from common.store.schema import reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from common.store.engine import Connection

_Row = TypeVar("_Row")
_CHUNK = 4000
_DIFFERS = " OR ".join(f"new.{name} <> reading.{name}" for name in ("basis", *VARIABLES))
_FILLS = " OR ".join(f"(reading.{name} IS NULL AND new.{name} IS NOT NULL)" for name in VARIABLES)
_UPSERT = sql.load(
    "upsert_readings",
    types=", ".join(f"{name} real" for name in VARIABLES),
    columns=", ".join(VARIABLES),
    differs=_DIFFERS,
    fills=_FILLS,
    merged=", ".join(f"{name} = COALESCE(excluded.{name}, reading.{name})" for name in VARIABLES),
)
"""Rows that say nothing new are not touched: to update a row to what it is already costs as much as any update."""
_BY_STATION = sql.load(
    "readings_by_station",
    pollutants=", ".join(POLLUTANTS),
    series=", ".join(
        f"'{name}', CASE WHEN count({name}) > 0 THEN array_agg({name} ORDER BY time) END"
        for name in VARIABLES
    ),
)


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
    locked until the transaction ends: of two at once that bring the same correction, the second changes nothing.
    """
    total = Written()
    for rows in _chunks(readings):
        lock_cities(connection, {item.city for item in rows})
        text = msgspec.json.encode([_row(item) for item in rows]).decode()
        times = [item.time for item in rows]
        for city, source, *written in run(
            connection, _UPSERT, rows=text, now=now, first=min(times), last=max(times)
        ):
            total.add(*written)
            total.parts.setdefault((city, source), Written()).add(*written)
    return total


@dataclass(frozen=True, slots=True)
class StationSeries:
    """The readings of one station: lists of one length, in order of time."""

    source: str
    station: str
    basis: Basis
    times: list[int]
    """Epoch seconds."""
    air: list[bool]
    """Whether anything but weather was reported."""
    published: list[dict[str, int]]
    """As in `Reading`; empty as a whole where nothing was published at any time."""
    values: dict[str, list[float | None]]
    """By variable; one that was never reported is absent."""


def readings_between(
    connection: Connection, city: str, start: datetime, end: datetime
) -> list[StationSeries]:
    """Readings of a city in (start, end], station by station."""
    return readings_of(connection, [city], start, end)[city]


def readings_of(
    connection: Connection, cities: Iterable[str], start: datetime, end: datetime
) -> dict[str, list[StationSeries]]:
    """City → its readings in (start, end], station by station."""
    series: dict[str, list[StationSeries]] = {city: [] for city in cities}
    rows = run(connection, _BY_STATION, cities=list(series), start=start, end=end)
    for city, source, station, basis, text in rows:
        row = msgspec.json.decode(text)  # of all readings of a day: the largest answer of a run
        series[city].append(
            StationSeries(
                source, station, basis, row["times"], row["air"], row["published"] or [], row["values"]
            )
        )
    return series


def cities_with_readings(connection: Connection, start: datetime, end: datetime) -> list[str]:
    """Names of the cities that have any reading in (start, end]."""
    c = reading.c
    cities = select(c.city).distinct().where(c.time > start, c.time <= end).order_by(c.city)
    return [city for (city,) in run(connection, cities)]


def _row(item: Reading) -> dict[str, Any]:
    return {
        "city": item.city,
        "source": item.source,
        "station": sanitize(item.station),
        "time": item.time,
        "basis": item.basis,
        "published": dict(item.published),
        **item.values,
    }


def _chunks(items: Iterable[_Row]) -> Iterator[Sequence[_Row]]:
    iterator = iter(items)
    while rows := list(islice(iterator, _CHUNK)):
        yield rows
