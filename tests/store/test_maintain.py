"""Upkeep: days rolled up as one would by hand, raw rows dropped, nothing else."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from statistics import fmean
from typing import Any

import pytest
from made import air, city_hours, count, keep, keep_and_reconcile, series

from common.domain.observation import HOUR, IST, POLLUTANTS, WeatherForecast
from common.ingest.reconcile import reconcile
from common.store.engine import Database, run
from common.store.jobs import enqueue, fail, finish, lease
from common.store.maintain import last_upkeep, maintain
from common.store.readings import insert_weather_forecasts
from common.store.source_runs import record_run
from common.store.tiers import recorded

KEPT = 90


def days(database: Database, city: str = "Delhi") -> dict[date, dict[str, Any]]:
    with database.transaction() as connection:
        rows = run(
            connection,
            "SELECT day, to_jsonb(city_day) - 'city' - 'day' FROM city_day WHERE city = :city",
            city=city,
        )
    return {day: dict(row, rolled_at=datetime.fromisoformat(row["rolled_at"])) for day, row in rows}


def by_hand(database: Database) -> dict[date, dict[str, Any]]:
    """The Indian days, worked out from the city-hours without SQL."""
    gathered: dict[date, list[dict[str, Any]]] = defaultdict(list)
    for time, row in city_hours(database).items():
        if row["basis"] is not None:
            began = (time - HOUR).astimezone(IST)
            gathered[began.date()].append(row)
    expected = {}
    for day, rows in gathered.items():
        one: dict[str, Any] = {"hours": len(rows)}
        for name in (*POLLUTANTS, "aqi", "aqi_us"):
            known = [row[name] for row in rows if row[name] is not None]
            one[name] = pytest.approx(fmean(known), rel=1e-5) if known else None
        for name in ("aqi", "aqi_us"):
            known = [row[name] for row in rows if row[name] is not None]
            one[f"{name}_max"] = max(known) if known else None
        for name in ("basis", "source"):
            ranked = Counter(row[name] for row in rows)
            one[name] = min(ranked, key=lambda value: (-ranked[value], value))
        expected[day] = one
    return expected


def uneven(now: datetime, hours: int) -> list[Any]:
    """Air that differs from hour to hour, with gaps and a change of source in the middle."""
    measured = [
        replace(one, values=air(20.0 + number % 37 * 3)) for number, one in enumerate(series(now, hours, {}))
    ]
    model = series(now, hours, {**air(80.0), "so2": 12.0}, source="open-meteo", station="", basis="modelled")
    return [one for number, one in enumerate(measured) if number % 50 < 40] + model


def test_days_are_rolled_up_as_by_hand(database: Database, now: datetime) -> None:
    keep_and_reconcile(database, uneven(now, 24 * 6 + 5), now)
    done = maintain(database, now=now, retain_raw_days=KEPT)
    found = days(database)
    assert {row.pop("rolled_at") for row in found.values()} == {now}
    assert found == by_hand(database)
    assert done["days"] == len(found) == 7
    assert {row["basis"] for row in found.values()} == {"measured", "modelled"}


def test_an_indian_day_ends_at_indian_midnight(database: Database) -> None:
    midnight = datetime(2025, 11, 4, 18, 30, tzinfo=UTC)  # the hour that ends with 4 November in India
    readings = [
        *series(midnight, 1, {"pm25": 10.0}),
        *series(midnight + HOUR, 1, {"pm25": 20.0}),
        *series(midnight + 24 * HOUR, 1, {"pm25": 40.0}),
        *series(midnight + 25 * HOUR, 1, {"pm25": 80.0}),
    ]
    keep_and_reconcile(database, readings, midnight + 30 * HOUR)
    maintain(database, now=midnight + 30 * HOUR, retain_raw_days=KEPT)
    assert {day.day: (row["pm25"], row["hours"]) for day, row in days(database).items()} == {
        4: (10, 1),
        5: (30, 2),
        6: (80, 1),
    }


def test_running_twice_changes_nothing(database: Database, now: datetime) -> None:
    keep_and_reconcile(database, uneven(now, 100), now)
    maintain(database, now=now, retain_raw_days=2)
    before = days(database), city_hours(database), count(database, "reading")
    done = maintain(database, now=now, retain_raw_days=2)
    assert (days(database), city_hours(database), count(database, "reading")) == before
    assert set(done["dropped"].values()) == {0}  # type: ignore[attr-defined]


def test_an_hour_that_changed_late_rolls_its_day_again_and_no_other(
    database: Database, now: datetime
) -> None:
    keep_and_reconcile(database, uneven(now, 24 * 6), now)
    maintain(database, now=now + 2 * HOUR, retain_raw_days=KEPT)
    week_later = now + timedelta(days=7)
    late = now - 60 * HOUR
    keep(database, series(late, 1, air(500)), week_later)
    with database.transaction() as connection:
        reconcile(connection, "Delhi", late - HOUR, late, now=week_later)
    done = maintain(database, now=week_later, retain_raw_days=KEPT)
    found = days(database)
    again = [day for day, row in found.items() if row.pop("rolled_at") == week_later]
    assert again == [(late - HOUR).astimezone(IST).date()]
    assert done["days"] == 1
    assert found == by_hand(database)


def test_a_day_that_was_still_open_is_rolled_again(database: Database, now: datetime) -> None:
    keep_and_reconcile(database, series(now, 20, air(60)), now)
    maintain(database, now=now, retain_raw_days=KEPT)
    later = now + 12 * HOUR
    keep_and_reconcile(database, series(later, 12, air(90)), later)
    maintain(database, now=later, retain_raw_days=KEPT)
    assert days(database)[date(2025, 11, 5)]["hours"] == 24


def test_a_collection_that_ended_after_the_upkeep_is_not_forgotten(database: Database, now: datetime) -> None:
    keep_and_reconcile(database, series(now, 20, air(60)), now)
    began = now + timedelta(minutes=1)
    maintain(database, now=now + timedelta(minutes=5), retain_raw_days=KEPT)
    keep_and_reconcile(
        database, series(now, 1, air(500)), now
    )  # the same hour, by a run that began at `began`
    with database.transaction() as connection:
        run(connection, "UPDATE city_hour SET computed_at = :began WHERE time = :now", began=began, now=now)
    maintain(database, now=now + timedelta(days=7), retain_raw_days=KEPT)
    found = {day: {**row, "rolled_at": None} for day, row in days(database).items()}
    assert found == {day: {**row, "rolled_at": None} for day, row in by_hand(database).items()}


def test_raw_rows_are_dropped_and_what_was_made_of_them_kept(database: Database, now: datetime) -> None:
    keep_and_reconcile(database, series(now, 24 * 5, air(60)), now)
    keep_and_reconcile(database, [replace(one, values=air(90)) for one in series(now, 24 * 5, {})], now)
    edge = now - timedelta(days=2)
    with database.transaction() as connection:
        for hour in range(24 * 5):
            time = now - hour * HOUR
            insert_weather_forecasts(connection, [WeatherForecast("m", "Delhi", time, time, {"rain": 1.0})])
            record_run(connection, "m", started_at=time, finished_at=time)
    hours = city_hours(database)
    done = maintain(database, now=now, retain_raw_days=2)
    raw = ("reading", "reading_revision", "weather_forecast", "source_run")
    with database.transaction() as connection:
        if recorded(connection) == "plain":  # elsewhere whole chunks go, uncounted
            assert done["dropped"] == dict.fromkeys(raw, 24 * 5 - 49) | {"job": 0}
        for table in raw:
            column = "started_at" if table == "source_run" else "time"
            [(oldest, number)] = run(connection, f"SELECT min({column}), count(*) FROM {table}")  # noqa: S608
            assert (oldest, number) == (edge, 49)
    assert city_hours(database) == hours
    assert len(days(database)) == 6
    maintain(database, now=now + timedelta(days=300), retain_raw_days=2)
    assert count(database, "reading") == 0
    assert city_hours(database) == hours
    assert len(days(database)) == 6


def test_only_jobs_that_are_long_done_go(database: Database, now: datetime) -> None:
    month_ago = now - timedelta(days=30)
    with database.transaction() as connection:
        for key in ("old", "young", "dead", "waiting"):
            enqueue(connection, "t", key, {}, now=month_ago)
        for done_at in (now - timedelta(days=8), now - timedelta(days=6)):
            job = lease(connection, now=done_at, seconds=60)
            assert job is not None
            finish(connection, job, now=done_at)
        job = lease(connection, now=month_ago, seconds=60)
        assert job is not None
        assert fail(connection, job, "no use", now=month_ago, retry=False)
    assert maintain(database, now=now, retain_raw_days=KEPT)["dropped"]["job"] == 1  # type: ignore[index]
    with database.transaction() as connection:
        left = run(connection, "SELECT key, state FROM job ORDER BY key")
    assert [tuple(row) for row in left] == [("dead", "dead"), ("waiting", "queued"), ("young", "done")]


def test_when_it_last_went_through(database: Database, now: datetime) -> None:
    with database.transaction() as connection:
        assert last_upkeep(connection) is None
    for time in (now, now + timedelta(days=7)):
        maintain(database, now=time, retain_raw_days=KEPT)
        with database.transaction() as connection:
            assert last_upkeep(connection) == time


def test_twice_at_once(database: Database, now: datetime) -> None:
    keep_and_reconcile(database, uneven(now, 24 * 4), now)
    failures: list[Exception] = []

    def work() -> None:
        try:
            maintain(database, now=now, retain_raw_days=1)
        except Exception as error:  # noqa: BLE001 — told to the test
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    found = {day: {**row, "rolled_at": None} for day, row in days(database).items()}
    assert found == {day: {**row, "rolled_at": None} for day, row in by_hand(database).items()}
