"""Outliers: stations far from the others of their city in one hour."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from common.quality.limits import LIMITS, SOFTENED, Values

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

FACTOR = 4.0
LEAST_OTHERS = 3
"""So few other stations must tell a pollutant before one is held against them."""


def outliers(stations: Sequence[Mapping[str, Values]], pollutant: str, hour: int) -> Iterator[int]:
    """Numbers of the stations whose value is far from the median of the others'."""
    there = [
        (value, number)
        for number, station in enumerate(stations)
        if (series := station.get(pollutant)) is not None and (value := series[hour]) is not None
    ]
    soft, jump = SOFTENED[pollutant], LIMITS[pollutant].jump
    if len(there) <= LEAST_OTHERS:
        return
    there.sort()
    if (there[-1][0] + soft) < FACTOR * (there[0][0] + soft):
        return
    for place, (value, number) in enumerate(there):
        middle = median(each for each, _ in (*there[:place], *there[place + 1 :])) + soft
        softened = value + soft
        if abs(softened - middle) >= jump and not 1 / FACTOR < softened / middle < FACTOR:
            yield number
