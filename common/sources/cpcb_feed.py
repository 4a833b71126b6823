"""CPCB's own keyless feed: the latest hour of some 480 stations in one answer, as JSON or as XML.

Its numbers are sub-indices of the Indian NAQI, not concentrations. ``Hourly_sub_index`` is that of the latest
hourly mean and is turned back into it; at the end of the scale, 500, the concentration is the least it can
have been. ``Avg`` is the running sub-index (24 h; 8 h for CO and ozone) and, like the station's AQI, is kept
as published. Stamps are Indian time and end the hour.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from common.domain.aqi import implied_concentration
from common.domain.cities import City, all_cities, cpcb_places
from common.domain.errors import Permanent, SourceError, Transient
from common.domain.observation import IST, POLLUTANTS, Batch, Reading
from common.sources.http import WEB_PAGE
from common.sources.interface import Request, Source, time_fault

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from common.sources.http import Http

IDS = {
    "PM2.5": "pm25",
    "PM10": "pm10",
    "NO2": "no2",
    "NH3": "nh3",
    "SO2": "so2",
    "CO": "co",
    "OZONE": "o3",
    "O3": "o3",
}
MISSING = ("", "NA", "-")
STALE_AFTER = timedelta(hours=24)

_BARE = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]+|#x[0-9A-Fa-f]+);)")
"""An ampersand that begins no reference"""


@dataclass(frozen=True, slots=True)
class _Station:
    """A station as either form writes it; `pollutants` holds (id, running sub-index, that of the hour)."""

    state: str
    city: str
    name: str
    stamp: str
    aqi: object
    pollutants: list[tuple[str, object, object]]


def fetch(request: Request, http: Http) -> Batch:
    """The latest hour of every station in the cities, whatever hours are asked for.

    Raises:
        SourceError: when the feed cannot be had; `Transient` ``html``, ``empty``, ``not_json``, ``not_xml``
            when it is not the feed that comes.
    """
    feed = http.get(request.base_urls["CPCB_FEED_URL"], _parsed, explain=_explain)
    batch = Batch()
    wanted = {city.name for city in request.cities}
    seen: set[tuple[str, str, datetime]] = set()
    empty = True
    for station in _stations(feed, batch.rejected):
        empty = False
        city = city_at(station.state, station.city)
        if city is None or city.name not in wanted:
            continue
        reading = _reading(station, city.name, request.now, batch.rejected)
        if reading is None:
            continue
        key = (reading.city, reading.station, reading.time)
        if key in seen:
            batch.rejected["duplicate"] += 1
        else:
            seen.add(key)
            batch.readings.append(reading)
    if empty:
        raise Transient("CPCB's feed came without any station", reason="empty")
    return batch


def _explain(status: int, _: str) -> SourceError | None:
    """It needs no key, so a refusal is about who asks: some networks outside India are turned away."""
    if status in (401, 403):
        return Permanent(f"CPCB's feed turns this address away ({status})", reason="blocked")
    return None


def city_at(state: str, city: str) -> City | None:
    """Our city of that state and name, as CPCB writes them; the state matters: Bihar has an Aurangabad too."""
    return _places().get((_plain(state), _plain(city)))


@cache
def _places() -> dict[tuple[str, str], City]:
    """(state, city) in plain letters → our city, under CPCB's spelling and every name it may change to."""
    places = {
        (_plain(city.state), _plain(name)): city
        for city in all_cities()
        for name in (city.name, *city.aliases)
    }
    places |= {(_plain(state), _plain(name)): city for (state, name), city in cpcb_places().items()}
    return places


def _plain(name: str) -> str:
    return "".join(ch for ch in name.casefold().replace("&", "and") if ch.isalnum())


def _parsed(text: str) -> Any:
    """The feed in whichever form it came: the root of its XML, or what its JSON holds."""
    body = text.removeprefix("\N{BOM}").strip()
    head = body[:500].lower()
    if head.startswith("<!doctype html") or "<html" in head:
        raise Transient("CPCB's feed answered with a web page", reason=WEB_PAGE)
    if not body:
        raise Transient("CPCB's feed answered with nothing", reason="empty")
    if body.startswith("<"):
        if "<!DOCTYPE" in body or "<!ENTITY" in body:  # the feed has none; they are how XML bombs are made
            raise Permanent("CPCB's feed came with a document type, which is not read", reason="doctype")
        try:
            return _xml(body)
        except ET.ParseError as error:
            raise Transient("CPCB's feed came as broken XML", reason="not_xml") from error
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Transient("CPCB's feed came as broken JSON", reason="not_json") from error


def _xml(body: str) -> ET.Element:
    """The root; a bare ``&`` in the name of a place costs no station."""
    try:
        return ET.fromstring(body)  # noqa: S314 - no document type, so no entities
    except ET.ParseError:
        return ET.fromstring(_BARE.sub("&amp;", body))  # noqa: S314


def _stations(feed: Any, rejected: Counter[str]) -> Iterator[_Station]:
    return _from_xml(feed) if isinstance(feed, ET.Element) else _from_json(feed, rejected)


def _from_xml(root: ET.Element) -> Iterator[_Station]:
    for state in root.iter("State"):
        for city in state.iter("City"):
            for station in city.iter("Station"):
                index = station.find("Air_Quality_Index")
                yield _Station(
                    state.get("id", ""),
                    city.get("id", ""),
                    station.get("id", ""),
                    station.get("lastupdate", ""),
                    None if index is None else index.get("Value"),
                    [
                        (each.get("id", ""), each.get("Avg"), each.get("Hourly_sub_index"))
                        for each in station.iter("Pollutant_Index")
                    ],
                )


def _from_json(payload: Any, rejected: Counter[str]) -> Iterator[_Station]:
    for state in _items(payload, "country", rejected):
        for city in _items(state, "citiesInState", rejected):
            for station in _items(city, "stationsInCity", rejected):
                yield _Station(
                    _text(state, "stateId"),
                    _text(city, "cityId"),
                    _text(station, "stationName"),
                    _text(station, "lastUpdate"),
                    station.get("airQualityIndexValue"),
                    [
                        (_text(each, "indexId"), each.get("avg"), each.get("Hourly_sub_index"))
                        for each in _items(station, "pollutants", rejected)
                    ],
                )


def _text(item: dict[str, Any], name: str) -> str:
    value = item.get(name)
    return value if isinstance(value, str) else ""


def _items(parent: Any, name: str, rejected: Counter[str]) -> list[dict[str, Any]]:
    """The objects in a list of `parent`; anything else in its place is counted."""
    given = parent.get(name, []) if isinstance(parent, dict) else None
    if not isinstance(given, list):
        rejected["shape"] += 1
        return []
    items = [item for item in given if isinstance(item, dict)]
    if len(items) < len(given):
        rejected["shape"] += len(given) - len(items)
    return items


def _reading(station: _Station, city: str, now: datetime, rejected: Counter[str]) -> Reading | None:
    """What one station tells of the hour it is stamped with; None, and counted, where it tells nothing."""
    name, time = " ".join(station.name.split()), read_stamp(station.stamp)
    published, values = {"aqi": read_index(station.aqi, rejected)}, {}
    for written, running, hourly in station.pollutants:
        pollutant = IDS.get(written.strip().upper())
        if pollutant is None:
            continue
        published[pollutant] = read_index(running, rejected)
        index = read_index(hourly, rejected)
        if index is not None:
            values[pollutant] = implied_concentration(pollutant, index).value
    indices = {index: value for index, value in published.items() if value is not None}
    reason = fault(name, time, now) or ("" if values or indices else "no_values")
    if reason or time is None:
        rejected[reason] += 1
        return None
    return Reading(SOURCE.name, city, time, SOURCE.basis, values, name, indices)


def fault(name: str, time: datetime | None, now: datetime) -> str:
    """Why a station's report cannot be used; empty where it can."""
    return time_fault(time, now, STALE_AFTER) if name else "shape"


def read_stamp(stamp: str) -> datetime | None:
    """The end of the hour, UTC; spreadsheets on the way have been seen to drop the seconds."""
    for form in ("%d-%m-%Y %H:%M:%S", "%d-%m-%Y %H:%M"):
        try:
            return datetime.strptime(stamp.strip(), form).replace(tzinfo=IST).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    return None


def read_index(raw: object, rejected: Counter[str]) -> int | None:
    """An index 0…500; None where it is missing, or counted because it is none."""
    text = str(raw).strip()
    if raw is None or text.upper() in MISSING:
        return None
    try:
        value = float(text)
    except ValueError:
        rejected["not_a_number"] += 1
        return None
    if not 0 <= value <= 500:
        rejected["implausible"] += 1
        return None
    return math.floor(value + 0.5)


SOURCE = Source(
    name="cpcb-feed",
    provides=frozenset(POLLUTANTS),
    basis="implied",
    key=None,
    base_urls={"CPCB_FEED_URL": "https://airquality.cpcb.gov.in/caaqms/iit_rss_feed_with_coordinates"},
    backfill_days=0,
    attribution="Central Pollution Control Board (CPCB), Ministry of Environment, Government of India",
    fetch=fetch,
)
