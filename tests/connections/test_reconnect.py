"""Connections that are lost: replaced unseen between two uses, told clearly and in time in the middle of one."""

from __future__ import annotations

import itertools
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from processes import until
from sqlalchemy.exc import DBAPIError
from tcp_proxy import Wire
from warm import COLLECT, Instance, Watcher

from common.domain.errors import StoreError
from common.store.engine import Database, run
from common.store.errors import TOO_SLOW, UNCONFIRMED, UNREACHABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WRITE = "INSERT INTO meta (key, value) VALUES (:key, '')"
COMMIT = b"Q\0\0\0\x0bCOMMIT\0"
"""The message that ends a transaction."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


@pytest.fixture
def wire(database_url: str) -> Iterator[Wire]:
    with Wire(database_url) as made:
        yield made


@pytest.fixture
def wired(wire: Wire) -> Iterator[Database]:
    """A database behind the wire, impatient."""
    made = Database(wire.url, statement_timeout_s=1, connect_timeout_s=1, idle_timeout_s=1)
    yield made
    made.close()


def write(database: Database, key: str) -> None:
    with database.transaction() as connection:
        run(connection, WRITE, key=key)


def test_a_session_that_the_server_ended_is_replaced_unseen(database: Database, watcher: Watcher) -> None:
    for key in ("a", "b", "c"):
        write(database, key)
        assert watcher.end_sessions() == 1
    write(database, "d")


def test_a_session_ended_in_the_middle_is_told_and_nothing_is_kept(
    database: Database, watcher: Watcher
) -> None:
    def broken() -> None:
        with database.transaction() as connection:
            run(connection, WRITE, key="lost")
            watcher.end_sessions()
            run(connection, WRITE, key="never")

    def broken_at_the_end() -> None:
        with database.transaction() as connection:
            run(connection, WRITE, key="lost at the end")
            watcher.end_sessions()

    for breaking in (broken, broken_at_the_end):
        with pytest.raises(StoreError, match=UNREACHABLE[:30]):
            breaking()
    write(database, "kept")

    with database.transaction() as connection:
        keys = {key for (key,) in run(connection, "SELECT key FROM meta")}
    assert "kept" in keys
    assert not {"lost", "never", "lost at the end"} & keys


def test_a_network_that_forgot_the_connections_costs_one_wait(wire: Wire, wired: Database) -> None:
    def three() -> None:
        with wired.transaction() as a, wired.transaction() as b, wired.transaction() as c:
            for connection in (a, b, c):
                run(connection, "SELECT 1")

    three()
    assert wire.opened == 3
    wire.silence()

    with within(4):
        write(wired, "a")
    with within(2):
        three()
    assert wire.opened == 6


def test_a_network_that_falls_silent_in_the_middle_is_given_up(wire: Wire, wired: Database) -> None:
    def silenced() -> None:
        with wired.transaction() as connection:
            run(connection, WRITE, key="lost")
            wire.silence()
            run(connection, WRITE, key="never")

    with within(6), pytest.raises(StoreError, match=UNREACHABLE[:30]):
        silenced()
    with within(2):
        write(wired, "lost")  # it is not there, and the server has let go of what was to become of it


def test_a_server_that_cannot_be_reached_is_told_in_time(wire: Wire, wired: Database) -> None:
    write(wired, "a")
    wire.silence(new=True)
    for _ in range(2):
        with within(3), pytest.raises(StoreError, match=UNREACHABLE[:30]):
            write(wired, "b")


def test_a_connection_cut_while_work_is_being_kept_may_be_used_again(
    wire: Wire, wired: Database, watcher: Watcher
) -> None:
    """The server may have kept it although nobody was told: work is written so that it may be done twice."""

    def keep(*, silent: bool) -> None:
        with wired.transaction() as connection:
            run(connection, "INSERT INTO meta (key, value) VALUES ('a', '') ON CONFLICT DO NOTHING")
            if silent:
                wire.keep_answers_to(COMMIT)

    with pytest.raises(StoreError, match=f"^{UNCONFIRMED}$"):
        keep(silent=True)
    until(lambda: watcher.count("meta WHERE key = 'a'"), 60, "the server kept it")
    wire.keep_answers_to(b"")
    keep(silent=False)
    assert watcher.count("meta WHERE key = 'a'") == 1


def test_a_server_that_is_cut_at_any_byte_of_an_answer_is_told(wire: Wire, wired: Database) -> None:
    """In the midst of a transaction; nothing of it is kept."""

    def cut(after: int) -> None:
        with wired.transaction() as connection:
            run(connection, WRITE, key="lost")
            wire.cut_after(after)
            assert run(connection, "SELECT :a, 'b', 1.5, now()", a="a")[0][:2] == ("a", "b")
            run(connection, "SELECT 1 / CAST(:b AS int)", b=0)

    for after in itertools.count():
        try:
            with pytest.raises(StoreError, match=UNREACHABLE[:30]):
                cut(after)
        except DBAPIError:  # both answers came whole
            break
    assert after > 200
    wire.cut_after(None)
    write(wired, "lost")


def test_a_read_that_is_cut_at_any_byte_of_its_answer_is_asked_again(wire: Wire, wired: Database) -> None:
    for after in itertools.count():
        with wired.reading() as connection:
            run(connection, "SELECT 1")
            opened = wire.opened
            wire.cut_after(after)
            assert run(connection, "SELECT :a, 'b', CAST(:a AS text)", a="a") == [("a", "b", "a")]
        if wire.opened == opened:
            break
    assert after > 100


def test_a_server_that_is_cut_while_connecting_is_told(wire: Wire) -> None:
    for after in itertools.count(step=3):
        wire.cut_after(after)
        fresh = Database(wire.url, connect_timeout_s=5)
        try:
            write(fresh, f"{after}")
        except StoreError as error:
            assert str(error) == UNREACHABLE  # noqa: PT017
        else:
            break
        finally:
            fresh.close()
    assert after > 500


def test_a_statement_has_its_time_and_no_more(database_url: str) -> None:
    hasty = Database(database_url, statement_timeout_s=1)
    with within(3), pytest.raises(StoreError, match=TOO_SLOW), hasty.transaction() as connection:
        run(connection, "SELECT pg_sleep(60)")
    with hasty.transaction() as connection:
        assert run(connection, "SHOW statement_timeout") == [("1s",)]
    hasty.close()


def test_upkeep_may_take_longer(database: Database) -> None:
    patient = database.patient()
    with patient.transaction() as connection:
        assert run(connection, "SHOW statement_timeout") == [("1h",)]
    patient.close()


def test_locks_of_one_who_says_nothing_any_more_are_let_go(database_url: str, database: Database) -> None:
    silent = Database(database_url, idle_timeout_s=1)

    def hold() -> None:
        with silent.transaction() as connection:
            run(connection, "SELECT pg_advisory_xact_lock(1)")
            run(connection, WRITE, key="undone")
            with within(10), database.transaction() as other:
                run(other, "SELECT pg_advisory_xact_lock(1)")
            run(connection, WRITE, key="never")

    with pytest.raises(StoreError, match=UNREACHABLE[:30]):
        hold()
    write(silent, "undone")
    silent.close()


def test_an_instance_frozen_while_the_server_ends_its_session_works_at_the_next_call(
    database_url: str, watcher: Watcher, warm: Callable[..., Instance]
) -> None:
    instance = warm(database_url)
    first = instance.call("collect", COLLECT)
    for _ in range(2):
        instance.freeze()
        assert watcher.end_sessions() == 1
        instance.thaw()
        again = instance.call("collect", COLLECT)
        assert (again["hours"], again["sources"].keys()) == (0, first["sources"].keys())
    assert first["hours"] == watcher.count("city_hour") > 0


def test_an_instance_frozen_while_the_network_forgets_it_works_at_the_next_call(
    wire: Wire, watcher: Watcher, warm: Callable[..., Instance]
) -> None:
    instance = warm(wire.url)
    first = instance.call("collect", COLLECT)
    instance.freeze()
    wire.cut()
    until(lambda: not watcher.sessions(), 60)
    instance.thaw()
    assert instance.call("collect", COLLECT)["hours"] == 0
    assert first["hours"] == watcher.count("city_hour") > 0
