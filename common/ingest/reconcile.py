"""From readings to city-hours: one value a city and hour, with the readings that made it.

For each hour one source speaks for the city, and bases are never mixed in one hour's pollutants: a source that
gives an index comes before one that does not, then the best basis (measured, implied, modelled), then one that
tells concentrations, then the most stations. Each station has its own windows and its own index; the city's index
is the mean of its stations'. Weather is filled in from whoever has it. An hour in which nothing was reported has no
city-hour: a gap stays a gap.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import fsum
from typing import TYPE_CHECKING, Any

from common.domain.aqi import Aqi, PollutantIndex, Standard, city_index, naqi, station_naqi, us_aqi
from common.domain.breakpoints import SCALES
from common.domain.explanation import pack
from common.domain.observation import BASES, HOUR, POLLUTANTS, VARIABLES, WEATHER, Basis, hour_ending
from common.store.city_hours import lock_city, upsert_city_hours
from common.store.readings import readings_between

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

WINDOW = 24
"""Hours, the last being the hour itself, that its indices look back on."""
_WEATHER_BASES: tuple[Basis, ...] = ("measured", "modelled", "implied")
"""Best first. Weather that comes beside an implied index is a town's, in whole degrees: a model knows more."""
_CHUNK = timedelta(days=31)


@dataclass(slots=True)
class _Station:
    """Hourly values of one station, as lists over the grid of hours."""

    source: str
    basis: Basis
    name: str
    values: dict[str, list[float | None]]
    published: dict[int, dict[str, int]] = field(default_factory=dict)
    present: set[int] = field(default_factory=set)


def reconcile(connection: Connection, city: str, start: datetime, end: datetime, *, now: datetime) -> int:
    """Compute the city-hours in (start, end] again from their readings; returns how many changed.

    `start` and `end` must be ends of Indian hours. Only readings up to `end` are looked at.
    """
    lock_city(connection, city)
    changed = 0
    while start < end:
        until = min(start + _CHUNK, end)
        rows = list(_city_hours(connection, city, start, until))
        changed += upsert_city_hours(connection, rows, now=now)
        start = until
    return changed


def _city_hours(connection: Connection, city: str, start: datetime, end: datetime) -> list[dict[str, Any]]:
    first = start - WINDOW * HOUR
    hours = int((end - first) / HOUR)
    stations = [
        _station(source, name, basis, rows, first, hours)
        for source, name, basis, rows in readings_between(connection, city, first, end)
    ]
    rows = []
    for hour in range(WINDOW, hours):
        row = _city_hour([station for station in stations if hour in station.present], hour)
        if row is not None:
            rows.append({"city": city, "time": (first + (hour + 1) * HOUR).isoformat(), **row})
    return rows


def _station(
    source: str, name: str, basis: Basis, rows: Sequence[Mapping[str, Any]], first: datetime, hours: int
) -> _Station:
    """Set a station's readings on the grid; several within one hour are averaged, rain is summed."""
    station = _Station(source, basis, name, {})
    gathered: dict[tuple[str, int], list[float]] = defaultdict(list)
    for row in rows:
        hour = int((hour_ending(datetime.fromtimestamp(row["time"], UTC)) - first) / HOUR) - 1
        station.present.add(hour)
        if row["published"]:
            station.published[hour] = row["published"]
        for variable in VARIABLES:
            value = row.get(variable)
            if value is not None:
                gathered[variable, hour].append(value)
    for (variable, hour), found in gathered.items():
        series = station.values.setdefault(variable, [None] * hours)
        series[hour] = fsum(found) if variable == "rain" else fsum(found) / len(found)
    return station


def _city_hour(present: Sequence[_Station], hour: int) -> dict[str, Any] | None:
    """The row of one hour from the stations that reported in it; None where none did."""
    choices: dict[tuple[Basis, str], list[_Station]] = defaultdict(list)
    for station in present:
        if _has_air(station, hour):
            choices[station.basis, station.source].append(station)
    weather, givers = _weather(present, hour)
    if not choices:
        nothing = dict.fromkeys(("source", "basis", "aqi", "dominant", "aqi_us", "dominant_us", *POLLUTANTS))
        return {**nothing, "stations": 0, **weather, "detail": {"weather": givers}} if givers else None
    ranked = []
    for (basis, source), stations in choices.items():
        indices = [_naqi(station, hour) for station in stations]
        city = _of_city(indices, "in-naqi")
        silent = all(_value(station, name, hour) is None for station in stations for name in POLLUTANTS)
        # Some sources publish indices only: one that also tells concentrations says more.
        rank = (city.value is None, BASES.index(basis), silent, -len(stations), source)
        ranked.append((rank, stations, city))
    (*_, source), stations, indian = min(ranked, key=lambda item: item[0])
    american = _of_city([us_aqi(_window(station, hour)) for station in stations], "us-epa")
    return {
        "source": source,
        "basis": stations[0].basis,
        "stations": len(stations),
        **{name: _mean([station.values.get(name) for station in stations], hour) for name in POLLUTANTS},
        **weather,
        "aqi": indian.value,
        "dominant": indian.dominant,
        "aqi_us": american.value,
        "dominant_us": american.dominant,
        "detail": pack(indian, american) | {"weather": givers},
    }


def _of_city(indices: Sequence[Aqi], standard: Standard) -> Aqi:
    """The city's index; that of the only station is its own, and most hours of most sources have one."""
    if len(indices) == 1 and indices[0].value is not None:
        return indices[0]
    return city_index(indices, standard)


def _has_air(station: _Station, hour: int) -> bool:
    return hour in station.published or any(_value(station, name, hour) is not None for name in POLLUTANTS)


def _value(station: _Station, name: str, hour: int) -> float | None:
    series = station.values.get(name)
    return None if series is None else series[hour]


def _window(station: _Station, hour: int) -> dict[str, list[float | None]]:
    return {
        name: series[hour - WINDOW + 1 : hour + 1]
        for name in POLLUTANTS
        if (series := station.values.get(name)) is not None
    }


def _naqi(station: _Station, hour: int) -> Aqi:
    """The station's index as its provider publishes it, else by the rule from its own hours."""
    published = station.published.get(hour)
    if not published:
        return naqi(_window(station, hour))
    parts = {
        name: PollutantIndex(name, published[name], None, "as published", 0, scale.required, scale.hours)
        for name, (scale, *_) in SCALES["in-naqi"].items()
        if name in published
    }
    if "aqi" not in published:
        return station_naqi(parts)
    dominant = max(parts, key=lambda name: published[name]) if parts else None
    return Aqi(published["aqi"], "in-naqi", dominant, parts)


def _weather(present: Sequence[_Station], hour: int) -> tuple[dict[str, float | None], list[str]]:
    """Weather, each variable from the best basis that has it, and the sources that gave it."""
    row: dict[str, float | None] = {}
    givers = set()
    for name in WEATHER:
        for basis in _WEATHER_BASES:
            having = [
                station
                for station in present
                if station.basis == basis and _value(station, name, hour) is not None
            ]
            if having:
                row[name] = _mean([station.values[name] for station in having], hour)
                givers |= {station.source for station in having}
                break
        else:
            row[name] = None
    return row, sorted(givers)


def _mean(series: Sequence[Sequence[float | None] | None], hour: int) -> float | None:
    known = [value for each in series if each is not None and (value := each[hour]) is not None]
    return round(fsum(known) / len(known), 3) if known else None
