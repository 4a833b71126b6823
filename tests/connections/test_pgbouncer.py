"""Behind PgBouncer in transaction mode, where each transaction may run on another connection of the server.

VAYU_TEST_PGBOUNCER names the folder into which ``scripts/pgbouncer install`` has unpacked one.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from processes import until
from servers import give
from tier_servers import fresh_database
from warm import COLLECT, Instance, Watcher

from common.adapters.local.unprivileged import server_identity
from common.domain.errors import StoreError
from common.store import jobs
from common.store.city_hours import lock_city
from common.store.engine import Database, run
from common.store.errors import UNREACHABLE
from common.store.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
SCRIPT = Path(__file__).parents[2] / "scripts" / "pgbouncer"
POOL = 4
"""Connections that the script lets it have to each database."""


class Bouncer:
    """A PgBouncer before the tests' server."""

    def __init__(self, installed: Path, folder: Path, server: str) -> None:
        give(server_identity(folder), folder)
        (folder / "root").symlink_to(installed / "root")
        self._folder = folder
        self._server = server
        self.start()

    def start(self) -> None:
        address = self._script("start", self._server.format(name="postgres"))
        self._address = address.replace("postgresql:", "postgresql+pg8000:").strip()

    def stop(self) -> None:
        self._script("stop")

    def kill(self) -> None:
        pid = int((self._folder / "run" / "pid").read_text())
        os.kill(pid, signal.SIGKILL)
        until(lambda: not Path(f"/proc/{pid}").exists(), 60)

    def url(self, database_url: str) -> str:
        """The way to the same database through it."""
        name = database_url.partition("?")[0].rpartition("/")[2]
        return self._address.removesuffix("postgres") + name

    def _script(self, command: str, *arguments: str) -> str:
        done = subprocess.run(
            [str(SCRIPT), command, str(self._folder), *arguments],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            timeout=60,
        )
        return done.stdout


@pytest.fixture(scope="module")
def bouncer(server: str) -> Iterator[Bouncer]:
    installed = os.environ.get("VAYU_TEST_PGBOUNCER")
    if not installed:
        pytest.skip("pgbouncer (VAYU_TEST_PGBOUNCER is not set)")
    # Not below pytest's own folder: each run of it that begins shuts that to the user that the program runs as.
    with tempfile.TemporaryDirectory(prefix="vayu-pgbouncer-") as folder:
        made = Bouncer(Path(installed).absolute(), Path(folder), server)
        yield made
        made.stop()


@pytest.fixture
def pooled_url(database_url: str, bouncer: Bouncer) -> str:
    return bouncer.url(database_url)


@pytest.fixture
def pooled(pooled_url: str) -> Iterator[Database]:
    made = Database(pooled_url, connect_timeout_s=5)
    yield made
    made.close()


@pytest.fixture
def empty(server: str, bouncer: Bouncer) -> Iterator[str]:
    """Address, through it, of a database in which there is nothing."""
    with fresh_database(server) as url:
        yield bouncer.url(url)


def test_migrations_from_nothing_again_and_at_once(empty: str) -> None:
    databases = [Database(empty, pool_size=1) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(migrate, databases))
    migrate(databases[0])
    with databases[0].transaction() as connection:
        assert run(connection, "SELECT count(*) FROM reading") == [(0,)]
        assert run(connection, "SELECT count(*) FROM alembic_version") == [(1,)]
    for database in databases:
        database.close()


def test_functions_collect_forecast_and_clean_up_as_without_it(
    pooled_url: str, watcher: Watcher, database: Database, warm: Callable[..., Instance]
) -> None:
    first, second = warm(pooled_url), warm(pooled_url)
    collected = first.call("collect", COLLECT)
    again = second.call("collect", COLLECT)
    outcome = second.call("retention", {"source": "aws.events", "detail-type": "Scheduled Event"})
    with database.transaction() as connection:
        [(readings, hours)] = run(
            connection, "SELECT (SELECT count(*) FROM reading), (SELECT count(*) FROM city_hour)"
        )

    assert collected["hours"] == hours == readings > 20
    assert again["hours"] == 0
    assert "dropped" in outcome
    assert len(watcher.sessions()) <= POOL


def test_workers_never_get_the_same_job(pooled_url: str, now: datetime) -> None:
    sender = Database(pooled_url, pool_size=1)
    for number in range(30):
        with sender.transaction() as connection:
            jobs.enqueue(connection, "t", f"city-{number}", {}, now=now)
    sender.close()

    def work(_: int) -> list[str]:
        own = Database(pooled_url, pool_size=1)
        taken = []
        while True:
            with own.transaction() as connection:
                job = jobs.lease(connection, now=now, seconds=60)
            if job is None:
                break
            taken.append(job.key)
            with own.transaction() as connection:
                assert jobs.renew(connection, job, seconds=60)
                jobs.finish(connection, job, now=now)
        own.close()
        return taken

    with ThreadPoolExecutor(6) as pool:
        taken = [key for share in pool.map(work, range(6)) for key in share]
    assert sorted(taken) == sorted(f"city-{number}" for number in range(30))


def test_limits_of_a_transaction_end_with_it(pooled_url: str) -> None:
    first, other = (Database(pooled_url, pool_size=1, statement_timeout_s=seconds) for seconds in (17, 23))
    settings = "SELECT pg_backend_pid(), current_setting('statement_timeout')"
    with first.transaction() as connection:
        [(pid, limit)] = run(connection, settings)
    with other.transaction() as connection:
        [(same, other_limit)] = run(connection, settings)
    with first.statements() as connection:
        [(again, outside)] = run(connection, settings)
        left = run(connection, "SELECT name FROM pg_prepared_statements")
    first.close()
    other.close()

    assert pid == same == again
    assert (limit, other_limit, outside) == ("17s", "23s", "0")
    assert left == []


def test_limits_of_a_read_end_with_it(pooled_url: str) -> None:
    database = Database(pooled_url, pool_size=1, statement_timeout_s=17)
    settings = "SELECT pg_backend_pid(), current_setting('statement_timeout'), current_setting('transaction_read_only')"
    with database.reading() as connection:
        [(pid, limit, only)] = run(connection, settings)
    with database.statements() as outside:
        [(same, none, free)] = run(outside, settings)
        left = run(outside, "SELECT name FROM pg_prepared_statements")
    database.close()

    assert pid == same
    assert (limit, only, none, free, left) == ("17s", "on", "0", "off", [])


def test_nothing_that_one_client_sets_is_left_to_another(pooled_url: str) -> None:
    """What PgBouncer itself sets for each client is there before ours come."""
    first, other = Database(pooled_url, pool_size=1), Database(pooled_url, pool_size=1)
    settings = (
        "SELECT pg_backend_pid(), array_agg(name ORDER BY name) FROM pg_settings WHERE setting <> reset_val"
    )
    with first.statements() as connection:
        [before] = run(connection, settings)
    with first.reading() as connection:
        run(connection, "SELECT 1")
    with first.transaction() as connection:
        run(connection, "SELECT 1")
    with other.statements() as connection:
        [after] = run(connection, settings)
    first.close()
    other.close()
    assert after == before


def test_reads_outlive_the_sessions_behind_it(pooled: Database, watcher: Watcher) -> None:
    with pooled.reading() as connection:
        for _ in range(3):
            assert run(connection, "SELECT 1") == [(1,)]
            assert watcher.end_sessions() == 1


def test_locks_hold_for_a_transaction_and_no_longer(pooled_url: str, watcher: Watcher) -> None:
    first, second = Database(pooled_url, pool_size=1), Database(pooled_url, pool_size=1)
    order = []

    def follow() -> None:
        with second.transaction() as connection:
            lock_city(connection, "Delhi")
            order.append("second")

    follower = threading.Thread(target=follow)
    with first.transaction() as connection:
        lock_city(connection, "Delhi")
        follower.start()
        until(lambda: watcher.count("pg_locks WHERE locktype = 'advisory' AND NOT granted"), 60)
        order.append("first")
    follower.join(10)
    first.close()
    second.close()

    assert order == ["first", "second"]
    assert watcher.count("pg_locks WHERE locktype = 'advisory'") == 0


def test_many_clients_share_few_connections(pooled_url: str, watcher: Watcher) -> None:
    clients = [Database(pooled_url, pool_size=1) for _ in range(20)]

    def write(number: int) -> int:
        with clients[number].transaction() as connection:
            run(connection, "INSERT INTO meta (key, value) VALUES (:key, '')", key=f"k{number}")
            return len(watcher.sessions()) if number % 5 == 0 else 0

    with ThreadPoolExecutor(10) as pool:
        most = max(pool.map(write, range(20)))
    for client in clients:
        client.close()

    assert watcher.count("meta WHERE key LIKE 'k%'") == 20
    assert 0 < most <= POOL


def test_sessions_that_the_server_ended_behind_it(pooled: Database, watcher: Watcher) -> None:
    def broken() -> None:
        with pooled.transaction() as connection:
            run(connection, "INSERT INTO meta (key, value) VALUES ('lost', '')")
            assert watcher.end_sessions() == 1
            run(connection, "SELECT 1")

    with pooled.transaction() as connection:
        run(connection, "SELECT 1")
    assert watcher.end_sessions() == 1
    with pooled.transaction() as connection:
        run(connection, "INSERT INTO meta (key, value) VALUES ('kept', '')")
    with pytest.raises(StoreError, match=UNREACHABLE[:30]):
        broken()
    assert watcher.count("meta WHERE key IN ('kept', 'lost')") == 1


def test_one_that_is_killed_is_told_and_the_next_takes_over(
    database_url: str, bouncer: Bouncer, pooled: Database, watcher: Watcher
) -> None:
    with pooled.transaction() as connection:
        run(connection, "SELECT 1")
    bouncer.kill()
    with pytest.raises(StoreError, match=UNREACHABLE[:30]), pooled.transaction() as connection:
        run(connection, "SELECT 1")
    bouncer.start()
    after = Database(bouncer.url(database_url), pool_size=1)
    with after.transaction() as connection:
        run(connection, "INSERT INTO meta (key, value) VALUES ('kept', '')")
    after.close()
    assert watcher.count("meta WHERE key = 'kept'") == 1
