"""A city's stations on one grid of hours: what each told, what is doubtful in it, and what may be counted."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import accumulate
from math import fsum
from typing import TYPE_CHECKING

from common.domain.observation import BASES, HOUR, WEATHER, Basis
from common.domain.station_names import best_spelling, station_key
from common.quality.rules import AFTER, BEFORE, QcFlags, over_time
from common.store.readings import StationSeries, readings_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from common.quality.limits import Values
    from common.store.engine import Connection

WINDOW = 24
"""Hours, the last being the hour itself, that its indices look back on."""
LEAD = WINDOW - 1 + BEFORE
"""Hours of the grid before the first that is computed: its window, and what the first of these is judged by."""
_SAME = 0.9
"""Of the values that two names have in common, so many are equal where they are one station."""
_WEATHER_BASES: tuple[Basis, ...] = ("measured", "modelled", "implied")
"""Best first. Weather that comes beside an implied index is a town's, in whole degrees: a model knows more."""


@dataclass(slots=True)
class Station:
    """One station; hours are counted on the grid from 0."""

    source: str
    basis: Basis
    name: str
    values: dict[str, Values]
    """As told, by variable."""
    counted: dict[str, Values]
    """Without what is gravely doubtful."""
    air: set[int]
    """Hours in which it told anything but weather."""
    published: dict[int, Mapping[str, int]]
    doubts: QcFlags = field(default_factory=dict)
    left_out: dict[str, list[int]] = field(default_factory=dict)
    """Pollutant → hours told but not counted."""

    def window(self, hour: int, *, counted: bool = True) -> dict[str, Values]:
        """The pollutants' values of the hours up to `hour` that its indices are made from."""
        values = self.counted if counted else self.values
        return {
            name: series[hour - WINDOW + 1 : hour + 1]
            for name, series in values.items()
            if name not in WEATHER
        }

    def left_out_for(self, hour: int) -> dict[str, int]:
        """Pollutant → number of values in the window that are not counted; those with any."""
        counts = {
            name: sum(hour - WINDOW < each <= hour for each in hours) for name, hours in self.left_out.items()
        }
        return {name: number for name, number in counts.items() if number}

    def silence(self, hour: int) -> int | None:
        """Hours since it last told anything; None where that is longer than the window."""
        return next((ago for ago in range(WINDOW) if hour - ago in self.air), None)


@dataclass(frozen=True, slots=True)
class Source:
    """The stations of one source, all of one basis."""

    name: str
    basis: Basis
    stations: list[Station]
    heard: list[int]
    """In how many hours of the grid, from the first up to each, any station told anything but weather."""

    def gap(self, hour: int) -> int:
        """Hours of the window in which no station told anything."""
        return WINDOW - self.heard[hour] + self.heard[hour - WINDOW]


@dataclass(frozen=True, slots=True)
class Grid:
    """The hours after `first`; the hour of index 0 ends one hour after it."""

    first: datetime
    sources: list[Source]
    """The best basis first, then by name."""
    weather: dict[str, list[list[tuple[str, Values]]]]
    """Variable → for each basis, the best first, the (source, values) of the stations that tell it."""

    def end_of(self, hour: int) -> datetime:
        return self.first + (hour + 1) * HOUR


def load(
    connection: Connection, cities: Iterable[str], start: datetime, end: datetime, known: datetime
) -> dict[str, Grid]:
    """City → the hours that are needed to compute those in (start, end]; index `LEAD` is the first of these.

    Readings later than `known` are not looked at.
    """
    first = start - LEAD * HOUR
    until = max(end, min(end + AFTER * HOUR, known))
    hours = int((until - first) / HOUR)
    return {
        city: _grid(one_each([_station(each, first, hours) for each in reported]), first, hours)
        for city, reported in readings_of(connection, cities, first, until).items()
    }


def one_each(stations: list[Station]) -> list[Station]:
    """The stations, each once, whatever its names: those of one source whose names differ in case, blanks or
    punctuation, and those that differ in the board unless their values differ."""
    merged: dict[tuple[str, Basis, str], list[Station]] = {}
    for station in stations:
        known = merged.setdefault((station.source, station.basis, station_key(station.name)[0]), [])
        same = next((at for at, other in enumerate(known) if _is_same(station, other)), None)
        if same is None:
            known.append(station)
        else:
            known[same] = _merged(known[same], station)
    return [station for known in merged.values() for station in known]


def _is_same(first: Station, second: Station) -> bool:
    if station_key(first.name) == station_key(second.name):
        return True
    pairs = [
        pair
        for name in first.values.keys() & second.values.keys()
        for pair in zip(first.values[name], second.values[name], strict=True)
        if None not in pair
    ]
    return sum(first == second for first, second in pairs) >= _SAME * len(pairs)


def _merged(first: Station, second: Station) -> Station:
    """Both under the better spelling; where both tell, the first counts."""
    values = {
        name: [
            other if value is None else value
            for value, other in zip(first.values[name], second.values[name], strict=True)
        ]
        for name in first.values.keys() & second.values.keys()
    }
    values = {**second.values, **first.values, **values}
    return Station(
        source=first.source,
        basis=first.basis,
        name=max(first.name, second.name, key=best_spelling),
        values=values,
        counted=values,
        air=first.air | second.air,
        published={**second.published, **first.published},
    )


def _grid(stations: list[Station], first: datetime, hours: int) -> Grid:
    by_source: dict[tuple[Basis, str], list[Station]] = defaultdict(list)
    for station in stations:
        by_source[station.basis, station.source].append(station)
    sources = []
    for (basis, name), together in sorted(
        by_source.items(), key=lambda item: (BASES.index(item[0][0]), item[0][1])
    ):
        _judge(together, basis)
        heard = set().union(*(station.air for station in together))
        sources.append(
            Source(
                name,
                basis,
                together,
                list(accumulate((hour in heard for hour in range(hours)), initial=0))[1:],
            )
        )
    return Grid(first, sources, _weather(stations))


def _weather(stations: Iterable[Station]) -> dict[str, list[list[tuple[str, Values]]]]:
    there = list(stations)
    return {
        name: [
            [
                (station.source, series)
                for station in there
                if station.basis == basis and (series := station.values.get(name)) is not None
            ]
            for basis in _WEATHER_BASES
        ]
        for name in WEATHER
    }


def _judge(stations: list[Station], basis: Basis) -> None:
    """Find what is doubtful, and leave out of what is counted what is gravely so."""
    for station, doubts in zip(stations, over_time([each.values for each in stations], basis), strict=True):
        station.doubts = doubts
        left_out = defaultdict(set)
        for hour, of_hour in doubts.items():
            for doubt in of_hour:
                if doubt.grave:
                    left_out[doubt.pollutant].add(hour)
        for pollutant, hours in left_out.items():
            if station.counted is station.values:
                station.counted = dict(station.values)
            series = list(station.values[pollutant])
            for hour in hours:
                series[hour] = None
            station.counted[pollutant] = series
            station.left_out[pollutant] = sorted(hours)


def _station(reported: StationSeries, first: datetime, hours: int) -> Station:
    """Set a station's readings on the grid; several within one hour are averaged, rain is summed."""
    zero = int(first.timestamp())
    # A stamp exactly on the end of an hour belongs to that hour.
    at = [-((zero - time) // 3600) - 1 for time in reported.times]
    values = {name: _series(name, column, at, hours) for name, column in reported.values.items()}
    return Station(
        source=reported.source,
        basis=reported.basis,
        name=reported.station,
        values=values,
        counted=values,
        air={hour for hour, any_ in zip(at, reported.air, strict=True) if any_},
        published={hour: indices for hour, indices in zip(at, reported.published, strict=False) if indices},
    )


def _series(name: str, column: Values, at: list[int], hours: int) -> Values:
    series: Values = [None] * hours
    if at[-1] - at[0] + 1 == len(at) == len(set(at)):
        series[at[0] : at[-1] + 1] = column
        return series
    several: dict[int, list[float]] = {}
    for hour, value in zip(at, column, strict=True):
        if value is None:
            continue
        if series[hour] is not None:
            several.setdefault(hour, [series[hour]]).append(value)  # type: ignore[list-item]
        series[hour] = value
    for hour, together in several.items():
        series[hour] = fsum(together) if name == "rain" else fsum(together) / len(together)
    return series
