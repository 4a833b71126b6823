"""IQAir: whose turn it is, neighbours, the index turned back, its many ways to refuse."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stubs import Answer, Seen, Stub

from common.domain.aqi import sub_index
from common.domain.cities import all_cities, find_city
from common.domain.errors import Permanent, QuotaExhausted, SourceError
from common.sources.http import Http, Timing
from common.sources.interface import Request
from common.sources.iqair import SELDOM, SOURCE, turns

if TYPE_CHECKING:
    from common.domain.observation import Batch

NOW = datetime(2025, 11, 5, 10, 32, tzinfo=UTC)
HOUR = timedelta(hours=1)
POLLUTION = {"ts": "2025-11-05T10:00:00.000Z", "aqius": 177, "mainus": "p2", "aqicn": 131, "maincn": "p2"}
WEATHER = {
    "ts": "2025-11-05T10:00:00.000Z",
    "tp": 19,
    "pr": 1016,
    "hu": 45,
    "ws": 3.6,
    "wd": 300,
    "ic": "50d",
}


def request(base: str, *cities: str) -> Request:
    urls = {"IQAIR_BASE_URL": base}
    return Request([find_city(name) for name in cities], NOW - HOUR, NOW, NOW, 0, urls, "s3cret-key")


def success(city: str = "Delhi", place: Any = (77.2315, 28.652), **parts: Any) -> dict[str, Any]:
    current = {"pollution": POLLUTION, "weather": WEATHER, **parts}
    location = {"type": "Point", "coordinates": list(place)}
    data = {"city": city, "state": "Delhi", "country": "India", "location": location, "current": current}
    return {"status": "success", "data": data}


class Canned:
    """Gives one body without a network."""

    def __init__(self, body: Any) -> None:
        self.body = body

    def get_json(self, *_: object, **__: object) -> Any:
        return self.body


def batch_of(body: Any, city: str = "Delhi") -> Batch:
    return SOURCE.fetch(request("http://iqair", city), Canned(body))  # type: ignore[arg-type]


def test_asks_by_coordinates(stub: Stub, http: Http) -> None:
    stub.answer("/nearest_city", Answer(body=success()))
    (reading,) = SOURCE.fetch(request(stub.url, "Delhi"), http).readings
    (seen,) = stub.seen
    assert seen.query == {"lat": "28.6139", "lon": "77.209", "key": "s3cret-key"}
    assert reading.time == datetime(2025, 11, 5, 10, tzinfo=UTC)
    assert reading.values["pm25"] == pytest.approx(92.6)
    assert "pressure" not in reading.values


def test_the_plan_is_kept_at_every_hour_of_a_month() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    hours = [turns(all_cities(), start + i * HOUR) for i in range(31 * 24)]
    assert max(map(len, hours)) <= SOURCE.cities_per_hour == 13
    assert all(len({city.name for city in turn}) == len(turn) for turn in hours)
    assert max(sum(map(len, hours[i : i + 24])) for i in range(len(hours) - 23)) <= 500
    assert sum(map(len, hours)) <= 10_000


def test_cities_without_a_station_come_first_and_every_city_in_six_hours() -> None:
    start = datetime(2025, 11, 5, 3, 17, tzinfo=UTC)
    for shift in range(7):
        turns_of_day = [turns(all_cities(), start + (shift + i) * HOUR) for i in range(6)]
        for hour in turns_of_day:
            assert {city.name for city in hour[:3]} == {"Ranchi", "Aligarh", "Warangal"}
        times = Counter(city.name for hour in turns_of_day for city in hour)
        assert set(times) == {city.name for city in all_cities()}
        assert {times[name] for name in SELDOM} == {2}


def test_turns_depend_on_the_hour_alone() -> None:
    for minute in (0, 1, 59):
        assert turns(all_cities(), NOW.replace(minute=minute)) == turns(all_cities(), NOW)
    assert turns(all_cities(), NOW + HOUR) != turns(all_cities(), NOW)


@given(st.lists(st.sampled_from(all_cities()), unique=True), st.integers(0, 10**5))
def test_any_choice_of_cities_takes_turns(cities: list[Any], hours: int) -> None:
    turn = turns(cities, NOW + hours * HOUR)
    assert len(turn) == len(set(turn)) <= 13
    assert set(turn) <= set(cities)
    if len(cities) <= 13:
        assert turn == cities
    else:
        later = {city for i in range(12) for city in turns(cities, NOW + (hours + i) * HOUR)}
        assert later == set(cities)


def test_only_those_whose_turn_it_is_are_asked(stub: Stub, http: Http) -> None:
    def here(seen: Seen) -> Answer:
        return Answer(body=success("Somewhere", (float(seen.query["lon"]), float(seen.query["lat"]))))

    stub.answer("/nearest_city", here)
    batch = SOURCE.fetch(replace(request(stub.url), cities=all_cities()), http)
    assert len(stub.seen) == 13
    assert {reading.city for reading in batch.readings} == {city.name for city in turns(all_cities(), NOW)}


@pytest.mark.parametrize(
    ("wanted", "answered", "place", "accepted"),
    [
        ("Delhi", "Delhi", (77.2315, 28.652), True),
        ("Delhi", "New Delhi", (77.2315, 28.652), True),
        ("Gurgaon", "Gurugram", (77.03, 28.46), True),
        ("Pimpri-Chinchwad", "Pimpri Chinchwad", (73.8, 18.63), True),
        ("Delhi", "Delhi", (77.2315, 28.9), False),
        ("Gurgaon", "Delhi", (77.03, 28.46), False),
        ("Howrah", "Kolkata", (88.3639, 22.5726), False),
        ("Delhi", "Noida", (77.391, 28.5355), False),
        ("Delhi", "Dilli Cantonment", (77.2315, 28.652), True),
        ("Delhi", "Delhi", (28.652, 77.2315), False),
        ("Delhi", "Delhi", (77.2315,), False),
        ("Delhi", "Delhi", ("77.2315", "28.652"), False),
        ("Delhi", None, (77.2315, 28.652), True),
    ],
)
def test_neighbours_are_not_the_city(wanted: str, answered: Any, place: Any, accepted: bool) -> None:
    batch = batch_of(success(answered, place), wanted)
    assert [reading.city for reading in batch.readings] == ([wanted] if accepted else [])
    assert batch.rejected == ({} if accepted else {"neighbour": 1})


@given(st.integers(0, 500))
def test_the_index_comes_back_from_the_concentration(index: int) -> None:
    (reading,) = batch_of(success(pollution={**POLLUTION, "aqius": index})).readings
    assert sub_index("pm25", reading.values["pm25"], "us-epa") == index


@pytest.mark.parametrize("index", [500, 501, 1165])
def test_an_index_beyond_the_scale_implies_what_its_end_does(index: int) -> None:
    (reading,) = batch_of(success(pollution={**POLLUTION, "aqius": index})).readings
    assert reading.values["pm25"] == pytest.approx(325.4)


@pytest.mark.parametrize("main", ["p1", "o3", "n2", "s2", "co", None])
def test_an_index_of_another_pollutant_implies_nothing(main: str | None) -> None:
    (reading,) = batch_of(success(pollution={**POLLUTION, "mainus": main})).readings
    assert set(reading.values) == {"temperature", "humidity", "wind_speed", "wind_u", "wind_v"}


@pytest.mark.parametrize(
    ("pollution", "rejected"),
    [
        ({"aqius": 9999}, {"implausible": 1}),
        ({"aqius": -1}, {"implausible": 1}),
        ({"aqius": "177"}, {"not_a_number": 1}),
        ({"aqius": None}, {}),
        ({"ts": "2025-11-05T10:37:01Z"}, {"future": 1}),
        ({"ts": "2025-11-05T04:31:00Z"}, {"stale": 1}),
        ({"ts": "now"}, {"time": 1}),
    ],
)
def test_air_that_cannot_be_used_leaves_the_weather(
    pollution: dict[str, Any], rejected: dict[str, int]
) -> None:
    batch = batch_of(success(pollution=POLLUTION | pollution))
    assert [set(r.values) & {"pm25", "temperature"} for r in batch.readings] == [{"temperature"}]
    assert batch.rejected == rejected


def fail(code: str) -> dict[str, Any]:
    return {"status": "fail", "data": {"message": code}}


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        (Answer(status=429, body=fail("call_limit_reached")), QuotaExhausted, "quota"),
        (Answer(status=403, body=fail("call_per_day_limit_reached")), QuotaExhausted, "quota"),
        (Answer(status=200, body=fail("call_per_month_limit_reached")), QuotaExhausted, "quota"),
        (Answer(status=400, body=fail("call_per_minute_limit_reached")), QuotaExhausted, "quota"),
        (Answer(status=429, body=fail("too_many_requests")), QuotaExhausted, "quota"),
        (Answer(status=200, body='"call_per_day_limit_reached"'), QuotaExhausted, "quota"),
        (Answer(status=200, body="call_per_day_limit_reached"), QuotaExhausted, "quota"),
        (Answer(status=403, body="call_per_day_limit_reached"), QuotaExhausted, "quota"),
        (Answer(status=401, body=fail("incorrect_api_key")), Permanent, "key"),
        (Answer(status=200, body=fail("api_key_expired")), Permanent, "key"),
        (Answer(status=403, body=fail("permission_denied")), Permanent, "key"),
        (Answer(status=403, body=fail("Forbidden")), Permanent, "key"),
        (Answer(status=200, body=fail("Payment Required")), Permanent, "key"),
        (Answer(status=404, body=fail("no_nearest_station")), Permanent, "no_station"),
        (Answer(status=400, body=fail("city_not_found")), Permanent, "no_station"),
        (Answer(status=404, body=fail("node not found")), Permanent, "no_station"),
        (Answer(status=200, body=fail("something new")), Permanent, "shape"),
    ],
    ids=lambda value: f"{value.status}-{str(value.body)[-32:]}" if isinstance(value, Answer) else "",
)
def test_refusals(stub: Stub, http: Http, answer: Answer, error: type[SourceError], reason: str) -> None:
    stub.answer("/nearest_city", answer)
    with pytest.raises(error) as caught:
        SOURCE.fetch(request(stub.url, "Delhi"), http)
    assert caught.value.reason == reason
    assert len(stub.seen) == 1


def test_a_spent_quota_ends_the_round_and_keeps_what_came(stub: Stub, http: Http) -> None:
    stub.answer("/nearest_city", Answer(body=success()), Answer(body=json.dumps("call_limit_reached")))
    batch = SOURCE.fetch(request(stub.url, "Delhi", "Agra", "Salem"), http)
    assert [reading.city for reading in batch.readings] == ["Delhi"]
    assert batch.rejected == {"city:quota": 1}
    assert len(stub.seen) == 2


def test_no_minute_holds_more_calls_than_the_plan_allows(stub: Stub) -> None:
    stub.answer("/nearest_city", Answer(body=success()))
    began = time.monotonic()
    with Http(Timing(minute_s=0.25)) as paced:
        SOURCE.fetch(request(stub.url, "Delhi", "Agra", "Salem"), paced)
    assert len(stub.seen) == 3
    assert time.monotonic() - began >= 2 * 0.25 / 5
