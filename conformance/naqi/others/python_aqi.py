"""python-aqi: EPA's index both ways. Concentrations as strings, PM µg/m³, O3 and CO ppm, SO2 and NO2 ppb."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import aqi

from conformance.naqi.serve import Unsupported, serve

NAMES = {
    ("pm25", 24): aqi.POLLUTANT_PM25,
    ("pm10", 24): aqi.POLLUTANT_PM10,
    ("o3", 8): aqi.POLLUTANT_O3_8H,
    ("o3", 1): aqi.POLLUTANT_O3_1H,
    ("co", 8): aqi.POLLUTANT_CO_8H,
    ("so2", 1): aqi.POLLUTANT_SO2_1H,
    ("no2", 1): aqi.POLLUTANT_NO2_1H,
}
USUAL = {pollutant: hours for pollutant, hours in NAMES if (pollutant, hours) != ("o3", 1)}


def name_of(given: dict[str, Any], hours: int) -> str:
    """The package's name of a pollutant."""
    if given["standard"] != "us-epa":
        raise Unsupported("has no Indian index")
    if (given["pollutant"], hours) not in NAMES:
        raise Unsupported(f"has no {hours} h index of {given['pollutant']}")
    return str(NAMES[given["pollutant"], hours])


def of_concentration(given: dict[str, Any]) -> dict[str, Any]:
    """A sub-index."""
    name = name_of(given, given["hours"])
    result = aqi.to_iaqi(name, str(Decimal(repr(given["concentration"]))), algo=aqi.ALGO_EPA)
    return {"index": None if result is None else int(result)}


def of_index(given: dict[str, Any]) -> dict[str, Any]:
    """A concentration."""
    name = name_of(given, USUAL.get(given["pollutant"], 24))
    return {"concentration": float(aqi.to_cc(name, str(given["index"]), algo=aqi.ALGO_EPA))}


if __name__ == "__main__":
    serve({"sub_index": of_concentration, "invert": of_index})
