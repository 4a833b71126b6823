"""Issued forecasts as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

import msgspec

from common.api.serialize_values import index_category, rounded, trimmed
from common.domain.breakpoints import CAP, CATEGORIES, half_up
from common.domain.forecast import EXCEEDED
from common.domain.observation import HOUR
from common.store.reads import forecasts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from common.store.engine import Connection
    from common.store.reads.forecasts import StoredForecast

_BANDS = CATEGORIES["in-naqi"]
_NAMES = [band.name for band in _BANDS]
_BOUNDS = {"lower_80": "lo80", "upper_80": "hi80", "lower_95": "lo95", "upper_95": "hi95"}
_FIRST_ABOVE = {
    str(above): next(place for place, band in enumerate(_BANDS) if band.low > above) for above in EXCEEDED
}
"""AQI → the first category beyond it"""


@dataclass(frozen=True, slots=True)
class ServedForecast:
    """The newest live forecast of a city as it is served."""

    city: str
    issued_at: datetime
    origin: datetime
    known_until: datetime
    model_version: str | None
    family: str
    basis: str | None
    source: str | None
    points: str
    """JSON array of the lead times: see `common.api.schemas.forecast.ForecastPoint`"""


def newest_forecasts(
    connection: Connection, cities: Sequence[str], target: str, hours: int, now: datetime
) -> dict[str, ServedForecast]:
    """City → its newest live forecast, however old, up to that lead time; cities that never had one are absent."""
    newest = forecasts.newest_forecasts(connection, cities, target, now)
    return {city: _served(stored, hours) for city, stored in newest.items()}


def _served(stored: StoredForecast, hours: int) -> ServedForecast:
    return ServedForecast(
        city=stored.city,
        issued_at=stored.issued_at,
        origin=stored.origin,
        known_until=stored.known_until,
        model_version=stored.model_version,
        family=stored.family,
        basis=stored.basis,
        source=stored.source,
        points=msgspec.json.encode(points(stored, hours)).decode(),
    )


def points(stored: StoredForecast, hours: int) -> list[dict[str, Any]]:
    """The first `hours` lead times of a forecast as they are shown."""
    shown = []
    origin = stored.origin.astimezone(UTC)
    for place in range(hours):
        point: dict[str, Any] = {"time": origin + (place + 1) * HOUR, "lead_hours": place + 1}
        if stored.target == "aqi":
            chances = stored.categories[place] if stored.categories else None
            point |= _aqi(stored.arrays, place, chances)
        else:
            point["pm25"] = _pm25(stored.arrays, place)
        if stored.pm25 is not None:
            point["pm25"] = _pm25(stored.pm25, place)
        shown.append(point)
    return shown


def _aqi(
    arrays: Mapping[str, Sequence[float]], place: int, chances: Sequence[float] | None
) -> dict[str, Any]:
    index = _index(arrays["y"][place])
    name = index_category(index, "in-naqi")
    point: dict[str, Any] = {"aqi": index, "category": name}
    if chances is not None:
        by_category = {band: _chance(chance) for band, chance in zip(_NAMES, chances, strict=True)}
        point["confidence"] = by_category[str(name)]
    point |= {bound: _index(arrays[array][place]) for bound, array in _BOUNDS.items()}
    if chances is not None:
        point["probabilities"] = by_category
        point["exceedance"] = {above: _chance(sum(chances[first:])) for above, first in _FIRST_ABOVE.items()}
    return point


def _index(value: float) -> int:
    return min(max(half_up(value), 0), CAP)


def _chance(value: float) -> float:
    return trimmed(rounded(value, 3))


def _pm25(arrays: Mapping[str, Sequence[float]], place: int) -> dict[str, float]:
    """In µg/m³; the value may be below zero as a forecast's may, its bounds may not."""
    bounds = {bound: max(rounded(arrays[array][place], 1), 0.0) for bound, array in _BOUNDS.items()}
    return {"value": rounded(arrays["y"][place], 1), **bounds}
