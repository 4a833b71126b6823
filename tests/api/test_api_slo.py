"""How soon hours come, over the real application."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from api_rows import problem_of, url
from factories import air, keep, series

from common.domain.observation import HOUR
from common.store.engine import run
from common.store.slo import update_delays
from common.store.source_runs import SourceRun, record_run

if TYPE_CHECKING:
    from datetime import datetime

    from werkzeug.test import Client

    from common.store.engine import Database


def test_nothing_has_run_yet(client: Client) -> None:
    answer = client.get(url("/slo"))
    assert answer.status_code == 200
    assert answer.json == {
        "as_of": "2025-11-05T10:30:00Z",
        "objective": {"share": 0.95, "within_minutes": 90},
        "simulated": False,
        "sources": {},
    }


def test_a_source_that_was_asked_and_then_no_more(client: Client, database: Database, now: datetime) -> None:
    with database.transaction() as connection:
        run(connection, "DELETE FROM reading")
    for ago in (9, 8, 7):
        at = now - ago * HOUR + timedelta(minutes=7)
        keep(database, series(now - ago * HOUR, 1, air(60)), at)
        with database.transaction() as connection:
            record_run(connection, SourceRun("cpcb", at, at + timedelta(minutes=2)))
            update_delays(connection, at + timedelta(minutes=2))
    response = client.get(url("/slo"))
    assert response.status_code == 200, response.text
    assert response.json is not None
    [(name, cpcb)] = response.json["sources"].items()
    day = cpcb["last_24h"]
    assert (name, cpcb["verdict"]) == ("cpcb", "us")
    assert (day["hours"], day["met"], day["missed_by_us"], day["missed_by_source"]) == (7, 2, 5, 0)
    assert (day["share"], day["budget_left"]) == (0.2857, -13.2857)
    assert day["collected"] == {"hours": 3, "p50_minutes": 7.0, "p95_minutes": 7.0}
    assert day["committed"] == {"hours": 3, "p50_minutes": 9.0, "p95_minutes": 9.0}
    assert (day["forecast"], day["pushed"]) == (None, None)
    assert cpcb["last_30d"] == day


def test_clients_keep_it_as_long_as_the_data_are_the_same(client: Client) -> None:
    response = client.get(url("/slo"))
    assert "public" in response.headers["Cache-Control"]
    assert client.get(url("/slo"), headers={"If-None-Match": response.headers["ETag"]}).status_code == 304


def test_without_a_database(down: Client) -> None:
    problem_of(down.get(url("/slo")), 503)
