"""Forecasts as they are served."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from api_rows import body_of, issued, mark_simulated, problem_of, put_forecasts, put_models, trained, url
from werkzeug.test import Client

from common.domain.observation import HOUR
from common.store.engine import Database

FORECAST = "/forecast/{city}"
BATCH = "/forecast/batch"


def forecast(client: Client, city: str = "Delhi", **query: Any) -> Any:
    return body_of(client.get(url(f"/forecast/{city}", **query)), FORECAST)


def test_the_newest_live_forecast(client: Client, database: Database, now: datetime) -> None:
    origin = now - HOUR
    put_models(database, trained("delhi-7", now - timedelta(days=1)))
    put_forecasts(
        database,
        issued("Delhi", origin - HOUR),
        issued("Delhi", origin, model_version="delhi-7", source="cpcb"),
        issued("Delhi", now, mode="replay"),
        issued("Mumbai", now),
    )
    body = forecast(client)
    points = body.pop("forecast")
    assert body == {
        "city": "Delhi",
        "state": "Delhi",
        "standard": "in-naqi",
        "target": "aqi",
        "issued_at": "2025-11-05T09:42:00Z",
        "origin": "2025-11-05T09:30:00Z",
        "known_until": "2025-11-05T08:30:00Z",
        "stale": False,
        "model": {"version": "delhi-7", "family": "xgboost"},
        "naive": False,
        "basis": "measured",
        "source": "cpcb",
        "simulated": False,
        "record": "/api/v1/record/scores/delhi?target=aqi&season=ON&lead=24",
        "hours": 48,
    }
    assert [point["lead_hours"] for point in points] == list(range(1, 49))
    assert points[-1]["time"] == "2025-11-07T09:30:00Z"
    assert points[0] == {
        "time": "2025-11-05T10:30:00Z",
        "lead_hours": 1,
        "aqi": 180,
        "category": "Moderate",
        "confidence": 0.5,
        "lower_80": 150,
        "upper_80": 241,
        "lower_95": 0,
        "upper_95": 500,
        "probabilities": {
            "Good": 0.01,
            "Satisfactory": 0.09,
            "Moderate": 0.5,
            "Poor": 0.25,
            "Very Poor": 0.1,
            "Severe": 0.05,
        },
        "exceedance": {"200": 0.4, "300": 0.15, "400": 0.05},
    }
    # 180.4 + 20 rounds to 200, which is still Moderate; the next is 201.
    assert [points[lead]["category"] for lead in (20, 21)] == ["Moderate", "Poor"]
    assert points[21]["confidence"] == 0.25


def test_pm25_beside_the_index_and_alone(client: Client, database: Database, now: datetime) -> None:
    put_forecasts(
        database,
        issued("Delhi", now),
        issued("Delhi", now, target="pm25", y=[88.88] * 48),
        issued("Delhi", now - HOUR, target="pm25", y=[1.0] * 48),
    )
    pm25 = {"value": 88.9, "lower_80": 150.2, "upper_80": 240.5, "lower_95": 0.0, "upper_95": 512.0}
    [point] = forecast(client, hours=1)["forecast"]
    assert (point["aqi"], point["pm25"]) == (180, pm25)
    alone = forecast(client, hours=1, target="pm25")
    assert alone["target"] == "pm25"
    assert alone["forecast"] == [{"time": "2025-11-05T11:30:00Z", "lead_hours": 1, "pm25": pm25}]


@pytest.mark.parametrize("hours", [1, 5, 47, 48])
def test_fewer_hours_are_the_first_of_all(
    client: Client, database: Database, now: datetime, hours: int
) -> None:
    lead_by_lead = [[0.5 - lead / 100, lead / 100, 0.1, 0.1, 0.2, 0.1] for lead in range(48)]
    put_forecasts(
        database,
        issued("Delhi", now, categories=lead_by_lead, hi95=[300.0 + lead for lead in range(48)]),
        issued("Delhi", now, target="pm25", y=[60.0 + lead for lead in range(48)]),
    )
    whole = forecast(client)["forecast"]
    assert len({json.dumps(point["probabilities"]) for point in whole}) == len(whole) == 48
    assert forecast(client, hours=hours)["forecast"] == whole[:hours]


def test_a_pm25_forecast_of_another_origin_is_not_mixed_in(
    client: Client, database: Database, now: datetime
) -> None:
    put_forecasts(database, issued("Delhi", now), issued("Delhi", now - HOUR, target="pm25"))
    assert "pm25" not in forecast(client)["forecast"][0]


def test_a_naive_forecast_says_so(client: Client, database: Database, now: datetime) -> None:
    mark_simulated(database)
    put_forecasts(database, issued("Delhi", now, family="naive"))
    body = forecast(client)
    assert body["naive"] is True
    assert body["model"] == {"version": None, "family": "naive"}
    assert "naive forecast" in body["note"]
    assert body["simulated"] is True


@pytest.mark.parametrize(("hours", "stale"), [(3, False), (4, True), (48, True)])
def test_stale_is_issued_more_than_three_hours_ago(
    client: Client, database: Database, now: datetime, hours: int, stale: bool
) -> None:
    put_forecasts(database, issued("Delhi", now - hours * HOUR))
    assert forecast(client)["stale"] is stale


def test_none_issued_and_none_in_force(client: Client, database: Database, now: datetime) -> None:
    assert (
        "no forecast has been issued for Delhi"
        in problem_of(client.get(url("/forecast/Delhi")), 404)["detail"]
    )
    put_forecasts(database, issued("Delhi", now - 49 * HOUR))
    detail = problem_of(client.get(url("/forecast/Delhi")), 404)["detail"]
    assert "issued at 2025-11-03T09:42:00Z, has run out" in detail


@pytest.mark.parametrize("hours", ["0", "49", "abc", "1.5", ""])
def test_hours_out_of_range(client: Client, hours: str) -> None:
    detail = problem_of(client.get(url("/forecast/Delhi", hours=hours)), 400)["detail"]
    assert "hours must be a whole number from 1 to 48" in detail


def test_a_batch_serves_what_it_can_and_reports_the_rest(
    client: Client, database: Database, now: datetime
) -> None:
    put_forecasts(database, issued("Delhi", now), issued("Pune", now - 60 * HOUR), issued("Bangalore", now))
    requested = {"cities": ["delhi", "Bengaluru", "Atlantis", "New Delhi", "Mumbai", "Pune", "Atlantis"]}
    body = body_of(client.post(url(BATCH), json=requested), BATCH)
    assert (body["hours_ahead"], body["count"], body["simulated"]) == (24, 2, False)
    assert [(item["city"], len(item["forecast"])) for item in body["forecasts"]] == [
        ("Delhi", 24),
        ("Bangalore", 24),
    ]
    assert [(error["city"], error["status"]) for error in body["errors"]] == [
        ("Atlantis", 404),
        ("Mumbai", 404),
        ("Pune", 404),
    ]
    assert ["unknown city" in error["detail"] for error in body["errors"]] == [True, False, False]
    single = forecast(client, hours=24)
    assert body["forecasts"][0] == single


def test_a_batch_of_one_hour(client: Client, database: Database, now: datetime) -> None:
    put_forecasts(database, issued("Delhi", now))
    body = body_of(client.post(url(BATCH), json={"cities": ["Delhi"], "hours_ahead": 1}), BATCH)
    assert [point["lead_hours"] for point in body["forecasts"][0]["forecast"]] == [1]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        (b'{"cities": ["\xff"]}', "not JSON"),
        ('{"cities": ["\\ud800"]}', "not JSON"),
        ("[" * 60_000, "not JSON"),
        ("null", "does not fit: the body must be an object, not null"),
        ('["Delhi"]', 'does not fit: the body must be an object, not ["Delhi"]'),
        ("{}", "does not fit: /cities is missing; it must be a list of 1 to 56, each text"),
        ('{"cities": []}', "/cities must be a list of 1 to 56, each text, not []"),
        ('{"cities": "Delhi"}', '/cities must be a list of 1 to 56, each text, not "Delhi"'),
        ('{"cities": [1]}', "/cities/0 must be text, not 1"),
        (json.dumps({"cities": ["Delhi"] * 57}), "/cities must be a list of 1 to 56"),
        (
            '{"cities": ["Delhi"], "hours_ahead": 0}',
            "/hours_ahead must be a whole number from 1 to 48, not 0",
        ),
        ('{"cities": ["Delhi"], "hours_ahead": 49}', "must be a whole number from 1 to 48, not 49"),
        ('{"cities": ["Delhi"], "hours_ahead": "24"}', 'must be a whole number from 1 to 48, not "24"'),
        ('{"cities": ["Delhi"], "hours_ahead": 1.5}', "must be a whole number from 1 to 48, not 1.5"),
        ('{"cities": ["Delhi"], "hours_ahead": true}', "must be a whole number from 1 to 48, not true"),
        ('{"cities": ["Delhi"], "hours_ahead": NaN}', "hours_ahead"),
        ('{"cities": ["Delhi"], "hours": 24}', "there is no 'hours'; those there are: cities, hours_ahead"),
        ('{"hours": 1}', "/cities is missing; it must be a list of 1 to 56, each text; there is no 'hours'"),
    ],
)
def test_bodies_that_do_not_fit(client: Client, body: str, message: str) -> None:
    response = client.post(url(BATCH), data=body, content_type="application/json")
    assert message in problem_of(response, 400)["detail"]


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", None])
def test_only_json_is_taken(client: Client, media: str | None) -> None:
    problem_of(client.post(url(BATCH), data='{"cities": ["Delhi"]}', content_type=media), 415)


def test_a_charset_does_no_harm(client: Client) -> None:
    media = "Application/JSON; charset=utf-8"
    assert client.post(url(BATCH), data='{"cities": ["Delhi"]}', content_type=media).status_code == 200


def test_a_body_above_64_kib_is_too_large(client: Client) -> None:
    body = json.dumps({"cities": ["x" * 1100] * 60})
    assert len(body) > 64 * 1024
    assert (
        "64 KiB"
        in problem_of(client.post(url(BATCH), data=body, content_type="application/json"), 413)["detail"]
    )
