"""The rules of the Indian NAQI and the US EPA AQI in exact fractions, for making vectors.

Written from the published rules and not from the code of the service: CPCB, National Air Quality Index (2014), with
the joined band edges of CPCB's calculator; US EPA, EPA-454/B-24-002 (May 2024). Every number is a `Fraction`, so no
result depends on how floats are rounded. Units: India µg/m³, CO mg/m³; US PM µg/m³, O3 and CO ppm, SO2 and NO2 ppb.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import floor
from typing import NamedTuple

Hours = Sequence[Fraction | None]
"""Hourly means, oldest first; the last is the hour that the index is for."""

NAQI_TOPS = (50, 100, 200, 300, 400, 500)
EPA_TOPS = (50, 100, 150, 200, 300, 500)

NAQI_EDGES: Mapping[str, tuple[str, ...]] = {
    "pm25": ("30", "60", "90", "120", "250", "380"),
    "pm10": ("50", "100", "250", "350", "430", "510"),
    "no2": ("40", "80", "180", "280", "400", "520"),
    "so2": ("40", "80", "380", "800", "1600", "2400"),
    "nh3": ("200", "400", "800", "1200", "1800", "2400"),
    "co": ("1", "2", "10", "17", "34", "51"),
    "o3": ("50", "100", "168", "208", "748", "1287"),
}
"""Ends of the six bands; the last end carries on the slope before it, as CPCB's calculator does."""

PUBLISHED_STEP: Mapping[str, str] = {"co": "0.1"}
"""By how much a band of the published table begins above the end of the one before; 1 where not named."""

EPA_EDGES: Mapping[tuple[str, int], tuple[str, ...]] = {
    ("pm25", 24): ("9.0", "35.4", "55.4", "125.4", "225.4", "325.4"),
    ("pm10", 24): ("54", "154", "254", "354", "424", "604"),
    ("o3", 8): ("0.054", "0.070", "0.085", "0.105", "0.200"),
    ("o3", 1): ("0.164", "0.204", "0.404", "0.604"),
    ("co", 8): ("4.4", "9.4", "12.4", "15.4", "30.4", "50.4"),
    ("so2", 1): ("35", "75", "185", "304"),
    ("so2", 24): ("604", "1004"),
    ("no2", 1): ("53", "100", "360", "649", "1249", "2049"),
}
"""(pollutant, averaging hours) → ends of the bands."""
EPA_STARTS: Mapping[tuple[str, int], tuple[str, int]] = {("o3", 1): ("0.125", 101), ("so2", 24): ("305", 201)}
"""(concentration, index) that a scale begins at, where that is not 0."""
EPA_STEPS: Mapping[str, str] = {
    "pm25": "0.1", "pm10": "1", "o3": "0.001", "co": "0.1", "so2": "1", "no2": "1"
}  # fmt: skip
EPA_UNITS: Mapping[str, str] = {
    "pm25": "ug/m3", "pm10": "ug/m3", "o3": "ppm", "co": "ppm", "so2": "ppb", "no2": "ppb"
}  # fmt: skip
NAQI_UNITS: Mapping[str, str] = dict.fromkeys(NAQI_EDGES, "ug/m3") | {"co": "mg/m3"}
O3_MEAN_ENDS = Fraction(208)
"""µg/m³: above this 8 h mean the Indian index of ozone follows from the 1 h value."""


class Band(NamedTuple):
    """A straight piece between two (concentration, index) points."""

    low: Fraction
    high: Fraction
    index_low: int
    index_high: int

    def at(self, concentration: Fraction) -> Fraction:
        """The index before it is rounded."""
        share = (concentration - self.low) / (self.high - self.low)
        return self.index_low + share * (self.index_high - self.index_low)


def rounded(value: Fraction) -> int:
    """The nearest integer, halves up: CPCB's examples have 8.5 → 9 and 27.5 → 28."""
    return floor(value + Fraction(1, 2))


def naqi_bands(pollutant: str) -> list[Band]:
    """The joined table."""
    ends = [Fraction(edge) for edge in NAQI_EDGES[pollutant]]
    return [
        Band(low, high, below, top)
        for low, high, below, top in zip([Fraction(0), *ends], ends, (0, *NAQI_TOPS), NAQI_TOPS, strict=False)
    ]


def published_bands(pollutant: str) -> list[Band]:
    """The table as printed, whose bands begin a step and an index above the end of the one before; five of six."""
    step = Fraction(PUBLISHED_STEP.get(pollutant, "1"))
    joined = naqi_bands(pollutant)[:5]
    return [joined[0], *(Band(b.low + step, b.high, b.index_low + 1, b.index_high) for b in joined[1:])]


def epa_bands(pollutant: str, hours: int) -> list[Band]:
    """EPA's table; between two bands lies a step of the truncated concentration."""
    step = Fraction(EPA_STEPS[pollutant])
    low, index = EPA_STARTS.get((pollutant, hours), ("0", 0))
    begin = Fraction(low)
    bands = []
    tops = [top for top in EPA_TOPS if top > index]
    for edge, top in zip(EPA_EDGES[pollutant, hours], tops, strict=False):
        bands.append(Band(begin, Fraction(edge), index, top))
        begin, index = Fraction(edge) + step, top + 1
    return bands


def _read(bands: list[Band], concentration: Fraction) -> int | None:
    """Index of a concentration; that of the end above it, None below the beginning and between two bands."""
    if concentration >= bands[-1].high:
        return bands[-1].index_high
    for band in bands:
        if band.low <= concentration <= band.high:
            return rounded(band.at(concentration))
    return None


def naqi_index(pollutant: str, concentration: Fraction) -> int | None:
    """Indian sub-index; of O3 up to 208 of the 8 h mean, above it of the 1 h value."""
    return None if concentration < 0 else _read(naqi_bands(pollutant), concentration)


def published_index(pollutant: str, concentration: Fraction) -> int | None:
    """What the printed table gives; None in its gaps and in the open last band."""
    bands = published_bands(pollutant)
    return None if concentration > bands[-1].high else _read(bands, concentration)


def truncated(pollutant: str, concentration: Fraction) -> Fraction:
    """Cut down to EPA's step."""
    step = Fraction(EPA_STEPS[pollutant])
    return floor(concentration / step) * step


def epa_index(pollutant: str, concentration: Fraction, hours: int) -> int | None:
    """US sub-index; None where the scale does not begin yet, the end of the scale above it."""
    if concentration < 0:
        return None
    return _read(epa_bands(pollutant, hours), truncated(pollutant, concentration))


def nowcast(hours: Hours) -> Fraction | None:
    """EPA's NowCast of PM; None when fewer than 2 of the latest 3 hours are there."""
    if sum(value is not None for value in hours[-3:]) < 2:
        return None
    by_age = [(age, value) for age, value in enumerate(reversed(hours[-12:])) if value is not None]
    values = [value for _, value in by_age]
    if not max(values):
        return Fraction(0)
    weight = max(Fraction(1, 2), min(values) / max(values))
    return sum((weight**age * value for age, value in by_age), Fraction(0)) / sum(
        (weight**age for age, _ in by_age), Fraction(0)
    )


class Station(NamedTuple):
    """The index of a station: None where it is withheld."""

    aqi: int | None
    dominant: tuple[str, ...]
    sub_indices: dict[str, int | None]


def _mean(hours: Hours, window: int, required: int) -> Fraction | None:
    present = [value for value in hours[-window:] if value is not None]
    return sum(present, Fraction(0)) / len(present) if len(present) >= required else None


def naqi_station(series: Mapping[str, Hours]) -> Station:
    """Indian index from hourly means."""
    parts: dict[str, int | None] = {}
    for pollutant, hours in series.items():
        short = pollutant in ("co", "o3")
        mean = _mean(hours, 8, 6) if short else _mean(hours, 24, 16)
        if not mean:  # a mean of 0 counts as missing, as in CPCB's calculator
            parts[pollutant] = None
            continue
        latest = hours[-1]
        if pollutant == "o3" and mean > O3_MEAN_ENDS:
            if latest is None or latest <= O3_MEAN_ENDS:
                raise ValueError("the rules do not say what holds where only the mean of ozone is above 208")
            mean = latest
        parts[pollutant] = naqi_index(pollutant, mean)
    having = [name for name, index in parts.items() if index is not None]
    if len(having) < 3 or not {"pm25", "pm10"} & set(having):
        return Station(None, (), parts)
    return _highest(parts)


def epa_station(series: Mapping[str, Hours]) -> Station:
    """US index from hourly means: PM by NowCast, O3 the higher of 8 h and 1 h, SO2 by 1 h and from 305 ppb by 24 h."""
    parts: dict[str, int | None] = {}
    for pollutant, hours in series.items():
        if pollutant in ("pm25", "pm10"):
            averaged = [(nowcast(hours), 24)]
        else:
            windows = [window for name, window in EPA_EDGES if name == pollutant]
            averaged = [(_mean(hours, window, window * 3 // 4 or 1), window) for window in windows]
        indices = [epa_index(pollutant, mean, window) for mean, window in averaged if mean is not None]
        parts[pollutant] = max((index for index in indices if index is not None), default=None)
    return _highest(parts)


def _highest(parts: dict[str, int | None]) -> Station:
    known = {name: index for name, index in parts.items() if index is not None}
    highest = max(known.values(), default=None)
    return Station(highest, tuple(name for name, index in known.items() if index == highest), parts)


def city(stations: Sequence[int | None]) -> int | None:
    """Unweighted mean of the stations' indices; those without one do not count."""
    known = [index for index in stations if index is not None]
    return rounded(Fraction(sum(known), len(known))) if known else None


def naqi_range(pollutant: str, index: int) -> tuple[Fraction, Fraction]:
    """The concentrations that round to an index below 500: from the first, to before the second."""
    ends = []
    for value in (index - Fraction(1, 2), index + Fraction(1, 2)):
        bands = naqi_bands(pollutant)
        band = next((each for each in bands if value <= each.index_high), bands[-1])
        share = (value - band.index_low) / (band.index_high - band.index_low)
        ends.append(max(Fraction(0), band.low + share * (band.high - band.low)))
    return ends[0], ends[1]


def epa_range(pollutant: str, hours: int, index: int) -> tuple[Fraction, Fraction] | None:
    """The concentrations that have an index: from the first, to before the second; None where none has it."""
    step = Fraction(EPA_STEPS[pollutant])
    bands = epa_bands(pollutant, hours)
    count = int((bands[-1].high - bands[0].low) / step)
    values = [bands[0].low + step * at for at in range(count + 1)]
    having = [value for value in values if _read(bands, value) == index]
    return (having[0], having[-1] + step) if having else None
