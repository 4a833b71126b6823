"""The hours of an issued forecast as they are shown."""

from collections.abc import Sequence
from typing import Any

from common.api import shown
from common.api.schemas.forecast import ForecastPoint, Interval
from common.domain.breakpoints import CAP, CATEGORIES, half_up
from common.domain.forecast import Target
from common.domain.observation import HOUR
from common.store.reads.forecasts import ServedForecast

_CATEGORIES = CATEGORIES["in-naqi"]
_THRESHOLDS = (200, 300, 400)
_BOUNDS = (("lower_80", "lo80"), ("upper_80", "hi80"), ("lower_95", "lo95"), ("upper_95", "hi95"))


def points(served: ServedForecast, target: Target, hours: int) -> list[ForecastPoint]:
    """The lead times from 1 to `hours`."""
    origin = shown.utc(served.origin)
    arrays = served.arrays
    pm25 = arrays if target == "pm25" else arrays["pm25"]
    found = []
    for lead in range(1, hours + 1):
        fields: dict[str, Any] = {"time": origin + lead * HOUR, "lead_hours": lead}
        if target == "aqi":
            fields |= _aqi(arrays, lead - 1)
        if pm25 is not None:
            fields["pm25"] = _interval(pm25, lead - 1)
        found.append(ForecastPoint(**fields))
    return found


def _aqi(arrays: dict[str, Any], element: int) -> dict[str, Any]:
    aqi = _whole(arrays["y"][element])
    place = next(i for i, each in enumerate(_CATEGORIES) if aqi <= each.high)
    fields: dict[str, Any] = {name: _whole(arrays[kept][element]) for name, kept in _BOUNDS}
    fields |= {"aqi": aqi, "category": _CATEGORIES[place].name}
    if arrays["categories"]:
        fields |= _chances(arrays["categories"][element], place)
    return fields


def _chances(probabilities: Sequence[float], place: int) -> dict[str, Any]:
    named = list(zip(_CATEGORIES, probabilities, strict=True))
    return {
        "confidence": round(probabilities[place], 3),
        "probabilities": {each.name: round(chance, 3) for each, chance in named},
        "exceedance": {
            str(threshold): round(sum(chance for each, chance in named if each.low > threshold), 3)
            for threshold in _THRESHOLDS
        },
    }


def _interval(arrays: dict[str, Any], element: int) -> Interval:
    bounds = {name: max(round(arrays[kept][element], 1), 0.0) for name, kept in _BOUNDS}
    return Interval(value=round(arrays["y"][element], 1), **bounds)


def _whole(aqi: float) -> int:
    return min(max(half_up(aqi), 0), CAP)
