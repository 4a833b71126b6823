"""OpenWeather: what is asked when, stamps, chunks of the past, the one part that fails, refusals."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stubs import Answer, Seen, Stub

from common.domain.cities import all_cities, find_city
from common.domain.errors import Permanent, QuotaExhausted, SourceError, Transient
from common.domain.observation import hour_ending
from common.sources.http import Http, Timing
from common.sources.interface import Request
from common.sources.openweather import SOURCE

if TYPE_CHECKING:
    from common.domain.observation import Batch

NOW = datetime(2025, 11, 5, 10, 40, tzinfo=UTC)
HOUR = timedelta(hours=1)
METRIC = {"temp": 19.1, "humidity": 63, "pressure": 1015, "grnd_level": 990}


def request(base: str, *cities: str, hours: float = 24, ahead: int = 0, now: datetime = NOW) -> Request:
    urls = {"OPENWEATHER_BASE_URL": base}
    return Request(
        [find_city(name) for name in cities], now - hours * HOUR, now, now, ahead, urls, "s3cret-key"
    )


def air(seen: Seen, pm25: float = 50.0) -> Answer:
    """One item now, or one an hour of the span that is asked for."""
    times = [int(NOW.timestamp())]
    if "start" in seen.query:
        first, last = -(-int(seen.query["start"]) // 3600), int(seen.query["end"]) // 3600
        times = [3600 * hour for hour in range(first, last + 1)]
    items = [{"main": {"aqi": 4}, "components": {"pm2_5": pm25, "co": 500}, "dt": time} for time in times]
    return Answer(body={"coord": [float(seen.query["lat"]), float(seen.query["lon"])], "list": items})


def weather(_: Seen) -> Answer:
    return Answer(body={"main": METRIC, "wind": {"speed": 2}, "dt": int(NOW.timestamp()), "cod": 200})


def air_ahead(seen: Seen) -> Answer:
    """As recorded: an item an hour from the present hour on, four days."""
    first = int(NOW.timestamp()) // 3600 * 3600
    items = [
        {
            "main": {"aqi": 5},
            "components": {"co": 2350.0, "pm2_5": 100.0 + i, "nh3": 11.9},
            "dt": first + 3600 * i,
        }
        for i in range(96)
    ]
    return Answer(body={"coord": {"lon": 77.2, "lat": float(seen.query["lat"])}, "list": items})


def ahead(_: Seen) -> Answer:
    first = int(NOW.timestamp()) // 10800 * 10800
    items = [{"dt": first + 10800 * i, "main": METRIC, "wind": {"speed": 2, "deg": 90}} for i in range(40)]
    return Answer(body={"cod": "200", "cnt": 40, "list": items})


@pytest.fixture
def world(stub: Stub) -> Stub:
    for path, script in (
        ("/air_pollution", air),
        ("/air_pollution/history", air),
        ("/weather", weather),
        ("/forecast", ahead),
        ("/air_pollution/forecast", air_ahead),
    ):
        stub.answer(path, script)
    return stub


class Canned:
    """Gives bodies by the end of the path without a network."""

    def __init__(self, **bodies: Any) -> None:
        self.bodies = bodies

    def get_json(self, url: str, *_: object, **__: object) -> Any:
        return self.bodies[url.rsplit("/", 1)[1]]

    def fetch(self, requested: Request) -> Batch:
        return SOURCE.fetch(requested, self)  # type: ignore[arg-type]


def test_an_hourly_run_asks_for_the_present_and_the_weather_ahead(world: Stub, http: Http) -> None:
    batch = SOURCE.fetch(request(world.url, "Delhi", "Salem", ahead=48), http)
    assert [seen.path for seen in world.seen] == 2 * ["/air_pollution", "/weather", "/forecast"]
    for seen in world.seen:
        assert seen.query["appid"] == "s3cret-key"
        assert seen.query.get("units", "metric") == "metric"
        assert ("units" in seen.query) == (seen.path != "/air_pollution")
    assert world.seen[3].query["lat"] == str(find_city("Salem").latitude)
    assert [(r.city, r.time) for r in batch.readings] == [("Delhi", NOW), ("Salem", NOW)]
    assert batch.readings[0].values == {
        "pm25": 50.0,
        "co": 0.5,
        "temperature": 19.1,
        "humidity": 63.0,
        "pressure": 990.0,
        "wind_speed": 2.0,
    }
    assert [f.time.hour for f in batch.forecasts if f.city == "Delhi"] == 2 * [12, 15, 18, 21, 0, 3, 6, 9]
    assert {f.issued_at for f in batch.forecasts} == {datetime(2025, 11, 5, 6, tzinfo=UTC)}


def test_air_and_weather_ahead_are_asked_for_by_turns(world: Stub, http: Http) -> None:
    kinds = []
    for hour in range(6):
        batch = SOURCE.fetch(request(world.url, "Delhi", ahead=48, now=NOW + hour * HOUR), http)
        kinds.append({"air" if "pm25" in f.values else "weather" for f in batch.forecasts})
    assert kinds == 3 * [{"weather"}, {"air"}]
    paths = [seen.path for seen in world.seen]
    assert len(paths) == 6 * 3
    assert "units" not in next(s.query for s in world.seen if s.path == "/air_pollution/forecast")
    now = NOW + HOUR
    expected = SOURCE.fetch(request(world.url, "Delhi", ahead=48, now=now), http).forecasts
    assert [f.time for f in expected] == [now.replace(minute=0) + i * HOUR for i in range(1, 49)]
    assert expected[0].values == {"pm25": 102.0, "co": 2.35, "nh3": 11.9}


def test_without_forecast_hours_none_are_asked_for(world: Stub, http: Http) -> None:
    assert not SOURCE.fetch(request(world.url, "Delhi"), http).forecasts
    assert [seen.path for seen in world.seen] == ["/air_pollution", "/weather"]


def test_a_backfill_asks_for_the_past_in_pieces_that_join(world: Stub, http: Http) -> None:
    batch = SOURCE.fetch(request(world.url, "Delhi", hours=24 * 400), http)
    spans = [(int(s.query["start"]), int(s.query["end"])) for s in world.seen if "start" in s.query]
    assert len(spans) == 3
    assert spans[0][0] == int((NOW - 24 * 400 * HOUR).timestamp())
    assert all(before[1] == after[0] for before, after in pairwise(spans))
    assert spans[-1][1] == int(NOW.timestamp())
    hours = [r.time for r in batch.readings if r.time != NOW]
    assert len(hours) == len(set(hours)) == 24 * 400
    assert not batch.rejected


def test_a_window_long_past_does_not_ask_for_the_present(world: Stub, http: Http) -> None:
    wanted = request(world.url, "Delhi", hours=24 * 40, ahead=48)
    batch = SOURCE.fetch(replace(wanted, end=NOW - 24 * 39 * HOUR), http)
    assert [seen.path for seen in world.seen] == ["/air_pollution/history"]
    assert len(batch.readings) == 24
    assert not batch.forecasts


def test_nothing_before_its_first_day_is_asked_for(world: Stub, http: Http) -> None:
    SOURCE.fetch(request(world.url, "Delhi", hours=24 * 3650), http)
    first = datetime(2020, 11, 27, tzinfo=UTC)
    assert int(world.seen[0].query["start"]) == int(first.timestamp())
    world.seen.clear()
    wanted = request(world.url, "Delhi", hours=24 * 3650)
    assert not SOURCE.fetch(replace(wanted, end=first - 5 * HOUR), http).readings
    assert not world.seen


@given(st.integers(-(10**6), 250))
def test_the_present_lands_in_the_indian_hour_of_its_stamp(seconds: int) -> None:
    now = NOW.replace(minute=59)
    statement = now + timedelta(seconds=seconds)
    item = {"components": {"pm2_5": 1.0}, "dt": int(statement.timestamp())}
    wanted = request("http://ow", "Delhi", hours=24, now=now)
    batch = Canned(air_pollution={"list": [item]}, weather={"cod": 200}).fetch(wanted)
    if statement <= wanted.start:
        assert not batch.readings
        return
    (reading,) = batch.readings
    assert reading.time <= now
    assert hour_ending(reading.time) == hour_ending(min(statement, now))


def test_a_second_call_in_the_hour_is_the_same_hour() -> None:
    times = set()
    for minute in (0, 7, 29, 30):
        statement = NOW.replace(minute=minute)
        item = {"components": {"pm2_5": 1.0}, "dt": int(statement.timestamp())}
        (reading,) = (
            Canned(air_pollution={"list": [item]}, weather={"cod": 200})
            .fetch(request("http://ow", "Delhi", now=statement + timedelta(seconds=9)))
            .readings
        )
        times.add(reading.time)
    assert times == {NOW.replace(minute=0)}


@pytest.mark.parametrize("stamp", [None, "1762338600", True, -1, 10**12, 1.5e9])
def test_stamps_that_are_none(stamp: object) -> None:
    item = {"components": {"pm2_5": 1.0}, "dt": stamp}
    batch = Canned(air_pollution={"list": [item]}, weather={"cod": 200, "main": METRIC, "dt": stamp}).fetch(
        request("http://ow", "Delhi")
    )
    assert not batch.readings
    assert batch.rejected == {"time": 2}


def test_an_answer_ahead_of_the_clock_is_no_reading() -> None:
    item = {"components": {"pm2_5": 1.0}, "dt": int((NOW + timedelta(minutes=6)).timestamp())}
    batch = Canned(air_pollution={"list": [item]}, weather={"cod": 200}).fetch(request("http://ow", "Delhi"))
    assert not batch.readings
    assert batch.rejected["future"] == 1


def test_air_is_kept_when_the_weather_fails(world: Stub, http: Http) -> None:
    world.answer("/weather", Answer(status=500))
    batch = SOURCE.fetch(request(world.url, "Delhi"), http)
    assert [dict(reading.values) for reading in batch.readings] == [{"pm25": 50.0, "co": 0.5}]
    assert batch.rejected == {"city:server_error": 1}


def test_one_city_failing_costs_only_itself(world: Stub, http: Http) -> None:
    lost = str(find_city("Agra").latitude)
    gone = Answer(status=404, body={"cod": "404", "message": "Internal error"})
    world.answer("/air_pollution", lambda seen: gone if seen.query["lat"] == lost else air(seen))
    batch = SOURCE.fetch(request(world.url, "Delhi", "Agra", "Salem"), http)
    assert [reading.city for reading in batch.readings] == ["Delhi", "Salem"]
    assert batch.rejected == {"city:refused": 1}


INVALID = "Invalid API key. Please see https://openweathermap.org/faq#error401 for more info."
BLOCKED = "Your account is temporary blocked due to exceeding of requests limitation"


@pytest.mark.parametrize("status", [None, 200])
@pytest.mark.parametrize("written", [int, str])
@pytest.mark.parametrize(
    ("code", "message", "error", "reason"),
    [
        (401, INVALID, Permanent, "key"),
        (429, BLOCKED, QuotaExhausted, "quota"),
        (400, "wrong latitude", Permanent, "refused"),
        (404, "Internal error", Permanent, "refused"),
        (500, "Internal server error", Transient, "server_error"),
    ],
)
def test_refusals_in_the_status_or_only_in_the_body(
    stub: Stub,
    http: Http,
    status: int | None,
    written: type,
    code: int,
    message: str,
    error: type[SourceError],
    reason: str,
) -> None:
    stub.answer(
        "/air_pollution", Answer(status=status or code, body={"cod": written(code), "message": message})
    )
    with pytest.raises(error, match=message[:12]) as caught:
        SOURCE.fetch(request(stub.url, "Delhi"), http)
    assert caught.value.reason == reason


def test_a_wrong_key_is_tried_once(stub: Stub, http: Http) -> None:
    stub.answer("/air_pollution", Answer(status=401, body={"cod": 401, "message": INVALID}))
    wanted = replace(request(stub.url), cities=all_cities())
    with pytest.raises(Permanent):
        SOURCE.fetch(wanted, http)
    assert len(stub.seen) == 1


def test_no_minute_holds_more_calls_than_the_plan_allows(world: Stub) -> None:
    began = time.monotonic()
    with Http(Timing(minute_s=1.2)) as paced:
        SOURCE.fetch(request(world.url, "Delhi", "Agra", "Salem", "Patna"), paced)
    assert len(world.seen) == 8
    assert time.monotonic() - began >= 7 * 1.2 / 60
