"""What can go wrong with a provider, and where in each provider's answer it is put.

A `Provider` is a stand-in that answers well, in the recorded shape, until it is given a fault. Transport faults
take the place of every answer. Payload faults are put into one place: the first station (or the only cell) of
`SPOILT`, one pollutant, the latest hour.
"""
# ruff: noqa: ARG002 — every stand-in is asked for its faults with the same arguments, and few need all

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import providers
from stubs import Answer, Seen, Stub

from common.domain.cities import City, find_city
from common.domain.observation import HOUR, IST, last_full_hour

SPOILT, OTHER = find_city("Delhi"), find_city("Aurangabad")
CITIES = [SPOILT, OTHER]
NOW = datetime(2025, 11, 5, 10, 40, tzinfo=UTC)
PAST_END = NOW - timedelta(days=4)
PAST_START = PAST_END - 6 * HOUR
"""The window in which OpenAQ is asked, which hourly runs do not ask."""
BIHAR = City("Aurangabad", "Bihar", 24.7576, 84.3662, (), ())
"""The other Aurangabad, which is not one of our cities."""


@dataclass(frozen=True, slots=True)
class Spot:
    """The places in one answer that a fault may be put into; each is (container, key)."""

    value: tuple[Any, Any]
    stamps: list[tuple[Any, Any]]
    write: Callable[[datetime], object]
    """A time as the provider writes it."""
    field: tuple[Any, Any] | None = None
    """What goes missing where the value cannot, because it stands in a column."""


class Provider(Stub):
    """A stand-in for one source; `fault` says what it does instead of answering well."""

    name: str
    settings: tuple[tuple[str, str], ...]
    """(setting, path)."""
    columns: frozenset[str] = frozenset({"no2"})
    """What of a reading the spoilt value is told in."""
    past = False
    """Whether it is asked about the past only."""
    nearest = False
    """Whether it answers about the nearest place it knows, which may be another city's."""

    def __init__(self) -> None:
        super().__init__()
        self.fault: Fault | None = None

    def base_urls(self, url: str | None = None) -> dict[str, str]:
        return {setting: (url or self.url) + path for setting, path in self.settings}

    def play(self, seen: Seen) -> Answer:
        self.seen.append(seen)
        tree = copy.deepcopy(self.tree(seen))
        if self.fault is None:
            return Answer(body=tree)
        return self.fault.played(self, seen, tree)

    def tree(self, seen: Seen) -> Any:
        """A good answer."""
        raise NotImplementedError

    def spot(self, seen: Seen, tree: Any) -> Spot | None:
        """Where to spoil that answer; None where it is another that is to be spoilt."""
        raise NotImplementedError

    def emptied(self, seen: Seen, tree: Any) -> Any:
        """The answer without anything in its lists."""
        raise NotImplementedError

    def doubled(self, seen: Seen, tree: Any) -> Any:
        """The answer with the first station in it twice, or given for two cities; the second time, where that can
        be, with other values."""
        raise NotImplementedError

    def confused(self, seen: Seen, tree: Any) -> Any:
        """The answer with what belongs to the Aurangabad in Bihar."""
        return tree


class CpcbFeed(Provider):
    name = "cpcb-feed"
    settings = (("CPCB_FEED_URL", "/feed"),)

    def tree(self, seen: Seen) -> Any:
        return providers.cpcb_feed(CITIES, NOW)

    def _stations(self, tree: Any) -> list[Any]:
        stations: list[Any] = tree["country"][0]["citiesInState"][0]["stationsInCity"]
        return stations

    def spot(self, seen: Seen, tree: Any) -> Spot:
        station = self._stations(tree)[0]
        [pollutant] = [each for each in station["pollutants"] if each["indexId"] == "NO2"]
        return Spot((pollutant, "Hourly_sub_index"), [(station, "lastUpdate")], _indian)

    def emptied(self, seen: Seen, tree: Any) -> Any:
        return {"country": []}

    def doubled(self, seen: Seen, tree: Any) -> Any:
        stations = self._stations(tree)
        stations.append(copy.deepcopy(stations[0]))
        stations[-1]["pollutants"][0]["Hourly_sub_index"] = "401"
        return tree

    def confused(self, seen: Seen, tree: Any) -> Any:
        tree["country"] += providers.cpcb_feed([BIHAR], NOW)["country"]
        return tree


class Cpcb(Provider):
    name = "cpcb"
    settings = (("CPCB_BASE_URL", "/resource/3b01bcb8"),)

    def tree(self, seen: Seen) -> Any:
        return providers.cpcb_page(seen, providers.cpcb_rows(CITIES, NOW))

    def spot(self, seen: Seen, tree: Any) -> Spot:
        first = tree["records"][0]
        station = [row for row in tree["records"] if row["station"] == first["station"]]
        [pollutant] = [row for row in station if row["pollutant_id"] == "NO2"]
        return Spot((pollutant, "avg_value"), [(row, "last_update") for row in station], _indian)

    def emptied(self, seen: Seen, tree: Any) -> Any:
        return tree | {"total": 0, "count": 0, "records": []}

    def doubled(self, seen: Seen, tree: Any) -> Any:
        rows = tree["records"]
        twins = [row | {"avg_value": "401"} for row in rows if row["station"] == rows[0]["station"]]
        return self._with(tree, twins)

    def confused(self, seen: Seen, tree: Any) -> Any:
        return self._with(tree, providers.cpcb_rows([BIHAR], NOW))

    def _with(self, tree: Any, rows: list[Any]) -> Any:
        number = len(tree["records"]) + len(rows)
        return tree | {"total": number, "count": number, "records": [*tree["records"], *rows]}


class OpenMeteo(Provider):
    name = "open-meteo"
    settings = (
        ("OPEN_METEO_AIR_URL", "/air"),
        ("OPEN_METEO_WEATHER_URL", "/weather"),
    )

    def tree(self, seen: Seen) -> Any:
        return providers.open_meteo_places(seen)

    def spot(self, seen: Seen, tree: Any) -> Spot | None:
        if seen.path != "/air":
            return None
        hourly = tree[0]["hourly"]
        latest = _whole_hour(PAST_END if PAST_END.isoformat()[:10] in hourly["time"][-1] else NOW)
        row = hourly["time"].index(latest.strftime("%Y-%m-%dT%H:%M"))
        column = hourly["nitrogen_dioxide"]
        return Spot(
            (column, row),
            [(hourly["time"], row)],
            lambda time: _whole_hour(time).strftime("%Y-%m-%dT%H:%M"),
            (hourly, "nitrogen_dioxide"),
        )

    def emptied(self, seen: Seen, tree: Any) -> Any:
        for place in tree:
            place["hourly"] = {name: [] for name in place["hourly"]}
        return tree

    def doubled(self, seen: Seen, tree: Any) -> Any:
        for column in tree[0]["hourly"].values():
            column.append(column[-20] if isinstance(column[-20], str) else 41.0)
        return tree


class OpenWeather(Provider):
    name = "openweather"
    settings = (("OPENWEATHER_BASE_URL", "/data/2.5"),)

    def tree(self, seen: Seen) -> Any:
        return providers.openweather(seen, NOW)

    def spot(self, seen: Seen, tree: Any) -> Spot | None:
        if not seen.path.endswith("/air_pollution") or seen.query["lat"] != str(SPOILT.latitude):
            return None
        item = tree["list"][0]
        return Spot((item["components"], "no2"), [(item, "dt")], lambda time: int(time.timestamp()))

    def emptied(self, seen: Seen, tree: Any) -> Any:
        return tree | {"list": []} if "list" in tree else {}

    def doubled(self, seen: Seen, tree: Any) -> Any:
        if seen.path.endswith("/air_pollution"):
            tree["list"].append(copy.deepcopy(tree["list"][0]))
        return tree

    def confused(self, seen: Seen, tree: Any) -> Any:
        return tree | ({"name": "Aurangabad", "sys": {"country": "IN"}} if "name" in tree else {})


class Iqair(Provider):
    name = "iqair"
    settings = (("IQAIR_BASE_URL", "/v2"),)
    columns = frozenset({"pm25"})
    nearest = True

    def tree(self, seen: Seen) -> Any:
        return providers.iqair(seen, NOW)

    def spot(self, seen: Seen, tree: Any) -> Spot | None:
        if tree["data"]["city"] != SPOILT.name:
            return None
        current = tree["data"]["current"]
        stamps = [(current[part], "ts") for part in ("pollution", "weather")]
        return Spot(
            (current["pollution"], "aqius"), stamps, lambda time: _zulu(time, "%Y-%m-%dT%H:%M:%S.000Z")
        )

    def emptied(self, seen: Seen, tree: Any) -> Any:
        return {"status": "success", "data": {}}

    def doubled(self, seen: Seen, tree: Any) -> Any:
        here = {"lat": str(SPOILT.latitude), "lon": str(SPOILT.longitude)}
        return providers.iqair(Seen(seen.path, here, {}), NOW)

    def confused(self, seen: Seen, tree: Any) -> Any:
        if tree["data"]["city"] == OTHER.name:
            tree["data"] |= {"state": BIHAR.state}
            tree["data"]["location"]["coordinates"] = [BIHAR.longitude, BIHAR.latitude]
        return tree


class Waqi(Provider):
    name = "waqi"
    settings = (("WAQI_BASE_URL", ""),)
    nearest = True

    def tree(self, seen: Seen) -> Any:
        return providers.waqi(seen, NOW)

    def spot(self, seen: Seen, tree: Any) -> Spot | None:
        if not tree["data"]["city"]["name"].startswith(SPOILT.name):
            return None
        data = tree["data"]
        return Spot(
            (data["iaqi"]["no2"], "v"),
            [(data["time"], "iso")],
            lambda time: last_full_hour(time).astimezone(IST).isoformat(),
        )

    def emptied(self, seen: Seen, tree: Any) -> Any:
        return {"status": "ok", "data": []}

    def doubled(self, seen: Seen, tree: Any) -> Any:
        path = f"/feed/geo:{SPOILT.latitude};{SPOILT.longitude}/"
        return providers.waqi(Seen(path, {}, {}), NOW)

    def confused(self, seen: Seen, tree: Any) -> Any:
        if tree["data"]["city"]["name"].startswith(OTHER.name):
            tree["data"]["city"]["geo"] = [BIHAR.latitude, BIHAR.longitude]
        return tree


class Openaq(Provider):
    name = "openaq"
    settings = (("OPENAQ_BASE_URL", "/v3"),)
    past = True

    def tree(self, seen: Seen) -> Any:
        return providers.openaq(seen)

    def spot(self, seen: Seen, tree: Any) -> Spot | None:
        [location] = providers.openaq(_around(SPOILT))["results"]
        [sensor] = [each["id"] for each in location["sensors"] if each["name"] == "no2"]
        if f"/sensors/{sensor}/" not in seen.path:
            return None
        end = _zulu(last_full_hour(PAST_END), "%Y-%m-%dT%H:%M:%SZ")
        [row] = [row for row in tree["results"] if row["period"]["datetimeTo"]["utc"] == end]
        return Spot(
            (row, "value"),
            [(row["period"]["datetimeTo"], "utc")],
            lambda time: _zulu(time, "%Y-%m-%dT%H:%M:%SZ"),
        )

    def emptied(self, seen: Seen, tree: Any) -> Any:
        return tree | {"results": []}

    def doubled(self, seen: Seen, tree: Any) -> Any:
        if seen.path.endswith("/locations"):
            tree["results"].append(copy.deepcopy(tree["results"][0]))
        return tree

    def confused(self, seen: Seen, tree: Any) -> Any:
        if seen.path.endswith("/locations"):
            stranger = copy.deepcopy(tree["results"][0])
            stranger["name"] = "Gurdeo Nagar, Aurangabad - BSPCB"
            stranger["coordinates"] = {"latitude": BIHAR.latitude, "longitude": BIHAR.longitude}
            tree["results"].append(stranger)
        return tree


PROVIDERS: tuple[type[Provider], ...] = (CpcbFeed, Cpcb, OpenMeteo, OpenWeather, Openaq, Waqi, Iqair)


def _around(city: City) -> Seen:
    return Seen("/v3/locations", {"coordinates": f"{city.latitude},{city.longitude}"}, {})


def _indian(time: datetime) -> str:
    return last_full_hour(time).astimezone(IST).strftime("%d-%m-%Y %H:%M:%S")


def _zulu(time: datetime, form: str) -> str:
    return time.astimezone(UTC).strftime(form)


def _whole_hour(time: datetime) -> datetime:
    return time.replace(minute=0, second=0, microsecond=0)


Played = Callable[[Provider, Seen, Any], Answer]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong; `played` is what is answered, given the good answer's tree."""

    name: str
    played: Played
    refuses: bool = False
    """Connections are refused; nothing is answered."""
    only_value: bool = False
    """It costs one value, and the rest of the reading is there."""
    only_reading: bool = False
    """It costs one reading."""
    harmless: bool = False
    """It costs nothing; or the reading of `OTHER`, where that is what another place's answer came for."""


def _always(**how: Any) -> Played:
    return lambda _provider, _seen, _tree: Answer(**how)


def _with_status(provider: Provider, seen: Seen, _: Any, status: int, **headers: str) -> Answer:
    """An error that repeats the question, key and all, as some providers do."""
    body = {
        "message": f"no: {json.dumps(dict(seen.query))} {dict(seen.headers)} http://x{seen.path}?q=secret"
    }
    return Answer(body=body, status=status, headers=headers)


def _status(status: int, **headers: str) -> Played:
    return lambda provider, seen, tree: _with_status(provider, seen, tree, status, **headers)


def _cut(_provider: Provider, _seen: Seen, tree: Any) -> Answer:
    text = json.dumps(tree)
    return Answer(body=text[: len(text) // 2])


def _spoilt(spoil: Callable[[Spot], None]) -> Played:
    def played(provider: Provider, seen: Seen, tree: Any) -> Answer:
        spot = provider.spot(seen, tree)
        if spot is not None:
            spoil(spot)
        return Answer(body=tree)

    return played


def _value(bad: Any) -> Played:
    def spoil(spot: Spot) -> None:
        container, key = spot.value
        container[key] = str(bad) if isinstance(container[key], str) and not isinstance(bad, dict) else bad

    return _spoilt(spoil)


def _missing_value(spot: Spot) -> None:
    container, key = spot.field or spot.value
    del container[key]


def _missing_stamp(spot: Spot) -> None:
    for container, key in spot.stamps:
        if isinstance(container, list):
            container[key] = None
        else:
            del container[key]


def _stamp(away: timedelta) -> Played:
    def spoil(spot: Spot) -> None:
        for container, key in spot.stamps:
            # The stamp it has is of an hour of the run's; the time of the run does for the shift.
            container[key] = spot.write(_time_of(container[key]) + away)

    return _spoilt(spoil)


def _time_of(stamp: Any) -> datetime:
    if isinstance(stamp, int):
        return datetime.fromtimestamp(stamp, UTC)
    try:
        time = datetime.fromisoformat(stamp)
    except ValueError:
        time = datetime.strptime(stamp, "%d-%m-%Y %H:%M:%S").replace(tzinfo=IST)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _tree(change: str) -> Played:
    return lambda provider, seen, tree: Answer(body=getattr(provider, change)(seen, tree))


HTML = "<!DOCTYPE html><html><body>Site under maintenance</body></html>"
RETRY_AFTER_S = 5400

FAULTS = (
    Fault("connection refused", _always(), refuses=True),
    Fault("hang", _always(hang=True)),
    Fault("401", _status(401)),
    Fault("403", _status(403)),
    Fault("404", _status(404)),
    Fault("429", _status(429)),
    Fault("429, Retry-After", _status(429, **{"Retry-After": str(RETRY_AFTER_S)})),
    Fault("500", _status(500)),
    Fault("502", _status(502)),
    Fault("503", _status(503)),
    Fault("truncated JSON", _cut),
    Fault("connection broken off", _always(body="{", cut=True)),
    Fault("HTML instead of JSON", _always(body=HTML, headers={"Content-Type": "text/html"})),
    Fault("200 with an empty body", _always(body="")),
    Fault("200 with empty lists", _tree("emptied")),
    Fault("a missing value", _spoilt(_missing_value), only_value=True),
    Fault("a missing stamp", _spoilt(_missing_stamp), only_reading=True),
    Fault("a wrong type", _value({"value": "high"}), only_value=True),
    Fault("−999", _value(-999), only_value=True),
    Fault("10⁹", _value(10**9), only_value=True),
    Fault("a stamp 5 days ahead", _stamp(timedelta(days=5)), only_reading=True),
    Fault("a stamp of 5 h ago", _stamp(timedelta(hours=-5)), only_reading=True),
    Fault("a stamp of 30 h ago", _stamp(timedelta(hours=-30)), only_reading=True),
    Fault("a station twice", _tree("doubled"), harmless=True),
    Fault("a city in two states", _tree("confused"), harmless=True),
)
