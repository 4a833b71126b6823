"""Runs that meet: real processes let go at the same moment leave what one alone would leave."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from factories import air, keep_and_reconcile, series
from forks import STAMPS, Forks, Start, contents, counts

if TYPE_CHECKING:
    from datetime import datetime

    from common.store.engine import Database

CITIES = ["Agra", "Delhi", "Pune"]
ROUNDS = 4


def meet(forks: Forks, database: Database, *orders: dict[str, Any]) -> None:
    """Let them go at once; all go well."""
    outcomes = forks.wait(*forks.start(*({**order, "url": database.url} for order in orders)))
    assert [outcome.status for outcome in outcomes] == [0] * len(orders), (
        outcomes,
        forks.log.read_text()[-3000:],
    )


def rows(stored: dict[str, list[str]]) -> dict[str, list[str]]:
    """What was kept of air and weather."""
    return {
        table: item for table, item in stored.items() if table not in ("job", "source_run", "source_usage")
    }


def announced(stored: dict[str, list[str]]) -> set[str]:
    """Cities that some message says have new hours."""
    return {city for job in stored["job"] for city in json.loads(job)["payload"].get("cities", ())}


def test_collections(forks: Forks, database: Database, now: datetime) -> None:
    order = {"task": "collect", "now": now.isoformat(), "cities": CITIES}
    other = {**order, "now": (now + timedelta(seconds=1)).isoformat(), "cities": CITIES[::-1]}
    start = Start(database)
    forks.well(**order, url=database.url)
    expected = contents(database, STAMPS)
    for _ in range(ROUNDS):
        start.again()
        meet(forks, database, order, other)
        assert rows(contents(database, STAMPS)) == rows(expected)
    stored = counts(contents(database))
    assert (stored["city_hour"], stored["source_run"]) == (24 * len(CITIES), 4)
    assert announced(contents(database)) == set(CITIES)


def test_collections_of_the_same_corrections(forks: Forks, database: Database, now: datetime) -> None:
    """What was there before is kept once, however many replace it."""
    order = {"task": "collect", "now": now.isoformat(), "cities": CITIES}
    forks.well(**order, url=database.url)
    start = Start(database)
    fixes = [
        {**order, "corrected": order["now"], "now": (now + timedelta(minutes=5, seconds=second)).isoformat()}
        for second in range(3)
    ]
    forks.well(**fixes[0], url=database.url)
    expected = contents(database, STAMPS)
    assert counts(expected)["reading_revision"] > 0
    for _ in range(ROUNDS):
        start.again()
        meet(forks, database, *fixes)
        assert counts(rows(contents(database, STAMPS))) == counts(rows(expected))
        assert rows(contents(database, STAMPS)) == rows(expected)


def test_retentions_and_a_collection(forks: Forks, database: Database, now: datetime) -> None:
    for city in CITIES:
        before = now - timedelta(hours=6)
        keep_and_reconcile(database, series(before, 24 * 4, air(60), city=city), before)
    keep = {"task": "maintain", "now": now.isoformat()}
    collect = {"task": "collect", "now": now.isoformat(), "cities": CITIES}
    other = {**collect, "now": (now + timedelta(seconds=1)).isoformat(), "cities": CITIES[::-1]}
    start = Start(database)
    forks.well(**collect, url=database.url)
    forks.well(**keep, url=database.url)
    expected = contents(database, STAMPS)
    for _ in range(ROUNDS):
        start.again()
        meet(forks, database, keep, collect, keep, other)
        forks.well(**keep, url=database.url)  # for what came after the first had seen its day
        result = contents(database, STAMPS)
        assert rows(result) == rows(expected)
        assert announced(result) == set(CITIES)
    assert counts(expected)["city_day"] == 5 * len(CITIES)
