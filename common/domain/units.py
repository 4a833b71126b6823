"""Units: anything a provider or a file may write, turned into the one unit each variable is kept in.

Gases given by volume (ppb, ppm) become mass at 25 °C and 1 atm: molar mass / 24.45 litres.
"""

from __future__ import annotations

import math
import re
import unicodedata
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from common.domain.errors import DataError
from common.domain.observation import UNITS

if TYPE_CHECKING:
    from collections.abc import Mapping

UGM3_PER_PPB: Mapping[str, float] = MappingProxyType(
    {"o3": 1.963, "no2": 1.882, "so2": 2.620, "co": 1.1456, "nh3": 0.6966}
)
"""µg/m³ of one ppb at 25 °C, 1 atm."""

LIMITS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "pm25": (0.0, 2500.0),
        "pm10": (0.0, 6000.0),
        "no2": (0.0, 2000.0),
        "so2": (0.0, 5000.0),
        "nh3": (0.0, 5000.0),
        "co": (0.0, 150.0),
        "o3": (0.0, 2000.0),
        "temperature": (-60.0, 60.0),
        "humidity": (0.0, 100.0),
        "wind_speed": (0.0, 100.0),
        "wind_u": (-100.0, 100.0),
        "wind_v": (-100.0, 100.0),
        "rain": (0.0, 500.0),
        "solar_radiation": (0.0, 1500.0),
        "pressure": (300.0, 1100.0),
        "dew_point": (-90.0, 45.0),
        "boundary_layer_height": (0.0, 10000.0),
    }
)
"""Lowest and highest hourly value that can be true anywhere in India, in `UNITS`, both ends included.

Wide on purpose: they catch fill values (−999, 10⁹) and wrong units, not rare events.
"""

_MASS = {"ug/m3": 1.0, "mg/m3": 1e3, "ng/m3": 1e-3}
_SPEED = {"m/s": 1.0, "km/h": 1 / 3.6, "kn": 1852 / 3600, "mph": 0.44704}
_LENGTH = {"m": 1.0, "km": 1e3, "ft": 0.3048}
_PRESSURE = {"hpa": 1.0, "pa": 0.01, "kpa": 10.0, "mmhg": 1.33322387, "inhg": 33.86389}

_FACTORS: Mapping[str, Mapping[str, float]] = {
    "pm25": _MASS,
    "pm10": _MASS,
    **{
        gas: {**_MASS, "ppb": per_ppb, "ppm": per_ppb * 1e3}
        for gas, per_ppb in UGM3_PER_PPB.items()
        if gas != "co"
    },
    "co": {
        "mg/m3": 1.0,
        "ug/m3": 1e-3,
        "ppb": UGM3_PER_PPB["co"] * 1e-3,
        "ppm": UGM3_PER_PPB["co"],
    },
    "humidity": {"%": 1.0},
    "wind_speed": _SPEED,
    "wind_u": _SPEED,
    "wind_v": _SPEED,
    "rain": {"mm": 1.0, "cm": 10.0, "in": 25.4},
    "solar_radiation": {"w/m2": 1.0, "kw/m2": 1e3},
    "pressure": _PRESSURE,
    "boundary_layer_height": _LENGTH,
}
_TEMPERATURES = {"c": (1.0, 0.0), "k": (1.0, -273.15), "f": (5 / 9, -160 / 9)}
_TEMPERATURE_VARIABLES = ("temperature", "dew_point")

_SPELLINGS = {
    "degc": "c",
    "celsius": "c",
    "degf": "f",
    "fahrenheit": "f",
    "kelvin": "k",
    "kmh": "km/h",
    "kmph": "km/h",
    "kph": "km/h",
    "km/hr": "km/h",
    "mps": "m/s",
    "knots": "kn",
    "knot": "kn",
    "kt": "kn",
    "mi/h": "mph",
    "mbar": "hpa",
    "mb": "hpa",
    "millibar": "hpa",
    "torr": "mmhg",
    "percent": "%",
    "inch": "in",
    "w/mt2": "w/m2",
    "ug/cum": "ug/m3",
    "ppbv": "ppb",
    "ppmv": "ppm",
}
_PER = re.compile(r"(?<=[a-z])(m|s|h)-([1-3])$")
_DROPPED = re.compile(r"[\s^*·.()\[\]_]")


@lru_cache(maxsize=256)
def _spelled(unit: str) -> str:
    """One spelling for each unit: lower case, plain digits, ``u`` for micro, ``/`` for per."""
    degrees = unit.replace("º", "°").replace("˚", "°")  # an ordinal and a ring stand in for the degree sign
    text = _DROPPED.sub("", unicodedata.normalize("NFKC", degrees).casefold())
    text = text.replace("μ", "u").replace("mcg", "ug").replace("°", "").replace("\N{MINUS SIGN}", "-")
    text = _PER.sub(lambda per: f"/{per[1]}{per[2] if per[2] != '1' else ''}", text)
    return _SPELLINGS.get(text, text)


@lru_cache(maxsize=512)
def scale(variable: str, unit: str) -> tuple[float, float]:
    """(factor, offset) such that ``value * factor + offset`` is in `UNITS`.

    Raises:
        DataError: when the variable is not ours or cannot be given in that unit.
    """
    spelled = _spelled(unit)
    if variable in _TEMPERATURE_VARIABLES and spelled in _TEMPERATURES:
        return _TEMPERATURES[spelled]
    factor = _FACTORS.get(variable, {}).get(spelled)
    if factor is None:
        known = f"; it is kept in {UNITS[variable]}" if variable in UNITS else ", which is not a variable"
        raise DataError(f"unit {unit[:20]!r} means nothing for {variable[:40]!r}{known}")
    return factor, 0.0


def to_canonical(variable: str, value: float, unit: str) -> float:
    """`value` given in `unit`, in the variable's own unit of `UNITS`.

    Raises:
        DataError: when the variable is not ours or cannot be given in that unit.
    """
    factor, offset = scale(variable, unit)
    return value * factor + offset


def plausible(variable: str, value: float) -> bool:
    """Whether `value`, in `UNITS`, can be a true hourly value: finite and within `LIMITS`."""
    low, high = LIMITS[variable]
    return low <= value <= high


def wind_components(speed: float, direction: float) -> tuple[float, float]:
    """(u, v): the eastward and the northward part of a wind, in the unit of `speed`.

    `direction` is where the wind blows *from*, in degrees clockwise from north.
    """
    angle = math.radians(direction)
    return -speed * math.sin(angle), -speed * math.cos(angle)
