"""IQAir AirVisual, the free plan: one US EPA index and the weather of the town nearest to each city.

No concentration is given. Where PM2.5 is the pollutant that the index is of (``mainus`` ``p2``), the one that
it implies is taken; of the other pollutants the averaging time is not known. Its pressure is left out: it is
reduced to the sea. 5 calls a minute, 500 a day and 10,000 a month do not serve all cities each hour, so they
take turns.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from common.domain.cities import find_city
from common.domain.errors import NotFound, Permanent, QuotaExhausted, SourceError
from common.domain.observation import Batch, Reading
from common.sources.http import Quota
from common.sources.interface import (
    Request,
    Source,
    admit,
    admit_us_index,
    admit_wind,
    ask_each,
    in_turn,
    km_from,
    read_time,
    time_fault,
)

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from common.domain.cities import City
    from common.sources.http import Http

PER_MINUTE = 5
PER_HOUR = 13
"""312 a day and 9,672 in 31 days: within the limits, with some to spare for attempts repeated."""
STALE_AFTER = timedelta(hours=6)
FAR_KM = 25.0
NAMELESS_KM = 10.0
"""How far a place may be whose name is none that we know: our cities' centres are right to some 5 km."""

SELDOM = ("Vadodara", "Rajkot", "Madurai", "Salem", "Srinagar", "Faridabad", "Ludhiana")
"""Cities that are often missing from CPCB's data, the rarest first."""

WEATHER = {"tp": ("temperature", "°C"), "hu": ("humidity", "%")}

_KEY = re.compile(r"incorrect_api_key|api_key_expired|permission_denied|forbidden|payment required", re.I)
_PLACE = re.compile(r"(city|state|country|station)_not_found|no_nearest_station|node not found", re.I)
_QUOTA = re.compile(r"\w*limit_reached|too_many_requests", re.I)


def fetch(request: Request, http: Http) -> Batch:
    """The latest hour of the cities whose turn it is, whatever hours are asked for.

    Raises:
        SourceError: when no city could be had.
    """

    def ask(city: City, batch: Batch) -> None:
        payload = http.get_json(
            request.base_urls["IQAIR_BASE_URL"].rstrip("/") + "/nearest_city",
            {"lat": str(city.latitude), "lon": str(city.longitude), "key": request.key or ""},
            explain=_explain,
            per_minute=PER_MINUTE,
        )
        data = payload.get("data") if isinstance(payload, dict) else None
        if not isinstance(data, dict) or payload.get("status") != "success" or "current" not in data:
            raise _explain(200, json.dumps(payload)) or Permanent(
                "IQAir's answer is not built as documented", reason="shape"
            )
        if _is_about(city, data):
            _read(data, city, request.now, batch)
        else:
            batch.rejected["neighbour"] += 1

    return ask_each(in_turn(turns(request.cities, request.now), request.now), ask)


def turns(cities: Sequence[City], now: datetime) -> list[City]:
    """The cities asked in the hour of `now`, at most `PER_HOUR`.

    Of all 56, those without a CPCB station are asked every hour, the `SELDOM` ones every third, the rest every
    sixth.
    """
    if len(cities) <= PER_HOUR:
        return list(cities)
    first = [city for city in cities if not city.cpcb]
    seldom = sorted(
        (city for city in cities if city.name in SELDOM), key=lambda city: SELDOM.index(city.name)
    )
    often = [city for city in cities if city.cpcb and city.name not in SELDOM]
    half = len(often) // 2
    ring = [*seldom, *often[:half], *seldom, *often[half:]]
    places = PER_HOUR - len(first)
    begin = int(now.timestamp()) // 3600 * places
    return [*first, *dict.fromkeys(ring[(begin + place) % len(ring)] for place in range(places))]


def _explain(status: int, body: str) -> SourceError | None:
    """What its short codes mean, whatever status or form they come in; 429 has a meaning of its own."""
    if status == 429:
        return None
    for codes, meant in ((_QUOTA, "quota"), (_KEY, "key"), (_PLACE, "no_station")):
        code = codes.search(body)
        if code:
            text = f"IQAir answered {code[0]}"
            return QuotaExhausted(text) if meant == "quota" else Permanent(text, reason=meant)
    return None


def _is_about(city: City, data: dict[str, Any]) -> bool:
    """Whether the town that answered is the city: by its name, or near enough where we do not know the name."""
    location = data.get("location")
    place = location.get("coordinates") if isinstance(location, dict) else None
    if not isinstance(place, list) or len(place) != 2:
        return False
    try:
        named = find_city(str(data.get("city")))
    except NotFound:
        return km_from(city, place[1], place[0]) <= NAMELESS_KM
    return named == city and km_from(city, place[1], place[0]) <= FAR_KM


def _read(data: dict[str, Any], city: City, now: datetime, batch: Batch) -> None:
    """Add what is current; air and weather may be of different hours."""
    current = data.get("current")
    hours: dict[datetime, dict[str, float]] = defaultdict(dict)
    for part, values_of in (("pollution", _air), ("weather", _weather)):
        given = current.get(part) if isinstance(current, dict) else None
        if not isinstance(given, dict):
            batch.rejected["shape"] += 1
            continue
        time = read_time(given.get("ts"))
        reason = time_fault(time, now, STALE_AFTER)
        if reason or time is None:
            batch.rejected[reason] += 1
            continue
        hours[time] |= values_of(given, batch.rejected)
    for time, values in hours.items():
        if values:
            batch.readings.append(Reading(SOURCE.name, city.name, time, SOURCE.basis, values))
        else:
            batch.rejected["no_values"] += 1


def _air(given: dict[str, Any], rejected: Counter[str]) -> dict[str, float]:
    value = admit_us_index("pm25", given.get("aqius"), rejected) if given.get("mainus") == "p2" else None
    return {} if value is None else {"pm25": value}


def _weather(given: dict[str, Any], rejected: Counter[str]) -> dict[str, float]:
    admitted = {
        ours: admit(ours, given.get(theirs), unit, rejected) for theirs, (ours, unit) in WEATHER.items()
    }
    values = {variable: value for variable, value in admitted.items() if value is not None}
    return values | admit_wind(given.get("ws"), given.get("wd"), rejected)


SOURCE = Source(
    name="iqair",
    provides=frozenset({"pm25", "temperature", "humidity", "wind_speed", "wind_u", "wind_v"}),
    basis="implied",
    index="us-epa",
    key="IQAIR_API_KEY",
    base_urls={"IQAIR_BASE_URL": "https://api.airvisual.com/v2"},
    backfill_days=0,
    attribution="Air quality by IQAir AirVisual (iqair.com)",
    fetch=fetch,
    cities_per_hour=PER_HOUR,
    quota=Quota(minute=PER_MINUTE, day=500, month=10_000),
)
