"""A rule replayed on the record over HTTP, and the scores of alerts: whose they are, and whose nobody learns."""

from __future__ import annotations

from datetime import datetime, timedelta
from time import process_time
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from api_rows import body_of, hour, issued, problem_of, put_hours, url

from common.alerts.rule import Condition, Rule
from common.store import alerts
from common.store.api_keys import create_key
from common.store.engine import Database, run
from common.store.forecasts import insert_forecast
from common.store.public_alerts import PUBLIC_OWNER, keep_public_rules, public_rule_id

if TYPE_CHECKING:
    from werkzeug.test import Client

HOUR = timedelta(hours=1)
MEASURED = {"on": "measured", "target": "aqi", "above": 300, "clear_below": 280}
FORECAST = {
    "on": "forecast", "target": "aqi", "above": 300, "clear_below": 280, "within_hours": 24, "probability": 0.5,
}  # fmt: skip


def preview(client: Client, **body: Any) -> Any:
    response = client.post(url("/alerts/preview"), json={"city": "New Delhi"} | body)
    return body_of(response, "/alerts/preview")


def put_episode(database: Database, now: datetime, *, first: int = 60, last: int = 50) -> None:
    """100 hours of Delhi, very poor from `first` to `last` hours ago, and forecasts that saw it coming."""
    put_hours(
        database,
        *(hour("Delhi", now - back * HOUR, aqi=340 if last <= back <= first else 120) for back in range(100)),
    )
    with database.transaction() as connection:
        for back in range(99, 0, -1):
            chances = [
                [0, 0, 0.3, 0, 0.7, 0] if last <= back - lead <= first else [0, 0, 1, 0, 0, 0]
                for lead in range(1, 49)
            ]
            insert_forecast(connection, issued("Delhi", now - back * HOUR, categories=chances))


def test_a_rule_on_measured_hours(client: Client, database: Database, now: datetime) -> None:
    put_episode(database, now)
    body = preview(client, when=MEASURED)
    assert (body["city"], body["hours"], body["alerts"], body["mode"], body["issues"]) == (
        "Delhi",
        100,
        1,
        None,
        None,
    )
    assert (body["hits"], body["false_alarms"], body["misses"]) == (1, 0, 0)
    assert (body["pod"], body["far"], body["csi"], body["median_warning_hours"]) == (1, 0, 1, 9)
    [episode] = body["episodes"]
    assert (episode["peak"], episode["outcome"], episode["warning_hours"]) == (340, "hit", 9)
    assert episode["from"] == f"{now - 60 * HOUR:%Y-%m-%dT%H:%M:%SZ}"
    assert body["when"] == MEASURED | {"within_hours": None, "probability": None, "dwell": 2}


def test_a_rule_on_forecasts_as_they_were_issued(client: Client, database: Database, now: datetime) -> None:
    put_episode(database, now)
    body = preview(client, when=FORECAST)
    assert (body["alerts"], body["mode"], body["issues"]) == (1, "live", 99)
    assert (body["hits"], body["false_alarms"], body["misses"]) == (1, 0, 0)
    assert body["median_warning_hours"] == 23
    assert preview(client, when=FORECAST | {"probability": 0.8})["misses"] == 1


def test_a_part_of_the_record(client: Client, database: Database, now: datetime) -> None:
    put_episode(database, now)
    start, end = now - 40 * HOUR, now - 10 * HOUR
    body = preview(client, when=MEASURED, to=end.isoformat(), **{"from": start.isoformat()})
    assert (body["hours"], body["alerts"]) == (30, 0)


@pytest.mark.parametrize("when", [MEASURED, FORECAST])
def test_a_city_without_data_says_so(client: Client, when: dict[str, Any]) -> None:
    body = preview(client, when=when)
    assert body["hours"] == body["alerts"] == 0
    assert body["pod"] is None
    assert "note" in body


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"when": MEASURED | {"clear_below": 310}}, "/when/clear_below"),
        ({"when": MEASURED | {"within_hours": 24}}, "/when/within_hours"),
        ({"when": FORECAST | {"within_hours": 0}}, "/when/within_hours"),
        ({"when": FORECAST | {"within_hours": 49}}, "/when/within_hours"),
        ({"when": MEASURED, "city": "Dehli"}, "/city"),
        ({"when": MEASURED, "from": "2025-11-05T10:30:00Z", "to": "2025-11-04T10:30:00Z"}, "/from"),
        ({"when": MEASURED, "from": "2024-01-05T10:30:00Z"}, "/from"),
        ({"when": MEASURED, "from": "2030-01-05T10:30:00Z"}, "/from"),
        ({"when": MEASURED, "form": "2025-01-05T10:30:00Z"}, "/form"),
    ],
)
def test_what_makes_no_sense_is_refused(client: Client, body: dict[str, Any], pointer: str) -> None:
    answer = problem_of(client.post(url("/alerts/preview"), json={"city": "Delhi"} | body), 400)
    assert [fault["pointer"] for fault in answer["errors"]] == [pointer]
    assert answer["errors"][0]["allowed"]


def test_92_days_take_less_than_two_seconds(client: Client, database: Database, now: datetime) -> None:
    hours = 92 * 24
    with database.transaction() as connection:
        run(
            connection,
            "INSERT INTO city_hour (city, time, aqi, computed_at) "
            "SELECT 'Delhi', time, 250 + 100 * sin(n / 20.0), time FROM generate_series(0, :hours) AS n, "
            "LATERAL (SELECT CAST(:now AS timestamptz) - n * interval '1 hour') AS at (time)",
            now=now,
            hours=hours - 1,
        )
        insert_forecast(connection, issued("Delhi", now - hours * HOUR))
        run(
            connection,
            "INSERT INTO forecast SELECT (jsonb_populate_record(forecast, jsonb_build_object('origin', "
            "forecast.origin + n * interval '1 hour'))).* FROM forecast, generate_series(1, :hours) AS n",
            hours=hours - 1,
        )
    began = process_time()
    body = preview(client, when=FORECAST | {"above": 285, "probability": 0.2})
    assert process_time() - began < 2
    assert body["issues"] == body["hours"] == hours


def put_outcomes(database: Database, owner: UUID, rule: UUID, now: datetime, *, public: bool = False) -> None:
    with database.transaction() as connection:
        for outcome, warning in (
            ("hit", 12.0),
            ("hit", 4.0),
            ("false alarm", None),
            ("miss", None),
            ("late", None),
        ):
            run(
                connection,
                "INSERT INTO alert_outcome (rule, owner, public, city, basis, target, outcome, time, warning_hours) "
                "VALUES (:rule, :owner, :public, 'Delhi', 'forecast', 'aqi', :outcome, :now, :warning)",
                rule=rule,
                owner=owner,
                public=public,
                outcome=outcome,
                now=now,
                warning=warning,
            )


def put_rule(database: Database, name: str, now: datetime) -> tuple[str, Rule]:
    """A rule of the holder of a new key, and its token."""
    with database.transaction() as connection:
        token, key = create_key(connection, name, ["alerts"], now=now)
        owner = alerts.keep_key_owner(connection, key.prefix, uuid4(), now=now)
        rule = Rule(uuid4(), owner, "Delhi", Condition("forecast", "aqi", 300, 280, 24, 0.5), "webhook")
        more = {
            "state": "active",
            "address": b"-",
            "address_digest": b"-",
            "secrets": None,
            "confirmed_at": None,
        }
        alerts.insert_rule(connection, rule, more, now=now)
    return token, rule


def test_private_scores_are_added_up_from_five_owners_on(
    client: Client, database: Database, now: datetime
) -> None:
    rules = [put_rule(database, f"ngo {number}", now)[1] for number in range(5)]
    for rule in rules[:4]:
        put_outcomes(database, rule.owner, rule.id, now)
        put_outcomes(database, rule.owner, rule.id, now)
    assert body_of(client.get(url("/alerts/scores")), "/alerts/scores")["scores"] == []
    put_outcomes(database, rules[4].owner, rules[4].id, now)
    together, delhi = body_of(client.get(url("/alerts/scores")), "/alerts/scores")["scores"]
    assert together == delhi | {"city": None}
    assert (delhi["rules"], delhi["hits"], delhi["false_alarms"], delhi["misses"], delhi["n"]) == (
        "private",
        18,
        9,
        9,
        36,
    )
    assert delhi["median_warning_hours"] == 8
    with database.transaction() as connection:
        run(connection, "DELETE FROM alert_owner WHERE id = :owner", owner=rules[0].owner)
    assert body_of(client.get(url("/alerts/scores")), "/alerts/scores")["scores"] == []


def test_public_scores_need_nobody_else(client: Client, database: Database, now: datetime) -> None:
    with database.transaction() as connection:
        keep_public_rules(connection, wanted=True, now=now)
    when = Condition("forecast", "aqi", 300, 280, within_hours=24, probability=0.5, dwell=2)
    put_outcomes(database, PUBLIC_OWNER, public_rule_id("Delhi", when), now, public=True)
    scores = body_of(client.get(url("/alerts/scores")), "/alerts/scores")["scores"]
    assert [(each["city"], each["rules"], each["n"]) for each in scores] == [
        (None, "public", 4),
        ("Delhi", "public", 4),
    ]


def test_a_score_is_its_owners(client: Client, database: Database, now: datetime) -> None:
    token, rule = put_rule(database, "ngo", now)
    stranger, _ = put_rule(database, "another", now)
    put_outcomes(database, rule.owner, rule.id, now)
    path = url(f"/alerts/{rule.id}/score")
    body = body_of(client.get(path, headers={"Authorization": f"Bearer {token}"}), "/alerts/{id}/score")
    assert (body["n"], body["hits"], body["late"], len(body["outcomes"])) == (4, 2, 1, 5)
    assert (body["pod"], body["far"], body["csi"]) == (0.667, 0.333, 0.5)
    problem_of(client.get(path, headers={"Authorization": f"Bearer {stranger}"}), 404)
    problem_of(client.get(path), 401)
