"""Migrations: from nothing, from every earlier version on filled databases, again, at once by two, and down."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from tiers_here import fresh_database, name_of

from common.domain.errors import StoreError
from common.store.databases import create_database, database_names
from common.store.engine import Database, run
from common.store.maintain import maintain
from common.store.migrate import alembic, migrate
from common.store.seals import seals
from common.store.tiers import CHUNKED, detect, keeps_days

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST = {
    "meta", "reading", "reading_revision", "weather_forecast", "city_hour", "city_day", "model", "forecast",
    "forecast_truth", "job", "source_run",
}  # fmt: skip
GONE = {"weather_forecast"}
"""What a later version holds in another shape."""
TABLES = (FIRST - GONE) | {
    "city_day_stale", "city_hour_revision", "source_usage", "backfilled",
    "outlook", "forecast_rival", "training_plan", "notice",
    "forecast_day_state", "forecast_day", "forecast_day_stated",
    "api_key", "version", "version_due", "job_asked", "finished_answer",
    "forecast_expert", "outbox",
}  # fmt: skip

LATER = datetime(2025, 3, 5, tzinfo=UTC)
WEEKS = "generate_series(timestamptz '2025-01-01 00:30Z', '2025-03-01 00:00Z', interval '6 hours')"
ROWS = {
    "meta": "INSERT INTO meta VALUES ('dataset', 'real')",
    "reading": "INSERT INTO reading (city, source, station, time, basis, pm25, published, received_at) "
    f"SELECT 'Delhi', 'cpcb', 'ITO', time, 'measured', 80, '{{\"pm25\": 170}}', time FROM {WEEKS} AS time",
    "reading_revision": "INSERT INTO reading_revision "
    f"SELECT 'Delhi', 'cpcb', 'ITO', time, time, time, '{{\"pm25\": 70}}' FROM {WEEKS} AS time",
    "weather_forecast": "INSERT INTO weather_forecast (city, source, issued_at, time, rain) "
    f"SELECT 'Delhi', 'open-meteo', time, time, 1.5 FROM {WEEKS} AS time",
    "city_hour": "INSERT INTO city_hour "
    "(city, time, source, basis, stations, pm25, aqi, dominant, detail, computed_at) "
    f"SELECT 'Delhi', time, 'cpcb', 'measured', 3, 80, 167, 'pm25', '{{\"a\": [1]}}', time FROM {WEEKS} AS time",
    "city_day": "INSERT INTO city_day (city, day, rolled_at, basis, source, hours, pm25, aqi, aqi_max) "
    "SELECT 'Delhi', day, '2025-03-02', 'measured', 'cpcb', 4, 80, 167, 167 "
    "FROM generate_series(timestamp '2025-01-01', '2025-02-28', interval '1 day') AS day",
    "model": "INSERT INTO model VALUES ('v1', 'Delhi', 'aqi', 'live', 'linear', 'champion', 'first', '2025-02-01', "
    "'2024-12-01', '2025-02-01', 900, 'f', 'c', '{}', '2025-02-01')",
    "forecast": "INSERT INTO forecast VALUES ('Delhi', 'aqi', 'live', '2025-02-02', '2025-02-02', '2025-02-02', 'v1', "
    "'linear', 'h', 'measured', 'cpcb', '{1}', '{1}', '{1}', '{1}', '{1}', '{}', "
    "'{1}', '{1}', '{1}')",
    "forecast_truth": "INSERT INTO forecast_truth "
    "VALUES ('Delhi', 'aqi', 'live', '2025-02-02', '{1}', 1, '2025-02-05')",
    "job": "INSERT INTO job (type, key, payload, max_attempts, available_at, created_at) "
    "VALUES ('vayu.train', 'Delhi', '{}', 3, '2025-02-02', '2025-02-02')",
    "source_run": "INSERT INTO source_run "
    "VALUES ('cpcb', '2025-02-02', '2025-02-02', 56, '{}', NULL, NULL, '2025-02-02')",
}  # fmt: skip
"""A row at least of every table of the first version."""


@pytest.fixture
def empty(server: str) -> Iterator[Database]:
    """A database with nothing in it."""
    with fresh_database(server) as url:
        database = Database(url)
        yield database
        database.close()


def tables(database: Database) -> set[str]:
    with database.transaction() as connection:
        return {
            name
            for (name,) in run(
                connection,
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
                "AND (relkind IN ('r', 'p') OR relname = 'city_day')",
            )
        }


def contents(database: Database, names: set[str]) -> dict[str, list[dict[str, Any]]]:
    """Table → its rows, but for what the roll-up and the tier record of themselves."""
    found = {}
    with database.transaction() as connection:
        for name in sorted(names):
            rows = run(connection, f"SELECT to_jsonb({name}) - 'rolled_at' FROM {name} ORDER BY 1")
            found[name] = [row for (row,) in rows if row.get("key") != "tier"]
    return found


def filled_first_version(database: Database, tier: str) -> dict[str, list[dict[str, Any]]]:
    """Set up the first version as it was, with rows in every table, compressed where it could be."""
    with database.transaction() as connection:
        command.upgrade(alembic(connection), "0001")
        assert detect(connection) == tier
        chunked = {name: CHUNKED[name] for name in FIRST & set(CHUNKED)} if tier != "plain" else {}
        if chunked:
            chunked["weather_forecast"] = ("city", "source, time DESC, issued_at DESC")
        for name in chunked:
            run(
                connection,
                "SELECT create_hypertable(CAST(:name AS regclass), by_range('time', interval '7 days'), "
                "create_default_indexes => false)",
                name=name,
            )
        for statement in ROWS.values():
            run(connection, statement)
        if tier == "community":
            for name, (segments, order) in chunked.items():
                run(
                    connection,
                    f"ALTER TABLE {name} SET (timescaledb.compress, timescaledb.compress_segmentby = '{segments}', "
                    f"timescaledb.compress_orderby = '{order}')",
                )
                assert run(connection, f"SELECT compress_chunk(chunk) FROM show_chunks('{name}') AS chunk")
        run(connection, "INSERT INTO meta VALUES ('tier', :tier)", tier=tier)
    kept = contents(database, FIRST)
    assert all(kept.values())
    return kept


def test_the_list_of_tables_is_whole() -> None:
    assert set(ROWS) == FIRST


def test_from_nothing_and_again(empty: Database) -> None:
    migrate(empty)
    assert tables(empty) == {*TABLES, "alembic_version"}
    with empty.transaction() as connection:
        run(connection, "INSERT INTO meta (key, value) VALUES ('dataset', 'real')")
    migrate(empty)
    with empty.transaction() as connection:
        assert run(connection, "SELECT value FROM meta WHERE key = 'dataset'") == [("real",)]
        assert len(run(connection, "SELECT * FROM alembic_version")) == 1


def without_new_columns(
    rows: dict[str, list[dict[str, Any]]], before: dict[str, list[dict[str, Any]]]
) -> dict[str, list[dict[str, Any]]]:
    return {
        name: [{column: row[column] for column in before[name][0]} for row in kept]
        for name, kept in rows.items()
    }


def test_up_from_the_first_version_nothing_is_lost(empty: Database, tier: str) -> None:
    before = filled_first_version(empty, tier)
    migrate(empty)
    assert tables(empty) == {*TABLES, "alembic_version"}
    if tier == "community":  # days are made anew of the hours
        with empty.transaction() as connection:
            assert keeps_days(connection)
        maintain(empty, now=LATER, retain_raw_days=3650)
        with empty.transaction() as connection:
            run(connection, "DELETE FROM meta WHERE key = 'maintained_at'")
    after = contents(empty, FIRST - GONE)
    assert without_new_columns(after, before) == {name: before[name] for name in FIRST - GONE}
    assert {tuple(row["flags"]) for row in after["city_hour"]} == {()}


def test_up_down_and_up_again(empty: Database, tier: str) -> None:
    before = filled_first_version(empty, tier)
    migrate(empty)
    with empty.transaction() as connection:
        command.downgrade(alembic(connection), "0001")
    names = FIRST - {"city_day"} if tier == "community" else FIRST
    later = names - GONE
    assert contents(empty, names) == {name: before[name] for name in names}
    migrate(empty)
    assert without_new_columns(contents(empty, later), before) == {name: before[name] for name in later}
    with empty.transaction() as connection:
        command.downgrade(alembic(connection), "base")
    assert tables(empty) == {"alembic_version"}
    migrate(empty)
    assert tables(empty) == {*TABLES, "alembic_version"}


@pytest.mark.parametrize("filled", [False, True], ids=["from nothing", "from the first version"])
def test_two_at_once(empty: Database, tier: str, filled: bool) -> None:
    before = filled_first_version(empty, tier) if filled else {}
    failures: list[Exception] = []
    ready = threading.Barrier(2)

    def work() -> None:
        mine = Database(empty.url)
        try:
            ready.wait(10)
            migrate(mine)
        except Exception as error:  # noqa: BLE001 — told to the test
            failures.append(error)
        finally:
            mine.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert tables(empty) == {*TABLES, "alembic_version"}
    if filled:
        rows = contents(empty, FIRST - {"city_day"} - GONE)
        assert without_new_columns(rows, before) == {name: before[name] for name in rows}


def test_what_was_issued_before_there_was_a_further_naive_forecast_keeps_its_seal(empty: Database) -> None:
    """Its tables are not written anew either, however large they are."""
    ends: dict[str, Any] = {"mode": "live", "start": datetime(2025, 2, 1, tzinfo=UTC), "end": LATER}
    whole = "SELECT md5(to_jsonb(forecast)::text) FROM forecast"
    files = "SELECT pg_relation_filenode('forecast'), pg_relation_filenode('forecast_day')"
    with empty.transaction() as connection:
        command.upgrade(alembic(connection), "0004")
        for name in ("model", "forecast", "forecast_truth"):
            run(connection, ROWS[name])
        run(
            connection,
            "INSERT INTO forecast_day "
            f"VALUES ('Delhi', 'aqi', 'live', '2025-02-02', '', 'v1', 'linear', 1, 1{', 0' * 31})",
        )
        before = run(connection, whole), run(connection, files)
    migrate(empty)
    with empty.transaction() as connection:
        assert list(seals(connection, ["Delhi"], **ends).values()) == [before[0][0][0]]
        assert run(connection, files) == before[1]
        assert run(connection, "SELECT weekly FROM forecast") == [(None,)]
        assert run(connection, "SELECT n, weekly, weekly_n FROM forecast_day") == [(1, None, 0)]
        run(connection, "DELETE FROM forecast")
        run(connection, ROWS["forecast"][:-1] + ", '{1}')")
        assert list(seals(connection, ["Delhi"], **ends).values()) == [run(connection, whole)[0][0]]


def test_experts_go_and_come_without_touching_the_forecasts(empty: Database) -> None:
    """Down to the version before and up again: what was issued stays as it is, with its seal."""
    ends: dict[str, Any] = {"mode": "live", "start": datetime(2025, 2, 1, tzinfo=UTC), "end": LATER}
    names = {"forecast", "forecast_truth", "model"}
    kept = (
        "INSERT INTO forecast_expert SELECT city, target, mode, origin, "
        "'{linear, mean, mean_corrected, persistence, daily, mean24, weekly}', "
        "array_fill(1.5::real, ARRAY[144]), array_fill(0.25::real, ARRAY[56]) FROM forecast"
    )
    with empty.transaction() as connection:
        command.upgrade(alembic(connection), "0005")
        for name in ("model", "forecast", "forecast_truth"):
            run(connection, ROWS[name])
        before = list(seals(connection, ["Delhi"], **ends).values())
    issued = contents(empty, names)
    for _ in range(2):
        migrate(empty)
        assert contents(empty, names) == issued
        with empty.transaction() as connection:
            assert run(connection, "SELECT count(*) FROM forecast_expert") == [(0,)]  # no forecast had any
            run(connection, kept)
            assert run(connection, "SELECT cardinality(y), weights[1] FROM forecast_expert") == [(144, 0.25)]
            assert list(seals(connection, ["Delhi"], **ends).values()) == before
            command.downgrade(alembic(connection), "0005")
        assert "forecast_expert" not in tables(empty)
        assert contents(empty, names) == issued
        with empty.transaction() as connection:
            assert list(seals(connection, ["Delhi"], **ends).values()) == before


def test_what_was_forecast_of_the_weather_is_kept_in_its_new_shape(empty: Database, tier: str) -> None:
    filled_first_version(empty, tier)
    with empty.transaction() as connection:
        run(connection, "DELETE FROM weather_forecast")
        run(
            connection,
            "INSERT INTO weather_forecast (city, source, issued_at, time, rain, humidity) VALUES "
            "('Pune', 'm', '2025-02-01 00:00Z', '2025-02-01 03:00Z', 1, NULL), "
            "('Pune', 'm', '2025-02-01 00:00Z', '2025-02-01 06:00Z', 2, 50), "
            "('Pune', 'm', '2025-02-01 06:00Z', '2025-02-01 09:00Z', 3, NULL)",
        )
        old = run(
            connection, "SELECT to_jsonb(weather_forecast) FROM weather_forecast ORDER BY issued_at, time"
        )
    migrate(empty)
    found = "SELECT kind, received_at - issued_at, first, known, rain, humidity, pm25 FROM outlook ORDER BY issued_at"
    six = timedelta(hours=6)  # when it was received is not known, but it was within these
    with empty.transaction() as connection:
        assert [tuple(row) for row in run(connection, found)] == [
            (
                "weather",
                six,
                datetime(2025, 2, 1, 3, tzinfo=UTC),
                3,
                [1, None, None, 2],
                [None, None, None, 50],
                None,
            ),
            ("weather", six, datetime(2025, 2, 1, 9, tzinfo=UTC), 1, [3], None, None),
        ]
        command.downgrade(alembic(connection), "0002")
        assert (
            run(
                connection, "SELECT to_jsonb(weather_forecast) FROM weather_forecast ORDER BY issued_at, time"
            )
            == old
        )


def test_each_version_goes_down_to_the_one_before(empty: Database) -> None:
    with empty.transaction() as connection:
        script = ScriptDirectory.from_config(alembic(connection))
        versions = [one.revision for one in script.walk_revisions()]
        command.upgrade(alembic(connection), "head")
        for _ in versions:
            command.downgrade(alembic(connection), "-1")
    assert tables(empty) == {"alembic_version"}


def test_a_migration_that_fails_leaves_nothing_half_done(empty: Database) -> None:
    with empty.transaction() as connection:
        run(connection, "CREATE TABLE job (id int)")  # in the way of one of ours
    with pytest.raises(Exception, match="job"):
        migrate(empty)
    assert tables(empty) == {"job"}


def test_no_server(tmp_path: object) -> None:
    database = Database(f"postgresql+pg8000://nobody@/none?host={tmp_path}")
    with pytest.raises(StoreError, match="DATABASE_URL"):
        migrate(database)


def test_a_database_is_made_once(empty: Database) -> None:
    name = name_of(empty.url)
    again = Database(empty.url)
    create_database(again, name)
    again.close()
    assert name in database_names(empty)
