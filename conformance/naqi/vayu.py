"""The service's own code as the runner asks: python -m conformance.naqi "python -m conformance.naqi.vayu"

EPA's units are turned into those of the service and back at 25 °C, as the service does.
"""

from __future__ import annotations

from typing import Any

from common.domain.aqi import Aqi, category, city_index, implied_concentration, naqi, sub_index, us_aqi
from common.domain.nowcast import nowcast
from common.domain.units import UGM3_PER_PPB
from conformance.naqi.serve import serve


def factor(pollutant: str, unit: str) -> float:
    """The service's units (µg/m³, CO mg/m³) in one unit of the question."""
    if unit in ("ug/m3", "mg/m3"):
        return 1.0
    per_ppb = UGM3_PER_PPB[pollutant] * (0.001 if pollutant == "co" else 1.0)
    return per_ppb * (1000.0 if unit == "ppm" else 1.0)


def of_concentration(given: dict[str, Any]) -> dict[str, Any]:
    """A sub-index."""
    pollutant, standard = given["pollutant"], given["standard"]
    several = standard == "us-epa" and pollutant in ("o3", "so2")
    value = given["concentration"] * factor(pollutant, given["unit"])
    return {"index": sub_index(pollutant, value, standard, hours=given["hours"] if several else None)}


def of_station(given: dict[str, Any]) -> dict[str, Any]:
    """An index of hourly means."""
    series = {
        name: [None if value is None else value * factor(name, given["units"][name]) for value in hours]
        for name, hours in given["series"].items()
    }
    result = naqi(series) if given["standard"] == "in-naqi" else us_aqi(series)
    parts = {name: result.pollutants[name].index for name in series if name in result.pollutants}
    return {"aqi": result.value, "dominant": result.dominant, "sub_indices": parts}


def of_city(given: dict[str, Any]) -> dict[str, Any]:
    """A city's index, from its stations'."""
    stations = [Aqi(value, given["standard"], None, {}) for value in given["stations"]]
    return {"aqi": city_index(stations, given["standard"]).value}


def of_index(given: dict[str, Any]) -> dict[str, Any]:
    """A concentration that has an index."""
    implied = implied_concentration(given["pollutant"], given["index"], given["standard"])
    return {
        "concentration": implied.value / factor(given["pollutant"], given["unit"]),
        "at_least": implied.at_least,
    }


def of_hours(given: dict[str, Any]) -> dict[str, Any]:
    """A NowCast."""
    value = nowcast(given["hours"])
    index = None if value is None else sub_index(given["pollutant"], value, "us-epa")
    return {"concentration": value, "index": index}


def main() -> None:
    """Answer."""
    serve(
        {
            "sub_index": of_concentration,
            "station": of_station,
            "city": of_city,
            "invert": of_index,
            "nowcast": of_hours,
            "category": lambda given: {"category": category(given["index"], given["standard"])},
        }
    )


if __name__ == "__main__":
    main()
