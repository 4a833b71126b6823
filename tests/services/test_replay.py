"""Replay: the clock driven through a made-up month, with the services that run live."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from synthetic import END, hours, readings

from common.bootstrap.container import assemble
from common.config import from_mapping
from common.domain.errors import ModelError
from common.domain.observation import HOUR
from common.ingest.reconcile import reconcile
from common.services.replay import ReplayReport, replay
from common.store.engine import Database, run
from common.store.readings import upsert_readings
from common.store.verification import Span, record

if TYPE_CHECKING:
    from pathlib import Path

    from common.features import Array
    from common.services.resources import Resources

HISTORY = hours(30, seed=7)
START = END - timedelta(days=3)
FIRST = END - len(HISTORY) * HOUR
STEP = 3 * HOUR


@pytest.fixture
def parts(database_url: str, tmp_path: Path) -> Any:
    settings = from_mapping({"DATABASE_URL": database_url, "VAYU_HOME": str(tmp_path)})
    made = assemble(settings, clock=lambda: END + timedelta(days=1))
    yield made
    made.database.close()


def measure(database: Database, history: Array, city: str = "Delhi") -> None:
    with database.transaction() as connection:
        upsert_readings(connection, readings(city, history), now=END)
        reconcile(connection, city, FIRST, END, now=END)


def forecasts(database: Database) -> dict[tuple[str, datetime], Any]:
    """What was issued, by target and origin, but for the models' names."""
    with database.transaction() as connection:
        rows = run(connection, "SELECT to_jsonb(forecast) FROM forecast WHERE mode = 'replay'")
    return {(row["target"], datetime.fromisoformat(row["origin"])): row for (row,) in rows}


def drive(parts: Resources, **given: Any) -> ReplayReport:
    requested = {"start": START, "end": END, "every": STEP, "forecast_every": STEP, "families": ["linear"]}
    return replay(parts, **(requested | given))


def test_every_due_forecast_is_issued_scored_and_the_same_each_time(parts: Resources) -> None:
    measure(parts.database, HISTORY)
    steps: list[datetime] = []
    report = drive(parts, tick=steps.append)
    assert steps == [START + number * STEP for number in range(25)]
    result = forecasts(parts.database)
    assert set(result) == {(target, now) for target in ("aqi", "pm25") for now in steps}
    for (_, origin), row in result.items():
        assert datetime.fromisoformat(row["issued_at"]) == origin
        assert datetime.fromisoformat(row["known_until"]) == origin
    assert (report.issued, report.skipped, report.cities) == (50, {}, ["Delhi"])
    # Before the start, and at the first step after 02:00 UTC of those days on which the planner's own rule asks for it.
    assert set(report.due) == {"live R² below 0.75"}
    assert 1 <= sum(report.due.values()) <= 3
    assert report.trainings == 1 + sum(report.due.values())
    with parts.database.transaction() as connection:
        [(beside,)] = run(connection, "SELECT count(*) FROM forecast_challenger")
    assert (report.sealed, report.changed) == (50 + beside, 0)
    with parts.database.transaction() as connection:
        windows = run(connection, "SELECT DISTINCT window_end FROM model WHERE mode = 'replay' ORDER BY 1")
        first, *later = [end for (end,) in windows]
        assert (first, len(later)) == (START, report.trainings - 1)
        assert set(later) <= {END + timedelta(hours=-6, days=day) for day in (-2, -1, 0)}
        result = record(connection, Span("Delhi", "pm25", "replay", FIRST, END))
        assert result is not None
        together = result.pooled
        # Of each step's 48 hours those that are over at the end.
        assert together.n == sum(min(48, (END - now) // HOUR) for now in steps)
        assert together.skill is not None
        assert together.skill > 0
        assert run(connection, "SELECT count(*) FROM forecast WHERE mode = 'live'") == [(0,)]
        assert run(connection, "SELECT count(*) FROM model WHERE mode = 'live'") == [(0,)]


@pytest.mark.slow
def test_a_replay_repeats_itself_and_what_is_measured_later_changes_nothing(parts: Resources) -> None:
    measure(parts.database, HISTORY)
    start = END - timedelta(days=2)
    drive(parts, start=start)
    before = forecasts(parts.database)
    drive(parts, start=start)
    assert forecasts(parts.database) == before
    then = END - timedelta(hours=30)
    poisoned = HISTORY.copy()
    poisoned[-30:] *= 10
    measure(parts.database, poisoned)
    drive(parts, start=start)
    after = forecasts(parts.database)
    early = {key for key in before if key[1] <= then}
    assert len(early) == 14
    assert after.keys() == before.keys()
    assert {key: after[key] for key in early} == {key: before[key] for key in early}
    assert all(after[key]["y"] != before[key]["y"] for key in before.keys() - early)


def test_forecasts_may_be_rarer_than_steps_and_training_follows_coarse_steps(parts: Resources) -> None:
    measure(parts.database, HISTORY)
    report = drive(parts, every=12 * HOUR, forecast_every=timedelta(days=1))
    assert {origin for _, origin in forecasts(parts.database)} == {
        START + timedelta(days=day) for day in range(4)
    }
    assert (report.issued, report.trainings) == (8, 4)
    assert report.hours == 7 * 12


def test_a_city_without_enough_history_is_served_the_naive_forecast(parts: Resources) -> None:
    measure(parts.database, HISTORY)
    measure(parts.database, HISTORY[-24 * 10 :], "Agra")
    report = drive(parts, every=timedelta(days=1), forecast_every=timedelta(days=1))
    assert report.cities == ["Agra", "Delhi"]
    assert (report.issued, report.skipped) == (16, {})
    with parts.database.transaction() as connection:
        issued = set(run(connection, "SELECT DISTINCT city, family FROM forecast"))
    assert [family for city, family in issued if city == "Agra"] == ["naive"]


def test_a_city_without_an_origin_is_left_out_with_a_reason(parts: Resources) -> None:
    measure(parts.database, HISTORY)
    measure(parts.database, HISTORY[-24 * 3 - 6 :], "Agra")
    report = drive(parts, every=timedelta(days=3), forecast_every=timedelta(days=3))
    assert report.skipped.keys() == {"Agra/aqi", "Agra/pm25"}


def test_a_window_without_measurements(parts: Resources) -> None:
    with pytest.raises(ModelError, match="import some first"):
        drive(parts)
    measure(parts.database, HISTORY[-24 * 3 - 6 :])
    with pytest.raises(ModelError, match="too little history"):
        drive(parts)


def test_a_replay_from_before_the_data_says_when_they_begin_and_what_to_do(parts: Resources) -> None:
    measure(parts.database, HISTORY)
    first = f"{FIRST + HOUR:%Y-%m-%dT%H:%MZ}"
    with pytest.raises(ModelError, match=f"it begins at {first}.* sees only what there was .* vayu backfill"):
        drive(parts, start=FIRST - timedelta(days=2), end=FIRST + timedelta(days=2))
