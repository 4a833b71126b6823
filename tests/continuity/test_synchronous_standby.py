"""What a fail-over loses of commits that were confirmed, and what writers see while a synchronous standby is away."""

from __future__ import annotations

from contextlib import closing, contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest
from processes import temporary_folder, until
from servers import Server
from standby_server import standby
from tcp_proxy import Wire

from common.domain.errors import StoreError
from common.store.databases import create_database
from common.store.engine import Database, run
from common.store.errors import UNCONFIRMED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from common.store.engine import Connection


class Pair:
    """A server and its standby, with a network between them."""

    def __init__(self, primary: Server, second: Server, between: Wire) -> None:
        self.primary, self.second, self.between = primary, second, between

    def synchronous(self) -> None:
        """As docs/continuity.md says it."""
        with self._settings("walreceiver") as connection:
            states = "SELECT sync_state FROM pg_stat_replication"
            until(lambda: run(connection, states) == [("sync",)], 30, "the standby is synchronous")

    def asynchronous(self) -> None:
        """Let writers go on without the standby."""
        with self._settings(""):
            pass

    @contextmanager
    def _settings(self, names: str) -> Iterator[Connection]:
        with closing(Database(self.primary.url())) as admin, admin.statements() as connection:
            run(connection, f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
            run(connection, "SELECT pg_reload_conf()")
            yield connection

    def promoted(self) -> set[int]:
        """What the standby has, once it takes writes."""
        with closing(Database(self.second.url("vayu"))) as database:
            with database.statements() as connection:
                assert run(connection, "SELECT pg_promote()") == [(True,)]
            return numbers(database)


@pytest.fixture
def pair() -> Iterator[Pair]:
    with temporary_folder("vayu-primary-") as folder, Server(folder) as primary:
        with closing(Database(primary.url())) as admin:
            create_database(admin, "vayu")
        with closing(Database(primary.url("vayu"))) as database, database.statements() as connection:
            run(connection, "CREATE TABLE confirmed (number bigint PRIMARY KEY)")
        with Wire(primary.url()) as between, standby(between.port) as second:
            yield Pair(primary, second, between)


class Writers:
    """Four that commit one number after another, until the server has gone."""

    def __init__(self, database: Database) -> None:
        self.confirmed: list[int] = []
        self._database = database
        self._over = Event()
        self._threads = [Thread(target=self._write, args=[first]) for first in range(4)]

    def _write(self, number: int) -> None:
        with suppress(StoreError):
            while not self._over.is_set():
                with self._database.transaction() as connection:
                    run(connection, "INSERT INTO confirmed VALUES (:number)", number=number)
                self.confirmed.append(number)
                number += 4

    @contextmanager
    def working(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in self._threads:
                thread.join()

    def await_more(self, number: int) -> None:
        wanted = len(self.confirmed) + number
        until(lambda: len(self.confirmed) >= wanted, 60, f"{number} commits more are confirmed")


def waiting(database: Database) -> int:
    """Sessions whose commit waits for a standby."""
    with database.reading() as connection:
        [(number,)] = run(
            connection,
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query = 'COMMIT'",
        )
    return int(number)


def write(database: Database, number: int) -> None:
    with database.transaction() as connection:
        run(connection, "INSERT INTO confirmed VALUES (:number)", number=number)


def numbers(database: Database) -> set[int]:
    with database.reading() as connection:
        return {number for (number,) in run(connection, "SELECT number FROM confirmed")}


@pytest.mark.slow
def test_an_asynchronous_standby_lacks_what_it_had_not_received(pair: Pair) -> None:
    with closing(Database(pair.primary.url("vayu"))) as database:
        writers = Writers(database)
        with writers.working():
            writers.await_more(100)
            pair.between.silence(new=True)
            writers.await_more(200)
            pair.primary.kill()
    lost = set(writers.confirmed) - pair.promoted()
    assert 100 <= len(lost) < len(writers.confirmed)


@pytest.mark.slow
def test_a_synchronous_standby_has_all_that_was_confirmed_and_writers_wait_for_it(pair: Pair) -> None:
    pair.synchronous()
    with closing(Database(pair.primary.url("vayu"), statement_timeout_s=1)) as database:
        # While it is away nothing is confirmed, and a writer is told so in time; reads go on.
        write(database, -1)
        pair.second.kill()
        with pytest.raises(StoreError, match=f"^{UNCONFIRMED}$"):
            write(database, -2)
        assert numbers(database) == {-1}
        assert waiting(database) == 1
        with pytest.raises(StoreError, match=f"^{UNCONFIRMED}$"):
            write(database, -3)
        # Each leaves a session behind, which nothing but the standby, or its being given up, ends.
        assert waiting(database) == 2
        pair.second.start()
        until(lambda: waiting(database) == 0, 30, "the sessions end")
        assert numbers(database) == {-1, -2, -3}
        pair.second.kill()
        with pytest.raises(StoreError, match=f"^{UNCONFIRMED}$"):
            write(database, -4)
        pair.asynchronous()
        until(lambda: waiting(database) == 0, 30, "the session ends")
        write(database, -5)
        assert numbers(database) == {-1, -2, -3, -4, -5}

        pair.second.start()
        pair.synchronous()
        writers = Writers(database)
        with writers.working():
            writers.await_more(300)
            pair.primary.kill()
    assert len(writers.confirmed) >= 300
    assert set(writers.confirmed) - pair.promoted() == set()
