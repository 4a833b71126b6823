"""OpenAQ: hourly means that instruments in and around the cities measured, since 2016; for filling the past.

Two days behind at best, so that hourly runs do not ask it. Stations are found around each city; one that the
name gives to another town is left to that town, one without a town in its name belongs to the nearest of our
cities. Each sensor has its own unit, and is asked by itself. Stamps mark the end of the hour.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from common.domain.cities import all_cities, find_city
from common.domain.errors import NotFound, Permanent
from common.domain.observation import HOUR, Batch, Reading
from common.sources.http import Quota
from common.sources.interface import (
    AHEAD,
    Request,
    Source,
    admit,
    ask_each,
    in_turn,
    km_from,
    read_time,
)

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from common.domain.cities import City
    from common.sources.http import Http

PER_MINUTE = 33
"""60 a minute are allowed, but only 2,000 an hour."""
RADIUS_M = 25_000
LIMIT = 1000
MAX_PAGES = 10
"""Of stations around one city; of hours, as many as the window can hold."""
BEHIND = timedelta(days=2)
POLLUTANTS = ("pm25", "pm10", "no2", "so2", "co", "o3")

_STATES = frozenset(
    {
        "andamanandnicobar", "andamanandnicobarislands", "andhrapradesh", "arunachalpradesh", "assam", "bihar",
        "chandigarh", "chhattisgarh", "dadraandnagarhavelianddamananddiu", "delhi", "goa", "gujarat", "haryana",
        "himachalpradesh", "jammuandkashmir", "jharkhand", "karnataka", "kerala", "ladakh", "lakshadweep",
        "madhyapradesh", "maharashtra", "manipur", "meghalaya", "mizoram", "nagaland", "nctofdelhi", "odisha",
        "orissa", "puducherry", "punjab", "rajasthan", "sikkim", "tamilnadu", "telangana", "tripura", "uttarakhand",
        "uttarpradesh", "westbengal",
    }
)  # fmt: skip
"""States and union territories, as `_plain` writes them."""

Hours = dict[tuple[str, datetime], dict[str, float]]
"""(station, time) → pollutant → concentration."""


@dataclass(frozen=True, slots=True)
class _Sensor:
    identity: int
    station: str
    pollutant: str
    unit: str


def fetch(request: Request, http: Http) -> Batch:
    """The hours in (start, end] of every monitor; nothing, without asking, where none of them is old enough.

    Raises:
        SourceError: when no city could be had.
    """
    if request.start >= request.now - BEHIND:
        return Batch()

    def ask(city: City, batch: Batch) -> None:
        hours: Hours = defaultdict(dict)
        try:
            for sensor in _sensors(city, request, http, batch.rejected):
                try:
                    _read(sensor, request, http, hours, batch.rejected)
                except Permanent as error:
                    if error.reason == "key":
                        raise
                    batch.rejected[f"sensor:{error.reason}"] += 1
        finally:  # what came before a failure is kept
            batch.readings += [
                Reading(SOURCE.name, city.name, time, SOURCE.basis, values, station)
                for (station, time), values in hours.items()
            ]

    return ask_each(in_turn(request.cities, request.now), ask)


def _pages(
    path: str, params: dict[str, str], most: int, request: Request, http: Http
) -> Iterator[dict[str, Any] | None]:
    """The results of all pages, None for one that is no object; ``meta.found`` may be no number."""
    for page in range(1, most + 1):
        payload = http.get_json(
            request.base_urls["OPENAQ_BASE_URL"].rstrip("/") + path,
            {**params, "limit": str(LIMIT), "page": str(page)},
            headers={"X-API-Key": request.key or ""},
            per_minute=PER_MINUTE,
        )
        results = payload.get("results") if isinstance(payload, dict) else None
        if not isinstance(results, list):
            raise Permanent("OpenAQ's answer is not built as documented", reason="shape")
        for result in results:
            yield result if isinstance(result, dict) else None
        if len(results) < LIMIT:
            return


def _sensors(city: City, request: Request, http: Http, rejected: Counter[str]) -> list[_Sensor]:
    """The sensors of the city's monitors that may have hours of the window."""
    around = {"coordinates": f"{city.latitude},{city.longitude}", "radius": str(RADIUS_M), "monitor": "true"}
    by_identity: dict[int, _Sensor] = {}
    for location in _pages("/locations", around, MAX_PAGES, request, http):
        name = location.get("name") if location else None
        sensors = location.get("sensors") if location else None
        if location is None or not isinstance(name, str) or not name.strip() or not isinstance(sensors, list):
            rejected["shape"] += 1
        elif not _belongs(city, name, location.get("coordinates")):
            rejected["elsewhere"] += 1
        elif location.get("isMonitor") is True and _alive(location, request):
            station = " ".join(name.split())
            for sensor in (_sensor(each, station, rejected) for each in sensors):
                if sensor is None:
                    continue
                if sensor.identity in by_identity:
                    rejected["duplicate"] += 1
                by_identity.setdefault(sensor.identity, sensor)
    return list(by_identity.values())


def _belongs(city: City, name: str, coordinates: Any) -> bool:
    """Whether a station is the city's, not another town's.

    CPCB's form of a name is ``place, town - board``, of some ``place, town, state - board``.
    """
    place = coordinates if isinstance(coordinates, dict) else {}
    where = place.get("latitude"), place.get("longitude")
    if km_from(city, *where) * 1000 > RADIUS_M:
        return False
    address, dash, _ = name.rpartition(" - ")
    town, state = _town(address)
    if not dash or not town:
        return min(all_cities(), key=lambda each: km_from(each, *where)) == city
    try:
        named = find_city(town)
    except NotFound:
        return False
    return named == city and (not state or _plain(city.state) in _plain(state))


def _town(address: str) -> tuple[str, str]:
    """(town, state) of ``place, town, state``; empty where there is none. Delhi and Chandigarh are both."""
    place, *parts = (part.strip() for part in address.split(","))
    if parts and _plain(parts[-1]) == "india":
        parts.pop()
    if not parts or _plain(parts[-1]) not in _STATES:
        return (parts[-1] if parts else ""), ""
    state = parts.pop()
    town = parts[-1] if parts else place
    if _is_city(state) and not _is_city(town):
        return state, ""
    return town, state


def _is_city(name: str) -> bool:
    try:
        find_city(name)
    except NotFound:
        return False
    return True


def _plain(name: str) -> str:
    return "".join(ch for ch in name.casefold().replace("&", "and") if ch.isalnum())


def _alive(location: dict[str, Any], request: Request) -> bool:
    """Whether it worked in the window, as far as it is told."""
    first, last = (_utc(location.get(name)) for name in ("datetimeFirst", "datetimeLast"))
    return (first is None or first <= request.end) and (last is None or last > request.start)


def _utc(stamp: Any) -> datetime | None:
    return read_time(stamp.get("utc")) if isinstance(stamp, dict) else None


def _sensor(sensor: Any, station: str, rejected: Counter[str]) -> _Sensor | None:
    """A sensor of a pollutant; None for one of anything else."""
    identity = sensor.get("id") if isinstance(sensor, dict) else None
    parameter = sensor.get("parameter") if isinstance(sensor, dict) else None
    if isinstance(identity, bool) or not isinstance(identity, int) or not isinstance(parameter, dict):
        rejected["shape"] += 1
        return None
    if parameter.get("name") not in POLLUTANTS:
        return None
    return _Sensor(identity, station, parameter["name"], str(parameter.get("units")))


def _read(sensor: _Sensor, request: Request, http: Http, hours: Hours, rejected: Counter[str]) -> None:
    """Put one sensor's hours into `hours`; whatever cannot be used is counted."""
    end = min(request.end, request.now)
    # An hour more at either end, for it is not told which end of an hour must lie within.
    params = {"datetime_from": _stamp(request.start - HOUR), "datetime_to": _stamp(end + HOUR)}
    most = int((end - request.start) / HOUR) // LIMIT + 2
    for row in _pages(f"/sensors/{sensor.identity}/hours", params, most, request, http):
        period = row.get("period") if row else None
        if row is None or not isinstance(period, dict):
            rejected["shape"] += 1
            continue
        time = _utc(period.get("datetimeTo"))
        if time is None or time > request.now + AHEAD:
            rejected["time" if time is None else "future"] += 1
        elif request.start < time <= end:
            _keep(row, time, sensor, hours, rejected)


def _stamp(time: datetime) -> str:
    """A time without a zone would be taken for the station's."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _keep(row: dict[str, Any], time: datetime, sensor: _Sensor, hours: Hours, rejected: Counter[str]) -> None:
    flags = row.get("flagInfo")
    if isinstance(flags, dict) and flags.get("hasFlags"):
        rejected["flagged"] += 1
        return
    value = admit(sensor.pollutant, row.get("value"), sensor.unit, rejected)
    if value is None:
        return
    values = hours[sensor.station, time]
    if sensor.pollutant in values:  # a station may be listed twice, and a sensor have had a predecessor
        rejected["duplicate"] += 1
    else:
        values[sensor.pollutant] = value


SOURCE = Source(
    name="openaq",
    provides=frozenset(POLLUTANTS),
    basis="measured",
    key="OPENAQ_API_KEY",
    base_urls={"OPENAQ_BASE_URL": "https://api.openaq.org/v3"},
    backfill_days=3650,
    attribution="Measurements collected by OpenAQ (openaq.org) from the agencies that made them, here CPCB",
    fetch=fetch,
    quota=Quota(minute=60, hour=2000),
    unit_days=40,  # their hours fit into one page of a sensor
    unit_calls=lambda cities, _: 250 * cities,  # Delhi has some 40 stations with six sensors each
    settles_days=7,
)
