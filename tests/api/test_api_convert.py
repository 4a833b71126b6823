"""GET /aqi/convert: both indices of concentrations, each explained."""

from __future__ import annotations

from typing import Any

import pytest
from api_rows import body_of, problem_of, url
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.domain.aqi import sub_index
from common.domain.observation import POLLUTANTS


def converted(client: Any, **query: Any) -> Any:
    return body_of(client.get(url("/aqi/convert", **query)), "/aqi/convert")["indices"]


def test_the_example_of_cpcb(client: Any) -> None:
    body = converted(client, pm10=121, pm25=34, so2=0, no2=8, co=0, o3=57, nh3=34)["in-naqi"]
    assert (body["aqi"], body["category"], body["dominant_pollutant"]) == (114, "Moderate", "pm10")
    assert {name: part["sub_index"] for name, part in body["pollutants"].items()} == {
        "pm25": 57, "pm10": 114, "no2": 10, "so2": None, "nh3": 9, "co": None, "o3": 57,
    }  # fmt: skip
    assert body["missing"] == ["so2", "co"]
    assert body["pollutants"]["so2"]["withheld"] == "a mean of 0 counts as missing"
    assert body["pollutants"]["pm25"]["band"] == {
        "concentration_low": 30, "concentration_high": 60, "index_low": 50, "index_high": 100,
    }  # fmt: skip


def test_standards_differ(client: Any) -> None:
    both = converted(client, pm25="35.5")
    assert (both["us-epa"]["aqi"], both["us-epa"]["category"]) == (101, "Unhealthy for Sensitive Groups")
    assert both["us-epa"]["pollutants"]["pm25"]["window"] == "NowCast 12 h"
    assert both["in-naqi"]["aqi"] is None
    assert both["in-naqi"]["withheld"] == "sub-indices of 1 pollutants; the AQI needs at least 3"
    assert both["in-naqi"]["pollutants"]["pm25"]["sub_index"] == 59


def test_windows_that_standards_switch_to(client: Any) -> None:
    ozone = converted(client, o3=900, so2=900)
    assert ozone["in-naqi"]["pollutants"]["o3"]["window"] == "1 h"
    assert ozone["in-naqi"]["pollutants"]["o3"]["band"]["index_low"] == 400
    assert ozone["us-epa"]["pollutants"]["o3"]["window"] == "1 h"
    assert ozone["us-epa"]["pollutants"]["so2"]["window"] == "24 h mean"
    assert ozone["us-epa"]["pollutants"]["so2"]["band"]["index_low"] == 201


def test_nothing_given_is_nothing_known(client: Any) -> None:
    both = converted(client)
    assert [body["aqi"] for body in both.values()] == [None, None]
    assert both["in-naqi"]["missing"] == list(POLLUTANTS)
    assert both["us-epa"]["withheld"] == "no pollutant has a sub-index"


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "1e9", "a", ""])
def test_what_is_no_concentration_is_refused(client: Any, value: str) -> None:
    problem = problem_of(client.get(url("/aqi/convert", pm25=value)), 400)
    assert problem["errors"][0]["parameter"] == "pm25"


def test_a_pollutant_that_is_not_known_is_refused(client: Any) -> None:
    assert problem_of(client.get(url("/aqi/convert", pm1=3)), 400)["errors"][0]["parameter"] == "pm1"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(st.sampled_from(POLLUTANTS), st.integers(1, 20_000).map(lambda tenths: tenths / 10))
def test_bands_hold_what_was_given(client: Any, pollutant: str, value: float) -> None:
    part = converted(client, **{pollutant: value})["in-naqi"]["pollutants"][pollutant]
    assert part["sub_index"] == sub_index(pollutant, value)
    band = part["band"]
    assert band["concentration_low"] <= value
    assert value <= band["concentration_high"] or band["index_high"] == 500
    assert band["index_low"] <= part["sub_index"] <= band["index_high"]


def test_numbers_may_be_as_small_as_a_float(client: Any) -> None:
    assert client.get(url("/aqi/convert?no2=2.225073858507e-311")).status_code == 200
    assert client.get(url("/aqi/convert?no2=1e999")).status_code == 400
