"""Every tier of server gives the same answer to every question, before, between and after its upkeep."""

from __future__ import annotations

import inspect
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from history import LATER
from questions import HTTP, QUESTIONS, STORE

from common.api.routes import ENDPOINTS, alert_record, alerts, archive, docs
from common.store.engine import run
from common.store.reads import forecasts, hours, models, service, verification

if TYPE_CHECKING:
    from tier_answers import Answers

STEPS = ("corrected", "upkeep", "corrected again", "upkeep again")


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_has_the_same_answer(
    here: Answers, expected: dict[str, dict[str, str]], question: str
) -> None:
    for step in STEPS:
        assert here.answers[step][question] == expected[step][question], step


@pytest.mark.tiers("community")
@pytest.mark.parametrize("question", QUESTIONS)
def test_what_the_server_does_by_itself_changes_no_answer(here: Answers, question: str) -> None:
    assert here.answers["the server's own jobs"][question] == here.answers["upkeep again"][question]


@pytest.mark.tiers("apache", "community")
def test_how_the_database_sorts_text_changes_no_answer(
    sorted_by_language: Answers, expected: dict[str, dict[str, str]]
) -> None:
    with sorted_by_language.database.transaction() as connection:
        assert run(connection, "SELECT 'open_meteo' < 'open-meteo'") == [(True,)]
    for step in STEPS:
        assert sorted_by_language.answers[step] == expected[step]


def test_the_same_rows_are_kept(here: Answers, tier: str) -> None:
    before, after = here.rows["corrected"], here.rows["upkeep again"]
    for table in ("city_hour", "forecast"):
        assert after[table] == before[table] > 0
    assert after["city_hour_revision"] == before["city_hour_revision"] + 1
    edge = LATER - timedelta(days=90)
    with here.database.transaction() as connection:
        for table in ("reading", "reading_revision"):
            [(dropped_too_few, left)] = run(
                connection,
                f"SELECT count(*) FILTER (WHERE time < :edge), count(*) FROM {table}",  # noqa: S608
                edge=edge,
            )
            assert (dropped_too_few, left) in ((0, after[table]), (0, 0))
            assert after[table] < before[table]
        [(oldest, kinds)] = run(
            connection, "SELECT min(received_at), array_agg(DISTINCT kind) FROM provider_forecast"
        )
        assert kinds == ["air", "weather"]
        assert oldest < edge  # of the weather, models still learn
        assert not run(
            connection, "SELECT FROM provider_forecast WHERE kind = 'air' AND received_at < :edge", edge=edge
        )
    assert 0 < after["provider_forecast"] < before["provider_forecast"]


@pytest.mark.tiers("community")
def test_the_server_has_compressed_what_was_corrected_and_dropped_what_is_raw(here: Answers) -> None:
    assert here.compressed > 20
    assert here.done["failing"] == []
    assert {name: here.rows["the server's own jobs"][name] for name in ("reading", "reading_revision")} == {
        "reading": 0,  # by the server's clock, all of it is long past its time
        "reading_revision": 0,
    }
    stored = ("city_hour", "city_hour_revision", "forecast")
    assert [here.rows["the server's own jobs"][name] for name in stored] == [
        here.rows["upkeep again"][name] for name in stored
    ]


WITHOUT_A_STORE = {endpoint.path for module in (archive, docs) for endpoint in module.api.endpoints} | {
    "/exports/{id}/{table}/{city_folder}/{year_folder}/{file}"
}
OF_ALERTS = {endpoint.path for module in (alerts, alert_record) for endpoint in module.api.endpoints}
"""What depends on an owner, or on the time of an alert, is asked by tests of its own"""


def test_every_read_is_asked() -> None:
    public = {
        name
        for module in (forecasts, hours, models, service, verification)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    }
    assert public <= {name.partition(" ")[0] for name in STORE}


def test_every_endpoint_that_reads_is_asked() -> None:
    reading = {
        endpoint.path
        for endpoint in ENDPOINTS
        if endpoint.method == "GET" or endpoint.path == "/forecast/batch"
    }
    assert reading - WITHOUT_A_STORE - OF_ALERTS <= {path for path, _ in HTTP.values()}
