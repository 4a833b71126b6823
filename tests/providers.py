"""Providers as stand-ins play them: for any place, day and variable."""

from __future__ import annotations

from datetime import UTC, date, datetime

from stubs import Answer, Seen

from common.domain.observation import HOUR


def open_meteo(seen: Seen) -> Answer:
    """Both endpoints of Open-Meteo, for any places, days and variables."""
    first, last = (date.fromisoformat(seen.query[name]) for name in ("start_date", "end_date"))
    begin = datetime(first.year, first.month, first.day, tzinfo=UTC)
    hours = [begin + hour * HOUR for hour in range(24 * ((last - first).days + 1))]
    units = {"temperature_2m": "°C", "dew_point_2m": "°C", "surface_pressure": "hPa", "precipitation": "mm"}
    units |= {"relative_humidity_2m": "%", "wind_speed_10m": "m/s", "wind_direction_10m": "°"}
    units |= {"shortwave_radiation": "W/m²", "boundary_layer_height": "m"}
    names = seen.query["hourly"].split(",")
    place = {
        "hourly_units": {name: units.get(name, "μg/m³") for name in names},
        "hourly": {"time": [hour.strftime("%Y-%m-%dT%H:%M") for hour in hours]}
        | {name: [900.0 if name == "surface_pressure" else 35.0] * len(hours) for name in names},
    }
    places = [place for _ in seen.query["latitude"].split(",")]
    return Answer(body=places if len(places) > 1 else place)
