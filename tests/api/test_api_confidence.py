"""How far intervals and probabilities can be trusted, and how bad air was foreseen."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from api_rows import body_of, hour, issued, problem_of, put_forecasts, put_hours, put_models, trained, url
from werkzeug.test import Client

from common.domain.forecast import MODES
from common.domain.observation import HOUR
from common.store.engine import Database, run
from common.store.forecasts import score

CONFIDENCE = "/forecast/confidence/{city}"
PERFORMANCE = "/models/performance/{city}"


def confidence(client: Client, city: str = "Delhi", **query: Any) -> Any:
    return body_of(client.get(url(f"/forecast/confidence/{city}", **query)), CONFIDENCE)


@pytest.fixture
def recorded(database: Database, now: datetime) -> Database:
    """Two forecasts whose truth is 250 throughout; the 80 % interval holds it for the first 24 hours only."""
    put_hours(database, *(hour("Delhi", now - back * HOUR, aqi=250) for back in range(80)))
    narrow = {
        "lo80": [200.0] * 48,
        "hi80": [260.0] * 24 + [240.0] * 24,
        "lo95": [100.0] * 48,
        "hi95": [300.0] * 48,
    }
    made: dict[str, Any] = {"y": [230.0] * 24 + [180.0] * 24, "persistence": [260.0] * 48, **narrow}
    put_forecasts(
        database,
        issued("Delhi", now - 50 * HOUR, **made),
        issued("Delhi", now - 60 * HOUR, family="naive", **made),
        issued("Delhi", now - 60 * HOUR, mode="replay", **made),
        issued("Delhi", now - 60 * HOUR, target="pm25", **made),
    )
    put_models(database, trained("followed", now, family="linear"))
    with database.transaction() as connection:
        run(
            connection,
            """
            INSERT INTO forecast_challenger
            SELECT city, target, mode, origin, rival,
                   array_fill(CAST(310 AS real), ARRAY[24]) || array_fill(NULL::real, ARRAY[24])
            FROM forecast, unnest(ARRAY['open-meteo', 'followed']) AS rival WHERE target = 'aqi' AND mode = 'live'
            """,
        )
        for mode in MODES:
            score(connection, mode=mode, now=now)
    return database


def test_nothing_recorded_is_null_and_empty(client: Client) -> None:
    body = confidence(client)
    assert (body["pooled"], body["by_block"], body["by_lead"], body["reliability"]) == (None, [], [], None)
    assert (body["start"], body["end"], body["days"], body["mode"]) == (None, None, 90, "live")


@pytest.mark.usefixtures("recorded")
def test_nominal_against_realised_coverage(client: Client) -> None:
    body = confidence(client, city="delhi")
    assert (body["start"], body["end"]) == ("2025-11-02T22:30:00Z", "2025-11-03T08:30:00Z")
    assert body["pooled"] == {
        "n": 96,
        "interval_80": {"nominal": 0.8, "realised": 0.5, "width": 50.0},
        "interval_95": {"nominal": 0.95, "realised": 1.0, "width": 200.0},
        # By hand: (0.1 · 50 + 0.025 · 150 + 0.025 · 50 + (0.1 · 10 or 0.9 · 10)) / 4, half of each
        "pinball": pytest.approx((5 + 3.75 + 1.25 + 5) / 4, abs=1e-3),
    }
    assert [(block["leads"], block["n"], block["interval_80"]["realised"]) for block in body["by_block"]] == [
        ("1-6", 12, 1.0),
        ("7-12", 12, 1.0),
        ("13-24", 24, 1.0),
        ("25-48", 48, 0.0),
    ]
    assert [row["lead"] for row in body["by_lead"]] == list(range(1, 49))
    assert {row["n"] for row in body["by_lead"]} == {2}


@pytest.mark.usefixtures("recorded")
def test_stated_probabilities_against_what_happened(client: Client) -> None:
    message = confidence(client)["reliability"]
    # Categories as issued: Moderate 0.5, Poor 0.25, Very Poor 0.1, Severe 0.05; the truth is Poor.
    assert message["category"] == [
        {"above": 0.2, "below": 0.3, "n": 48, "stated": 0.25, "realised": 1.0},
        {"above": 0.5, "below": 0.6, "n": 48, "stated": 0.5, "realised": 0.0},
    ]
    assert message["exceedance"] == {
        "200": [{"above": 0.4, "below": 0.5, "n": 96, "stated": 0.4, "realised": 1.0}],
        "300": [{"above": 0.1, "below": 0.2, "n": 96, "stated": 0.15, "realised": 0.0}],
        "400": [{"above": 0.0, "below": 0.1, "n": 96, "stated": 0.05, "realised": 0.0}],
    }


@pytest.mark.usefixtures("recorded")
def test_what_is_asked_for(client: Client) -> None:
    assert confidence(client, family="naive")["pooled"]["n"] == 48
    assert confidence(client, season="monsoon")["pooled"] is None
    assert confidence(client, season="post-monsoon")["pooled"]["n"] == 96
    assert confidence(client, days=1)["pooled"] is None
    replay = confidence(client, mode="replay", days=1)
    assert (replay["pooled"]["n"], replay["days"]) == (48, None)
    pm25 = confidence(client, target="pm25")
    assert (pm25["pooled"]["n"], pm25["reliability"]) == (48, None)


@pytest.mark.parametrize(
    ("query", "status"),
    [({"days": 0}, 400), ({"days": 400}, 400), ({"mode": "fast"}, 400), ({"target": "no2"}, 400),
     ({"family": "lstm9"}, 400), ({"season": "autumn"}, 400), ({"hours": 3}, 400)],
)  # fmt: skip
def test_bad_questions(client: Client, query: dict[str, Any], status: int) -> None:
    problem_of(client.get(url("/forecast/confidence/Delhi", **query)), status)


def test_an_unknown_city(client: Client) -> None:
    assert "Atlantis" in problem_of(client.get(url("/forecast/confidence/Atlantis")), 404)["detail"]


@pytest.mark.usefixtures("recorded")
def test_rivals_and_warnings_of_bad_air(client: Client) -> None:
    live = body_of(client.get(url("/models/performance/Delhi")), PERFORMANCE)["live"]
    assert [
        (challenger["name"], challenger["kind"], challenger["pooled"]["n"]) for challenger in live["rivals"]
    ] == [
        ("linear", "model", 48),
        ("open-meteo", "provider", 48),
    ]
    pooled = live["rivals"][1]["pooled"]
    assert (pooled["mae"], pooled["our_mae"], pooled["skill"], pooled["our_skill"]) == (
        60.0,
        20.0,
        -5.0,
        -1.0,
    )
    assert [block["leads"] for block in live["rivals"][0]["by_block"]] == ["1-6", "7-12", "13-24"]
    message = {(warning["above"], warning["leads"]): warning for warning in live["warnings"]}
    assert len(message) == 12
    hit = {"hits": 12, "misses": 0, "false_alarms": 0, "pod": 1.0, "far": 0.0, "csi": 1.0}
    assert message[200, "1-6"]["ours"] == message[200, "1-6"]["persistence"] == hit
    missed = {"hits": 0, "misses": 48, "false_alarms": 0, "pod": 0.0, "far": None, "csi": 0.0}
    assert message[200, "25-48"]["ours"] == missed
    assert message[200, "25-48"]["rivals"] == {}
    false = {"hits": 0, "misses": 0, "false_alarms": 12, "pod": None, "far": 1.0, "csi": 0.0}
    assert message[300, "1-6"]["rivals"] == {"linear": false, "open-meteo": false}
    pm25 = body_of(client.get(url("/models/performance/Delhi", target="pm25")), PERFORMANCE)["live"]
    assert pm25["warnings"] == []


@pytest.mark.usefixtures("recorded")
def test_the_record_of_a_season_a_family_and_each_model(client: Client) -> None:
    live = body_of(client.get(url("/models/performance/Delhi", season="post-monsoon")), PERFORMANCE)["live"]
    assert [
        (version["version"], version["family"], version["scores"]["n"]) for version in live["by_version"]
    ] == [
        (None, "naive", 48),
        (None, "xgboost", 48),
    ]
    body = body_of(client.get(url("/models/performance/Delhi", family="naive")), PERFORMANCE)
    assert (body["live"]["pooled"]["n"], body["replay"]) == (48, None)


def test_a_year_is_read_from_days_rolled_up(client: Client, database: Database, now: datetime) -> None:
    long_ago = now - timedelta(days=200)
    put_hours(database, *(hour("Delhi", long_ago + ahead * HOUR, aqi=250) for ahead in range(60)))
    put_forecasts(database, *(issued("Delhi", long_ago + ahead * HOUR) for ahead in range(3)))
    with database.transaction() as connection:
        score(connection, mode="live", now=now, reach_hours=24 * 300)
        before = run(connection, "SELECT count(*) FROM forecast_day_state WHERE rolled")
    assert before == [(1,)]
    body = confidence(client, days=366)
    assert body["pooled"]["n"] == 144
    assert body["reliability"]["category"][0]["n"] > 0
    assert confidence(client, days=30)["pooled"] is None
