"""Corroboration: whether another station, or the other particle size, saw the peak of a station too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.quality.limits import SOFTENED, TWIN, Values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SEEN_FACTOR = 1.5
"""A station that rises by as much over its own neighbouring hours has seen the peak too."""


def is_contradicted(stations: Sequence[Mapping[str, Values]], number: int, pollutant: str, hour: int) -> bool:
    """Whether there are corroborators of a peak, and none of them saw it."""
    corroborators = [
        seen
        for other, station in enumerate(stations)
        if other != number and (seen := _rises(station, pollutant, hour)) is not None
    ]
    twin = TWIN.get(pollutant)
    if twin and (seen := _rises(stations[number], twin, hour)) is not None:
        corroborators.append(seen)
    return bool(corroborators) and not any(corroborators)


def _rises(station: Mapping[str, Values], pollutant: str, hour: int) -> bool | None:
    """Whether the hour stands out from those beside it; None where that is not known."""
    series = station.get(pollutant)
    if series is None or (value := series[hour]) is None:
        return None
    beside = [each for each in (series[hour - 1], series[hour + 1]) if each is not None]
    soft = SOFTENED[pollutant]
    return value + soft >= _SEEN_FACTOR * (max(beside) + soft) if beside else None
