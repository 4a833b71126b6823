"""Providers as stand-ins play them: in the shape they were recorded in, for any place, day and variable."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from stubs import Answer, Seen

from common.domain.cities import City, all_cities
from common.domain.observation import HOUR, IST, last_full_hour
from common.sources.interface import km_from

if TYPE_CHECKING:
    from collections.abc import Iterable

FEED_IDS = ("PM2.5", "PM10", "NO2", "NH3", "SO2", "CO", "OZONE")
_FEED_INDEX = {"PM2.5": 120, "PM10": 101, "NO2": 42, "NH3": 7, "SO2": 12, "CO": 55, "OZONE": 33}
_SENSORS = ((1, "pm25", "µg/m³", 61.5), (2, "no2", "ppb", 18.0), (3, "co", "ppm", 0.9))


def open_meteo(seen: Seen) -> Answer:
    """Both endpoints of Open-Meteo."""
    places = open_meteo_places(seen)
    return Answer(body=places if len(places) > 1 else places[0])


def open_meteo_places(seen: Seen) -> list[dict[str, Any]]:
    """What Open-Meteo says of each place asked for."""
    first, last = (date.fromisoformat(seen.query[name]) for name in ("start_date", "end_date"))
    begin = datetime(first.year, first.month, first.day, tzinfo=UTC)
    hours = [begin + hour * HOUR for hour in range(24 * ((last - first).days + 1))]
    units = {"temperature_2m": "°C", "dew_point_2m": "°C", "surface_pressure": "hPa", "precipitation": "mm"}
    units |= {"relative_humidity_2m": "%", "wind_speed_10m": "m/s", "wind_direction_10m": "°"}
    units |= {"shortwave_radiation": "W/m²", "boundary_layer_height": "m"}
    names = seen.query["hourly"].split(",")
    return [
        {
            "hourly_units": {name: units.get(name, "μg/m³") for name in names},
            "hourly": {"time": [hour.strftime("%Y-%m-%dT%H:%M") for hour in hours]}
            | {name: [900.0 if name == "surface_pressure" else 35.0] * len(hours) for name in names},
        }
        for _ in seen.query["latitude"].split(",")
    ]


def _stamp(time: datetime) -> str:
    return time.astimezone(IST).strftime("%d-%m-%Y %H:%M:%S")


def _stations(city: City, number: int) -> list[str]:
    return [f"Ward {each}, {city.name} - CPCB" for each in range(1, number + 1)]


def cpcb_feed(cities: Iterable[City], now: datetime, stations: int = 2) -> dict[str, Any]:
    """CPCB's keyless feed with so many stations a city, stamped with the latest full hour."""
    states: dict[str, list[dict[str, Any]]] = {}
    for city in cities:
        states.setdefault(city.state, []).append(
            {
                "cityId": city.name,
                "stationsInCity": [
                    {
                        "stationName": name,
                        "lastUpdate": _stamp(last_full_hour(now)),
                        "latitude": str(city.latitude),
                        "longitude": str(city.longitude),
                        "airQualityIndexValue": "120",
                        "predominantParameter": "PM2.5",
                        "pollutants": [
                            {
                                "indexId": each,
                                "min": str(_FEED_INDEX[each] - 5),
                                "max": str(_FEED_INDEX[each] + 9),
                                "avg": str(_FEED_INDEX[each]),
                                "Hourly_sub_index": str(_FEED_INDEX[each] + 3),
                            }
                            for each in FEED_IDS
                        ],
                    }
                    for name in _stations(city, stations)
                ],
            }
        )
    return {"country": [{"stateId": state, "citiesInState": values} for state, values in states.items()]}


def cpcb_rows(cities: Iterable[City], now: datetime, stations: int = 2) -> list[dict[str, str]]:
    """The records of data.gov.in: one for each station and pollutant."""
    return [
        {
            "country": "India",
            "state": city.state,
            "city": city.name,
            "station": name,
            "last_update": _stamp(last_full_hour(now)),
            "latitude": str(city.latitude),
            "longitude": str(city.longitude),
            "pollutant_id": each,
            "min_value": str(_FEED_INDEX[each] - 5),
            "max_value": str(_FEED_INDEX[each] + 9),
            "avg_value": str(_FEED_INDEX[each]),
        }
        for city in cities
        for name in _stations(city, stations)
        for each in FEED_IDS
    ]


def cpcb_page(seen: Seen, rows: list[Any]) -> dict[str, Any]:
    """The page of those records that was asked for."""
    offset, limit = int(seen.query["offset"]), int(seen.query["limit"])
    page = rows[offset : offset + limit]
    return {
        "status": "ok",
        "message": "Resource list",
        "total": len(rows),
        "count": len(page),
        "limit": str(limit),
        "offset": str(offset),
        "records": page,
    }


def openweather(seen: Seen, now: datetime) -> dict[str, Any]:
    """OpenWeather's air (now, past and ahead), weather and forecast of any place."""
    coordinates = {"lat": float(seen.query["lat"]), "lon": float(seen.query["lon"])}
    parts = {"co": 1210.5, "no": 0.1, "no2": 41.0, "o3": 22.5, "so2": 11.5, "pm2_5": 88.5, "pm10": 140.0}
    parts["nh3"] = 8.5

    def air(time: datetime) -> dict[str, Any]:
        return {"main": {"aqi": 5}, "components": dict(parts), "dt": int(time.timestamp())}

    def weather(time: datetime) -> dict[str, Any]:
        main = {"temp": 24.5, "feels_like": 24.0, "pressure": 1013, "humidity": 48, "grnd_level": 988}
        return {"dt": int(time.timestamp()), "main": main, "wind": {"speed": 2.5, "deg": 300}}

    if seen.path.endswith("/history"):
        first, last = (datetime.fromtimestamp(int(seen.query[name]), UTC) for name in ("start", "end"))
        begin = first.replace(minute=0, second=0, microsecond=0) + HOUR
        hours = int((last - begin) / HOUR) + 1
        return {"coord": coordinates, "list": [air(begin + hour * HOUR) for hour in range(hours)]}
    if seen.path.endswith("/air_pollution/forecast"):
        begin = now.replace(minute=0, second=0, microsecond=0)
        return {"coord": coordinates, "list": [air(begin + hour * HOUR) for hour in range(96)]}
    if seen.path.endswith("/air_pollution"):
        return {"coord": coordinates, "list": [air(now)]}
    if seen.path.endswith("/weather"):
        return {"coord": coordinates, "name": _nearest(coordinates["lat"], coordinates["lon"]).name} | (
            weather(now) | {"cod": 200}
        )
    begin = now.replace(minute=0, second=0, microsecond=0)
    return {"cod": "200", "message": 0, "list": [weather(begin + 3 * n * HOUR) for n in range(1, 9)]}


def iqair(seen: Seen, now: datetime) -> dict[str, Any]:
    """IQAir's nearest city of any of our places."""
    city = _nearest(float(seen.query["lat"]), float(seen.query["lon"]))
    stamp = now.replace(minute=0).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    air = {"ts": stamp, "aqius": 156, "mainus": "p2", "aqicn": 90, "maincn": "p2"}
    weather = {"ts": stamp, "tp": 24, "pr": 1013, "hu": 48, "ws": 2.5, "wd": 300, "ic": "50d"}
    place = {"type": "Point", "coordinates": [city.longitude, city.latitude]}
    return {
        "status": "success",
        "data": {
            "city": city.name,
            "state": city.state,
            "country": "India",
            "location": place,
            "current": {"pollution": air, "weather": weather},
        },
    }


def waqi(seen: Seen, now: datetime) -> dict[str, Any]:
    """WAQI's station nearest to any of our places."""
    [(latitude, longitude)] = re.findall(r"/feed/geo:([-.\d]+);([-.\d]+)/", seen.path)
    city = _nearest(float(latitude), float(longitude))
    time = last_full_hour(now).astimezone(IST)
    values = {
        "co": 10,
        "no2": 21.5,
        "o3": 13,
        "pm10": 97,
        "pm25": 158,
        "so2": 6,
        "t": 24.5,
        "h": 48,
        "w": 2.5,
    }
    return {
        "status": "ok",
        "data": {
            "aqi": 158,
            "idx": 2553,
            "city": {"geo": [city.latitude, city.longitude], "name": f"{city.name}, India"},
            "dominentpol": "pm25",
            "iaqi": {name: {"v": value} for name, value in values.items()},
            "time": {"s": time.strftime("%Y-%m-%d %H:%M:%S"), "tz": "+05:30", "iso": time.isoformat()},
        },
    }


def openaq(seen: Seen) -> dict[str, Any]:
    """OpenAQ's one station of any of our places, and the hours of its three sensors."""
    if seen.path.endswith("/locations"):
        city = _nearest(*(float(part) for part in seen.query["coordinates"].split(",")))
        number = 10 * all_cities().index(city)
        location = {
            "id": 100 + number,
            "name": f"Ward 1, {city.name} - CPCB",
            "isMonitor": True,
            "coordinates": {"latitude": city.latitude, "longitude": city.longitude},
            "sensors": [
                {"id": number + each, "name": name, "parameter": {"id": each, "name": name, "units": unit}}
                for each, name, unit, _ in _SENSORS
            ],
            "datetimeFirst": {"utc": "2016-11-09T19:00:00Z"},
            "datetimeLast": None,
        }
        return {"meta": {"page": 1, "found": 1}, "results": [location]}
    identity = int(seen.path.split("/")[-2])
    value = {each: value for each, _, _, value in _SENSORS}[identity % 10]
    first, last = (datetime.fromisoformat(seen.query[name]) for name in ("datetime_from", "datetime_to"))
    ends = [last_full_hour(first) + n * HOUR for n in range(1, int((last - first) / HOUR) + 1)]
    return {
        "meta": {"page": 1, "found": len(ends)},
        "results": [
            {
                "value": value,
                "flagInfo": {"hasFlags": False},
                "period": {"datetimeFrom": {"utc": _zulu(end - HOUR)}, "datetimeTo": {"utc": _zulu(end)}},
            }
            for end in ends
        ],
    }


def _zulu(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _nearest(latitude: float, longitude: float) -> City:
    return min(all_cities(), key=lambda city: km_from(city, latitude, longitude))
