"""The short form in which a city-hour keeps how its indices came about.

``{"in-naqi": {"pm25": [151, 78.5, 23], …}, "us-epa": {…}, "withheld": {"in-naqi": "…"}}``: sub-index (or null),
the concentration it was read off for (or null), hours present in its window, and the window's name where it is
not the usual one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.domain.aqi import Aqi, PollutantIndex, Standard
from common.domain.breakpoints import SCALES

if TYPE_CHECKING:
    from collections.abc import Mapping


def pack(*indices: Aqi) -> dict[str, Any]:
    """The short form of a city-hour's indices, one of each standard; pollutants never seen are left out."""
    detail: dict[str, Any] = {}
    for aqi in indices:
        detail[aqi.standard] = {
            name: _pack(part, SCALES[aqi.standard][name][0].window)
            for name, part in aqi.pollutants.items()
            if part.index is not None or part.hours_present
        }
    withheld = {aqi.standard: aqi.withheld for aqi in indices if aqi.withheld}
    return detail | ({"withheld": withheld} if withheld else {})


def unpack(detail: Mapping[str, Any], standard: Standard) -> Aqi:
    """The index that `pack` made short; its value is the highest sub-index only for a single station,
    so the city's own value and dominant pollutant are for the caller to put in with `dataclasses.replace`."""
    parts = {}
    for name, (index, concentration, present, *window) in detail.get(standard, {}).items():
        scale = SCALES[standard][name][0]
        parts[name] = PollutantIndex(
            name,
            index,
            concentration,
            window[0] if window else scale.window,
            present,
            scale.required,
            scale.hours,
            None if index is not None else _reason(present, scale.required, scale.hours),
        )
    return Aqi(None, standard, None, parts, detail.get("withheld", {}).get(standard))


def _pack(part: PollutantIndex, usual_window: str) -> list[Any]:
    concentration = None if part.concentration is None else round(part.concentration, 2)
    short = [part.index, concentration, part.hours_present]
    return short if part.window == usual_window else [*short, part.window]


def _reason(present: int, required: int, hours: int) -> str:
    if present >= required:
        return "a mean of 0 counts as missing, or the latest hours are missing"
    return f"{present} of {hours} hours present, {required} needed"
