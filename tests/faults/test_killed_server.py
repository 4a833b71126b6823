"""PostgreSQL killed with all its processes in the middle of a run, and started again: the next run makes it whole."""

from __future__ import annotations

import os
import signal
import tempfile
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from factories import air, keep_and_reconcile, series
from forks import Forks, Outcome, contents, counts
from processes import until
from servers import Server
from tier_servers import admin, fresh_database

from common.domain.errors import StoreError
from common.store.city_hours import lock_city
from common.store.engine import Database, run
from common.store.errors import UNREACHABLE
from common.store.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from datetime import datetime

    Fresh = Callable[[], AbstractContextManager[str]]

CITIES = ["Agra", "Delhi", "Jaipur", "Pune"]


@pytest.fixture(scope="module")
def mortal() -> Iterator[Server]:
    """A server of this module's own. What it has written outlives its processes: the kernel holds it."""
    with tempfile.TemporaryDirectory(prefix="vayu-mortal-") as folder:
        made = Server(Path(folder))
        made.settings["fsync"] = "off"
        with made:
            yield made


@pytest.fixture(scope="module")
def fresh(mortal: Server) -> Fresh:
    """Makes migrated databases on it."""
    admin(mortal.url("{name}"), "CREATE DATABASE migrated")
    with closing(Database(mortal.url("migrated"))) as database:
        migrate(database)
    return lambda: fresh_database(mortal.url("{name}"), "TEMPLATE migrated")


def stopped(pid: int) -> bool:
    return psutil.Process(pid).status() == psutil.STATUS_STOPPED


def kill_under(mortal: Server, forks: Forks, order: dict[str, Any], number: int) -> Outcome:
    """Kill the server while the order is about to say its statement of that number, and start it again."""
    [pid] = forks.start({**order, "stop_at": number, "by": "SIGSTOP"})
    until(lambda: stopped(pid), 30)
    mortal.kill()
    os.kill(pid, signal.SIGCONT)
    [outcome] = forks.wait(pid)
    mortal.start()
    return outcome


def test_in_the_middle_of_an_ingest(mortal: Server, fresh: Fresh, forks: Forks, now: datetime) -> None:
    order = {"task": "collect", "now": now.isoformat(), "cities": CITIES}
    with fresh() as url, closing(Database(url)) as database:
        statements = forks.well(**order, url=url).statements
        expected = contents(database)
    halfway = set()
    for share in (0.3, 0.5, 0.7):
        with fresh() as url, closing(Database(url)) as database:
            died = kill_under(mortal, forks, {**order, "url": url}, int(statements * share))
            left = counts(contents(database))
            again = forks.well(**order, url=url)
            healed = contents(database)
        assert (died.status, died.error, died.message) == (1, "StoreError", UNREACHABLE)
        assert again.result["sources"]["cpcb"]["failure"] is None
        halfway.add(left.get("city_hour", 0))
        assert healed["reading"] == expected["reading"]
        assert counts(healed) == counts(expected)
        assert {**healed, "job": []} == {**expected, "job": []}
    assert len(halfway) == 3, "each death came at another point"
    assert max(halfway) < len(expected["city_hour"])


def test_while_a_statement_runs(mortal: Server, fresh: Fresh, forks: Forks, now: datetime) -> None:
    """The run waits in the middle of a city for a lock that another has; then there is no server any more."""
    order = {"task": "collect", "now": now.isoformat(), "cities": CITIES}
    with fresh() as url, closing(Database(url)) as database, closing(Database(url)) as other:
        forks.well(**order, url=url)
        expected = contents(database)
    with fresh() as url, closing(Database(url)) as database, closing(Database(url)) as other:
        pids: list[int] = []

        def hold() -> None:
            with other.transaction() as connection:
                lock_city(connection, "Delhi")
                pids.extend(forks.start({**order, "url": url}))
                until(lambda: waiting(database), 30)
                mortal.kill()

        with pytest.raises(StoreError, match=UNREACHABLE[:30]):
            hold()
        [died] = forks.wait(*pids)
        mortal.start()
        left = counts(contents(database))
        forks.well(**order, url=url)
        healed = contents(database)

    assert (died.error, died.message) == ("StoreError", UNREACHABLE)
    assert left["city_hour"] == 24, "the city before was kept"
    assert {**healed, "job": []} == {**expected, "job": []}


def waiting(database: Database) -> bool:
    with database.transaction() as connection:
        return bool(run(connection, "SELECT 1 FROM pg_locks WHERE NOT granted"))


def test_in_the_middle_of_a_retention(mortal: Server, fresh: Fresh, forks: Forks, now: datetime) -> None:
    order = {"task": "maintain", "now": now.isoformat()}

    def filled(url: str) -> Database:
        database = Database(url)
        for city in CITIES[:2]:
            keep_and_reconcile(database, series(now, 24 * 4, air(60), city=city), now - timedelta(hours=1))
            keep_and_reconcile(database, series(now, 24 * 4, air(90), city=city), now)
        return database

    with fresh() as url, closing(filled(url)) as database:
        statements = forks.well(**order, url=url).statements
        expected = contents(database)
    for share in (0.4, 0.7):
        with fresh() as url, closing(filled(url)) as database:
            died = kill_under(mortal, forks, {**order, "url": url}, int(statements * share))
            left = contents(database)
            forks.well(**order, url=url)
            assert died.message == UNREACHABLE
            assert left != expected
            assert contents(database) == expected
    assert counts(expected)["city_day"] == 2 * 5
    assert counts(expected)["reading"] == 2 * 49
