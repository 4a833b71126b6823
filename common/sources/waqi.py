"""WAQI (aqicn.org): the station nearest to each city, for showing only; its terms forbid keeping the data.

Its pollutant values are US EPA sub-indices of the latest hour and are turned back; its weather is real. Errors
come with status 200. ``time.v`` is the local clock read as UTC, so ``time.iso`` is used. Stations that have
stopped keep answering with their last hour, and the token ``demo`` answers with Shanghai whatever is asked.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from common.domain.errors import Permanent, QuotaExhausted, SourceError
from common.domain.observation import Batch, Reading
from common.sources.http import Quota, provider_text
from common.sources.interface import (
    Request,
    Source,
    admit,
    admit_us_index,
    ask_each,
    in_turn,
    km_from,
    read_time,
    time_fault,
)

if TYPE_CHECKING:
    from datetime import datetime

    from common.domain.cities import City
    from common.sources.http import Http

STALE_AFTER = timedelta(hours=6)
FAR_KM = 25.0
POLLUTANTS = ("pm25", "pm10", "no2", "so2", "co", "o3")
WEATHER = {
    "t": ("temperature", "°C"),
    "h": ("humidity", "%"),
    "p": ("pressure", "hPa"),
    "w": ("wind_speed", "m/s"),
    "dew": ("dew_point", "°C"),
}


def fetch(request: Request, http: Http) -> Batch:
    """The latest hour of the station nearest to each city, whatever hours are asked for.

    Raises:
        SourceError: when no city could be had.
    """

    def ask(city: City, batch: Batch) -> None:
        key = request.key or ""
        path = f"/feed/geo:{city.latitude};{city.longitude}/"
        payload = http.get_json(request.base_urls["WAQI_BASE_URL"].rstrip("/") + path, {"token": key})
        reading = _reading(_data(payload, key), city, request.now, batch)
        if reading is not None:
            batch.readings.append(reading)

    return ask_each(in_turn(request.cities, request.now), ask)


def _data(payload: Any, key: str) -> dict[str, Any]:
    """What is said of the station; an error may stand in the answer or in the answer's data."""
    data = payload.get("data") if isinstance(payload, dict) else None
    inner = data.get("status") if isinstance(data, dict) else None
    if isinstance(payload, dict) and (payload.get("status") == "error" or inner == "error"):
        message = data.get("msg", data.get("data")) if isinstance(data, dict) else data
        raise _error(provider_text(str(message), (key,)))
    if not isinstance(data, dict) or payload.get("status") != "ok":
        raise Permanent("WAQI's answer is not built as documented", reason="shape")
    return data


def _error(message: str) -> SourceError:
    text, words = f"WAQI answered {message}", message.lower()
    if "quota" in words:
        return QuotaExhausted(text)
    if "key" in words or "token" in words:
        return Permanent(text, reason="key")
    return Permanent(text, reason="no_station")


def _reading(data: dict[str, Any], city: City, now: datetime, batch: Batch) -> Reading | None:
    """What the station tells; None, and counted, where it tells nothing of this city now."""
    place, clock, values = data.get("city"), data.get("time"), data.get("iaqi")
    if not isinstance(place, dict) or not isinstance(clock, dict) or not isinstance(values, dict):
        batch.rejected["shape"] += 1
        return None
    time, name = _time(clock), place.get("name")
    reason = "" if _near(city, place.get("geo")) else "elsewhere"
    reason = reason or time_fault(time, now, STALE_AFTER)
    station = " ".join(name.split()) if isinstance(name, str) else ""
    if not reason and not station:
        reason = "shape"
    variables = {} if reason else _values(values, batch)
    reason = reason or ("" if variables else "no_values")
    if reason or time is None:
        batch.rejected[reason] += 1
        return None
    return Reading(SOURCE.name, city.name, time, SOURCE.basis, variables, station)


def _near(city: City, geo: Any) -> bool:
    return isinstance(geo, list) and len(geo) == 2 and km_from(city, geo[0], geo[1]) <= FAR_KM


def _time(clock: dict[str, Any]) -> datetime | None:
    """The end of the hour: `iso`, or the local time with its zone."""
    iso, local, zone = (clock.get(name) for name in ("iso", "s", "tz"))
    if iso is None and isinstance(local, str) and isinstance(zone, str) and zone:
        iso = local + zone
    return read_time(iso)


def _values(given: dict[str, Any], batch: Batch) -> dict[str, float]:
    given_values = {}
    for name, each in given.items():
        value = each.get("v") if isinstance(each, dict) else None
        given_values[name] = None if value == "-" else value
    admitted = {name: admit_us_index(name, given_values.get(name), batch.rejected) for name in POLLUTANTS}
    for theirs, (ours, unit) in WEATHER.items():
        admitted[ours] = admit(ours, given_values.get(theirs), unit, batch.rejected)
    return {variable: value for variable, value in admitted.items() if value is not None}


SOURCE = Source(
    name="waqi",
    provides=frozenset({*POLLUTANTS, *(ours for ours, _ in WEATHER.values())}),
    basis="implied",
    index="us-epa",
    key="WAQI_TOKEN",
    base_urls={"WAQI_BASE_URL": "https://api.waqi.info"},
    backfill_days=0,
    attribution="World Air Quality Index Project (waqi.info) and the agencies that it names, here CPCB",
    fetch=fetch,
    archivable=False,
    quota=Quota(minute=1000),
)
