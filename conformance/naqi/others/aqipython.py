"""AQIPython: the Indian and the US index of a concentration in µg/m³ or ppm. It gives fractions: we round them."""

from __future__ import annotations

from contextlib import suppress
from math import floor
from typing import Any

from AQIPython import calculate_aqi
from AQIPython.breakPoints import AQI_break
from AQIPython.errorCustom import OutOfRangeError

from conformance.naqi.serve import Unsupported, serve

COUNTRIES = {"in-naqi": "IN", "us-epa": "US"}


def of_concentration(given: dict[str, Any]) -> dict[str, Any]:
    """A sub-index; the package does not say which averaging time it is of, so each is asked for."""
    country, pollutant = COUNTRIES[given["standard"]], given["pollutant"].upper()
    if pollutant not in AQI_break[country]:
        raise Unsupported(f"has no {given['standard']} index of {given['pollutant']}")
    if given["standard"] == "us-epa" and (given["pollutant"], given["hours"]) == ("o3", 1):
        raise Unsupported("has no 1 h index of o3")
    value, unit = given["concentration"], given["unit"]
    if unit == "mg/m3":  # its own mg/m3 is read as ppm; µg/m³ is right
        value, unit = value * 1000, "ug/m3"
    if value < 0:
        with suppress(OutOfRangeError):
            return {"index": calculate_aqi(country, pollutant, value, unit)}
        return {"index": None}  # it refuses, which is right
    return {"index": floor(calculate_aqi(country, pollutant, value, unit) + 0.5)}


if __name__ == "__main__":
    serve({"sub_index": of_concentration})
