"""The units in which the past is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from common.domain.cities import City
    from common.sources.interface import Source

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Unit:
    """What is asked for in one piece: the UTC days `first` to `last` of some cities, from one source."""

    source: Source
    cities: tuple[City, ...]
    first: date
    last: date

    @property
    def days(self) -> list[date]:
        """Its days, oldest first."""
        return [self.first + number * DAY for number in range((self.last - self.first).days + 1)]

    @property
    def city_days(self) -> int:
        """How much it is."""
        return len(self.cities) * ((self.last - self.first).days + 1)


def split(
    source: Source,
    cities: Sequence[City],
    first: date,
    last: date,
    done: Mapping[str, AbstractSet[date]],
    *,
    today: date,
) -> list[Unit]:
    """The days `first` to `last` of the cities, but for those `done`, in units, the newest first.

    No unit holds both days that can still change and days that cannot.
    """
    units = []
    for begin, end in _stretches(first, last, source, today):
        spans: dict[tuple[date, date], list[City]] = {}
        for city in cities:
            for span in _missing(begin, end, done.get(city.name, frozenset())):
                spans.setdefault(span, []).append(city)
        for span in sorted(spans, key=lambda span: (span[1], span[0]), reverse=True):
            having = spans[span]
            units += [
                Unit(source, tuple(having[i : i + source.unit_cities]), *span)
                for i in range(0, len(having), source.unit_cities)
            ]
    return units


def _stretches(first: date, last: date, source: Source, today: date) -> Iterator[tuple[date, date]]:
    """The days in pieces of at most `unit_days`, the newest first."""
    settled = today - (source.settles_days + 1) * DAY
    while first <= last:
        begin = max(first, last - (source.unit_days - 1) * DAY)
        if begin <= settled < last:
            begin = settled + DAY
        yield begin, last
        last = begin - DAY


def _missing(first: date, last: date, done: AbstractSet[date]) -> Iterator[tuple[date, date]]:
    """The gaps between the days `done`: first and last day of each."""
    begin: date | None = None
    day = first
    while day <= last:
        if day in done:
            if begin is not None:
                yield begin, day - DAY
            begin = None
        elif begin is None:
            begin = day
        day += DAY
    if begin is not None:
        yield begin, last
