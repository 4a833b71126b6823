"""`vayu alerts`: what an operator sees of alerts, previews, tests and ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from alert_rows import KEY, put_owner, put_rule, receiving
from commands import complaint, parsed

from common.domain.observation import last_full_hour
from common.store.engine import Database, run
from common.store.public_alerts import keep_public_rules

if TYPE_CHECKING:
    from commands import Vayu

NOW = last_full_hour(datetime.now(UTC))
HOUR = timedelta(hours=1)


def put_delhi(database: Database, hours: int = 60) -> None:
    """Hours of which 20 to 29 ago were very poor."""
    with database.transaction() as connection:
        for back in range(hours):
            run(
                connection,
                "INSERT INTO city_hour (city, time, aqi, computed_at) VALUES ('Delhi', :time, :aqi, :time)",
                time=NOW - back * HOUR,
                aqi=330 if 20 <= back < 30 else 120,
            )


def test_what_an_operator_sees_has_no_address(vayu: Vayu, database: Database) -> None:
    assert "there are no alerts" in vayu("alerts", "list").output
    rule = put_rule(database, put_owner(database, NOW), NOW, address="https://secret.example/hook")
    [listed] = parsed(vayu("alerts", "list", "--json"))["alerts"]
    assert (listed["id"], listed["city"], listed["owner"], listed["state"]) == (
        str(rule.id),
        "Delhi",
        "ngo",
        "active",
    )
    assert listed["when"]["above"] == 300
    for result in (vayu("alerts", "list"), vayu("alerts", "list", "--json")):
        assert "secret.example" not in result.output
    assert parsed(vayu("alerts", "list", "--city", "Pune", "--json"))["alerts"] == []


def test_public_rules_are_listed_where_they_are_wanted(vayu: Vayu, database: Database) -> None:
    with database.transaction() as connection:
        keep_public_rules(connection, wanted=True, now=NOW)
    assert parsed(vayu("alerts", "list", "--json"))["alerts"] == []
    listed = parsed(vayu("alerts", "list", "--public", "--city", "delhi", "--json"))["alerts"]
    assert [(rule["owner"], rule["when"]["on"]) for rule in listed] == [
        ("public", "forecast"),
        ("public", "measured"),
    ]
    [first, _] = listed
    assert "public rule" in complaint(vayu("alerts", "disable", first["id"]), 1)


def test_a_preview_of_measured_hours(vayu: Vayu, database: Database) -> None:
    put_delhi(database)
    options = ("--on", "measured", "--above", "300")
    result = parsed(vayu("alerts", "preview", "Dilli", *options, "--json"))
    assert (result["city"], result["hours"], result["alerts"], result["hits"]) == ("Delhi", 60, 1, 1)
    assert (result["pod"], result["far"], result["median_warning_hours"]) == (1, 0, 8)
    assert result["episodes"][0]["peak"] == 330
    assert "Delhi: AQI 300 for 2 h" in vayu("alerts", "preview", "Delhi", *options).output


def test_a_preview_without_anything_says_what_to_do(vayu: Vayu, database: Database) -> None:
    result = vayu("alerts", "preview", "Delhi", "--above", "300")
    assert result.exit_code == 0
    assert "vayu backfill" in result.stderr
    put_delhi(database)
    assert "vayu replay" in vayu("alerts", "preview", "Delhi", "--above", "300").stderr


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--above", "0"),
        ("--above", "500"),
        ("--above", "300", "--clear-below", "310"),
        ("--above", "300", "--within-hours", "0"),
        ("--above", "300", "--within-hours", "49"),
        ("--above", "300", "--on", "measured", "--probability", "0.5"),
        ("--above", "300", "--from", "2030-01-01"),
        ("--above", "300", "--from", "2020-01-01"),
    ],
)
def test_what_makes_no_sense_is_bad_usage(vayu: Vayu, options: tuple[str, ...]) -> None:
    assert complaint(vayu("alerts", "preview", "Delhi", *options), 2)
    assert "did you mean" in complaint(vayu("alerts", "preview", "Dehli", "--above", "300"), 2)


def test_an_alert_is_disabled(vayu: Vayu, database: Database) -> None:
    rule = put_rule(database, put_owner(database, NOW), NOW)
    assert (
        "is disabled" in vayu("alerts", "disable", str(rule.id), "--because", "its receiver is gone").output
    )
    [listed] = parsed(vayu("alerts", "list", "--json"))["alerts"]
    assert (listed["state"], listed["disabled_because"]) == ("disabled", "its receiver is gone")
    assert "vayu alerts list" in complaint(vayu("alerts", "disable", str(uuid4())), 1)
    assert complaint(vayu("alerts", "disable", "x"), 2)
    assert "only an active one" in complaint(vayu("alerts", "test", str(rule.id)), 1)


def test_a_test_goes_out(vayu: Vayu, database: Database) -> None:
    with receiving() as hook:
        env = {"VAYU_ALERTS_KEY": KEY, "VAYU_ALERTS_ALLOW_ORIGINS": hook.url.rpartition("/")[0]}
        rule = put_rule(database, put_owner(database, NOW), NOW, address=hook.url)
        assert parsed(vayu("alerts", "test", str(rule.id), "--json", env=env))["status"] == "delivered"
        assert hook.kinds == ["test"]
        hook.status = 410
        refused = vayu("alerts", "test", str(rule.id), env=env)
    assert refused.exit_code == 1
    assert "the test is failed, status 410" in refused.output
    assert hook.url not in refused.output
