"""A function killed before any of its statements: the next run leaves what an undisturbed one would have left."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from factories import air, keep_and_reconcile, series
from forks import STAMPS, Forks, Start, contents, counts, every
from synthetic import END, hours, put_hours

from common.adapters.object_store import UrlObjectStore
from common.adapters.postgres.queue import PostgresQueue
from common.domain.messages import OBSERVATIONS_READY, TRAIN
from common.inference.onnx_session import ModelCache
from common.store.engine import Database, run
from common.store.jobs import release
from common.store.source_runs import SourceRun, record_run
from common.training.service import train_city

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

CITIES = ["Delhi", "Pune"]
NOTHING: frozenset[str] = frozenset()


def die_everywhere(
    forks: Forks,
    database: Database,
    order: dict[str, Any],
    *,
    hidden: frozenset[str] = NOTHING,
    between: Callable[[], object] = bool,
    most: int = 80,
) -> Counter[str]:
    """Let the order die before each of its statements; then, after `between`, run it again undisturbed.

    Columns that are `hidden` may differ. Returns the number of ``deaths`` and of the different states that they
    ``left``; each of these is healed once, for what was undone leaves no trace. Of more than `most` statements so
    many are tried.
    """
    start = Start(database)
    order = {**order, "url": database.url}
    before = contents(database, hidden)
    undisturbed = forks.well(**order)
    expected = contents(database, hidden)
    assert expected != before, "nothing is done that could be lost"
    forks.well(**order)
    assert contents(database, hidden) == expected, "a second run changes something"
    result: Counter[str] = Counter()
    left: list[dict[str, list[str]]] = []
    present = expected
    for number in every(undisturbed.statements, most):
        if present != before:
            start.again()
        assert forks.run(**order, stop_at=number).status == -9, number
        result["deaths"] += 1
        present = contents(database, hidden)
        if present in left:
            continue
        left.append(present)
        between()
        forks.well(**order)
        present = contents(database, hidden)
        assert counts(present) == counts(expected), number
        assert present == expected, number
    between()
    forks.well(**order)
    assert contents(database, hidden) == expected
    assert result["deaths"] >= min(undisturbed.statements, most // 2)
    return result + Counter(left=len(left))


def let_forecast(database: Database, now: datetime) -> None:
    """Have models of all cities, whose files nobody asks for here."""
    with database.transaction() as connection:
        for city in CITIES:
            run(
                connection,
                """
                INSERT INTO model VALUES (:city || '-aqi', :city, 'aqi', 'live', 'linear', 'champion', '', :now,
                  :now, :now, 1, '', '', '{}', :now)
                """,
                city=city,
                now=now,
            )


@pytest.mark.parametrize("corrected", [False, True])
def test_collect(forks: Forks, database: Database, now: datetime, corrected: bool) -> None:
    """The second time, hours that were kept before are corrected, and what they said before is kept."""
    order: dict[str, Any] = {"task": "collect", "now": now.isoformat(), "cities": CITIES}
    let_forecast(database, now)
    if corrected:
        forks.well(**order, url=database.url)
        order |= {"corrected": order["now"], "now": (now + timedelta(minutes=10)).isoformat()}

    result = die_everywhere(forks, database, order, most=20 if corrected else 80)

    assert result["left"] >= len(CITIES) + 2  # nothing, each city, the run, the message
    stored = counts(contents(database))
    assert bool(stored.get("reading_revision")) == corrected
    assert stored["city_hour"] == 2 * 24


def test_retention(forks: Forks, database: Database, now: datetime) -> None:
    for city in CITIES:
        old = series(now, 24 * 4, air(60), city=city)
        keep_and_reconcile(database, old, now - timedelta(hours=1))
        keep_and_reconcile(database, series(now, 24 * 4, air(90), city=city), now)
    with database.transaction() as connection:
        for day in range(5):
            record_run(connection, SourceRun("m", started_at=now - timedelta(days=day), finished_at=now))

    result = die_everywhere(forks, database, {"task": "maintain", "now": now.isoformat()}, most=25)

    assert result["left"] >= 3
    stored = counts(contents(database))
    assert (stored["reading"], stored["city_hour"], stored["city_day"]) == (2 * 49, 2 * 96, 2 * 5)


def test_import(forks: Forks, database: Database, tmp_path: Path) -> None:
    file = tmp_path / "Delhi.csv"
    times = [f"2025-11-0{day}T{hour:02}:30:00Z" for day in (1, 2) for hour in range(24)]
    rows = [f"{time},pm25,{40 + number},µg/m³" for number, time in enumerate(times)]
    file.write_text("\n".join(["time,variable,value,unit", *rows]))

    die_everywhere(forks, database, {"task": "import", "file": str(file)}, hidden=STAMPS)

    assert counts(contents(database))["reading"] == 48


def test_forecasts_of_a_message(forks: Forks, database: Database, tmp_path: Path) -> None:
    """A job is leased, forecasts are issued and scored, another message is sent, the job is finished."""
    for city in CITIES:
        put_hours(database, city, hours(30, seed=5))
    now = END + timedelta(minutes=12)
    files = UrlObjectStore(tmp_path.as_uri())
    for city in CITIES:
        train_city(database, ModelCache(files), city, now=now, families=["linear"])
    with database.transaction() as connection:
        run(connection, "DELETE FROM city_hour WHERE time < :start", start=now - timedelta(days=16))
    queue = PostgresQueue(database, lambda: now)
    queue.send(OBSERVATIONS_READY, "collected", {"cities": CITIES})

    def take_up() -> None:
        with database.transaction() as connection:
            release(connection)  # as when the lease has ended

    order = {"task": "work", "now": now.isoformat(), "models": str(tmp_path)}
    hidden = frozenset({"attempts", "outcome"})  # what the last attempt found there to do
    result = die_everywhere(forks, database, order, hidden=hidden, between=take_up, most=21)

    assert result["left"] >= 4
    assert counts(contents(database))["forecast"] == 2 * 2


def test_training(trainers: Forks, database: Database, tmp_path: Path) -> None:
    """A job is leased, two targets are trained, recorded and promoted, another message is sent."""
    put_hours(database, "Delhi", hours(30, seed=5))
    now = END + timedelta(minutes=12)
    PostgresQueue(database, lambda: now).send(TRAIN, "Delhi", {"city": "Delhi", "families": ["linear"]})

    def take_up() -> None:
        with database.transaction() as connection:
            release(connection)

    order = {"task": "work", "now": now.isoformat(), "models": str(tmp_path), "train": True}
    hidden = frozenset({"attempts", "outcome", "metrics"})  # how long it took stands among these
    die_everywhere(trainers, database, order, hidden=hidden, between=take_up, most=4)
    assert counts(contents(database))["model"] == 4
