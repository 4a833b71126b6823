"""Clocks an hour wrong: what the providers said is kept once, whoever asked, and is whole when the clock is right."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from forks import STAMPS, Forks, Start, contents, counts
from synthetic import END, hours, put_hours

from common.adapters.object_store import UrlObjectStore
from common.adapters.postgres.queue import PostgresQueue
from common.domain.messages import OBSERVATIONS_READY
from common.domain.observation import HOUR
from common.inference.onnx_session import ModelCache
from common.store.engine import run
from common.training.service import train_city

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from common.store.engine import Database

CITIES = ["Delhi", "Pune"]
DATA = ("reading", "reading_revision", "provider_forecast", "city_hour", "city_day")
BEHIND, AHEAD = -60, 60


def data(database: Database) -> dict[str, list[str]]:
    stored = contents(database, STAMPS)
    return {table: stored[table] for table in DATA}


def hourly(now: datetime, **skews: int) -> list[dict[str, Any]]:
    """Four hourly collections, at twelve past; `skews` are the first two's."""
    return [
        {
            "task": "collect",
            "cities": CITIES,
            "now": (now + number * HOUR + timedelta(minutes=12)).isoformat(),
            "skew_minutes": skew,
        }
        for number, skew in enumerate([skews.get("first", 0), skews.get("second", 0), 0, 0])
    ]


def a_day_before(forks: Forks, database: Database, now: datetime) -> None:
    """Have hours further back than any clock here looks."""
    forks.well(task="collect", cities=CITIES, now=(now - 4 * HOUR).isoformat(), url=database.url)


@pytest.mark.parametrize(
    ("first", "second"), [(BEHIND, BEHIND), (AHEAD, AHEAD), (AHEAD, BEHIND), (BEHIND, AHEAD)]
)
def test_collections(forks: Forks, database: Database, now: datetime, first: int, second: int) -> None:
    a_day_before(forks, database, now)
    start = Start(database)
    for order in hourly(now):
        forks.well(**order, url=database.url)
    expected = data(database)

    start.again()
    results = [
        forks.well(**order, url=database.url).result for order in hourly(now, first=first, second=second)
    ]

    assert counts(data(database)) == counts(expected)
    assert data(database) == expected
    turned_down = [result["sources"]["open-meteo"]["rejected"].get("future", 0) for result in results]
    assert [bool(number) for number in turned_down] == [first == BEHIND, second == BEHIND, False, False]


@pytest.mark.parametrize(("collecting", "keeping"), [(BEHIND, AHEAD), (AHEAD, BEHIND)])
def test_upkeep_and_collections_that_disagree(
    forks: Forks, database: Database, now: datetime, collecting: int, keeping: int
) -> None:
    a_day_before(forks, database, now)
    start = Start(database)

    def keep(at: datetime, skew: int) -> None:
        forks.well(task="maintain", url=database.url, now=at.isoformat(), skew_minutes=skew)

    def run_all(collecting: int, keeping: int) -> dict[str, list[str]]:
        start.again()
        keep(now, keeping)
        late = {"task": "collect", "cities": CITIES, "now": now.isoformat(), "corrected": now.isoformat()}
        forks.well(**late, skew_minutes=collecting, url=database.url)
        keep(now + timedelta(minutes=5), keeping)
        forks.well(**{**late, "now": (now + timedelta(minutes=70)).isoformat()}, url=database.url)
        keep(now + timedelta(days=1), 0)
        return data(database)

    expected = run_all(0, 0)
    assert run_all(collecting, keeping) == expected
    assert counts(expected)["city_day"] > len(CITIES)


def test_forecasts(forks: Forks, database: Database, tmp_path: Path) -> None:
    """Each origin has one forecast, by whatever clock; one issued too early knows an hour less, and stays."""
    put_hours(database, "Delhi", hours(30, seed=5))
    now = END + timedelta(minutes=12)
    files = UrlObjectStore(tmp_path.as_uri())
    train_city(database, ModelCache(files), "Delhi", now=now, families=["linear"])

    def issue(hours_later: int, skew: int) -> None:
        at = now + hours_later * HOUR
        PostgresQueue(database, lambda: END).send(OBSERVATIONS_READY, f"{at} {skew}", {"cities": ["Delhi"]})
        order = {"task": "work", "models": str(tmp_path), "now": at.isoformat(), "skew_minutes": skew}
        assert forks.well(**order, url=database.url).result == 1

    for hours_later, skew in [(0, 0), (0, AHEAD), (1, BEHIND), (1, 0), (2, 0)]:
        issue(hours_later, skew)
    with database.transaction() as connection:
        actual = run(
            connection,
            "SELECT target, origin FROM forecast ORDER BY target, origin",
        )

    origins = [END, END + HOUR, END + 2 * HOUR]
    assert [tuple(row) for row in actual] == [
        (target, origin) for target in ("aqi", "pm25") for origin in origins
    ]
