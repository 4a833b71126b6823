"""Air quality indices: the Indian NAQI (CPCB 2014) and the US EPA AQI (2024), each able to explain itself.

Series are hourly means in the units of `observation.UNITS` (µg/m³, CO in mg/m³), oldest first; the last
element is the hour that the index is for. None, NaN, negative and absurd values are missing hours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import fsum

import msgspec
from msgspec import structs

from common.domain.breakpoints import (
    CATEGORIES,
    EPA,
    NAQI,
    NAQI_O3_8H_END,
    SCALES,
    STANDARDS,
    Category,
    Implied,
    Scale,
    Standard,
    category,
    half_up,
    implied_concentration,
    sub_index,
)
from common.domain.errors import DataError
from common.domain.nowcast import LATEST, REQUIRED, Hours, nowcast, valid_hours
from common.domain.observation import POLLUTANTS, UNITS

__all__ = [
    "CATEGORIES",
    "RULES",
    "STANDARDS",
    "Aqi",
    "Category",
    "Implied",
    "PollutantIndex",
    "Series",
    "Standard",
    "category",
    "city_index",
    "implied_concentration",
    "naqi",
    "station_naqi",
    "sub_index",
    "us_aqi",
]

Series = Mapping[str, Hours]
"""Hourly means by pollutant."""

RULES: Mapping[Standard, tuple[str, ...]] = {
    "in-naqi": (
        "sub-index of a 24 h mean from at least 16 hours; of CO and O3 of an 8 h mean from at least 6 hours",
        "O3 above an 8 h mean of 208 µg/m³: sub-index of the latest 1 h value, never below 300",
        "a mean of 0 counts as missing",
        "AQI = highest sub-index, given at least 3 of them, one of PM2.5 or PM10; capped at 500",
        "city AQI = mean of its stations' AQIs",
    ),
    "us-epa": (
        "PM2.5 and PM10: NowCast of 12 hours, from at least 2 of the latest 3",
        "O3: 8 h mean from at least 6 hours, or the 1 h value from 125 ppb, whichever is higher",
        "SO2: the 1 h value up to 304 ppb, above that the 24 h mean from at least 18 hours",
        "CO: 8 h mean from at least 6 hours; NO2: the 1 h value",
        "concentrations are truncated before, indices rounded after the interpolation",
        "AQI = highest sub-index; capped at 500",
        "city AQI = mean of its stations' AQIs",
    ),
}


class PollutantIndex(msgspec.Struct, frozen=True):
    """The sub-index of one pollutant, and what it was made from."""

    pollutant: str
    index: int | None
    concentration: float | None
    """What the index was read off for, in the pollutant's unit: the mean, the 1 h value or the NowCast."""
    window: str
    hours_present: int
    hours_required: int
    hours_window: int
    withheld: str | None = None
    """Why there is no index."""


class Aqi(msgspec.Struct, frozen=True):
    """The index of one station or city at one hour."""

    value: int | None
    standard: Standard
    dominant: str | None
    pollutants: Mapping[str, PollutantIndex]
    withheld: str | None = None
    """The rule that withheld the value."""

    @property
    def category(self) -> str | None:
        return None if self.value is None else category(self.value, self.standard)

    def explain(self) -> dict[str, object]:
        """How the value came about, ready for JSON."""
        return {
            "standard": self.standard,
            "aqi": self.value,
            "category": self.category,
            "dominant": self.dominant,
            "withheld": self.withheld,
            "missing": [name for name, part in self.pollutants.items() if part.index is None],
            "rules": list(RULES[self.standard]),
            "pollutants": {
                name: {
                    "index": part.index,
                    "concentration": part.concentration,
                    "unit": UNITS[name],
                    "window": part.window,
                    "hours_present": part.hours_present,
                    "hours_required": part.hours_required,
                    "hours_window": part.hours_window,
                    "withheld": part.withheld,
                }
                for name, part in self.pollutants.items()
            },
        }


def naqi(series: Series) -> Aqi:
    """Indian index of one station from hourly means by pollutant; hours before the windows do not count.

    Raises:
        DataError: when a key is no pollutant.
    """
    _known(series)
    parts = {}
    for pollutant, (scale,) in NAQI.items():
        values = series.get(pollutant, ())
        part = _mean_index(pollutant, scale, values, zero_counts=False)
        if pollutant == "o3" and part.concentration is not None and part.concentration > NAQI_O3_8H_END:
            part = _naqi_high_ozone(scale, values, part)
        parts[pollutant] = part
    return station_naqi(parts)


def station_naqi(pollutants: Mapping[str, PollutantIndex]) -> Aqi:
    """Indian index of a station from its sub-indices, whether computed here or published by CPCB."""
    having = [name for name, part in pollutants.items() if part.index is not None]
    withheld = None
    if len(having) < 3:
        withheld = f"sub-indices of {len(having)} pollutants; the AQI needs at least 3"
    elif "pm25" not in having and "pm10" not in having:
        withheld = "neither PM2.5 nor PM10 has a sub-index; the AQI needs one of them"
    if withheld:
        return Aqi(None, "in-naqi", None, pollutants, withheld)
    return _highest("in-naqi", pollutants)


def us_aqi(series: Series) -> Aqi:
    """US index of one station from hourly means by pollutant; one pollutant is enough for a value.

    Raises:
        DataError: when a key is no pollutant.
    """
    _known(series)
    parts = {}
    for pollutant, scales in EPA.items():
        values = series.get(pollutant, ())
        if pollutant in {"pm25", "pm10"}:
            parts[pollutant] = _nowcast_index(pollutant, scales[0], values)
            continue
        part = _mean_index(pollutant, scales[0], values)
        for scale in scales[1:]:
            other = _mean_index(pollutant, scale, values)
            if other.index is not None and (part.index is None or other.index > part.index):
                part = other
        parts[pollutant] = part
    return _highest("us-epa", parts)


def city_index(stations: Sequence[Aqi], standard: Standard | None = None) -> Aqi:
    """Index of a city: the unweighted mean of its stations' values; stations without one do not count.

    Its sub-indices and concentrations are means over the same stations, its hours those of the station that
    has fewest; the dominant pollutant is the one with the highest mean sub-index. Where no station has a
    value the sub-indices of all of them are shown. `standard`: that of the stations.

    Raises:
        DataError: when the stations' indices are of different standards.
    """
    standards = {standard, *(station.standard for station in stations)} - {None}
    if len(standards) > 1:
        raise DataError("a city's stations must be of one standard")
    used: Standard = standard or (stations[0].standard if stations else "in-naqi")
    valued = [station for station in stations if station.value is not None]
    values = [station.value for station in stations if station.value is not None]
    parts: dict[str, PollutantIndex] = {}
    means: dict[str, float] = {}
    for name in SCALES[used]:
        at_stations = [s.pollutants[name] for s in valued or stations if name in s.pollutants]
        indices = [part.index for part in at_stations if part.index is not None]
        if indices:
            means[name] = sum(indices) / len(indices)
        if at_stations:
            parts[name] = _city_pollutant(at_stations)
    if not valued:
        reasons = sorted({station.withheld for station in stations if station.withheld})
        withheld = "; ".join([f"none of {len(stations)} stations has an AQI", *reasons])
        return Aqi(None, used, None, parts, withheld)
    value = half_up(fsum(values) / len(values))
    return Aqi(value, used, max(means, key=means.__getitem__) if means else None, parts)


def _city_pollutant(at_stations: Sequence[PollutantIndex]) -> PollutantIndex:
    """Mean of one pollutant over stations."""
    having = [part for part in at_stations if part.index is not None]
    if not having:
        return max(at_stations, key=lambda part: part.hours_present)
    windows = sorted({part.window for part in having})
    known = [part.concentration for part in having if part.concentration is not None]
    least = min(having, key=lambda part: part.hours_present)
    return PollutantIndex(
        least.pollutant,
        half_up(sum(part.index or 0 for part in having) / len(having)),
        # A 1 h value and an 8 h mean have no mean.
        fsum(known) / len(known) if known and len(windows) == 1 else None,
        " or ".join(windows),
        least.hours_present,
        least.hours_required,
        least.hours_window,
    )


def _mean_index(pollutant: str, scale: Scale, values: Hours, *, zero_counts: bool = True) -> PollutantIndex:
    hours = scale.hours
    present = valid_hours(values, hours)
    count = len(present)
    index = mean = withheld = None
    if count < scale.required:
        withheld = f"{count} of {hours} hours present, {scale.required} needed"
    else:
        # fsum: the order of the hours must not matter.
        mean = fsum(present) / count
        if mean > 0 or zero_counts:
            index = scale.index(mean)
        else:
            withheld = "a mean of 0 counts as missing"
    return PollutantIndex(pollutant, index, mean, scale.window, count, scale.required, hours, withheld)


def _naqi_high_ozone(scale: Scale, values: Hours, mean: PollutantIndex) -> PollutantIndex:
    """Ozone above an 8 h mean of 208 µg/m³: the bands of the mean end there, those of the 1 h value go on."""
    latest = valid_hours(values, scale.hours)[-1]
    if latest > NAQI_O3_8H_END:
        return PollutantIndex("o3", scale.index(latest), latest, "1 h", 1, 1, 1)
    return structs.replace(mean, index=scale.index(NAQI_O3_8H_END))


def _nowcast_index(pollutant: str, scale: Scale, values: Hours) -> PollutantIndex:
    value = nowcast(values)
    count = len(valid_hours(values, scale.hours))
    index = withheld = None
    if value is None:
        latest = len(valid_hours(values, LATEST))
        withheld = f"{latest} of the latest {LATEST} hours present, {REQUIRED} needed"
    else:
        index = scale.index(value)
    return PollutantIndex(pollutant, index, value, scale.window, count, scale.required, scale.hours, withheld)


def _highest(standard: Standard, pollutants: Mapping[str, PollutantIndex]) -> Aqi:
    """The highest sub-index and its pollutant; of equals the first in the standard's table."""
    value = dominant = None
    for name, part in pollutants.items():
        if part.index is not None and (value is None or part.index > value):
            value, dominant = part.index, name
    withheld = "no pollutant has a sub-index" if value is None else None
    return Aqi(value, standard, dominant, pollutants, withheld)


def _known(series: Mapping[str, object]) -> None:
    unknown = series.keys() - set(POLLUTANTS)
    if unknown:
        raise DataError(f"unknown pollutants {', '.join(sorted(unknown))}; known are {', '.join(POLLUTANTS)}")
