"""Breakpoint tables of the two standards, and the broken line each of them draws from concentration to index.

Concentrations are in the units of `observation.UNITS`: µg/m³, CO in mg/m³.

Sources: CPCB, National Air Quality Index (2014), with the band edges joined as in CPCB's own calculator and
the open last band carried on with the slope before it; US EPA, Technical Assistance Document EPA-454/B-24-002
(May 2024).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, floor, isfinite
from typing import Literal, NamedTuple

import msgspec

from common.domain.errors import DataError
from common.domain.observation import POLLUTANTS
from common.domain.units import UGM3_PER_PPB

Standard = Literal["in-naqi", "us-epa"]
STANDARDS: tuple[Standard, ...] = ("in-naqi", "us-epa")
CAP = 500

NOISE = 1e-9
"""27.5 must round up and 9.1 must not truncate to 9.0, also where binary floats put them a hair below."""


class Category(msgspec.Struct, frozen=True):
    """A named range of the index, both ends included, and the colour it is shown in."""

    name: str
    low: int
    high: int
    colour: str


CATEGORIES: Mapping[Standard, tuple[Category, ...]] = {
    "in-naqi": (
        Category("Good", 0, 50, "#55A84F"),
        Category("Satisfactory", 51, 100, "#A3C853"),
        Category("Moderate", 101, 200, "#FFF833"),
        Category("Poor", 201, 300, "#F29C33"),
        Category("Very Poor", 301, 400, "#E93F33"),
        Category("Severe", 401, 500, "#AF2D24"),
    ),
    "us-epa": (
        Category("Good", 0, 50, "#00E400"),
        Category("Moderate", 51, 100, "#FFFF00"),
        Category("Unhealthy for Sensitive Groups", 101, 150, "#FF7E00"),
        Category("Unhealthy", 151, 200, "#FF0000"),
        Category("Very Unhealthy", 201, 300, "#8F3F97"),
        Category("Hazardous", 301, 500, "#7E0023"),
    ),
}


def half_up(value: float) -> int:
    """The nearest integer; halves go up, as in the published examples (27.5 → 28, 8.5 → 9)."""
    return floor(value + (0.5 + NOISE))


class Band(NamedTuple):
    """A straight piece of a scale; concentrations in units of `observation.UNITS`."""

    low: float
    high: float
    index_low: int
    index_high: int


class Scale(msgspec.Struct, frozen=True):
    """The broken line from concentration to index of one pollutant over one averaging time."""

    hours: int
    """Length of the window."""
    required: int
    """Hours of it that must be present."""
    window: str
    """The window in words."""
    unit: float
    """Canonical units in one unit of `bands`."""
    truncated: bool
    """Whether a concentration is cut down to a whole unit first, as EPA does."""
    bands: tuple[tuple[float, float, int, int], ...]
    """Rising (lowest concentration, highest concentration, index of the one, index of the other)."""

    def index(self, concentration: float) -> int | None:
        """Index of a concentration ≥ 0; the highest of the scale above its end, None below its beginning."""
        at = self._at(concentration)
        if at is None:
            return None
        units, (low, high, index_low, index_high) = at
        return half_up(index_low + (units - low) * (index_high - index_low) / (high - low))

    def band(self, concentration: float) -> Band | None:
        """The band that `index` reads a concentration off in."""
        at = self._at(concentration)
        if at is None:
            return None
        low, high, index_low, index_high = at[1]
        return Band(low * self.unit, high * self.unit, index_low, index_high)

    def _at(self, concentration: float) -> tuple[float, tuple[float, float, int, int]] | None:
        """The concentration in units of `bands`, at most their end, and its band; None below their beginning."""
        units = min(concentration / self.unit, self.bands[-1][1])
        if self.truncated:
            units = floor(units + NOISE)
        if units < self.bands[0][0]:
            return None
        return units, next(band for band in self.bands if units <= band[1])

    def concentration(self, index: float) -> float:
        """Concentration of an index not below the scale; of one above it, the concentration it ends at."""
        index = min(index, self.bands[-1][3])
        for band in self.bands:
            if index <= band[3]:
                break
        low, high, index_low, index_high = band
        units = low + (index - index_low) * (high - low) / (index_high - index_low)
        return (ceil(units - 0.5) if self.truncated else units) * self.unit


Scales = Mapping[str, tuple[Scale, ...]]
"""By pollutant, the usual averaging time first."""


def _naqi(*edges: float, hours: int = 24) -> tuple[Scale, ...]:
    """`edges`: the concentrations that end the six bands, µg/m³ (CO mg/m³)."""
    ends = (50, 100, 200, 300, 400, CAP)
    bands = tuple(zip((0.0, *edges), edges, (0, *ends), ends, strict=False))
    # CPCB states 16 of 24 hours; for 8 h it states no number, 6 is the same three quarters in common use.
    required = {24: 16, 8: 6}[hours]
    return (Scale(hours, required, f"{hours} h mean", 1.0, truncated=False, bands=bands),)


NAQI: Scales = {
    "pm25": _naqi(30, 60, 90, 120, 250, 380),
    "pm10": _naqi(50, 100, 250, 350, 430, 510),
    "no2": _naqi(40, 80, 180, 280, 400, 520),
    "so2": _naqi(40, 80, 380, 800, 1600, 2400),
    "nh3": _naqi(200, 400, 800, 1200, 1800, 2400),
    "co": _naqi(1, 2, 10, 17, 34, 51, hours=8),
    "o3": _naqi(50, 100, 168, 208, 748, 1287, hours=8),
}
NAQI_O3_8H_END = 208.0
"""µg/m³. Above this 8 h mean the index of ozone comes from the 1 h value."""


def _epa(
    *edges: float,
    hours: int,
    required: int,
    window: str,
    step: float = 1,
    unit: float = 1.0,
    above: tuple[float, int] | None = None,
) -> Scale:
    """Bands that each begin one `step` and one index above the end of the band before.

    `edges` end the bands, in EPA's unit of the pollutant, to which concentrations are truncated in steps of
    `step`; `unit` is how many canonical units EPA's unit is; `above` is the (concentration, index) after
    which a scale begins that does not begin at 0.
    """
    tops = [top for top in (50, 100, 150, 200, 300, CAP) if above is None or top > above[1]]
    low, index_low = (0, 0) if above is None else (round(above[0] / step) + 1, above[1] + 1)
    bands = []
    for edge, top in zip(edges, tops, strict=False):
        high = round(edge / step)
        bands.append((low, high, index_low, top))
        low, index_low = high + 1, top + 1
    return Scale(hours, required, window, step * unit, truncated=True, bands=tuple(bands))


# EPA's units are ppb, and ppm for CO, whose mg/m³ per ppm are its µg/m³ per ppb.
_O3, _NO2, _SO2, _CO = (UGM3_PER_PPB[gas] for gas in ("o3", "no2", "so2", "co"))

EPA: Scales = {
    "pm25": (
        _epa(9, 35.4, 55.4, 125.4, 225.4, 325.4, step=0.1, hours=12, required=2, window="NowCast 12 h"),
    ),
    "pm10": (_epa(54, 154, 254, 354, 424, 604, hours=12, required=2, window="NowCast 12 h"),),
    "no2": (_epa(53, 100, 360, 649, 1249, 2049, unit=_NO2, hours=1, required=1, window="1 h"),),
    "so2": (
        _epa(35, 75, 185, 304, unit=_SO2, hours=1, required=1, window="1 h"),
        _epa(604, 1004, above=(304, 200), unit=_SO2, hours=24, required=18, window="24 h mean"),
    ),
    "co": (
        _epa(4.4, 9.4, 12.4, 15.4, 30.4, 50.4, step=0.1, unit=_CO, hours=8, required=6, window="8 h mean"),
    ),
    "o3": (
        _epa(54, 70, 85, 105, 200, unit=_O3, hours=8, required=6, window="8 h mean"),
        _epa(164, 204, 404, 604, above=(124, 100), unit=_O3, hours=1, required=1, window="1 h"),
    ),
}
"""Several scales where EPA uses several averaging times; the index is the highest of them. NH3 has none."""

SCALES: Mapping[Standard, Scales] = {"in-naqi": NAQI, "us-epa": EPA}


class Implied(NamedTuple):
    """A concentration (units of `observation.UNITS`) got back from an index."""

    value: float
    at_least: bool
    """Whether the index is at the end of its scale, so that `value` is only a lower bound."""


def category(index: float, standard: Standard = "in-naqi") -> str:
    """Name of the category of an index; a fraction belongs to the integer it rounds to.

    Raises:
        DataError: when the index is negative or no number, or the standard unknown.
    """
    _scales(standard)
    if not index >= 0:
        raise DataError(f"{index} is no air quality index")
    shown = half_up(min(index, CAP))
    return next(each.name for each in CATEGORIES[standard] if shown <= each.high)


def sub_index(
    pollutant: str, concentration: float | None, standard: Standard = "in-naqi", *, hours: int | None = None
) -> int | None:
    """Sub-index, 0…500, of an averaged concentration in the pollutant's unit.

    None when the concentration is missing, NaN, infinite or negative, and where the standard has no index
    for it. `hours` chooses among EPA's averaging times: O3 8 (default; ends at 300) or 1 (from 125 ppb), SO2
    1 (default; ends at 200) or 24 (from 305 ppb).

    Raises:
        DataError: when the pollutant, the standard, or `hours` for this pollutant is unknown.
    """
    scale = _scale(pollutant, standard, hours)
    if scale is None or concentration is None or not isfinite(concentration) or concentration < 0:
        return None
    return scale.index(concentration)


def band_of(
    pollutant: str, concentration: float, standard: Standard = "in-naqi", *, hours: int | None = None
) -> Band | None:
    """The band in which `sub_index` finds a concentration ≥ 0, with the same arguments; None where it finds none.

    Raises:
        DataError: as `sub_index` does.
    """
    scale = _scale(pollutant, standard, hours)
    return None if scale is None else scale.band(concentration)


def implied_concentration(pollutant: str, index: float, standard: Standard = "in-naqi") -> Implied:
    """The concentration that has this sub-index, over the pollutant's usual averaging time.

    Exact to the rounding of the index. At the end of the scale and above it only a lower bound is known.

    Raises:
        DataError: when the index is negative or no number, or the standard has no index of the pollutant.
    """
    scale = _scale(pollutant, standard, None)
    if scale is None:
        raise DataError(f"{standard} has no index of {pollutant}")
    if not index >= 0:
        raise DataError(f"{index} is no sub-index of {pollutant}")
    return Implied(scale.concentration(index), at_least=index >= scale.bands[-1][3])


def _scale(pollutant: str, standard: Standard, hours: int | None) -> Scale | None:
    """The scale asked for, the pollutant's usual one when `hours` is None; None where there is no index."""
    if pollutant not in POLLUTANTS:
        raise DataError(f"unknown pollutant {pollutant!r}; known are {', '.join(POLLUTANTS)}")
    scales = _scales(standard).get(pollutant, ())
    if not scales or hours is None:
        return scales[0] if scales else None
    for scale in scales:
        if scale.hours == hours:
            return scale
    raise DataError(f"{standard} has no {hours} h index of {pollutant}")


def _scales(standard: Standard) -> Scales:
    if standard not in SCALES:
        raise DataError(f"unknown standard {standard!r}; known are {', '.join(STANDARDS)}")
    return SCALES[standard]
