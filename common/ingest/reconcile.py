"""From readings to city-hours: one value a city and hour, with the readings that made it.

For each hour one source speaks for the city, and bases are never mixed in one hour's pollutants: a source that
gives an index comes before one that does not, then the best basis (measured, implied, modelled), then one that
tells concentrations, then the most stations. Each station has its own windows and its own index; the city's index
is the mean of its stations'. An index that is published for the city as a whole is taken as published. Weather is
filled in from whoever has it. An hour in which nothing was reported has no city-hour: a gap stays a gap. What is
doubtful is flagged; what is gravely so is not counted, and the hour says so.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import timedelta
from math import fsum
from typing import TYPE_CHECKING, Any

from common.domain.aqi import Aqi, PollutantIndex, Standard, city_index, naqi, station_naqi, us_aqi
from common.domain.breakpoints import SCALES
from common.domain.hour_quality import HourQuality, hour_quality
from common.domain.observation import BASES, HOUR, POLLUTANTS, last_full_hour
from common.quality.explanation import RANKING, Unused, pack, pack_readings
from common.quality.qc_flags import StationFlags, first_with_changed_flags, flags_of
from common.quality.rules import AFTER, QcFlag, at_once, at_scale_end
from common.quality.stations import LEAD, WINDOW, Grid, Source, Station, load
from common.sources import REGISTRY
from common.store.city_hours import WrittenHours, lock_cities, write_city_hours
from common.store.events import append

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from common.store.engine import Connection

__all__ = ["TOUCHED", "WINDOW", "reconcile", "reconcile_all"]

TOUCHED = AFTER + WINDOW - 1
"""Hours after a reading that it may have a part in: it makes others doubtful, and these count for a day."""
_CHUNK = timedelta(days=31)
_SHORT = timedelta(days=2)
"""A span that many cities are computed of at once."""
_AT_ONCE = 1000
"""City-hours that are stored by one statement, at least, where there are as many."""
_LONG_SILENCE = 3
"""Hours. Shorter ones are the usual delay of a station that still comes."""


def reconcile(
    connection: Connection, city: str, start: datetime, end: datetime, *, now: datetime, live: bool = True
) -> int:
    """`reconcile_all` for the hours (start, end] of one city; returns how many changed."""
    return reconcile_all(connection, [(city, start, end)], now=now, live=live)[city]


def reconcile_all(
    connection: Connection,
    spans: Iterable[tuple[str, datetime, datetime]],
    *,
    now: datetime,
    live: bool = True,
) -> dict[str, int]:
    """Compute city-hours again from their readings: (city, start, end], …; returns how many changed, by city.

    Of what changed an event is added to the transaction, unless it is not `live`: `now` then lies in the past.

    `start` and `end` must be ends of Indian hours. Nothing that was measured after `now` is looked at, nor what
    is more than `AFTER` hours after `end`. City-hours before `start` are computed again where a reading after
    it has made theirs doubtful, or has cleared it: whether a peak was a lone one shows an hour later.
    """
    waiting = list(spans)
    lock_cities(connection, {city for city, *_ in waiting})
    written = WrittenHours(Counter({city: 0 for city, *_ in waiting}))
    rows: list[dict[str, Any]] = []
    for cities, start, end in _together(waiting):
        for some in _rows(connection, cities, start, end, now):
            rows += some
            if len(rows) >= _AT_ONCE:
                written += _write(connection, rows, now)
    written += _write(connection, rows, now)
    if live and written.first is not None and written.last is not None:
        cities = [city for city, hours in written.cities.items() if hours]
        detail = {"first": written.first, "last": written.last, "hours": written.cities.total()}
        append(connection, "hours", cities, now=now, detail=detail)
    return dict(written.cities)


def _together(
    spans: Iterable[tuple[str, datetime, datetime]],
) -> Iterator[tuple[list[str], datetime, datetime]]:
    """The cities that have the same span, all at once where it is short: their readings must fit in memory."""
    cities: dict[tuple[datetime, datetime], list[str]] = defaultdict(list)
    for city, start, end in spans:
        cities[start, end].append(city)
    for (start, end), names in cities.items():
        some = len(names) if end - start <= _SHORT else 1
        for first in range(0, len(names), some):
            yield names[first : first + some], start, end


def _write(connection: Connection, rows: list[dict[str, Any]], now: datetime) -> WrittenHours:
    """Store the rows, and leave `rows` empty; what changed."""
    latest = {(row["city"], row["time"]): row for row in rows}  # spans may come to overlap: see `_rows`
    rows.clear()
    return write_city_hours(connection, latest.values(), now=now)


def _rows(
    connection: Connection, cities: list[str], start: datetime, end: datetime, now: datetime
) -> Iterator[list[dict[str, Any]]]:
    """The city-hours of one span, some weeks at a time."""
    known = max(end, last_full_hour(now))
    settled = False
    while start < end:
        until = min(start + _CHUNK, end)
        grids = load(connection, cities, start, until, known)
        if not settled:
            for city, earlier in first_with_changed_flags(connection, grids).items():
                yield from _rows(connection, [city], earlier, end, now)
                cities = [each for each in cities if each != city]
            settled = True
        hours = range(LEAD, LEAD + int((until - start) / HOUR))
        yield [
            {"city": city, "time": grids[city].end_of(hour).isoformat(), **row}
            for city in cities
            for hour in hours
            if (row := _city_hour(grids[city], hour)) is not None
        ]
        if not cities:
            return
        start = until


@dataclass(slots=True)
class _Choice:
    """A source that may speak for the city at an hour."""

    source: Source
    stations: list[Station]
    """Those that told anything but weather in the hour."""
    indices: list[Aqi]
    index: Aqi
    quality: HourQuality

    @property
    def rank(self) -> tuple[bool | int | str, ...]:
        """The lowest is the best; what its places are is said by `RANKING`."""
        return (*self.quality, self.source.name)


def _city_hour(grid: Grid, hour: int) -> dict[str, Any] | None:
    """The row of one hour from the stations that reported in it; None where none did."""
    weather, givers = _weather(grid, hour)
    there = [
        (source, stations)
        for source in grid.sources
        if (stations := [station for station in source.stations if hour in station.air])
    ]
    if not there:
        nothing = dict.fromkeys(("source", "basis", "aqi", "dominant", "aqi_us", "dominant_us", *POLLUTANTS))
        return {**nothing, "stations": 0, **weather, "detail": {"weather": givers}} if givers else None
    choices = _choices(there, hour)
    best = min(choices, key=lambda choice: choice.rank)
    american = _of_city([us_aqi(station.window(hour)) for station in best.stations], "us-epa")
    # A better source that has no index may lack it for what is doubtful in it.
    concerned = [choice for choice in choices if choice.quality.basis < best.quality.basis] + [best]
    left_out = _left_out(concerned, hour)
    doubts = flags_of(grid, hour)
    unlike = at_once([station.values for station in best.stations], best.source.basis, hour)
    for station, of_hour in zip(best.stations, unlike, strict=True):
        if codes := [*of_hour, *_at_scale_end(best.source, station, hour)]:
            of_source = doubts.setdefault(best.source.name, {})
            of_source[station.name] = [*of_source.get(station.name, ()), *map(str, codes)]
    gap, stopped = best.source.gap(hour), _stopped(best.source, hour)
    return {
        "source": best.source.name,
        "basis": best.source.basis,
        "stations": len(best.stations),
        **{
            name: _mean((station.counted.get(name) for station in best.stations), hour) for name in POLLUTANTS
        },
        **weather,
        "aqi": best.index.value,
        "dominant": best.index.dominant,
        "aqi_us": american.value,
        "dominant_us": american.dominant,
        "flags": _flags(concerned, doubts, left_out, gap=bool(gap), stopped=bool(stopped)),
        "worth": _worth(there, hour) if left_out else None,
        "detail": pack(best.index, american)
        | pack_readings(
            used={
                station.name: index.value for station, index in zip(best.stations, best.indices, strict=True)
            },
            unused=_unused(there, choices, best),
            doubts=doubts,
            left_out=left_out,
            gap=gap,
            stopped=stopped,
        )
        | {"weather": givers},
    }


def _choices(
    there: Sequence[tuple[Source, list[Station]]], hour: int, *, counted: bool = True
) -> list[_Choice]:
    """The sources that can be the best; once one has an index, none of a lesser basis can."""
    choices: list[_Choice] = []
    for source, stations in there:
        basis = BASES.index(source.basis)
        if any(not choice.quality.lacks_index and choice.quality.basis < basis for choice in choices):
            break
        indices = [_naqi(station, hour, counted=counted) for station in stations]
        index = _published_for_city(stations, indices, hour) or _of_city(indices, "in-naqi")
        silent = not any(
            _value(station, name, hour) is not None for station in stations for name in POLLUTANTS
        )
        # Some sources publish indices only: one that also tells concentrations says more.
        quality = hour_quality(
            has_index=index.value is not None,
            basis=source.basis,
            has_concentrations=not silent,
            stations=len(stations),
        )
        choices.append(_Choice(source, stations, indices, index, quality))
    return choices


def _worth(there: Sequence[tuple[Source, list[Station]]], hour: int) -> HourQuality:
    """How good the hour would be if every value were counted.

    What is not counted makes it poorer, and yet it is not made from less than the one that is kept.
    """
    return min(choice.quality for choice in _choices(there, hour, counted=False))


def _unused(
    there: Sequence[tuple[Source, list[Station]]], choices: Sequence[_Choice], best: _Choice
) -> list[Unused]:
    ranks = {(choice.source.name, choice.source.basis): choice.rank for choice in choices}
    unused = []
    for source, stations in there:
        if source is best.source:
            continue
        rank = ranks.get((source.name, source.basis))
        places = zip(RANKING, rank, best.rank, strict=True) if rank else ()
        why = next((name for name, rank_part, other in places if rank_part != other), "basis")
        unused.append(Unused(source.name, source.basis, len(stations), why))
    return unused


def _left_out(concerned: Iterable[_Choice], hour: int) -> dict[str, dict[str, dict[str, int]]]:
    """Source → station → pollutant → number of values within the window that are not counted."""
    excluded: dict[str, dict[str, dict[str, int]]] = defaultdict(dict)
    for choice in concerned:
        for station in choice.stations:
            if station.left_out and (counts := station.left_out_for(hour)):
                excluded[choice.source.name][station.name] = counts
    return dict(excluded)


def _stopped(source: Source, hour: int) -> dict[str, int]:
    """Station → hours since it last told anything."""
    silences = {station.name: station.silence(hour) for station in source.stations if hour not in station.air}
    return {name: ago for name, ago in silences.items() if ago is not None and ago >= _LONG_SILENCE}


def _flags(
    concerned: Sequence[_Choice],
    doubts: StationFlags,
    left_out: dict[str, dict[str, dict[str, int]]],
    *,
    gap: bool,
    stopped: bool,
) -> list[str]:
    """The city-hour's flags: what is doubtful at the stations of the sources that matter to it."""
    flags = {
        code.removesuffix("!")
        for choice in concerned
        for codes in doubts.get(choice.source.name, {}).values()
        for code in codes
    }
    flags |= {
        QcFlag("excluded", name).flag
        for stations in left_out.values()
        for counts in stations.values()
        for name in counts
    }
    flags.update(name for name, there in (("gap", gap), ("stopped", stopped)) if there)
    return sorted(flags)


def _at_scale_end(source: Source, station: Station, hour: int) -> list[QcFlag]:
    provider = REGISTRY.get(source.name)
    if source.basis != "implied" or provider is None:
        return []
    return at_scale_end(station.values, provider.index, hour)


def _of_city(indices: Sequence[Aqi], standard: Standard) -> Aqi:
    """The city's index; that of the only station is its own, and most hours of most sources have one."""
    if len(indices) == 1 and indices[0].value is not None:
        return indices[0]
    return city_index(indices, standard)


def _published_for_city(stations: Sequence[Station], indices: Sequence[Aqi], hour: int) -> Aqi | None:
    """The index that the source publishes for the city as a whole."""
    return next(
        (
            index
            for station, index in zip(stations, indices, strict=True)
            if not station.name and "aqi" in station.published.get(hour, ())
        ),
        None,
    )


def _value(station: Station, name: str, hour: int) -> float | None:
    series = station.values.get(name)
    return None if series is None else series[hour]


def _naqi(station: Station, hour: int, *, counted: bool) -> Aqi:
    """The station's index as its provider publishes it, else by the rule from its own hours."""
    published = station.published.get(hour)
    if not published:
        return naqi(station.window(hour, counted=counted))
    parts = {
        name: PollutantIndex(name, published[name], None, "as published", 0, scale.required, scale.hours)
        for name, (scale, *_) in SCALES["in-naqi"].items()
        if name in published
    }
    if "aqi" not in published:
        return station_naqi(parts)
    dominant = max(parts, key=lambda name: published[name]) if parts else None
    return Aqi(published["aqi"], "in-naqi", dominant, parts)


def _weather(grid: Grid, hour: int) -> tuple[dict[str, float | None], list[str]]:
    """Weather, each variable from the best basis that has it, and the sources that gave it."""
    row: dict[str, float | None] = {}
    givers: set[str] = set()
    for name, by_basis in grid.weather.items():
        row[name] = None
        for series_of_basis in by_basis:
            having = [
                (source, value) for source, series in series_of_basis if (value := series[hour]) is not None
            ]
            if having:
                row[name] = _rounded([value for _, value in having])
                givers.update(source for source, _ in having)
                break
    return row, sorted(givers)


def _mean(series: Iterable[Sequence[float | None] | None], hour: int) -> float | None:
    known = [value for each in series if each is not None and (value := each[hour]) is not None]
    return _rounded(known) if known else None


def _rounded(values: Sequence[float]) -> float:
    return round(fsum(values) / len(values), 3)
