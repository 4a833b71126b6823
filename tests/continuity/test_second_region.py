"""A second region: reads there are never older than the data version they are served under; and it takes over."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from api_rows import hour, put_hours, url
from factories import Clock, air, series
from processes import temporary_folder, until
from servers import Server
from standby_server import standby
from tcp_proxy import Wire
from werkzeug.test import Client

from common.adapters.queues import queue_from_url
from common.api import create_app
from common.api.context import ApiContext
from common.domain.errors import StoreError
from common.domain.observation import HOUR, Batch, last_full_hour
from common.ingest.collect import Collector
from common.services.collect import collect_everywhere
from common.sources import REGISTRY
from common.sources.http import Http
from common.store.data_version import data_version
from common.store.databases import create_database
from common.store.engine import Database, run
from common.store.migrate import migrate
from common.store.writer_lease import COLLECTING, last_lease

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from common.ingest.report import CollectReport


class Servers(NamedTuple):
    primary: Server
    second: Server
    between: Wire
    """The network by which the second follows"""


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with temporary_folder("vayu-primary-") as folder, Server(folder) as primary:
        with closing(Database(primary.url())) as admin:
            create_database(admin, "vayu")
        with closing(Database(primary.url("vayu"))) as database:
            migrate(database)
        with Wire(primary.url()) as between, standby(between.port) as second:
            yield Servers(primary, second, between)


class Seconds:
    """A clock that never goes back, and goes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def run_on(server: Server, sql: str) -> None:
    with closing(Database(server.url("vayu"))) as database, database.statements() as connection:
        run(connection, sql)


def caught_up(primary: Database, replica: Database) -> bool:
    with primary.reading() as here, replica.reading() as there:
        return data_version(there) >= data_version(here)


def index_of(client: Client) -> Any:
    response = client.get(url("/aqi/current/Delhi"))
    assert response.status_code == 200, response.text
    return response.json["aqi"]


def replica_of(client: Client) -> tuple[str, str, list[str]]:
    body = client.get(url("/health")).json
    assert body is not None
    return body["read_replica"], body["status"], body["reasons"]


@pytest.mark.slow
def test_a_copy_is_read_unless_it_is_behind_or_away(servers: Servers, now: datetime) -> None:
    primary, second, _ = servers
    tick = Seconds()
    with (
        closing(Database(primary.url("vayu"))) as database,
        closing(Database(second.url("vayu"), connect_timeout_s=2)) as replica,
    ):
        clock = Clock(now)
        context = ApiContext(
            database=database,
            clock=clock,
            queue=queue_from_url("postgres:", database, clock),
            replica=replica,
            tick=tick,
        )
        client = Client(create_app(context))
        put_hours(database, hour("Delhi", now, aqi=101))
        until(lambda: caught_up(database, replica), 30, "the copy follows")
        assert replica_of(client)[0] == "used"
        assert index_of(client) == 101
        with context.reads.reading() as connection:
            assert run(connection, "SELECT pg_is_in_recovery()") == [(True,)]

        # It goes on answering, and is held back: its rows are old, and so is its version.
        run_on(second, "SELECT pg_wal_replay_pause()")
        put_hours(database, hour("Delhi", now, aqi=202))
        tick.now += 10
        assert index_of(client) == 202
        assert replica_of(client)[0] == "behind"
        run_on(second, "SELECT pg_wal_replay_resume()")
        until(lambda: caught_up(database, replica), 30, "the copy follows again")
        tick.now += 10
        assert replica_of(client)[0] == "used"

        # It goes away.
        second.kill()
        tick.now += 10
        assert index_of(client) == 202
        state, _, reasons = replica_of(client)
        assert state == "unavailable"
        assert "the read replica does not answer; reads go to the database itself" in reasons
        second.start()
        tick.now += 10
        assert replica_of(client)[0] == "used"

        # The database itself goes away: what is on the copy is still to be had.
        primary.kill()
        tick.now += 10
        assert index_of(client) == 202
        primary.start()


class Collection:
    """A run of the schedule that waits, with its lease, until it is let go on."""

    def __init__(self, database: Database, now: datetime) -> None:
        self._fetching, self._go_on = Event(), Event()
        self._pool = ThreadPoolExecutor(1)
        self._running = self._pool.submit(collect, database, now, self._wait)
        assert self._fetching.wait(30)

    def _wait(self) -> None:
        self._fetching.set()
        self._go_on.wait(60)

    def end(self) -> CollectReport:
        self._go_on.set()
        self._pool.shutdown()
        return self._running.result()


def collect(database: Database, now: datetime, before: Callable[[], object] = lambda: None) -> CollectReport:
    """A run of the schedule, whose only source says the last 24 hours of a city, after what comes `before`."""

    def fetch(*_: object) -> Batch:
        before()
        return Batch(series(last_full_hour(now), 24, air(60), city="Pune"))

    source = replace(REGISTRY["cpcb"], fetch=fetch)
    with Http() as http:
        return collect_everywhere(Collector(database, [source], http, Clock(now), {}, {}))


def token(database: Database) -> int:
    with database.reading() as connection:
        lease = last_lease(connection, COLLECTING)
    return 0 if lease is None else lease.token


def hours(database: Database) -> set[datetime]:
    with database.reading() as connection:
        return {time for (time,) in run(connection, "SELECT time FROM city_hour WHERE city = 'Pune'")}


@pytest.mark.slow
def test_the_second_region_takes_over_and_the_former_cannot_write(servers: Servers, now: datetime) -> None:
    """The functions reach their database by a name (`functions`), which is changed when the second is promoted."""
    primary, second, between = servers
    with (
        Wire(primary.url("vayu")) as functions,
        closing(Database(functions.url)) as former,
        closing(Database(primary.url("vayu"))) as old,
        closing(Database(second.url("vayu"))) as new,
    ):
        collect(former, now - 30 * HOUR)
        until(lambda: caught_up(old, new), 30, "the copy follows")
        known = hours(new)
        with old.reading() as connection:
            [(cut_at,)] = run(connection, "SELECT clock_timestamp()")
        between.silence(new=True)  # the network between the regions fails; the first one works on
        collect(former, now - 26 * HOUR)
        collect(former, now)
        paused = Collection(former, now + HOUR)
        unreplicated = hours(old) - known
        assert (len(known), len(unreplicated)) == (24, 28)

        with closing(Database(second.url("vayu"))) as admin, admin.statements() as connection:
            [(promoted,)] = run(connection, "SELECT pg_promote()")
        assert promoted
        functions.lead_to(second.url("vayu"))

        # What is lost is what the second had not received: here 28 hours, of which the sources still have 24.
        assert hours(new) == known
        with new.reading() as connection:
            [(last_change,)] = run(connection, "SELECT pg_last_xact_replay_timestamp()")
        assert last_change < cut_at
        assert token(new) == 1 < token(old) == 4
        while token(new) < token(old):  # the same token again, of another holder
            assert collect(new, now).skipped is None
        assert unreplicated - hours(new) == {min(unreplicated) + number * HOUR for number in range(4)}
        with pytest.raises(StoreError, match="the lease on collecting with token 4 was lost"):
            paused.end()
        assert last_full_hour(now + HOUR) not in hours(new)
        assert collect(former, now + HOUR).hours == 1  # by the changed name, with a lease of the new database
