"""Counted calls: no window ever holds more than its limit, whoever calls and however calls are folded."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count as counter
from typing import TYPE_CHECKING

import pytest
from factories import count
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.store.engine import Database, run
from common.store.quota_usage import Full, fold, reserve, used

if TYPE_CHECKING:
    from collections.abc import Mapping

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NEW_NAMES = counter()


def take(
    database: Database, calls: float, limits: Mapping[timedelta, float], now: datetime, source: str = "one"
) -> Full | None:
    with database.transaction() as connection:
        return reserve(connection, source, calls, limits, now=now)


def spent(database: Database, now: datetime, source: str = "one") -> dict[timedelta, float]:
    with database.transaction() as connection:
        return used(connection, source, dict.fromkeys((MINUTE, HOUR, DAY), 0.0), now=now)


def test_calls_are_counted_by_their_weight(database: Database, now: datetime) -> None:
    for calls, ago in ((56.0, 2 * HOUR), (74.4, 10 * MINUTE), (1.5, timedelta(0)), (2.0, timedelta(0))):
        assert take(database, calls, {DAY: 10_000}, now - ago) is None
    assert spent(database, now) == pytest.approx({MINUTE: 3.5, HOUR: 77.9, DAY: 133.9})
    assert spent(database, now, "other") == {MINUTE: 0, HOUR: 0, DAY: 0}


def test_what_does_not_fit_is_not_counted_and_told_when_it_does(database: Database, now: datetime) -> None:
    limits = {HOUR: 10.0, DAY: 100.0}
    for minutes, calls in ((0, 4), (10, 3), (20, 3)):
        assert take(database, calls, limits, now + minutes * MINUTE) is None
    later, second = now + 30 * MINUTE, timedelta(seconds=1)
    assert take(database, 1, limits, later) == Full(HOUR, 10, 10, now + HOUR + second)
    assert take(database, 7, limits, later) == Full(HOUR, 10, 10, now + 10 * MINUTE + HOUR + second)
    assert take(database, 10, limits, later) == Full(HOUR, 10, 10, now + 20 * MINUTE + HOUR + second)
    assert spent(database, later)[HOUR] == 10
    assert take(database, 4, limits, now + HOUR) is not None
    assert take(database, 4, limits, now + HOUR + second) is None


def test_a_call_beyond_the_limit_never_fits(database: Database, now: datetime) -> None:
    assert take(database, 11, {HOUR: 10.0, DAY: 100.0}, now) == Full(HOUR, 0, 10, None)
    assert count(database, "source_usage") == 0


def test_the_window_that_opens_last_is_told(database: Database, now: datetime) -> None:
    limits = {MINUTE: 5.0, DAY: 5.0}
    assert take(database, 5, limits, now) is None
    full = take(database, 1, limits, now)
    assert full is not None
    # By then the call is one of those of its hour, which ends at 11:00.
    assert (full.window, full.opens) == (DAY, now + DAY + 30 * MINUTE)


def test_calls_stamped_by_a_clock_that_is_ahead_count_too(database: Database, now: datetime) -> None:
    assert take(database, 8, {HOUR: 10.0}, now + HOUR) is None
    assert take(database, 3, {HOUR: 10.0}, now) is not None


def test_several_at_once_do_not_overdraw(database_url: str, now: datetime) -> None:
    databases = [Database(database_url, pool_size=1) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        taken = pool.map(lambda number: take(databases[number % 4], 1, {HOUR: 25.0}, now), range(80))
        assert sum(full is None for full in taken) == 25
    assert spent(databases[0], now)[HOUR] == 25
    for database in databases:
        database.close()


def test_folding_makes_rows_of_hours_and_forgets_nothing(database: Database) -> None:
    noon = datetime(2025, 11, 5, 12, 10, tzinfo=UTC)
    for minutes in range(0, 240, 7):
        take(database, 1, {DAY: 1000.0}, noon - 4 * HOUR + minutes * MINUTE)
    before, whole = spent(database, noon), {DAY: 35.0}
    for _ in range(2):
        with database.transaction() as connection:
            fold(connection, "one", now=noon)
        assert spent(database, noon) == before
        assert before.items() >= whole.items()
    with database.transaction() as connection:
        rows = run(connection, "SELECT until, calls FROM source_usage ORDER BY until")
    assert [(until.astimezone(UTC).hour, calls) for until, calls in rows[:3]] == [(9, 8), (10, 8), (10, 1)]
    take(database, 1, {DAY: 1000.0}, noon + 3 * HOUR)
    with database.transaction() as connection:
        fold(connection, "one", now=noon + 3 * HOUR)
    assert spent(database, noon + 3 * HOUR) == {MINUTE: 1, HOUR: 1, DAY: 36}


Step = tuple[float, float, bool]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.tuples(st.floats(0, 5400), st.floats(0.5, 8), st.booleans()), min_size=5, max_size=40),
    limits=st.tuples(st.floats(8, 20), st.floats(20, 40), st.floats(40, 80)),
)
def test_no_window_of_any_beginning_holds_more_than_its_limit(
    database: Database, steps: list[Step], limits: tuple[float, float, float]
) -> None:
    """Calls of any weight at any times, some of which wait until they are told that there is room."""
    source = f"source {next(NEW_NAMES)}"
    limit = dict(zip((MINUTE, HOUR, DAY), limits, strict=True))
    now = datetime(2025, 11, 5, 23, 17, 5, 250_000, tzinfo=UTC)
    made: list[tuple[datetime, float]] = []
    for seconds, calls, waits in steps:
        now += timedelta(seconds=seconds)
        full = take(database, calls, limit, now, source)
        while full is not None and waits:
            assert full.opens is not None
            assert full.opens > now
            now = full.opens
            full = take(database, calls, limit, now, source)
        if full is None:
            made.append((now, calls))
        with database.transaction() as connection:
            fold(connection, source, now=now)
    for window, most in limit.items():
        for begin, _ in made:
            within = sum(calls for time, calls in made if begin <= time < begin + window)
            assert within <= most + 1e-6
