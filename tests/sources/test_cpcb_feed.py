"""CPCB's feed: both forms, every city's spelling, stamps, answers that are not the feed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stubs import Answer, Stub

from common.domain.aqi import sub_index
from common.domain.cities import all_cities, cpcb_places
from common.domain.errors import Permanent, SourceError, Transient
from common.sources.cpcb_feed import SOURCE
from common.sources.interface import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from common.domain.observation import Batch
    from common.sources.http import Http

PAYLOADS = Path(__file__).parent / "payloads" / "cpcb-feed"
NOW = datetime(2025, 11, 5, 10, 32, tzinfo=UTC)


def fetch(stub: Stub, http: Http, body: Any, now: datetime = NOW) -> Batch:
    stub.answer("/feed", Answer(body=body))
    hour = timedelta(hours=1)
    request = Request(all_cities(), now - hour, now, now, 0, {"CPCB_FEED_URL": stub.url + "/feed"})
    return SOURCE.fetch(request, http)


def feed(state: str = "Delhi", city: str = "Delhi", **station: Any) -> dict[str, Any]:
    """A feed of one station."""
    usual = {
        "stationName": "ITO, Delhi - CPCB",
        "lastUpdate": "05-11-2025 16:00:00",
        "airQualityIndexValue": "98",
        "pollutants": [{"indexId": "PM2.5", "min": "19", "max": "37", "avg": "24", "Hourly_sub_index": "26"}],
    }
    stations = [{**usual, **station}]
    return {"country": [{"stateId": state, "citiesInState": [{"cityId": city, "stationsInCity": stations}]}]}


T = TypeVar("T")


class Fed:
    """Gives one text without a network, for tests that ask hundreds of times."""

    def __init__(self, text: str) -> None:
        self._text = text

    def get(self, _: str, read: Callable[[str], T], **__: object) -> T:
        return read(self._text)


def test_both_forms_say_the_same(stub: Stub, http: Http) -> None:
    as_json = fetch(stub, http, (PAYLOADS / "feed.json").read_text(encoding="utf-8"))
    as_xml = fetch(stub, http, (PAYLOADS / "feed.xml").read_text(encoding="utf-8"))
    marked = fetch(stub, http, "\ufeff\n" + (PAYLOADS / "feed.json").read_text(encoding="utf-8"))
    assert as_json.readings
    assert as_json == as_xml == marked


def test_a_bare_ampersand_costs_no_station(stub: Stub, http: Http) -> None:
    whole = (PAYLOADS / "feed.xml").read_text(encoding="utf-8")
    name = fetch(stub, http, whole).readings[0].station
    assert f'"{name}"' in whole
    bare = fetch(stub, http, whole.replace(f'"{name}"', f'"{name} & Co &amp; Sons &#38; &c;"'))
    assert len(bare.readings) == len(fetch(stub, http, whole).readings)
    assert f"{name} & Co & Sons & &c;" in {reading.station for reading in bare.readings}


@pytest.mark.parametrize(
    ("place", "ours"), [(place, city.name) for place, city in cpcb_places().items()], ids=str
)
def test_every_city_under_cpcbs_spelling(stub: Stub, http: Http, place: tuple[str, str], ours: str) -> None:
    (reading,) = fetch(stub, http, feed(*place)).readings
    assert reading.city == ours


@pytest.mark.parametrize(
    ("state", "city", "ours"),
    [
        ("Bihar", "Aurangabad", None),
        ("Maharashtra", "Aurangabad", "Aurangabad"),
        ("Maharashtra", "Chhatrapati Sambhajinagar", "Aurangabad"),
        ("Uttarakhand", "Srinagar", None),
        ("Jammu & Kashmir", " Srinagar ", "Srinagar"),
        ("Tamil Nadu", "Chennai", "Chennai"),
        ("Uttar Pradesh", "Allahabad", "Allahabad"),
        ("Jharkhand", "Ranchi", "Ranchi"),
        ("Haryana", "Panipat", None),
    ],
)
def test_cities_are_matched_with_their_state(
    stub: Stub, http: Http, state: str, city: str, ours: str | None
) -> None:
    batch = fetch(stub, http, feed(state, city))
    assert [reading.city for reading in batch.readings] == ([ours] if ours else [])
    assert not batch.rejected


def test_only_cities_asked_for(stub: Stub, http: Http) -> None:
    stub.answer("/feed", Answer(body=feed()))
    request = Request(all_cities(), NOW, NOW, NOW, 0, {"CPCB_FEED_URL": stub.url + "/feed"})
    others = [city for city in all_cities() if city.name != "Delhi"]
    assert SOURCE.fetch(request, http).readings
    assert not SOURCE.fetch(replace(request, cities=others), http).readings


@pytest.mark.parametrize(
    ("stamp", "outcome"),
    [
        ("05-11-2025 16:00:00", "2025-11-05T10:30:00+00:00"),
        ("05-11-2025 16:00", "2025-11-05T10:30:00+00:00"),
        (" 05-11-2025 05:00:00 ", "2025-11-04T23:30:00+00:00"),
        ("01-01-2025 00:00:00", "stale"),
        ("04-11-2025 16:02:00", "2025-11-04T10:32:00+00:00"),
        ("04-11-2025 16:01:59", "stale"),
        ("05-11-2025 16:07:00", "2025-11-05T10:37:00+00:00"),
        ("05-11-2025 16:07:01", "future"),
        ("31-02-2025 16:00:00", "time"),
        ("2025-11-05T16:00:00", "time"),
        ("", "time"),
        (None, "time"),
    ],
)
def test_stamps_are_indian_time_and_end_the_hour(
    stub: Stub, http: Http, stamp: str | None, outcome: str
) -> None:
    batch = fetch(stub, http, feed(lastUpdate=stamp))
    assert [r.time.isoformat() for r in batch.readings] or list(batch.rejected) == [outcome]
    assert [*(r.time.isoformat() for r in batch.readings), *batch.rejected] == [outcome]


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(["PM2.5", "PM10", "NO2", "NH3", "SO2", "CO", "OZONE"]), st.integers(0, 500))
def test_the_hourly_index_comes_back_from_the_concentration(identifier: str, index: int) -> None:
    pollutants = [{"indexId": identifier, "avg": "7", "Hourly_sub_index": str(index)}]

    request = Request(all_cities(), NOW, NOW, NOW, 0, {"CPCB_FEED_URL": "http://feed"})
    fed = Fed(json.dumps(feed(pollutants=pollutants)))
    (reading,) = SOURCE.fetch(request, fed).readings  # type: ignore[arg-type]
    ((pollutant, value),) = reading.values.items()
    assert sub_index(pollutant, value) == index
    assert reading.published == {"aqi": 98, pollutant: 7}


@pytest.mark.parametrize("name", ["", "   ", None])
def test_a_station_without_a_name_is_not_taken_for_the_city(stub: Stub, http: Http, name: str | None) -> None:
    batch = fetch(stub, http, feed(stationName=name))
    assert not batch.readings
    assert batch.rejected == {"shape": 1}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "empty"),
        ("{}", "empty"),
        ({"country": []}, "empty"),
        ({"country": [{"stateId": "Delhi", "citiesInState": []}]}, "empty"),
        ("<AqIndex></AqIndex>", "empty"),
        ("<!DOCTYPE html>\n<html><body>Service unavailable</body></html>", "html"),
        ("\n<HTML>", "html"),
        ('{"country": [{"state', "not_json"),
        ("AqIndex", "not_json"),
        ("<AqIndex><Country>", "not_xml"),
        ("<AqIndex>\x00</AqIndex>", "not_xml"),
    ],
)
def test_answers_that_are_not_the_feed(stub: Stub, http: Http, body: Any, reason: str) -> None:
    with pytest.raises(Transient) as caught:
        fetch(stub, http, body)
    assert caught.value.reason == reason


@pytest.mark.parametrize("cut", ["", '{"country": [{"state', "<AqIndex><Country>"])
def test_what_came_cut_short_is_asked_for_again(stub: Stub, http: Http, cut: str) -> None:
    stub.answer("/feed", Answer(body=cut), Answer(body=feed()))
    request = Request(all_cities(), NOW, NOW, NOW, 0, {"CPCB_FEED_URL": stub.url + "/feed"})
    assert [reading.city for reading in SOURCE.fetch(request, http).readings] == ["Delhi"]
    assert len(stub.seen) == 2


def test_documents_with_entities_are_not_read(stub: Stub, http: Http) -> None:
    bomb = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "Delhi">]><AqIndex><Country id="&x;"/></AqIndex>'
    with pytest.raises(Permanent) as caught:
        fetch(stub, http, bomb)
    assert caught.value.reason == "doctype"


def test_being_turned_away_is_not_about_a_key(stub: Stub, http: Http) -> None:
    stub.answer("/feed", Answer(status=403))
    request = Request(all_cities(), NOW, NOW, NOW, 0, {"CPCB_FEED_URL": stub.url + "/feed"})
    with pytest.raises(Permanent) as caught:
        SOURCE.fetch(request, http)
    assert caught.value.reason == "blocked"


@settings(max_examples=200, deadline=None)
@given(st.text() | st.text().map(lambda inner: f"<AqIndex><State>{inner}</State></AqIndex>"))
def test_any_text_is_a_feed_or_a_source_error(body: str) -> None:
    request = Request(all_cities(), NOW, NOW, NOW, 0, {"CPCB_FEED_URL": "http://feed"})
    with pytest.raises(SourceError):
        SOURCE.fetch(request, Fed(body))  # type: ignore[arg-type]
