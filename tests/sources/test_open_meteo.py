"""Open-Meteo: what is asked, one part failing, long windows, limits."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from stubs import Answer, Seen, Stub

from common.domain.cities import all_cities, find_city
from common.domain.errors import Permanent, QuotaExhausted, SourceError, Transient
from common.sources.interface import Request
from common.sources.open_meteo import SOURCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from common.domain.observation import Batch
    from common.sources.http import Http

PAYLOADS = Path(__file__).parent / "payloads" / "open-meteo"
NOW = datetime(2025, 11, 5, 10, 40, tzinfo=UTC)
HOUR = timedelta(hours=1)


def request(stub: Stub, *cities: str, hours: int = 3, ahead: int = 0, now: datetime = NOW) -> Request:
    return Request(
        [find_city(name) for name in cities],
        now - hours * HOUR,
        now,
        now,
        ahead,
        {"OPEN_METEO_AIR_URL": stub.url + "/air", "OPEN_METEO_WEATHER_URL": stub.url + "/weather"},
    )


def world(seen: Seen) -> Answer:
    """A provider that knows every place and day it is asked for; each value tells its place and variable."""
    first, last = (date.fromisoformat(seen.query[name]) for name in ("start_date", "end_date"))
    begin = datetime.combine(first, datetime.min.time())
    hours = [begin + i * HOUR for i in range(24 * ((last - first).days + 1))]
    names = seen.query["hourly"].split(",")
    units = {"surface_pressure": "hPa", "temperature_2m": "°C", "dew_point_2m": "°C", "precipitation": "mm"}
    units |= {"relative_humidity_2m": "%", "wind_speed_10m": "m/s", "wind_direction_10m": "°"}
    units |= {"shortwave_radiation": "W/m²", "boundary_layer_height": "m"}
    places = []
    for i, latitude in enumerate(seen.query["latitude"].split(",")):
        place: dict[str, Any] = {"location_id": i} if i else {}
        place["hourly_units"] = {name: units.get(name, "μg/m³") for name in names}
        place["hourly"] = {"time": [hour.isoformat(timespec="minutes") for hour in hours]}
        for name in names:
            base = 980 if name == "surface_pressure" else 0
            place["hourly"][name] = [base + round(float(latitude), 1)] * len(hours)
        places.append(place)
    return Answer(body=places if len(places) > 1 else places[0])


def test_asks_for_everything_at_once(stub: Stub, http: Http) -> None:
    stub.answer("/air", world)
    stub.answer("/weather", world)
    batch = SOURCE.fetch(request(stub, *(city.name for city in all_cities()), ahead=48), http)
    air, weather = sorted(stub.seen, key=lambda seen: seen.path)
    for seen in (air, weather):
        assert seen.query["timezone"] == "GMT"
        assert seen.query["start_date"] == "2025-11-05"
        assert len(seen.query["latitude"].split(",")) == len(seen.query["longitude"].split(",")) == 56
        assert len(seen.query["hourly"].split(",")) <= 10
    assert air.query["end_date"] == weather.query["end_date"] == "2025-11-07"
    assert weather.query["wind_speed_unit"] == "ms"
    assert "ammonia" not in air.query["hourly"]
    assert {r.time.hour for r in batch.readings} == {8, 9, 10}
    assert len(batch.readings) == 56 * 3
    assert len(batch.forecasts) == 56 * 48
    for reading in batch.readings:
        assert set(reading.values) == SOURCE.provides
        assert reading.values["pm25"] == round(find_city(reading.city).latitude, 1)
    assert all(set(f.values) == SOURCE.provides for f in batch.forecasts)
    assert {f.issued_at for f in batch.forecasts} == {datetime(2025, 11, 5, 6, tzinfo=UTC)}


def test_one_place_is_answered_by_an_object(stub: Stub, http: Http) -> None:
    stub.answer("/air", world)
    stub.answer("/weather", world)
    assert len(SOURCE.fetch(request(stub, "Delhi"), http).readings) == 3


def test_a_long_window_is_asked_in_pieces_that_join(stub: Stub, http: Http) -> None:
    stub.answer("/air", world)
    stub.answer("/weather", world)
    batch = SOURCE.fetch(request(stub, "Delhi", "Salem", hours=24 * 92), http)
    assert len(batch.readings) == 2 * 24 * 92
    assert len({(r.city, r.time) for r in batch.readings}) == len(batch.readings)
    weights = {"/air": 0.0, "/weather": 0.0}
    for seen in stub.seen:
        days = (
            date.fromisoformat(seen.query["end_date"]) - date.fromisoformat(seen.query["start_date"])
        ).days + 1
        assert days <= 31
        variables = len(seen.query["hourly"].split(","))
        weights[seen.path] += 56 * max(1, variables / 10, variables / 10 * days / 14)
    assert sum(weights.values()) < 600


def test_the_two_servers_are_asked_at_once_but_each_one_question_at_a_time(stub: Stub, http: Http) -> None:
    meeting, counting = threading.Barrier(2), threading.Lock()
    waiting = {"/air": 0, "/weather": 0}
    most = dict(waiting)

    def answer(seen: Seen) -> Answer:
        with counting:
            waiting[seen.path] += 1
            most[seen.path] = max(most[seen.path], waiting[seen.path])
        if sum(item.path == seen.path for item in stub.seen) == 1:
            meeting.wait(10)  # broken, and no answer, where one server is only asked after the other
        with counting:
            waiting[seen.path] -= 1
        return world(seen)

    stub.answer("/air", answer)
    stub.answer("/weather", answer)
    batch = SOURCE.fetch(request(stub, "Delhi", hours=24 * 60), http)
    assert len(batch.readings) == 24 * 60
    assert most == {"/air": 1, "/weather": 1}
    assert len(stub.seen) > 2


def test_nothing_older_than_the_server_keeps_is_asked_for(stub: Stub, http: Http) -> None:
    stub.answer("/air", world)
    stub.answer("/weather", world)
    SOURCE.fetch(request(stub, "Delhi", hours=24 * 400), http)
    assert min(seen.query["start_date"] for seen in stub.seen) == "2025-08-05"


def test_the_edges_of_the_window(stub: Stub, http: Http) -> None:
    stub.answer("/air", world)
    stub.answer("/weather", world)
    ten = datetime(2025, 11, 5, 10, tzinfo=UTC)
    wanted = replace(request(stub, "Delhi", hours=2, ahead=2, now=ten), end=ten + 6 * HOUR)
    batch = SOURCE.fetch(wanted, http)
    assert [r.time.hour for r in batch.readings] == [9, 10]
    assert [f.time.hour for f in batch.forecasts] == [11, 12]


def test_a_window_long_past_does_not_fetch_the_time_since(stub: Stub, http: Http) -> None:
    stub.answer("/air", world)
    stub.answer("/weather", world)
    wanted = replace(request(stub, "Delhi", ahead=48), start=NOW - 40 * 24 * HOUR, end=NOW - 33 * 24 * HOUR)
    batch = SOURCE.fetch(wanted, http)
    spans = [(seen.path, seen.query["start_date"], seen.query["end_date"]) for seen in stub.seen]
    assert sorted(spans) == [
        ("/air", "2025-09-26", "2025-10-03"),
        ("/air", "2025-11-05", "2025-11-07"),
        ("/weather", "2025-09-26", "2025-10-03"),
        ("/weather", "2025-11-05", "2025-11-07"),
    ]
    assert len(batch.readings) == 7 * 24
    assert len(batch.forecasts) == 48


@pytest.mark.parametrize("direction", [-999, 361, None, "N"])
def test_wind_without_a_direction_has_no_components(stub: Stub, http: Http, direction: object) -> None:
    def windless(seen: Seen) -> Answer:
        answer = world(seen)
        answer.body["hourly"]["wind_direction_10m"] = [direction] * 24
        return answer

    stub.answer("/air", world)
    stub.answer("/weather", windless)
    for reading in SOURCE.fetch(request(stub, "Delhi"), http).readings:
        assert set(reading.values) == SOURCE.provides - {"wind_u", "wind_v"}


@pytest.mark.parametrize(("failing", "stored"), [("air", "temperature"), ("weather", "pm25")])
@pytest.mark.parametrize("answer", [Answer(status=500), Answer(hang=True), Answer(body="<html>")])
def test_one_part_failing_costs_only_itself(
    stub: Stub, impatient: Http, failing: str, stored: str, answer: Answer
) -> None:
    stub.answer("/air", world)
    stub.answer("/weather", world)
    stub.answer("/" + failing, answer)
    batch = SOURCE.fetch(request(stub, "Delhi", ahead=2), impatient)
    assert len(batch.readings) == 3
    assert all(stored in reading.values for reading in batch.readings)
    assert [stored in f.values for f in batch.forecasts] == [True, True]
    reasons = {500: "server_error"}.get(answer.status) or ("timeout" if answer.hang else "html")
    assert batch.rejected == {f"{failing}:{reasons}": 1}


def test_a_quota_met_halfway_keeps_what_came(stub: Stub, http: Http) -> None:
    limit = Answer(status=429, body={"error": True, "reason": "Minutely API request limit exceeded."})
    stub.answer("/air", world, limit)
    stub.answer("/weather", world)
    batch = SOURCE.fetch(request(stub, "Delhi", hours=24 * 60), http)
    assert sum("pm25" in r.values for r in batch.readings) in range(24 * 28, 24 * 33)
    assert len(batch.readings) == 24 * 60
    assert batch.rejected == {"air:quota": 1}
    assert sum(seen.path == "/air" for seen in stub.seen) == 2


@pytest.mark.parametrize(
    ("reason", "seconds"),
    [
        ("Minutely API request limit exceeded. Please try again in one minute.", 60),
        ("Hourly API request limit exceeded. Please try again in the next hour.", 20 * 60),
        ("Daily API request limit exceeded. Please try again tomorrow.", (13 * 60 + 20) * 60),
    ],
)
@pytest.mark.parametrize("status", [429, 400, 200])
def test_limits_tell_when_they_end(stub: Stub, http: Http, reason: str, seconds: float, status: int) -> None:
    body = {"error": True, "reason": reason}
    stub.answer("/air", Answer(status=status, body=body))
    stub.answer("/weather", Answer(status=status, body=body))
    with pytest.raises(QuotaExhausted, match=reason[:20]) as caught:
        SOURCE.fetch(request(stub, "Delhi"), http)
    assert caught.value.retry_after == seconds
    assert len(stub.seen) == 2


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        (
            Answer(status=429, body={"error": True, "reason": "Too many concurrent requests"}),
            Transient,
            "busy",
        ),
        (Answer(status=503, body={"error": True, "reason": "The service is overloaded"}), Transient, None),
        (Answer(status=400, body={"error": True, "reason": "Cannot initialize"}), Permanent, "refused"),
        (Answer(body={"error": True, "reason": "Cannot initialize"}), Permanent, "refused"),
        (Answer(body='[{"hourly": {}}]Unexpected error while streaming data: x'), Transient, "not_json"),
        (Answer(body=[{}, {}, {}]), Permanent, "shape"),
    ],
)
def test_errors(stub: Stub, http: Http, answer: Answer, error: type[SourceError], reason: str | None) -> None:
    stub.answer("/air", answer)
    stub.answer("/weather", answer)
    with pytest.raises(error) as caught:
        SOURCE.fetch(request(stub, "Delhi", "Salem"), http)
    assert caught.value.reason == (reason or "server_error")


def test_what_can_be_waited_for_is_told_before_what_cannot(stub: Stub, http: Http) -> None:
    stub.answer("/air", Answer(status=400))
    stub.answer("/weather", Answer(status=503))
    with pytest.raises(Transient):
        SOURCE.fetch(request(stub, "Delhi"), http)


def _spoilt(change: Callable[[dict[str, Any]], object], stub: Stub, http: Http) -> Batch:
    """The recorded answers with one thing changed at the first place of the air's."""
    air = json.loads((PAYLOADS / "air.json").read_text(encoding="utf-8"))
    change(air[0])
    stub.answer("/air", Answer(body=air))
    stub.answer("/weather", Answer(body=(PAYLOADS / "weather.json").read_text(encoding="utf-8")))
    return SOURCE.fetch(request(stub, "Delhi", "Aurangabad", "Hubli-Dharwad", hours=2), http)


@pytest.mark.parametrize(
    ("change", "reason", "times"),
    [
        (lambda place: place["hourly_units"].update(ozone="Dobson"), "unit", 2),
        (lambda place: place["hourly_units"].pop("ozone"), "unit", 2),
        (lambda place: place["hourly"].pop("ozone"), "shape", 1),
        (lambda place: place["hourly"]["ozone"].pop(), "shape", 1),
        (lambda place: place["hourly"].update(ozone=["60"] * 6), "not_a_number", 2),
        (lambda place: place["hourly"].update(ozone=[True] * 6), "not_a_number", 2),
        (lambda place: place["hourly"].update(ozone=[1e300] * 6), "implausible", 2),
    ],
)
def test_a_spoilt_column_costs_only_itself(
    stub: Stub, http: Http, change: Callable[[dict[str, Any]], object], reason: str, times: int
) -> None:
    batch = _spoilt(change, stub, http)
    delhi = [reading for reading in batch.readings if reading.city == "Delhi"]
    assert len(delhi) == 2
    assert all("ozone" not in r.values and "o3" not in r.values and "pm25" in r.values for r in delhi)
    recorded = {"implausible": 1}
    assert batch.rejected == {**recorded, reason: times + recorded.get(reason, 0)}


def test_times_that_are_not_gmt_are_not_believed(stub: Stub, http: Http) -> None:
    batch = _spoilt(lambda place: place.update(utc_offset_seconds=19800), stub, http)
    assert not any("pm25" in r.values for r in batch.readings if r.city == "Delhi")
    assert batch.rejected["shape"] == 1


def test_other_units_are_converted(stub: Stub, http: Http) -> None:
    batch = _spoilt(
        lambda place: place["hourly_units"].update(carbon_monoxide="mg/m³", ozone="ppb"), stub, http
    )
    (ten,) = [r for r in batch.readings if r.city == "Delhi" and r.time.hour == 10]
    assert ten.values["o3"] == pytest.approx(70.0 * 1.963)
    assert "co" not in ten.values  # 790 mg/m³ is not air
