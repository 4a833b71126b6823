"""Models and their record."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from api_rows import (
    METRICS,
    body_of,
    hour,
    issued,
    problem_of,
    put_forecasts,
    put_hours,
    put_models,
    trained,
    url,
)
from werkzeug.test import Client

from common.domain.observation import HOUR
from common.store.engine import Database
from common.store.forecasts import score
from common.store.models import promote

LIST = "/models/list"
PERFORMANCE = "/models/performance/{city}"


def listed(client: Client, **query: Any) -> Any:
    return body_of(client.get(url(LIST, **query)), LIST)


def performance(client: Client, city: str = "Delhi", **query: Any) -> Any:
    return body_of(client.get(url(f"/models/performance/{city}", **query)), PERFORMANCE)


def test_an_empty_list(client: Client) -> None:
    body = listed(client)
    assert (body["total"], body["pages"], body["models"]) == (0, 0, [])


def test_newest_first_a_page_at_a_time(client: Client, database: Database, now: datetime) -> None:
    put_models(database, *(trained(f"v{back}", now - back * HOUR) for back in range(5)))
    pages = [listed(client, page=page, per_page=2) for page in (1, 2, 3, 4)]
    assert [[model["version"] for model in page["models"]] for page in pages] == [
        ["v0", "v1"],
        ["v2", "v3"],
        ["v4"],
        [],
    ]
    assert {(page["total"], page["pages"], page["per_page"]) for page in pages} == {(5, 3, 2)}


def test_a_model_with_its_metrics_in_short(client: Client, database: Database, now: datetime) -> None:
    put_models(database, trained("v1", now))
    with database.transaction() as connection:
        promote(connection, "v1", reason="beats the others", now=now + timedelta(minutes=1))
    [model] = listed(client)["models"]
    assert model == {
        "version": "v1",
        "city": "Delhi",
        "target": "aqi",
        "mode": "live",
        "family": "xgboost",
        "status": "champion",
        "reason": "beats the others",
        "trained_at": "2025-11-05T10:30:00Z",
        "window_start": "2025-09-06T10:30:00Z",
        "window_end": "2025-11-05T10:30:00Z",
        "samples": 1400,
        "features_hash": "f" * 8,
        "checksum": "c" * 64,
        "promoted_at": "2025-11-05T10:31:00Z",
        "metrics": {name: METRICS[name] for name in ("holdout", "training_seconds", "meets")},
    }


def test_filters(client: Client, database: Database, now: datetime) -> None:
    put_models(
        database,
        trained("a", now),
        trained("b", now, city="Bangalore"),
        trained("c", now, family="linear"),
        trained("d", now, target="pm25"),
        trained("e", now, mode="replay"),
        trained("f", now, status="rejected"),
    )
    for query, versions in (
        ({}, "abcdef"),
        ({"city": "bengaluru"}, "b"),
        ({"family": "linear"}, "c"),
        ({"target": "pm25"}, "d"),
        ({"mode": "replay"}, "e"),
        ({"mode": "live", "status": "rejected"}, "f"),
        ({"city": "delhi", "family": "xgboost", "status": "candidate", "target": "aqi", "mode": "live"}, "a"),
    ):
        body = listed(client, **query)
        assert "".join(sorted(model["version"] for model in body["models"])) == versions
        assert body["total"] == len(versions)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"page": 0}, 400),
        ({"per_page": 101}, 400),
        ({"family": "lstm2"}, 400),
        ({"status": "best"}, 400),
        ({"mode": "fast"}, 400),
        ({"city": "Atlantis"}, 404),
    ],
)
def test_bad_filters(client: Client, query: dict[str, Any], status: int) -> None:
    problem_of(client.get(url(LIST, **query)), status)


def test_nothing_recorded_is_null(client: Client) -> None:
    body = performance(client)
    assert (body["champion"], body["training"], body["live"], body["replay"]) == (None, None, None, None)


def test_training_by_family_and_the_champion(client: Client, database: Database, now: datetime) -> None:
    put_models(
        database,
        trained("old", now - HOUR),
        trained("new", now),
        trained("lin", now - HOUR, family="linear"),
        trained("other", now, family="random_forest", mode="replay"),
        trained("pm", now, family="random_forest", target="pm25"),
    )
    with database.transaction() as connection:
        promote(connection, "old", reason="first", now=now)
    body = performance(client)
    assert body["champion"] == {"version": "old", "family": "xgboost", "since": "2025-11-05T10:30:00Z"}
    assert {family: model["version"] for family, model in body["training"].items()} == {
        "linear": "lin",
        "xgboost": "new",
    }
    assert body["training"]["xgboost"]["metrics"] == METRICS


def test_a_naive_forecast_counts_where_all_were_issued_with_it(
    client: Client, database: Database, now: datetime
) -> None:
    put_hours(database, *(hour("Delhi", now - back * HOUR, aqi=100 + back % 7) for back in range(80)))
    put_forecasts(
        database,
        issued("Delhi", now - 60 * HOUR, family="naive", weekly=None),
        issued("Delhi", now - 50 * HOUR, daily=[90.0] * 48, weekly=[103.0] * 48, persistence=[120.0] * 48),
    )
    with database.transaction() as connection:
        assert score(connection, mode="live", now=now) == 2
    live = performance(client)["live"]
    assert live["pooled"]["best_naive"] == "persistence"
    result = {family: item["pooled"]["best_naive"] for family, item in live["by_family"].items()}
    assert result == {"naive": "persistence", "xgboost": "weekly"}


def test_the_record_live_and_in_replay(client: Client, database: Database, now: datetime) -> None:
    put_hours(database, *(hour("Delhi", now - back * HOUR, aqi=100 + back % 7) for back in range(80)))
    put_forecasts(
        database,
        issued("Delhi", now - 50 * HOUR, y=[110.0] * 48),
        issued("Delhi", now - 49 * HOUR, y=[110.0] * 48, family="naive"),
        issued("Delhi", now - 60 * HOUR, mode="replay", y=[120.0] * 48),
    )
    with database.transaction() as connection:
        assert score(connection, mode="live", now=now) == 2
        assert score(connection, mode="replay", now=now) == 1
    body = performance(client)
    live = body["live"]
    assert (live["start"], live["end"]) == ("2025-11-03T08:30:00Z", "2025-11-03T09:30:00Z")
    assert live["pooled"]["n"] == 96
    assert live["pooled"]["bias"] == pytest.approx(7.0, abs=0.1)
    assert live["pooled"]["best_naive"] == "persistence"
    assert "lead" not in live["pooled"]
    assert [row["lead"] for row in live["by_lead"]] == list(range(1, 49))
    assert {family: item["pooled"]["n"] for family, item in live["by_family"].items()} == {
        "naive": 48,
        "xgboost": 48,
    }
    assert [row["lead"] for row in live["by_family"]["naive"]["by_lead"]] == list(range(1, 49))
    assert [(block["leads"], block["n"]) for block in live["by_block"]] == [
        ("1-6", 12),
        ("7-12", 12),
        ("13-24", 24),
        ("25-48", 48),
    ]
    assert list(live["by_season"]) == ["post-monsoon"]
    replay = body["replay"]
    assert replay["pooled"]["n"] == 48
    assert replay["by_family"]["xgboost"]["pooled"] == replay["pooled"]
    assert replay["pooled"]["mae"] == pytest.approx(17.0, abs=0.2)
    assert performance(client, days=1)["live"] is None
    assert performance(client, target="pm25")["live"] is None


def test_forecasts_without_truth_are_no_record_yet(client: Client, database: Database, now: datetime) -> None:
    put_forecasts(database, issued("Delhi", now - HOUR))
    assert performance(client)["live"] is None
