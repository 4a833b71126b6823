"""aqi-hub: the index of the USA. PM µg/m³, O3 and CO ppm, SO2 and NO2 ppb, as its function for one pollutant takes."""

from __future__ import annotations

import warnings
from typing import Any

from aqi_hub.aqi_usa.aqi import cal_iaqi_usa, get_aqi_level
from aqi_hub.aqi_usa.common import breakpoints

from conformance.naqi.serve import Unsupported, serve

NAMES = (
    "Good",
    "Moderate",
    "Unhealthy for Sensitive Groups",
    "Unhealthy",
    "Very Unhealthy",
    "Hazardous",
)


def of_concentration(given: dict[str, Any]) -> dict[str, Any]:
    """A sub-index."""
    if given["standard"] != "us-epa":
        raise Unsupported("has no Indian index")
    item = f"{given['pollutant'].upper()}_{given['hours']}H"
    if item not in breakpoints:
        raise Unsupported(f"has no {given['hours']} h index of {given['pollutant']}")
    return {"index": cal_iaqi_usa(given["concentration"], item)}


def of_category(given: dict[str, Any]) -> dict[str, Any]:
    """A category, which the package numbers from 1."""
    if given["standard"] != "us-epa":
        raise Unsupported("has no Indian index")
    return {"category": NAMES[get_aqi_level(given["index"]) - 1]}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    serve({"sub_index": of_concentration, "category": of_category})
