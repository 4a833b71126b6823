"""Events are numbered in the order of the commits, so that no reader ever skips one that is committed late."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from factories import count
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError

from common.store.connection import connect
from common.store.data_version import raise_data_version, versions
from common.store.engine import Database, run
from common.store.events import (
    CHANNEL,
    EVENTS_KEPT,
    EventPage,
    advance_cursor,
    append,
    cursor,
    drop_old_events,
    events_after,
    newest_seq,
    seq_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

JOIN_S = 60


def add(database: Database, now: datetime, *kinds: str, cities: Sequence[str] = ()) -> list[int]:
    """Ids of events that one transaction adds."""
    with database.transaction() as connection:
        return [append(connection, kind, cities, now=now) for kind in kinds]


def page(
    database: Database,
    after: int | None = None,
    *,
    kinds: Sequence[str] | None = None,
    cities: Sequence[str] | None = None,
    limit: int = 100,
) -> EventPage:
    with database.reading() as connection:
        return events_after(connection, after, kinds=kinds, cities=cities, limit=limit)


def seqs(shown: EventPage) -> list[int]:
    return [event.seq for event in shown.events]


class UndoneError(Exception):
    """Rolls a transaction back."""


def test_the_number_is_known_after_the_commit_and_the_id_before(database: Database, now: datetime) -> None:
    with database.transaction() as connection:
        id_ = append(connection, "alert", ["Pune", "Delhi", "Pune"], now=now, detail={"alert": "a1"})
        assert seq_of(connection, id_) is None
        assert newest_seq(connection) == 0
        assert events_after(connection, 0).events == []
    with database.reading() as connection:
        assert seq_of(connection, id_) == 1
        assert newest_seq(connection) == 1
        assert seq_of(connection, id_ + 1) is None
    [event] = page(database, 0).events
    assert (event.seq, event.kind, event.cities) == (1, "alert", ("Delhi", "Pune"))
    assert (event.time, event.data_version, event.detail) == (now, None, {"alert": "a1"})


def test_of_two_overlapping_transactions_the_later_commit_has_the_later_number(
    database: Database, now: datetime
) -> None:
    """A reader between the two commits sees the one, and afterwards the other: no number below it comes later."""
    other = Database(database.url)
    with closing(other):
        with database.transaction() as slow:
            first = append(slow, "hours", ["Delhi"], now=now)
            [second] = add(other, now, "hours", cities=["Pune"])
            between = page(other, 0)
            assert [event.cities for event in between.events] == [("Pune",)]
        after = page(other, between.next)
        assert [event.cities for event in after.events] == [("Delhi",)]
        assert after.next == between.next + 1
        with other.reading() as connection:
            assert first < second
            assert seq_of(connection, first) == after.next


def test_the_data_version_is_that_of_the_transaction(database: Database, now: datetime) -> None:
    """Whichever of the two comes first in it; and none where the transaction changed nothing that is shown."""
    shown = []
    for version_first in (True, False):
        with database.transaction() as connection:
            if version_first:
                raise_data_version(connection)
            append(connection, "hours", ["Delhi"], now=now)
            if not version_first:
                raise_data_version(connection)
        with database.reading() as connection:
            shown.append(versions(connection).data)
    add(database, now, "source")
    assert [event.data_version for event in page(database).events] == [*shown, None]


def test_a_transaction_gives_its_events_numbers_in_their_order(database: Database, now: datetime) -> None:
    kinds = ["source", "hours", "model", "forecast", "alert"]
    add(database, now, *kinds)
    assert [(event.seq, event.kind) for event in page(database).events] == list(enumerate(kinds, 1))
    assert count(database, "event_due") == 0


def test_what_is_rolled_back_leaves_nothing(database: Database, now: datetime) -> None:
    with suppress(UndoneError), database.transaction() as connection:
        append(connection, "hours", ["Delhi"], now=now)
        raise UndoneError
    assert (count(database, "event"), count(database, "event_due")) == (0, 0)
    with database.transaction() as connection:
        append(connection, "hours", ["Agra"], now=now)
        with suppress(UndoneError), connection.begin_nested():
            append(connection, "hours", ["Delhi"], now=now)
            raise UndoneError
        with connection.begin_nested():
            append(connection, "hours", ["Pune"], now=now)
    assert [event.cities for event in page(database).events] == [("Agra",), ("Pune",)]


def test_the_kind_is_one_of_those_there_are(database: Database, now: datetime) -> None:
    with pytest.raises(DBAPIError, match="event_kind_check"), database.transaction() as connection:
        append(connection, "rumour", [], now=now)


def write_at_random(database: Database, now: datetime, number: int, times: int) -> int:
    """Transactions that wait for a moment and change data or not, every fourth rolled back; how many events stay."""
    chance = random.Random(number)  # noqa: S311 — to be the same again
    added = 0
    for step in range(times):
        with suppress(UndoneError), database.transaction() as connection:
            if chance.random() < 0.5:
                raise_data_version(connection)
            events = chance.randint(1, 3)
            for _ in range(events):
                append(connection, "hours", [f"{number}"], now=now)
            time.sleep(chance.random() / 100)  # the wait of a transaction at work: what is tested here
            if chance.random() < 0.5:
                raise_data_version(connection)
            if step % 4 == 3:
                raise UndoneError
            added += events
    return added


def read_until(database: Database, done: threading.Event, limit: int) -> list[int]:
    """The numbers that a reader sees who polls until all is done, in the order in which it sees them."""
    seen: list[int] = []
    after = 0
    while True:
        last = done.is_set()
        shown = page(database, after, limit=limit)
        seen += seqs(shown)
        after = shown.next
        if last and not shown.events:
            return seen


def test_eight_writers_and_a_reader(database: Database, now: datetime) -> None:
    """The reader sees every number once and no gap, for none is rolled back after it was numbered."""
    writers, each = 8, 12
    done = threading.Event()
    own = Database(database.url, pool_size=writers)
    with closing(own), ThreadPoolExecutor(writers + 1) as pool:
        reading = pool.submit(read_until, own, done, 5)
        writing = [pool.submit(write_at_random, own, now, number, each) for number in range(writers)]
        try:
            added = sum(future.result(JOIN_S) for future in writing)
        finally:
            done.set()
        seen = reading.result(JOIN_S)
    assert added >= writers * each * 3 // 4
    assert seen == list(range(1, added + 1))


def test_neither_order_of_data_and_events_makes_two_transactions_wait_in_a_circle(
    database: Database, now: datetime
) -> None:
    """The row of the data's version is always locked before the events are, whichever the transaction wrote first."""
    own = Database(database.url, pool_size=4)
    ready = threading.Barrier(4)

    def write(number: int) -> None:
        for _ in range(25):
            with own.transaction() as connection:
                run(connection, "SET LOCAL lock_timeout = 5000")
                if number % 2:
                    raise_data_version(connection)
                append(connection, "hours", ["Delhi"], now=now)
                if not number % 2:
                    raise_data_version(connection)
                ready.wait(JOIN_S)  # so that all of them commit at once

    with closing(own), ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4), timeout=JOIN_S))
    shown = page(database, limit=200)
    assert seqs(shown) == list(range(1, 101))
    data_versions = [event.data_version or 0 for event in shown.events]
    assert data_versions == sorted(set(data_versions))


def test_nobody_is_locked_out_before_the_commit(database: Database, now: datetime) -> None:
    """A transaction that has added an event and goes on working holds up no other."""
    other = Database(database.url)
    with closing(other), database.transaction() as slow:
        append(slow, "hours", ["Delhi"], now=now)
        with other.transaction() as quick:
            run(quick, "SET LOCAL lock_timeout = 1000")
            run(quick, "SET LOCAL statement_timeout = 2000")
            append(quick, "hours", ["Pune"], now=now)


def test_whoever_listens_hears_the_newest_number_of_each_transaction(
    database: Database, now: datetime
) -> None:
    with closing(connect(database.url, seconds=15)) as listener:
        listener.autocommit = True
        listener.cursor().execute(f"LISTEN {CHANNEL}")
        add(database, now, "hours", "hours")
        with suppress(UndoneError), database.transaction() as connection:
            append(connection, "hours", [], now=now)
            raise UndoneError
        add(database, now, "forecast")
        listener.cursor().execute("SELECT 1")
        heard = [(channel, payload) for _, channel, payload in listener.notifications]
    assert heard == [(CHANNEL, "2"), (CHANNEL, "3")]


def test_pages_follow_one_another(database: Database, now: datetime) -> None:
    add(database, now, *["hours"] * 7)
    shown = page(database, limit=3)
    assert (seqs(shown), shown.next, shown.oldest, shown.reload) == ([1, 2, 3], 3, 1, False)
    assert seqs(page(database, 3, limit=3)) == [4, 5, 6]
    assert (seqs(page(database, 6, limit=3)), page(database, 6).next) == ([7], 7)
    last = page(database, 7)
    assert (last.events, last.next, last.reload) == ([], 7, False)


def test_an_empty_table(database: Database) -> None:
    for after in (None, 0):
        shown = page(database, after)
        assert (shown.events, shown.next, shown.oldest, shown.reload) == ([], 0, None, False)


CITIES = ("Agra", "Delhi", "Pune")
some_cities = st.lists(st.sampled_from(CITIES), max_size=3, unique=True)
some_kinds = st.sampled_from(["hours", "forecast", "source"])


@pytest.mark.tiers("plain")
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    events=st.lists(st.tuples(some_kinds, some_cities), max_size=8),
    kinds=st.none() | st.lists(some_kinds, min_size=1, max_size=2, unique=True),
    cities=st.none() | st.lists(st.sampled_from(CITIES), min_size=1, max_size=2, unique=True),
    limit=st.integers(1, 4),
)
def test_a_reader_who_follows_next_sees_what_the_filter_lets_through_once(
    database: Database,
    now: datetime,
    events: list[tuple[str, list[str]]],
    kinds: list[str] | None,
    cities: list[str] | None,
    limit: int,
) -> None:
    with database.reading() as connection:
        after = first = newest_seq(connection)
    for kind, concerned in events:
        add(database, now, kind, cities=concerned)
    expected = [
        first + number
        for number, (kind, concerned) in enumerate(events, 1)
        if (kinds is None or kind in kinds)
        and (cities is None or not concerned or set(concerned) & set(cities))
    ]
    seen: list[int] = []
    for _ in range(len(events) + 2):
        shown = page(database, after, kinds=kinds, cities=cities, limit=limit)
        assert not shown.reload
        assert shown.next >= after
        seen += seqs(shown)
        after = shown.next
    assert seen == expected
    assert after == first + len(events)


def test_events_are_kept_for_48_hours(database: Database, now: datetime) -> None:
    for hours in (60, 49, 48, 1):
        add(database, now - timedelta(hours=hours), "hours")
    with database.transaction() as connection:
        assert drop_old_events(connection, now=now) == 2
        assert drop_old_events(connection, now=now) == 0
    assert timedelta(hours=48) == EVENTS_KEPT
    shown = page(database)
    assert (seqs(shown), shown.oldest) == ([3, 4], 3)
    assert not page(database, 2).reload
    gone = page(database, 1)
    assert (gone.reload, gone.events, gone.next, gone.oldest) == (True, (), 4, 3)


def test_the_newest_stays_so_that_readers_know_where_the_numbers_stand(
    database: Database, now: datetime
) -> None:
    add(database, now - timedelta(days=9), "hours", "hours")
    with database.transaction() as connection:
        assert drop_old_events(connection, now=now) == 1
        assert newest_seq(connection) == 2
    assert not page(database, 2).reload
    add(database, now, "hours")
    assert seqs(page(database, 2)) == [3]


def test_a_clock_that_was_behind_makes_no_gap(database: Database, now: datetime) -> None:
    add(database, now, "hours")
    add(database, now - timedelta(days=9), "hours")
    add(database, now, "hours")
    with database.transaction() as connection:
        assert drop_old_events(connection, now=now) == 0
    assert seqs(page(database)) == [1, 2, 3]


def test_a_number_that_was_never_given_means_reload(database: Database, now: datetime) -> None:
    """As after a backup was restored: the reader knows more than the database does."""
    add(database, now, "hours")
    shown = page(database, 2)
    assert (shown.reload, shown.next) == (True, 1)


def test_cursors_go_forward_only_and_with_their_transaction(database: Database) -> None:
    with database.transaction() as connection:
        assert cursor(connection, "alerts") == 0
        advance_cursor(connection, "alerts", 7)
        advance_cursor(connection, "live", 3)
        advance_cursor(connection, "alerts", 5)
    with suppress(UndoneError), database.transaction() as connection:
        advance_cursor(connection, "alerts", 9)
        raise UndoneError
    with database.reading() as connection:
        assert (cursor(connection, "alerts"), cursor(connection, "live")) == (7, 3)


def test_writers_of_several_kinds_are_counted_once_each(database: Database, now: datetime) -> None:
    add(database, now, "hours", "forecast", "hours", cities=["Delhi"])
    add(database, now, "source")
    assert Counter(event.kind for event in page(database, cities=["Delhi"]).events) == {
        "hours": 2, "forecast": 1, "source": 1,
    }  # fmt: skip
    assert Counter(event.kind for event in page(database, cities=["Pune"]).events) == {"source": 1}
