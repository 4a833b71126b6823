"""OpenAQ: which stations are a city's, pages, units, windows, one sensor failing, limits."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stubs import Answer, Seen, Stub

from common.domain.cities import find_city
from common.domain.errors import Permanent, QuotaExhausted, SourceError, Transient
from common.sources.interface import Request
from common.sources.openaq import SOURCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from common.sources.http import Http

NOW = datetime(2025, 11, 30, 10, 30, tzinfo=UTC)
START = datetime(2025, 11, 1, 8, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def request(base: str, *cities: str, hours: int = 3) -> Request:
    chosen, urls = [find_city(name) for name in cities or ("Delhi",)], {"OPENAQ_BASE_URL": base}
    return Request(chosen, START, START + hours * HOUR, NOW, 0, urls, "s3cret-key")


def location(
    name: str, *sensors: tuple[int, str, str], at: Any = (28.63, 77.22), **fields: Any
) -> dict[str, Any]:
    each = [{"id": i, "parameter": {"name": pollutant, "units": unit}} for i, pollutant, unit in sensors]
    place = {"latitude": at[0], "longitude": at[1]}
    usual = {"id": 1, "name": name, "isMonitor": True, "sensors": each, "coordinates": place}
    return usual | {"datetimeFirst": None, "datetimeLast": None} | fields


def hour(end: datetime, value: Any = 50.0, **fields: Any) -> dict[str, Any]:
    begin, stop = ({"utc": time.strftime("%Y-%m-%dT%H:%M:%SZ")} for time in (end - HOUR, end))
    period = {"label": "1hour", "interval": "01:00:00", "datetimeFrom": begin, "datetimeTo": stop}
    return {"value": value, "flagInfo": {"hasFlags": False}, "period": period} | fields


def results(items: list[Any], result: Any = ">100") -> Callable[[Seen], Answer]:
    """All pages of some results."""

    def answer(seen: Seen) -> Answer:
        limit, page = int(seen.query["limit"]), int(seen.query["page"])
        here = items[limit * (page - 1) : limit * page]
        return Answer(body={"meta": {"page": page, "limit": limit, "found": result}, "results": here})

    return answer


def serve(stub: Stub, locations: list[Any], **hours: list[Any]) -> None:
    stub.answer("/locations", results(locations))
    for sensor, rows in hours.items():
        stub.answer(f"/sensors/{sensor.removeprefix('s')}/hours", results(rows))


ITO = location("ITO, Delhi - CPCB", (1, "pm25", "µg/m³"))
THREE = [hour(START + i * HOUR) for i in range(1, 4)]


def test_hourly_runs_do_not_ask(stub: Stub, http: Http) -> None:
    live = replace(request(stub.url), start=NOW - 24 * HOUR, end=NOW)
    assert not SOURCE.fetch(live, http).readings
    assert not stub.seen


def test_what_is_asked(stub: Stub, http: Http) -> None:
    serve(stub, [ITO], s1=THREE)
    batch = SOURCE.fetch(request(stub.url), http)
    first, second = stub.seen
    assert first.query["coordinates"] == "28.6139,77.209"
    assert (first.query["radius"], first.query["monitor"]) == ("25000", "true")
    assert second.query["datetime_from"] == "2025-11-01T07:30:00Z"
    assert second.query["datetime_to"] == "2025-11-01T12:30:00Z"
    headers = [{name.lower(): value for name, value in seen.headers.items()} for seen in stub.seen]
    assert [each["x-api-key"] for each in headers] == 2 * ["s3cret-key"]
    assert [reading.time for reading in batch.readings] == [START + i * HOUR for i in range(1, 4)]


def test_only_hours_that_end_in_the_window(stub: Stub, http: Http) -> None:
    serve(stub, [ITO], s1=[hour(START + i * HOUR) for i in range(-3, 9)])
    batch = SOURCE.fetch(request(stub.url), http)
    assert [reading.time for reading in batch.readings] == [START + i * HOUR for i in range(1, 4)]
    assert not batch.rejected


@pytest.mark.parametrize(("count", "calls"), [(0, 1), (999, 1), (1000, 2), (1001, 2), (2000, 3), (2500, 3)])
def test_pages_end_with_one_that_is_not_full(stub: Stub, http: Http, count: int, calls: int) -> None:
    start = START - 3000 * HOUR
    serve(stub, [ITO], s1=[hour(start + i * HOUR) for i in range(1, count + 1)])
    batch = SOURCE.fetch(replace(request(stub.url), start=start), http)
    assert len(batch.readings) == count
    assert [seen.query["page"] for seen in stub.seen[1:]] == [str(i + 1) for i in range(calls)]


def test_a_server_that_knows_no_pages_is_not_asked_for_ever(stub: Stub, http: Http) -> None:
    full = Answer(body={"results": [hour(START + HOUR)] * 1000})
    serve(stub, [ITO])
    stub.answer("/sensors/1/hours", full)
    batch = SOURCE.fetch(request(stub.url), http)
    assert len(stub.seen) == 3
    assert len(batch.readings) == 1
    assert batch.rejected == {"duplicate": 1999}


@pytest.mark.parametrize(
    ("requested", "name", "at", "belongs"),
    [
        ("Delhi", "ITO, Delhi - CPCB", (28.63, 77.22), True),
        ("Delhi", "ITO, New Delhi - CPCB", (28.63, 77.22), True),
        ("Hyderabad", "Zoo Park, Bahadurpura West, Hyderabad - TSPCB", (17.35, 78.45), True),
        ("Bangalore", "Hebbal, Bengaluru - KSPCB", (13.03, 77.6), True),
        ("Ghaziabad", "Anand Vihar, Delhi - DPCC", (28.6476, 77.3158), False),
        ("Ghaziabad", "Vasundhara, Ghaziabad, Uttar Pradesh - UPPCB", (28.66, 77.357), True),
        ("Delhi", "Vasundhara, Ghaziabad, Uttar Pradesh - UPPCB", (28.66, 77.357), False),
        ("Delhi", "Sector-62, Noida, Uttar Pradesh, India - IMD", (28.6245, 77.3577), False),
        ("Ghaziabad", "Ghaziabad, Uttar_Pradesh - UPPCB", (28.66, 77.357), True),
        ("Delhi", "Anand Vihar, Delhi, Delhi - DPCC", (28.6476, 77.3158), True),
        ("Delhi", "Anand Vihar, New Delhi, NCT of Delhi - DPCC", (28.6476, 77.3158), True),
        ("Chennai", "Velachery, Chennai, TamilNadu - CPCB", (13.005, 80.24), True),
        ("Chandigarh", "Sector 22, Chandigarh - CPCC", (30.735, 76.776), True),
        ("Aurangabad", "Gurdeo Nagar, Aurangabad, Bihar - BSPCB", (19.88, 75.34), False),
        ("Delhi", "Sector-62, Noida - IMD", (28.6245, 77.3577), False),
        ("Delhi", "New Delhi", (28.63, 77.22), True),
        ("Delhi", "Vasundhara", (28.66, 77.38), False),
        ("Ghaziabad", "Vasundhara", (28.66, 77.38), True),
        ("Howrah", "US Diplomatic Post: Kolkata", (22.547, 88.351), False),
        ("Delhi", "ITO, Delhi - CPCB", (28.9, 77.22), False),
        ("Delhi", "ITO, Delhi - CPCB", (None, None), False),
    ],
)
def test_which_stations_are_a_citys(
    stub: Stub, http: Http, requested: str, name: str, at: Any, belongs: bool
) -> None:
    serve(stub, [location(name, (1, "pm25", "µg/m³"), at=at)], s1=THREE)
    batch = SOURCE.fetch(request(stub.url, requested), http)
    assert {reading.station for reading in batch.readings} == ({name} if belongs else set())
    assert batch.rejected == ({} if belongs else {"elsewhere": 1})


@pytest.mark.parametrize(
    ("fields", "requested"),
    [
        ({"isMonitor": False}, False),
        ({"datetimeLast": {"utc": "2025-11-01T08:30:00Z"}}, False),
        ({"datetimeLast": {"utc": "2025-11-01T09:30:00+00:00"}}, True),
        ({"datetimeFirst": {"utc": "2025-11-01T12:00:00Z"}}, False),
        ({"datetimeFirst": {"utc": "2016-11-01T12:00:00Z"}}, True),
    ],
)
def test_stations_that_cannot_have_hours_are_not_asked(
    stub: Stub, http: Http, fields: dict[str, Any], requested: bool
) -> None:
    serve(stub, [ITO | fields], s1=THREE)
    SOURCE.fetch(request(stub.url), http)
    assert len(stub.seen) == 1 + requested


@pytest.mark.parametrize(
    ("pollutant", "unit", "given", "stored"),
    [
        ("pm25", "µg/m³", 50, 50.0),
        ("pm25", "μg/m³", 50, 50.0),
        ("co", "µg/m³", 1200, 1.2),
        ("co", "mg/m³", 1.2, 1.2),
        ("co", "ppb", 1000, 1.1456),
        ("co", "ppm", 1, 1.1456),
        ("no2", "ppb", 10, 18.82),
        ("o3", "ppm", 0.01, 19.63),
        ("so2", "ppb", 10, 26.2),
    ],
)
def test_each_sensor_has_its_unit(
    stub: Stub, http: Http, pollutant: str, unit: str, given: float, stored: float
) -> None:
    serve(stub, [location("New Delhi", (7, pollutant, unit))], s7=[hour(START + HOUR, given)])
    (reading,) = SOURCE.fetch(request(stub.url), http).readings
    assert reading.values == {pollutant: pytest.approx(stored)}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (hour(START + HOUR, flagInfo={"hasFlags": True}), "flagged"),
        (hour(START + HOUR, -4.9), "implausible"),
        (hour(START + HOUR, -999), "implausible"),
        (hour(START + HOUR, "50"), "not_a_number"),
        (hour(START + HOUR, period={"datetimeTo": {"utc": "yesterday"}}), "time"),
        (hour(START + HOUR, period=None), "shape"),
        ("50", "shape"),
    ],
)
def test_hours_that_cannot_be_used(stub: Stub, http: Http, row: Any, reason: str) -> None:
    serve(stub, [ITO], s1=[row])
    batch = SOURCE.fetch(request(stub.url), http)
    assert not batch.readings
    assert batch.rejected == {reason: 1}


def test_sensors_of_a_station_meet_in_one_reading_and_a_second_listing_adds_nothing(
    stub: Stub, http: Http
) -> None:
    first = location("ITO, Delhi - CPCB", (1, "pm25", "µg/m³"), (2, "co", "mg/m³"), (3, "humidity", "%"))
    second = location(" ITO,  Delhi - CPCB", (4, "pm25", "µg/m³"), (5, "o3", "µg/m³"))
    end = START + HOUR
    serve(
        stub, [first, second], s1=[hour(end, 50)], s2=[hour(end, 1)], s4=[hour(end, 51)], s5=[hour(end, 20)]
    )
    batch = SOURCE.fetch(request(stub.url), http)
    (reading,) = batch.readings
    assert reading.values == {"pm25": 50.0, "co": 1.0, "o3": 20.0}
    assert batch.rejected == {"duplicate": 1}


@pytest.mark.parametrize("status", [404, 422, 405])
def test_one_sensor_failing_costs_only_itself(stub: Stub, http: Http, status: int) -> None:
    serve(stub, [location("New Delhi", (1, "pm25", "µg/m³"), (2, "co", "mg/m³"))], s2=[hour(START + HOUR, 1)])
    stub.answer(
        "/sensors/1/hours", Answer(status=status, body={"detail": [{"loc": ["query", "datetime_to"]}]})
    )
    batch = SOURCE.fetch(request(stub.url), http)
    assert [dict(reading.values) for reading in batch.readings] == [{"co": 1.0}]
    assert batch.rejected == {"sensor:refused": 1}


@pytest.mark.parametrize(
    ("answer", "counted", "calls"),
    [
        (Answer(status=429, body={"message": "Too many requests"}), "city:quota", 1),
        (Answer(status=401, body={"message": "Unauthorized"}), "city:key", 1),
        (Answer(status=408), "city:timeout", 3),
        (Answer(status=500), "city:server_error", 3),
    ],
)
def test_what_came_before_a_failure_is_kept(
    stub: Stub, http: Http, answer: Answer, counted: str, calls: int
) -> None:
    sensors = (1, "pm25", "µg/m³"), (2, "co", "mg/m³"), (3, "o3", "µg/m³")
    serve(stub, [location("New Delhi", *sensors)], s1=[hour(START + HOUR)])
    stub.answer("/sensors/2/hours", answer)
    batch = SOURCE.fetch(request(stub.url), http)
    assert [dict(reading.values) for reading in batch.readings] == [{"pm25": 50.0}]
    assert batch.rejected == {counted: 1}
    assert len(stub.seen) == 2 + calls


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        (
            Answer(status=401, body={"message": "Unauthorized. A valid API key must be provided"}),
            Permanent,
            "key",
        ),
        (Answer(status=403), Permanent, "key"),
        (Answer(status=404, body={"detail": "Not Found"}), Permanent, "refused"),
        (Answer(status=408), Transient, "timeout"),
        (Answer(status=422, body=[{"type": "int_parsing"}]), Permanent, "refused"),
        (Answer(body={"meta": {}}), Permanent, "shape"),
    ],
)
def test_refusals(stub: Stub, http: Http, answer: Answer, error: type[SourceError], reason: str) -> None:
    stub.answer("/locations", answer)
    with pytest.raises(error) as caught:
        SOURCE.fetch(request(stub.url), http)
    assert caught.value.reason == reason


def test_a_spent_quota_says_for_how_long(stub: Stub, http: Http) -> None:
    headers = {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "37"}
    stub.answer("/locations", Answer(status=429, body={"message": "Too many requests"}, headers=headers))
    with pytest.raises(QuotaExhausted) as caught:
        SOURCE.fetch(request(stub.url, "Delhi", "Agra"), http)
    assert caught.value.retry_after == 37
    assert len(stub.seen) == 1


@given(st.datetimes(datetime(2016, 1, 1), datetime(2025, 11, 20)), st.integers(1, 5000))  # noqa: DTZ001 - made aware below
def test_any_window_is_asked_for_in_utc_and_bounded(start: datetime, hours: int) -> None:
    begin = start.replace(tzinfo=UTC)
    end = begin + hours * HOUR

    class Endless:
        """Full pages, whatever page is asked for."""

        questions = 0

        def get_json(self, url: str, params: dict[str, str], **_: object) -> Any:
            if url.endswith("/locations"):
                return {"results": [ITO]}
            assert params["datetime_from"].endswith("Z")
            self.questions += 1
            return {"results": [None] * 1000}

    server = Endless()
    wanted = replace(request("http://openaq"), start=begin, end=end, now=max(end, NOW))
    SOURCE.fetch(wanted, server)  # type: ignore[arg-type]
    assert hours / 1000 <= server.questions <= hours / 1000 + 2
