"""Providers that know two cities, of which they tell a past that can be learnt from."""

from __future__ import annotations

import math
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from providers import cpcb_feed, cpcb_page, cpcb_rows, open_meteo_places
from stubs import Answer, Seen, Stub
from synthetic import END, hours

from common.domain.cities import City, find_city
from common.domain.observation import HOUR
from common.features import INPUTS
from common.sources.open_meteo import AIR, WEATHER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CITIES = (find_city("Delhi"), find_city("Pune"))
KEY = "579b464db66ec23bdd000001"
"""Of data.gov.in"""
AHEAD = timedelta(days=4)
"""So much is told of what is to come."""
DAYS = 60


@contextmanager
def providers(clock: Callable[[], datetime]) -> Iterator[tuple[Stub, dict[str, str]]]:
    """Open-Meteo, CPCB's feed and data.gov.in as they are at the clock's time, and the settings that lead there."""
    with Stub() as stub:
        stub.answer("/air", _open_meteo)
        stub.answer("/weather", _open_meteo)
        stub.answer("/feed", lambda _: Answer(body=cpcb_feed(CITIES, clock())))
        stub.answer("/data.gov.in", lambda seen: Answer(body=cpcb_page(seen, cpcb_rows(CITIES, clock()))))
        yield (
            stub,
            {
                "OPEN_METEO_AIR_URL": f"{stub.url}/air",
                "OPEN_METEO_WEATHER_URL": f"{stub.url}/weather",
                "CPCB_FEED_URL": f"{stub.url}/feed",
                "CPCB_BASE_URL": f"{stub.url}/data.gov.in",
            },
        )


def _open_meteo(seen: Seen) -> Answer:
    """Both endpoints: the columns of our cities, nulls for all others."""
    places = open_meteo_places(seen)
    for place, latitude in zip(places, seen.query["latitude"].split(","), strict=True):
        hourly = place["hourly"]
        city = next((city for city in CITIES if str(city.latitude) == latitude), None)
        columns = _columns(city, hourly["time"]) if city else {}
        for name in hourly:
            if name != "time":
                hourly[name] = columns.get(name, [None] * len(hourly["time"]))
    return Answer(body=places if len(places) > 1 else places[0])


def _columns(city: City, stamps: list[str]) -> dict[str, list[Any]]:
    """The made-up air and weather of a city, as Open-Meteo writes them."""
    # The hours that are made up end at half past.
    message = [
        _past(city).get(datetime.fromisoformat(stamp).replace(tzinfo=UTC) + HOUR / 2) for stamp in stamps
    ]
    columns: dict[str, list[Any]] = {
        theirs: [values.get(ours) if values else None for values in message]
        for theirs, ours in {**AIR, **WEATHER}.items()
    }
    columns["carbon_monoxide"] = [
        None if value is None else round(1000 * value, 1) for value in columns["carbon_monoxide"]
    ]
    return columns


@cache
def _past(city: City) -> dict[datetime, dict[str, float]]:
    """Hour → what there was and will be to tell of it."""
    history = hours(DAYS, seed=CITIES.index(city))
    last = END + AHEAD
    return {
        last - back * HOUR: {
            name: float(value) for name, value in zip(INPUTS, row, strict=True) if not math.isnan(value)
        }
        for back, row in enumerate(reversed(history))
    }
