"""Headings and cells: which column is which variable, in which unit, and what a cell's text is worth."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.domain.errors import DataError
from common.domain.observation import POLLUTANTS, UNITS, VARIABLES
from common.domain.units import LIMITS, scale

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

DIRECTION = "wind_direction"
"""Where the wind blows from, in degrees; never kept itself: with the speed it becomes wind_u and wind_v."""
INDEX = "index:"
"""Stands before ``aqi`` or a pollutant where the value is an Indian index as published, 0–500."""

_ALIASES: Mapping[str, str] = {
    **{name.replace("_", ""): name for name in (*VARIABLES, DIRECTION)},
    "ozone": "o3",
    "at": "temperature",
    "temp": "temperature",
    "airtemperature": "temperature",
    "ambienttemperature": "temperature",
    "rh": "humidity",
    "relativehumidity": "humidity",
    "ws": "wind_speed",
    "wd": DIRECTION,
    "rf": "rain",
    "rainfall": "rain",
    "sr": "solar_radiation",
    "bp": "pressure",
    "barometricpressure": "pressure",
}
_PORTAL_UNITS: Mapping[str, str] = {**UNITS, DIRECTION: "deg", "pressure": "mmHg"}
_UNITS_SHOWN = (
    "µg/m³", "mg/m³", "ppb", "ppm", "°C", "°F", "K", "%", "m/s", "km/h", "mm", "W/m²", "hPa", "mmHg", "m",
)  # fmt: skip
_DEGREES = ("deg", "degree", "degrees", "°")
_INDEX_UNITS = ("index", "aqi", "naqi", "in-naqi", "sub-index")
_HEADING = re.compile(r"(?P<name>.+?)\s*(?:[(\[](?P<unit>[^()\[\]]*)[)\]])?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Scale:
    """How the numbers of one variable in one unit become values in its own, and which of those can be true."""

    factor: float
    offset: float
    low: float
    high: float

    def values(self, numbers: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """(values in the variable's own unit, which of them can be true)."""
        values = numbers * self.factor + self.offset
        return values, (self.low <= values) & (values <= self.high)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of numbers that is kept."""

    at: int
    variable: str
    scale: Scale


def plain(heading: str) -> str:
    """Lower-case letters and digits of a heading, for comparing."""
    return "".join(ch for ch in heading.casefold() if ch.isalnum())


def variable_of(name: str) -> str | None:
    """The variable of that name; None where it is not one that is kept."""
    return _ALIASES.get(plain(name))


def split_heading(heading: str) -> tuple[str, str | None]:
    """``PM2.5 (µg/m³)`` → (``PM2.5``, ``µg/m³``); None where no unit is given."""
    match = _HEADING.fullmatch(heading.strip())
    return (match["name"], match["unit"]) if match else ("", None)


def has_variable(header: list[str]) -> bool:
    """Whether any of the headings is that of a variable that is kept."""
    return any(variable_of(split_heading(heading)[0]) for heading in header)


def value_columns(table: str, header: list[str]) -> tuple[list[Column], list[str], list[str]]:
    """(columns of variables, headings that are not kept, headings whose unit was taken to be the portal's).

    Of two columns for one variable (``AT`` and ``Temp``) the first is kept.

    Raises:
        DataError: when two columns have the same name, or one a unit that means nothing for it.
    """
    columns: dict[str, Column] = {}
    others: list[str] = []
    bare: list[str] = []
    for at, heading in enumerate(header):
        name, unit = split_heading(heading)
        variable = variable_of(name)
        if variable is None:
            others.append(heading.strip())
            continue
        if variable in columns:
            first = header[columns[variable].at]
            if plain(split_heading(first)[0]) == plain(name):
                raise DataError(f"{table}: two columns are named {name!r}; remove one")
            others.append(heading.strip())
            continue
        if unit is None:
            bare.append(name)
        given = _PORTAL_UNITS[variable] if unit is None else unit
        columns[variable] = Column(at, variable, scale_of(table, heading.strip(), variable, given))
    return list(columns.values()), [name for name in others if name], bare


def scale_of(table: str, heading: str, variable: str, unit: str) -> Scale:
    """What turns numbers of `variable` given in `unit` into values.

    Raises:
        DataError: when the unit means nothing for the variable; names `heading`, and the units that do.
    """
    if variable == DIRECTION:
        if unit.strip().casefold() not in _DEGREES:
            raise _unknown(table, heading, unit, ["deg"])
        return Scale(1.0, 0.0, 0.0, 360.0)
    if variable.startswith(INDEX):
        return Scale(1.0, 0.0, 0.0, 500.0)
    written = unit.replace("Â", "").replace("degree", "deg")  # Â: UTF-8 that was once read as Latin-1
    try:
        factor, offset = scale(variable, written)
    except DataError as error:
        raise _unknown(table, heading, unit, accepted_units(variable)) from error
    return Scale(factor, offset, *LIMITS[variable])


def index_variable(table: str, name: str, unit: str) -> str | None:
    """The index that a row of a long table gives, where it gives one: ``index:aqi``, ``index:pm25``.

    Raises:
        DataError: when an AQI has a unit that does not say it is the Indian index.
    """
    variable = "aqi" if plain(name) == "aqi" else variable_of(name)
    is_index = unit.strip().casefold() in _INDEX_UNITS
    if variable == "aqi" and unit.strip() and not is_index:
        raise _unknown(table, name, unit, ["index"])
    if variable == "aqi" or (is_index and variable in POLLUTANTS):
        return f"{INDEX}{variable}"
    return None


def accepted_units(variable: str) -> list[str]:
    """The usual units that a variable may be given in."""
    return [unit for unit in _UNITS_SHOWN if _has_unit(variable, unit)]


def _has_unit(variable: str, unit: str) -> bool:
    try:
        scale(variable, unit)
    except DataError:
        return False
    return True


def _unknown(table: str, heading: str, unit: str, accepted: list[str]) -> DataError:
    return DataError(
        f"{table}: column {heading[:40]!r} has the unit {unit[:20]!r}, which is not known for it; "
        f"accepted: {', '.join(accepted)}"
    )
