"""WAQI: errors with status 200, indices turned back, its clocks, stations that are elsewhere or have stopped."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stubs import Answer, Stub

from common.domain.aqi import sub_index
from common.domain.cities import all_cities, find_city
from common.domain.errors import Permanent, QuotaExhausted, SourceError
from common.sources.interface import Request
from common.sources.waqi import SOURCE

if TYPE_CHECKING:
    from common.domain.observation import Batch
    from common.sources.http import Http

NOW = datetime(2025, 11, 5, 10, 32, tzinfo=UTC)
PATH = "/feed/geo:28.6139;77.209/"
CLOCK = {"s": "2025-11-05 15:00:00", "tz": "+05:30", "v": 1762354800, "iso": "2025-11-05T15:00:00+05:30"}


def request(base: str, *cities: str) -> Request:
    chosen = [find_city(name) for name in cities]
    return Request(chosen, NOW - timedelta(hours=1), NOW, NOW, 0, {"WAQI_BASE_URL": base}, "s3cret-key")


def feed(geo: Any = (28.63, 77.22), time: Any = CLOCK, **values: Any) -> dict[str, Any]:
    place = {"geo": list(geo) if isinstance(geo, tuple) else geo, "name": "ITO, Delhi, India", "url": ""}
    iaqi = {name: {"v": value} for name, value in (values or {"pm25": 177}).items()}
    return {"status": "ok", "data": {"aqi": "-", "idx": 2553, "city": place, "iaqi": iaqi, "time": time}}


class Canned:
    """Gives one body without a network."""

    def __init__(self, body: Any) -> None:
        self.body = body

    def get_json(self, *_: object, **__: object) -> Any:
        return self.body


def batch_of(body: Any) -> Batch:
    return SOURCE.fetch(request("http://waqi", "Delhi"), Canned(body))  # type: ignore[arg-type]


def test_its_data_may_not_be_kept() -> None:
    assert not SOURCE.archivable


def test_asks_by_coordinates(stub: Stub, http: Http) -> None:
    stub.answer(PATH, Answer(body=feed()))
    (reading,) = SOURCE.fetch(request(stub.url, "Delhi"), http).readings
    (seen,) = stub.seen
    assert (seen.path, seen.query) == (PATH, {"token": "s3cret-key"})
    assert (reading.station, reading.basis) == ("ITO, Delhi, India", "implied")


@pytest.mark.parametrize(
    ("body", "error", "reason"),
    [
        ({"status": "error", "data": "Invalid key"}, Permanent, "key"),
        ({"status": "error", "data": "Unknown station"}, Permanent, "no_station"),
        ({"status": "error", "data": "no such station"}, Permanent, "no_station"),
        ({"status": "error", "data": "Over quota"}, QuotaExhausted, "quota"),
        ({"status": "ok", "data": {"status": "error", "msg": "Unknown ID"}}, Permanent, "no_station"),
        ({"status": "ok", "data": {"status": "error", "msg": "Invalid key"}}, Permanent, "key"),
        ({"status": "ok", "data": {"status": "error", "data": "Over quota"}}, QuotaExhausted, "quota"),
        ({"status": "ok", "data": "-"}, Permanent, "shape"),
        ({"status": "nothing", "data": {}}, Permanent, "shape"),
    ],
)
def test_errors_come_with_status_200(
    stub: Stub, http: Http, body: Any, error: type[SourceError], reason: str
) -> None:
    stub.answer(PATH, Answer(body=body))
    with pytest.raises(error) as caught:
        SOURCE.fetch(request(stub.url, "Delhi"), http)
    assert caught.value.reason == reason
    assert len(stub.seen) == 1


def test_an_error_does_not_tell_the_token() -> None:
    with pytest.raises(SourceError) as caught:
        batch_of({"status": "error", "data": "Invalid key s3cret-key"})
    assert "s3cret" not in str(caught.value)


def test_the_token_demo_shows_shanghai_everywhere_and_that_is_nowhere_here() -> None:
    shanghai = feed((31.2047372, 121.4489017))
    wanted = replace(request("http://waqi"), cities=all_cities())
    batch = SOURCE.fetch(wanted, Canned(shanghai))  # type: ignore[arg-type]
    assert not batch.readings
    assert batch.rejected == {"elsewhere": 56}


@pytest.mark.parametrize("geo", [(77.22, 28.63), (28.63,), None, ("28.63", "77.22"), (29.0, 77.2)])
def test_a_station_that_is_not_near_is_elsewhere(geo: Any) -> None:
    assert batch_of(feed(geo)).rejected == {"elsewhere": 1}


@given(st.sampled_from(["pm25", "pm10", "no2", "co"]), st.integers(0, 500))
def test_indices_are_turned_back(pollutant: str, index: int) -> None:
    (reading,) = batch_of(feed(**{pollutant: index})).readings
    back = sub_index(pollutant, reading.values[pollutant], "us-epa")
    assert back is not None
    assert abs(back - index) <= 1  # EPA's whole µg/m³ and ppb do not reach every index


def test_an_index_beyond_the_scale_implies_what_its_end_does() -> None:
    (reading,) = batch_of(feed(pm25=999, pm10=612)).readings
    assert reading.values == pytest.approx({"pm25": 325.4, "pm10": 604.0})


def test_weather_is_real_and_what_is_unknown_is_left() -> None:
    (reading,) = batch_of(
        feed(t=18.7, h=48.3, p=1012, w=0.2, wg=2.6, dew=9, neph=1.2, pm25="-", o3=None)
    ).readings
    assert reading.values == {
        "temperature": 18.7,
        "humidity": 48.3,
        "pressure": 1012.0,
        "wind_speed": 0.2,
        "dew_point": 9.0,
    }


@pytest.mark.parametrize(
    ("clock", "outcome"),
    [
        (CLOCK, "2025-11-05T09:30:00+00:00"),
        ({"iso": "2025-11-05T09:30:00Z", "v": 1762335000}, "2025-11-05T09:30:00+00:00"),
        ({"s": "2025-11-05 15:00:00", "tz": "+05:30", "v": 0}, "2025-11-05T09:30:00+00:00"),
        ({"s": "2025-11-05 15:00:00", "tz": "", "v": 1762335000}, "time"),
        ({"tz": "+05:30", "v": 0}, "time"),
        ({"iso": "2025-11-05T10:02:00+05:30"}, "2025-11-05T04:32:00+00:00"),
        ({"iso": "2025-11-05T10:01:00+05:30"}, "stale"),
        ({"iso": "2025-11-05T16:07:01+05:30"}, "future"),
    ],
)
def test_the_clock_with_its_zone_counts(clock: Any, outcome: str) -> None:
    batch = batch_of(feed(time=clock))
    assert [*(reading.time.isoformat() for reading in batch.readings), *batch.rejected] == [outcome]


@pytest.mark.parametrize(
    ("values", "reason"),
    [({"pm25": 9999}, "implausible"), ({"pm25": "177"}, "not_a_number"), ({"t": 80}, "implausible")],
)
def test_values_that_cannot_be(values: dict[str, Any], reason: str) -> None:
    assert batch_of(feed(**values)).rejected == {reason: 1, "no_values": 1}


@pytest.mark.parametrize("part", ["city", "time", "iaqi"])
def test_a_part_that_is_missing(part: str) -> None:
    body = feed()
    body["data"][part] = None
    assert batch_of(body).rejected == {"shape": 1}
