"""A database that was set up on a server of the community edition, served by one of another.

Such a server fails nowhere by itself: it answers as if what is compressed were not there. A licence cannot be
changed while a server runs; what gives such a database away is the continuous aggregate that was made of it.
"""

from __future__ import annotations

import os
import re
import subprocess
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from database_contents import contents
from factories import air, keep_and_reconcile, series
from processes import temporary_folder
from servers import Server
from sqlalchemy import make_url
from tier_servers import admin, end_sessions, fresh_database, name_of, run_jobs

from common.api import ApiContext, create_app
from common.domain.errors import StoreError
from common.domain.observation import HOUR
from common.store.databases import create_database
from common.store.engine import Database, run
from common.store.errors import LESSER
from common.store.events import append
from common.store.jobs import enqueue
from common.store.maintain import maintain
from common.store.migrate import migrate
from common.store.tiers import recorded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tier_servers import TierServers

STORAGE = Path(__file__).parents[2] / "docs" / "storage.md"

pytestmark = pytest.mark.tiers("plain", "apache")


@pytest.fixture
def lesser(database: Database) -> Database:
    """A database with what a server of the community edition makes of it."""
    with database.transaction() as connection:
        run(connection, "CREATE VIEW city_daily AS SELECT 1")
    database.close()
    return database


def test_nothing_is_read_or_written_there(lesser: Database, now: datetime) -> None:
    for work in (
        lambda: migrate(lesser),
        lambda: maintain(lesser, now=now, retain_raw_days=90),
        lambda: keep_and_reconcile(lesser, series(now, 2, air(80)), now),
    ):
        with pytest.raises(StoreError, match="community edition"):
            work()


def test_health_says_so(lesser: Database, now: datetime) -> None:
    queue: Any = None
    context = ApiContext(database=lesser, clock=lambda: now, queue=queue)
    with closing(context.probe):
        client = create_app(context).test_client()
        answer = client.get("/api/v1/aqi/current/Delhi")
        assert answer.status_code == 503
        health = client.get("/api/v1/health")
        assert (health.status_code, health.get_json()["reasons"]) == (503, [LESSER])


def test_a_server_that_has_become_less_is_noticed_by_processes_that_run(
    database: Database, server: str
) -> None:
    with database.transaction() as connection:
        run(connection, "CREATE VIEW city_daily AS SELECT 1")
    admin(server, end_sessions(name_of(database.url)))  # as a restart does
    with pytest.raises(StoreError, match="community edition"), database.transaction() as connection:
        run(connection, "SELECT 1")


@pytest.fixture
def server_of_its_own(programs: Path) -> Iterator[Server]:
    """With TimescaleDB of the tier's server, to be started with another licence."""
    with (
        temporary_folder("vayu-licence-") as folder,
        Server(folder, programs=programs, timescale=True) as running,
    ):
        with closing(Database(running.url())) as admin:
            create_database(admin, "vayu")
        yield running


@pytest.mark.tiers("community")
def test_a_server_that_has_lost_its_licence_is_refused_until_it_has_it_again(
    server_of_its_own: Server, now: datetime
) -> None:
    with closing(Database(server_of_its_own.url("vayu"))) as database:
        migrate(database)
        keep_and_reconcile(database, series(now, 24 * 9, air(80)), now)
        maintain(database, now=now, retain_raw_days=90)
        assert run_jobs(database, "policy_compression") == 4
        before = contents(database)
        server_of_its_own.stop()
        server_of_its_own.settings["timescaledb.license"] = "apache"
        server_of_its_own.start()
        for work in (
            lambda: migrate(database),
            lambda: maintain(database, now=now, retain_raw_days=90),
            lambda: keep_and_reconcile(database, series(now, 2, air(90)), now),
            lambda: contents(database),
        ):
            with pytest.raises(StoreError, match="community edition"):
                work()
        server_of_its_own.stop()
        del server_of_its_own.settings["timescaledb.license"]
        server_of_its_own.start()
        assert contents(database) == before
        migrate(database)
        keep_and_reconcile(database, series(now + HOUR, 2, air(90)), now + HOUR)
        assert contents(database)["city_hour"][0] == before["city_hour"][0] + 1


@pytest.mark.tiers("apache", "community")
def test_rows_are_moved_to_a_server_that_offers_less(
    database: Database, tier: str, tier_servers: TierServers, programs: Path, now: datetime
) -> None:
    keep_and_reconcile(database, series(now, 24 * 9, air(80)), now)
    keep_and_reconcile(database, series(now, 24, air(90)), now + HOUR)  # so that there are revisions
    with database.transaction() as connection:
        enqueue(connection, "collect", "moved", {}, now=now)
        append(connection, "forecast", ["Delhi"], now=now)
    maintain(database, now=now + timedelta(days=3), retain_raw_days=90)
    if tier == "community":
        assert run_jobs(database, "policy_compression") == 4
    with fresh_database(tier_servers.url("plain")) as url, closing(Database(url)) as lesser:
        migrate(lesser)
        subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands_to_move_down()],
            env={"PATH": f"{programs}:{os.environ['PATH']}"}
            | {"FORMER_URL": for_psql(database.url), "DATABASE_URL": for_psql(url)},
            check=True,
        )
        maintain(lesser, now=now + timedelta(days=3), retain_raw_days=90)
        before, after = contents(database), contents(lesser)
        same = {*before} & {*after} - {"meta", "version", "alembic_version", "city_day", "city_day_stale"}
        assert {name: after[name] for name in same} == {name: before[name] for name in same}
        assert min(before[name][0] for name in ("reading_revision", "city_hour_revision", "job", "event")) > 0
        assert days(lesser) == days(database) != []
        with lesser.transaction() as connection:
            assert recorded(connection) == "plain"
            enqueue(connection, "collect", "after it", {}, now=now)
            append(connection, "forecast", ["Delhi"], now=now)


def days(database: Database) -> list[dict[str, Any]]:
    with database.transaction() as connection:
        rows = run(connection, "SELECT to_jsonb(city_day) - 'rolled_at' FROM city_day ORDER BY city, day")
    return [row for (row,) in rows]


def for_psql(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def commands_to_move_down() -> str:
    """As docs/storage.md gives them."""
    [commands] = re.findall(
        r"```\n(pg_dump --data-only.*?)```", STORAGE.read_text(encoding="utf-8"), re.DOTALL
    )
    return str(commands)
