"""Issued forecasts as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

import msgspec

from common.api.serialize_values import all_rounded, categories, shares, whole_indices
from common.domain.breakpoints import CATEGORIES
from common.domain.forecast import EXCEEDED
from common.domain.observation import HOUR
from common.store.reads import forecasts
from common.store.reads.forecasts import ARRAYS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from common.store.engine import Connection
    from common.store.reads.forecasts import StoredForecast

_BANDS = CATEGORIES["in-naqi"]
_NAMES = [band.name for band in _BANDS]
FIRST_ABOVE = {
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
    origin = stored.origin.astimezone(UTC)
    start = [{"time": origin + lead * HOUR, "lead_hours": lead} for lead in range(1, hours + 1)]
    parts = [_indices(stored, hours)] if stored.target == "aqi" else []
    pm25 = stored.pm25 if stored.target == "aqi" else stored.arrays
    if pm25 is not None:
        parts.append([{"pm25": value} for value in _pm25(pm25, hours)])
    for part in parts:
        for point, fields in zip(start, part, strict=True):
            point.update(fields)
    return start


def _indices(stored: StoredForecast, hours: int) -> list[dict[str, Any]]:
    """The index of each lead time, its category and bounds, and how likely which category is."""
    names = categories("in-naqi")
    rows = zip(*(whole_indices(stored.arrays[name][:hours]) for name in ARRAYS), strict=True)
    chances = stored.categories[:hours]
    if not chances:
        return [
            {
                "aqi": y,
                "category": names[y],
                "lower_80": lo80,
                "upper_80": hi80,
                "lower_95": lo95,
                "upper_95": hi95,
            }
            for y, lo80, hi80, lo95, hi95 in rows
        ]
    likely = [
        dict(zip(_NAMES, row, strict=True))
        for row in zip(*map(shares, zip(*chances, strict=True)), strict=True)
    ]
    beyond = zip(
        *(shares([sum(row[first:]) for row in chances]) for first in FIRST_ABOVE.values()), strict=True
    )
    return [
        {
            "aqi": y,
            "category": names[y],
            "confidence": probabilities[names[y]],
            "lower_80": lo80,
            "upper_80": hi80,
            "lower_95": lo95,
            "upper_95": hi95,
            "probabilities": probabilities,
            "exceedance": dict(zip(FIRST_ABOVE, exceedance, strict=True)),
        }
        for (y, lo80, hi80, lo95, hi95), probabilities, exceedance in zip(rows, likely, beyond, strict=True)
    ]


def _pm25(arrays: Mapping[str, Sequence[float]], hours: int) -> list[dict[str, float]]:
    """In µg/m³, by lead time; bounds are not below zero."""
    y, *bounds = (all_rounded(arrays[name][:hours], 1) for name in ARRAYS)
    lows_and_highs = ([max(bound, 0.0) for bound in array] for array in bounds)
    return [
        {"value": value, "lower_80": lo80, "upper_80": hi80, "lower_95": lo95, "upper_95": hi95}
        for value, lo80, hi80, lo95, hi95 in zip(y, *lows_and_highs, strict=True)
    ]
