"""The version of the data: raised by every transaction that changes what is shown, when it is kept and not before."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from common.store.data_version import newest_hour, raise_data_version, versions
from common.store.engine import Database, run

if TYPE_CHECKING:
    from datetime import datetime


def now_of(database: Database) -> tuple[int, int]:
    with database.reading() as connection:
        present = versions(connection)
    return present.data, present.keys


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO city_hour (city, time, computed_at) VALUES ('Delhi', '2025-11-05 10:30Z', '2025-11-05 11:00Z')",
        "INSERT INTO meta VALUES ('dataset', 'real')",
        "DELETE FROM model",
        "UPDATE forecast_truth SET scored = 1",
        "INSERT INTO forecast_day_state VALUES ('Delhi', 'aqi', 'live', '2025-11-05', false)",
        "INSERT INTO city_day_stale VALUES ('Delhi', '2025-11-05')",
    ],
)
def test_each_change_raises_it_and_leaves_the_keys(database: Database, statement: str) -> None:
    data, keys = now_of(database)
    with database.transaction() as connection:
        run(connection, statement)
        assert now_of(database) == (data, keys)
    after = now_of(database)
    assert after[0] > data
    assert after[1] == keys


@pytest.mark.parametrize(
    "statement",
    ["INSERT INTO source_run VALUES ('x', now(), now(), 1, '{}')", "UPDATE api_key SET last_used_at = now()"],
)
def test_what_is_not_shown_leaves_it(database: Database, statement: str) -> None:
    before = now_of(database)
    with database.transaction() as connection:
        run(connection, statement)
    assert now_of(database) == before


def test_keys_have_a_version_of_their_own(database: Database) -> None:
    data, keys = now_of(database)
    for statement in (
        "INSERT INTO api_key VALUES ('p', decode(repeat('00', 32), 'hex'), 'n', '{read}', now())",
        "UPDATE api_key SET revoked_at = now()",
        "DELETE FROM api_key",
    ):
        with database.transaction() as connection:
            run(connection, statement)
        now = now_of(database)
        assert now[0] == data
        assert now[1] > keys
        keys = now[1]


def test_it_can_be_raised_by_hand_and_statements_count_one_by_one(database: Database) -> None:
    before = now_of(database)[0]
    with database.transaction() as connection:
        raise_data_version(connection)
        raise_data_version(connection)
    once = now_of(database)[0]
    assert once > before
    with database.statements() as connection:
        run(connection, "DELETE FROM model")
    assert now_of(database)[0] > once


def test_many_writers_at_once(database: Database) -> None:
    """They lock rows in all orders; the version is no reason to wait, or to wait in a circle."""
    own = Database(database.url, pool_size=6)
    failed: list[BaseException] = []
    seen: list[int] = []

    def write(number: int) -> None:
        try:
            for step in range(20):
                with own.transaction() as connection:
                    run(connection, "SET LOCAL lock_timeout = 5000")
                    if number % 2:
                        run(connection, "DELETE FROM model")
                    run(connection, "SELECT pg_advisory_xact_lock(:key)", key=step % 3)
                    run(connection, "DELETE FROM forecast")
                seen.append(now_of(own)[0])
        except BaseException as error:  # noqa: BLE001 — told by the main thread
            failed.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    own.close()
    assert failed == []
    assert len(set(seen)) > 20
    with database.transaction() as connection:
        assert run(connection, "SELECT * FROM version_due") == []


def test_it_never_goes_back(database: Database) -> None:
    with database.transaction() as connection:
        run(connection, "UPDATE version SET version = 9000000000000000 WHERE what = 'data'")
        run(connection, "DELETE FROM model")
    assert now_of(database)[0] == 9000000000000001


def test_the_newest_hour_has_air_and_is_not_to_come(database: Database, now: datetime) -> None:
    with database.reading() as connection:
        assert newest_hour(connection, now) is None
    with database.transaction() as connection:
        run(
            connection,
            """
            INSERT INTO city_hour (city, time, basis, computed_at) VALUES
              ('Delhi', '2025-11-05 08:30Z', 'measured', '2025-11-05 11:00Z'),
              ('Delhi', '2025-11-05 09:30Z', NULL, '2025-11-05 11:00Z'),
              ('Delhi', '2025-11-05 11:30Z', 'measured', '2025-11-05 11:00Z')
            """,
        )
    with database.reading() as connection:
        newest = newest_hour(connection, now)
    assert newest is not None
    assert newest.isoformat() == "2025-11-05T08:30:00+00:00"
