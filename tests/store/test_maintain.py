"""Upkeep: days rolled up as one would by hand, raw rows dropped, nothing else."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from statistics import fmean
from typing import Any

import pytest
from factories import air, city_hours, count, keep, keep_and_reconcile, series
from msgspec import structs
from processes import until
from tier_servers import done_by_the_servers_workers, name_of, run_jobs

from common.domain.observation import HOUR, IST, POLLUTANTS, ProviderForecast
from common.ingest.reconcile import reconcile
from common.store.city_hours import lock_city, upsert_city_hours
from common.store.engine import Database, run
from common.store.events import append, note_pushes
from common.store.jobs import enqueue, fail, finish, lease
from common.store.maintain import last_upkeep, maintain
from common.store.provider_forecasts import WEATHER_KEPT, insert_provider_forecasts
from common.store.reads.hours import days_between
from common.store.reads.periods import CityMean, Period, city_means
from common.store.source_runs import SourceRun, record_run

RETAIN_DAYS = 90
SETTLED = timedelta(days=3)
"""After so long the server keeps a day by itself, where it does."""


def days(database: Database, city: str = "Delhi") -> dict[date, dict[str, Any]]:
    """The days as they are kept, but for when each was rolled up."""
    with database.transaction() as connection:
        rows = run(
            connection,
            "SELECT day, to_jsonb(city_day) - 'city' - 'day' - 'rolled_at' FROM city_day WHERE city = :city",
            city=city,
        )
    return dict(rows)


def rolled_at(database: Database) -> dict[date, datetime]:
    with database.transaction() as connection:
        return dict(run(connection, "SELECT day, rolled_at FROM city_day"))


def served(database: Database) -> dict[date, tuple[int, float]]:
    """Day → hours and mean of PM2.5, as the API has them."""
    with database.transaction() as connection:
        rows = days_between(connection, "Delhi", "in-naqi", first=date(2025, 10, 1), last=date(2025, 12, 1))
    assert rows is not None
    return {
        date.fromisoformat(day): (hours, pm25)
        for day, hours, pm25 in zip(rows.date, rows.hours, rows.concentrations["pm25"], strict=True)
        if pm25 is not None
    }


def served_by_hand(database: Database) -> dict[date, tuple[int, float]]:
    return {
        day: (row["hours"], pytest.approx(row["pm25"].expected, abs=0.006))
        for day, row in by_hand(database).items()
    }


def by_hand(database: Database) -> dict[date, dict[str, Any]]:
    """The Indian days, worked out from the city-hours without SQL."""
    gathered: dict[date, list[dict[str, Any]]] = defaultdict(list)
    for time, row in city_hours(database).items():
        if row["basis"] is not None:
            began = (time - HOUR).astimezone(IST)
            gathered[began.date()].append(row)
    expected = {}
    for day, rows in gathered.items():
        mean: dict[str, Any] = {"hours": len(rows)}
        for name in (*POLLUTANTS, "aqi", "aqi_us"):
            known = [row[name] for row in rows if row[name] is not None]
            mean[name] = pytest.approx(fmean(known), rel=1e-5) if known else None
        for name in ("aqi", "aqi_us"):
            known = [row[name] for row in rows if row[name] is not None]
            mean[f"{name}_max"] = max(known) if known else None
        for name in ("basis", "source"):
            ranked = Counter(row[name] for row in rows)
            mean[name] = min(ranked, key=lambda value: (-ranked[value], value))
        expected[day] = mean
    return expected


def uneven(now: datetime, hours: int) -> list[Any]:
    """Air that differs from hour to hour, with gaps and a change of source in the middle."""
    measured = [
        structs.replace(reading, values=air(20.0 + number % 37 * 3))
        for number, reading in enumerate(series(now, hours, {}))
    ]
    model = series(now, hours, {**air(80.0), "so2": 12.0}, source="open-meteo", station="", basis="modelled")
    return [reading for number, reading in enumerate(measured) if number % 50 < 40] + model


def test_days_are_rolled_up_as_by_hand(database: Database, now: datetime, tier: str) -> None:
    keep_and_reconcile(database, uneven(now, 24 * 6 + 5), now)
    done = maintain(database, now=now + SETTLED, retain_raw_days=RETAIN_DAYS)
    rolled_up = days(database)
    assert rolled_up == by_hand(database)
    assert len(rolled_up) == 7
    assert done["days"] == (None if tier == "community" else 7)
    assert {row["basis"] for row in rolled_up.values()} == {"measured", "modelled"}


def test_an_indian_day_ends_at_indian_midnight(database: Database) -> None:
    midnight = datetime(2025, 11, 4, 18, 30, tzinfo=UTC)  # the hour that ends with 4 November in India
    readings = [
        *series(midnight, 1, {"pm25": 10.0}),
        *series(midnight + HOUR, 1, {"pm25": 20.0}),
        *series(midnight + 24 * HOUR, 1, {"pm25": 40.0}),
        *series(midnight + 25 * HOUR, 1, {"pm25": 80.0}),
    ]
    keep_and_reconcile(database, readings, midnight + 30 * HOUR)
    maintain(database, now=midnight + 30 * HOUR + SETTLED, retain_raw_days=RETAIN_DAYS)
    assert {day.day: (row["pm25"], row["hours"]) for day, row in days(database).items()} == {
        4: (10, 1),
        5: (30, 2),
        6: (80, 1),
    }


def test_running_twice_changes_nothing(database: Database, now: datetime) -> None:
    keep_and_reconcile(database, uneven(now, 100), now)
    maintain(database, now=now + SETTLED, retain_raw_days=2)
    before = days(database), rolled_at(database), city_hours(database), count(database, "reading")
    done = maintain(database, now=now + SETTLED, retain_raw_days=2)
    assert (days(database), rolled_at(database), city_hours(database), count(database, "reading")) == before
    assert set(done["dropped"].values()) == {0}  # type: ignore[attr-defined]


def correct_late(database: Database, time: datetime, now: datetime, pm25: float = 500) -> date:
    """A correction of one hour, long after; the Indian day that it changes."""
    keep(database, series(time, 1, air(pm25)), now)
    with database.transaction() as connection:
        lock_city(connection, "Delhi")
        assert reconcile(connection, "Delhi", time - HOUR, time, now=now)
    return (time - HOUR).astimezone(IST).date()


def test_an_hour_that_changes_late_counts_at_once_and_is_rolled_up_next_time(
    database: Database, now: datetime
) -> None:
    keep_and_reconcile(database, uneven(now, 24 * 6), now)
    maintain(database, now=now + SETTLED, retain_raw_days=RETAIN_DAYS)
    assert served(database) == served_by_hand(database)
    day = correct_late(database, now - 60 * HOUR, now + timedelta(days=7))
    assert served(database) == served_by_hand(database)
    assert days(database)[day] != by_hand(database)[day]
    maintain(database, now=now + timedelta(days=7), retain_raw_days=RETAIN_DAYS)
    assert days(database) == by_hand(database)
    assert served(database) == served_by_hand(database)
    assert count(database, "city_day_stale") == 0


@pytest.mark.tiers("plain", "apache")
def test_only_the_days_that_changed_are_rolled_up_again(database: Database, now: datetime) -> None:
    keep_and_reconcile(database, uneven(now, 24 * 6), now)
    maintain(database, now=now, retain_raw_days=RETAIN_DAYS)
    week_later = now + timedelta(days=7)
    day = correct_late(database, now - 60 * HOUR, week_later)
    assert maintain(database, now=week_later, retain_raw_days=RETAIN_DAYS)["days"] == 1
    assert [rolled for rolled, when in rolled_at(database).items() if when == week_later] == [day]


def test_a_change_by_a_clock_that_is_behind_is_not_forgotten(database: Database, now: datetime) -> None:
    keep_and_reconcile(database, uneven(now, 24 * 6), now)
    maintain(database, now=now + SETTLED, retain_raw_days=RETAIN_DAYS)
    correct_late(database, now - 60 * HOUR, now - timedelta(days=300))
    assert served(database) == served_by_hand(database)
    maintain(database, now=now + SETTLED, retain_raw_days=RETAIN_DAYS)
    assert days(database) == by_hand(database)


def test_a_day_that_was_still_open_is_rolled_up_again(database: Database, now: datetime) -> None:
    keep_and_reconcile(database, series(now, 20, air(60)), now)
    maintain(database, now=now, retain_raw_days=RETAIN_DAYS)
    later = now + 12 * HOUR
    keep_and_reconcile(database, series(later, 12, air(90)), later)
    assert served(database)[date(2025, 11, 5)][0] == 24
    maintain(database, now=later + SETTLED, retain_raw_days=RETAIN_DAYS)
    assert days(database)[date(2025, 11, 5)]["hours"] == 24


def test_hours_that_change_while_days_are_rolled_up_are_not_forgotten(
    database: Database, now: datetime
) -> None:
    keep_and_reconcile(database, uneven(now, 24 * 3), now)
    maintain(database, now=now + SETTLED, retain_raw_days=RETAIN_DAYS)
    writer = Database(database.url)

    def change() -> None:
        for number in range(12):
            correct_late(writer, now - (30 + number) * HOUR, now + SETTLED + number * HOUR, 100 + 20 * number)

    with closing(writer), ThreadPoolExecutor(1) as pool:
        changing = pool.submit(change)
        while not changing.done():
            maintain(database, now=now + SETTLED, retain_raw_days=RETAIN_DAYS)
        changing.result()
    assert served(database) == served_by_hand(database)
    maintain(database, now=now + SETTLED, retain_raw_days=RETAIN_DAYS)
    assert days(database) == by_hand(database)


def test_events_and_delays_are_dropped_by_age(database: Database, now: datetime) -> None:
    with database.transaction() as connection:
        for ago in (timedelta(days=41), timedelta(hours=49), timedelta(hours=1)):
            append(connection, "forecast", ["Delhi"], now=now - ago, detail={"origin": now - ago})
    with database.transaction() as connection:
        for seq, ago in enumerate((timedelta(days=41), timedelta(hours=49), timedelta(hours=1)), 1):
            note_pushes(connection, [seq], now=now - ago)
            run(
                connection,
                "INSERT INTO pipeline_delay (hour, source, city, collected) VALUES (:hour, 'cpcb', 'Delhi', 420)",
                hour=now - ago,
            )
    dropped: Any = maintain(database, now=now, retain_raw_days=RETAIN_DAYS)["dropped"]
    assert (dropped["event"], dropped["event_push"], dropped["pipeline_delay"]) == (2, 1, 1)


def test_raw_rows_are_dropped_and_what_was_made_of_them_kept(
    database: Database, now: datetime, tier: str
) -> None:
    keep_and_reconcile(database, series(now, 24 * 5, air(60)), now)
    keep_and_reconcile(
        database, [structs.replace(reading, values=air(90)) for reading in series(now, 24 * 5, {})], now
    )
    edge = now - timedelta(days=2)
    with database.transaction() as connection:
        for hour in range(24 * 5):
            time = now - hour * HOUR
            expected = {"rain": 1.0, "pm25": 60.0}
            insert_provider_forecasts(
                connection, [ProviderForecast("m", "Delhi", time, time, expected)], now=time
            )
            record_run(connection, SourceRun("m", started_at=time, finished_at=time))
    hours = city_hours(database)
    done = maintain(database, now=now, retain_raw_days=2)
    raw = ("reading", "reading_revision", "source_run")
    with database.transaction() as connection:
        if tier == "plain":  # elsewhere whole chunks go, uncounted
            assert done["dropped"] == dict.fromkeys((*raw, "provider_forecast"), 24 * 5 - 49) | {
                "job": 0,
                "source_usage": 0,
                "forecast_expert": 0,
                "forecast_inputs": 0,
                "event": 0,
                "event_push": 0,
                "pipeline_delay": 0,
            }
        for table in raw:
            column = "started_at" if table == "source_run" else "time"
            [(oldest, number)] = run(connection, f"SELECT min({column}), count(*) FROM {table}")  # noqa: S608
            assert (oldest, number) == (edge, 49)
        rows = run(
            connection,
            "SELECT kind, min(received_at), count(*) FROM provider_forecast GROUP BY kind ORDER BY kind",
        )
        assert [tuple(row) for row in rows] == [
            ("air", edge, 49),
            ("weather", now - timedelta(hours=24 * 5 - 1), 24 * 5),
        ]
    assert city_hours(database) == hours
    assert len(served(database)) == 6
    maintain(database, now=now + timedelta(days=300), retain_raw_days=2)
    assert count(database, "reading") == 0
    assert count(database, "provider_forecast") == 24 * 5  # of the weather, models still learn
    maintain(database, now=now + WEATHER_KEPT, retain_raw_days=2)
    assert count(database, "provider_forecast") == 1
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
    assert maintain(database, now=now, retain_raw_days=RETAIN_DAYS)["dropped"]["job"] == 1  # type: ignore[index]
    with database.transaction() as connection:
        left = run(connection, "SELECT key, state FROM job ORDER BY key")
    assert [tuple(row) for row in left] == [("dead", "dead"), ("waiting", "queued"), ("young", "done")]


def test_when_it_last_went_through(database: Database, now: datetime) -> None:
    with database.transaction() as connection:
        assert last_upkeep(connection) is None
    for time in (now, now + timedelta(days=7)):
        maintain(database, now=time, retain_raw_days=RETAIN_DAYS)
        with database.transaction() as connection:
            assert last_upkeep(connection) == time


def test_twice_at_once(database: Database, now: datetime) -> None:
    keep_and_reconcile(database, uneven(now, 24 * 4), now)
    failures: list[Exception] = []

    def work() -> None:
        try:
            maintain(database, now=now + SETTLED, retain_raw_days=1)
        except Exception as error:  # noqa: BLE001 — told to the test
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert days(database) == by_hand(database)


def test_rankings_and_daily_trends_read_the_days_that_are_kept(database: Database, now: datetime) -> None:
    keep_and_reconcile(database, uneven(now, 24 * 6), now)
    maintain(database, now=now + SETTLED, retain_raw_days=RETAIN_DAYS)
    period = Period.of_days(5, now)

    def ranked() -> list[CityMean]:
        with database.transaction() as connection:
            return city_means(connection, ["Delhi", "Mumbai"], "aqi", "in-naqi", period, daily=True)

    trend, ranking = served(database), ranked()
    assert len(trend) == 7
    assert [row.city for row in ranking] == ["Delhi"]
    with database.transaction() as connection:
        run(connection, "DELETE FROM city_hour")
    assert served(database) == trend
    assert ranked() == ranking


@pytest.mark.tiers("community")
def test_what_the_server_does_by_itself_erases_no_history(database: Database, now: datetime) -> None:
    keep_and_reconcile(database, uneven(now, 24 * 20), now)
    hours, rolled_up = city_hours(database), by_hand(database)
    assert (
        done_by_the_servers_workers(database, "policy_retention") == 2
    )  # by its clock, all readings are old
    assert (count(database, "reading"), count(database, "reading_revision")) == (0, 0)
    assert done_by_the_servers_workers(database, "policy_compression") == 4
    assert done_by_the_servers_workers(database, "policy_refresh_continuous_aggregate") == 1
    assert city_hours(database) == hours
    assert days(database) == rolled_up
    with database.transaction() as connection:
        chunks = run(
            connection,
            "SELECT is_compressed FROM timescaledb_information.chunks WHERE hypertable_name = 'city_hour'",
        )
    assert [compressed for (compressed,) in chunks] == [True] * len(chunks) != []
    corrected = {
        "city": "Delhi",
        "time": (now - 60 * HOUR).isoformat(),
        **hours[now - 60 * HOUR],
        "pm25": 250.0,
    }
    with database.transaction() as connection:
        assert upsert_city_hours(connection, [corrected], now=now + SETTLED) == 1
    assert served(database) == served_by_hand(database)
    assert days(database) == rolled_up
    assert done_by_the_servers_workers(database, "policy_refresh_continuous_aggregate") == 1
    assert days(database) == by_hand(database) != rolled_up


@pytest.mark.tiers("community")
def test_chunks_that_are_compressed_are_corrected_and_dropped_from_whatever_their_size(
    database: Database, now: datetime
) -> None:
    cities = [f"City {number}" for number in range(8)]
    readings = [reading for city in cities for reading in series(now, 24 * 10, air(60), city=city)]
    keep_and_reconcile(database, readings, now)
    assert run_jobs(database, "policy_compression") == 4
    with database.statements() as connection:
        # As if there were a thousand times as many: its own limit is 100,000 rows.
        run(
            connection,
            f"ALTER DATABASE {name_of(database.url)} "
            "SET timescaledb.max_tuples_decompressed_per_dml_transaction = 100",
        )
    database.close()
    later = now + timedelta(days=20)
    corrected = [
        structs.replace(reading, values=air(90)) for reading in readings if reading.time == now - 60 * HOUR
    ]
    assert keep(database, corrected, later).changed == len(cities)
    with database.transaction() as connection:
        for city in cities:
            assert reconcile(connection, city, now - 61 * HOUR, now - 60 * HOUR, now=later) == 1
    edge = now - timedelta(days=3)
    done: Any = maintain(database, now=now, retain_raw_days=3)
    assert done["dropped"]["reading"] > 100
    with database.transaction() as connection:
        [row] = run(connection, "SELECT min(time), count(*) FROM reading")
    assert tuple(row) == (edge, len(cities) * 73)


@pytest.mark.tiers("community")
def test_jobs_of_the_server_that_fail_are_told(database: Database, now: datetime) -> None:
    assert maintain(database, now=now, retain_raw_days=RETAIN_DAYS)["failing"] == []
    with database.transaction() as connection:
        run(
            connection,
            "CREATE PROCEDURE break_down(job_id int, config jsonb) LANGUAGE plpgsql "
            "AS $$ BEGIN RAISE 'it is broken'; END $$",
        )
        [(job,)] = run(connection, "SELECT add_job('break_down', interval '1 hour')")
        # It looks for new databases once a minute, and may miss a job that is added while it reads the others.
        run(connection, "SELECT _timescaledb_functions.restart_background_workers()")
    failures = "SELECT total_failures FROM timescaledb_information.job_stats WHERE job_id = :job"

    def tried() -> bool:
        with database.transaction() as connection:
            return any(number for (number,) in run(connection, failures, job=job))

    until(tried, seconds=60)
    with database.transaction() as connection:
        run(
            connection,
            "SELECT alter_job(job_id, scheduled => false) FROM timescaledb_information.jobs "
            "WHERE proc_name = 'policy_telemetry' "
            "OR hypertable_name = 'city_hour' AND proc_name = 'policy_compression'",
        )
    stopped, broken = maintain(database, now=now, retain_raw_days=RETAIN_DAYS)["failing"]  # type: ignore[misc]
    assert stopped.endswith("(policy_compression of city_hour): it is switched off")
    assert broken == f"job {job} (break_down): it is broken"
