"""The clock of one machine: what it sends when, and what it makes up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import time_machine
from factories import air, count, keep_and_reconcile, series

from common.adapters.postgres.queue import PostgresQueue
from common.bootstrap.container import resources_of, system_clock
from common.cli.schedule import Schedule
from common.config import from_mapping
from common.domain.messages import ALERTS, COLLECT, TRAIN
from common.store import jobs
from common.store.engine import Database, run
from common.store.maintain import last_upkeep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(autouse=True)
def hands(now: datetime) -> Iterator[time_machine.Traveller]:
    """The clock of the machine, which stands still until it is moved."""
    with time_machine.travel(now, tick=False) as moved:
        yield moved


def machine(
    database: Database, hands: time_machine.Traveller, start: datetime
) -> tuple[Schedule, Callable[[datetime], list[str]]]:
    """A schedule that began at `start`, and: go to a time, tell the types of messages sent since."""
    hands.move_to(start)
    settings = from_mapping({"DATABASE_URL": database.url, "MODEL_STORE_URL": "memory:"})
    schedule = Schedule(resources_of(settings, database, PostgresQueue(database, system_clock), system_clock))

    def go_to(time: datetime) -> list[str]:
        hands.move_to(time)
        schedule.run_due()
        with database.transaction() as connection:
            sent = [type_ for (type_,) in run(connection, "DELETE FROM job RETURNING type")]
        return sorted(sent)

    return schedule, go_to


def test_a_day(database: Database, hands: time_machine.Traveller) -> None:
    start = datetime(2025, 11, 5, 10, 12, 30, tzinfo=UTC)
    _, go_to = machine(database, hands, start)
    assert go_to(start) == [ALERTS, COLLECT]
    sent = {}
    for minute in range(1, 24 * 60 + 1):
        time = start + timedelta(minutes=minute)
        if types := go_to(time):
            sent[time] = types
    collected = [time for time, types in sent.items() if COLLECT in types]
    assert [(time.hour, time.minute) for time in collected] == [((10 + hour) % 24, 37) for hour in range(24)]
    planned = [time for time, types in sent.items() if TRAIN in types]
    assert planned == [datetime(2025, 11, 6, 2, 0, 30, tzinfo=UTC)]
    alerted = [time for time, types in sent.items() if ALERTS in types]
    assert [time.minute for time in alerted] == [minute % 60 for minute in range(15, 15 + 24 * 60, 5)]


def test_what_was_missed_in_sleep_is_made_up_once(
    database: Database, hands: time_machine.Traveller, now: datetime
) -> None:
    _, go_to = machine(database, hands, now)
    go_to(now)
    later = now + timedelta(days=3, minutes=7)
    assert go_to(later) == [ALERTS, COLLECT, TRAIN]
    assert go_to(later + timedelta(seconds=1)) == []


def test_upkeep_a_week_after_the_last_also_where_nothing_ran_meanwhile(
    database: Database, hands: time_machine.Traveller, now: datetime
) -> None:
    def upkept() -> datetime | None:
        with database.transaction() as connection:
            return last_upkeep(connection)

    keep_and_reconcile(database, series(now, 30, air(60)), now)
    _, go_to = machine(database, hands, now)
    go_to(now)
    assert upkept() == now
    assert count(database, "city_day") == 2
    go_to(now + timedelta(days=6, hours=23))
    assert upkept() == now
    restarted = now + timedelta(days=30)
    _, go_to = machine(database, hands, restarted)
    go_to(restarted)
    assert upkept() == restarted


def test_a_database_that_is_away_is_awaited(
    database: Database, hands: time_machine.Traveller, now: datetime
) -> None:
    schedule, go_to = machine(database, hands, now)
    with database.transaction() as connection:
        run(connection, "ALTER TABLE job RENAME TO away")
    schedule.run_due()
    with database.transaction() as connection:
        run(connection, "ALTER TABLE away RENAME TO job")
    assert go_to(now) == [ALERTS, COLLECT]
    with database.transaction() as connection:
        assert jobs.counts(connection) == {}
