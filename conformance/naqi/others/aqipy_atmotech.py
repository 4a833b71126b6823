"""aqipy-atmotech: the Indian and the US index. PM µg/m³, all gases ppm; µg/m³ are turned into ppm at 25 °C.

-1 means not available. Its `get_aqi` takes means and not hours, so stations are not asked for.
"""

from __future__ import annotations

from typing import Any

from aqipy import aqi_in, aqi_us

from conformance.naqi.serve import Unsupported, serve

UGM3_PER_PPM = {"o3": 1963.0, "no2": 1882.0, "so2": 2620.0, "co": 1145.6, "nh3": 696.6}


def in_ppm(given: dict[str, Any]) -> float:
    """The concentration of a gas in ppm, of PM as it is."""
    value, pollutant = float(given["concentration"]), given["pollutant"]
    if given["unit"] == "ppm" or pollutant in {"pm25", "pm10"}:
        return value
    if given["unit"] == "ppb":
        return value / 1000
    return value * (1000 if given["unit"] == "mg/m3" else 1) / UGM3_PER_PPM[pollutant]


def of_concentration(given: dict[str, Any]) -> dict[str, Any]:
    """A sub-index."""
    package = aqi_in if given["standard"] == "in-naqi" else aqi_us
    function = getattr(package, f"get_aqi_{given['pollutant']}_{given['hours']}h", None)
    if function is None:
        raise Unsupported(f"has no {given['hours']} h index of {given['pollutant']}")
    index = function(in_ppm(given))[0]
    return {"index": None if index == -1 else index}


if __name__ == "__main__":
    serve({"sub_index": of_concentration})
