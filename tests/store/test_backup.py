"""A backup by pg_dump, restored by pg_restore, is the same database and goes on working: see docs/deploy.md."""

from __future__ import annotations

import subprocess
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from database_contents import contents
from factories import air, keep_and_reconcile, series
from sqlalchemy import make_url
from tier_servers import fresh_database, run_jobs

from common.adapters.local.embedded_server import installed_programs
from common.domain.observation import HOUR
from common.store.data_version import versions
from common.store.engine import Database, run
from common.store.maintain import maintain
from common.store.migrate import migrate
from common.store.tiers import recorded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path


def program(name: str, url: str, *arguments: str | Path) -> None:
    """One of PostgreSQL's own programs, at a database."""
    address = make_url(url)
    host = address.host or str(address.query["host"])
    where = [f"--host={host}", f"--username={address.username}", f"--dbname={address.database}"]
    port = [f"--port={address.port}"] if address.port else []
    subprocess.run([installed_programs() / name, *where, *port, *arguments], check=True)


@contextmanager
def restoring(database: Database) -> Iterator[None]:
    """What TimescaleDB wants before and after; nothing on a server without it."""
    with database.transaction() as connection:
        has_it = run(connection, "SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'")
        if has_it:
            run(connection, "CREATE EXTENSION timescaledb")
            run(connection, "SELECT timescaledb_pre_restore()")
    database.close()  # what has begun in sessions from before is another's
    yield
    if has_it:
        with database.transaction() as connection:
            run(connection, "SELECT timescaledb_post_restore()")


def chunks(database: Database) -> dict[str, bool]:
    """Of city_hour: name, and whether it is compressed."""
    with database.transaction() as connection:
        if recorded(connection) == "plain":
            return {}
        return dict(
            run(
                connection,
                "SELECT chunk_name, is_compressed FROM timescaledb_information.chunks "
                "WHERE hypertable_name = 'city_hour'",
            )
        )


def schedule_jobs(database: Database, scheduled: bool) -> None:
    """Have the server do by itself what is planned for our tables, or not."""
    with database.transaction() as connection:
        assert run(
            connection,
            "SELECT alter_job(job_id, scheduled => :scheduled) FROM timescaledb_information.jobs "
            "WHERE hypertable_name IS NOT NULL",
            scheduled=scheduled,
        )


@pytest.mark.tiers("plain", "apache", "community")
def test_a_restored_backup_is_the_same_and_goes_on_working(
    database_url: str, server: str, tier: str, tmp_path: Path, now: datetime
) -> None:
    with closing(Database(database_url)) as database:
        keep_and_reconcile(database, series(now, 24 * 9, air(80)), now)
        maintain(database, now=now, retain_raw_days=90)
        if tier == "community":
            assert run_jobs(database, "policy_compression") == 4
            schedule_jobs(
                database, False
            )  # a restored server begins with them at once, by a clock of its own
        before, chunked = contents(database), chunks(database)
    assert before["city_hour"][0] >= 24 * 8
    assert before["city_day"][0] >= 7
    assert len(chunked) == (0 if tier == "plain" else 2)
    assert set(chunked.values()) <= {tier == "community"}
    program("pg_dump", database_url, "--format=custom", f"--file={tmp_path / 'vayu.dump'}")
    with fresh_database(server) as url, closing(Database(url)) as restored:
        with restoring(restored):
            program("pg_restore", url, "--no-owner", "--exit-on-error", tmp_path / "vayu.dump")
        assert contents(restored) == before
        if tier == "community":
            schedule_jobs(restored, True)
        migrate(restored)
        month = timedelta(days=40)  # into a chunk that the backup did not have
        for later in (HOUR, month):
            keep_and_reconcile(restored, series(now + later, 48, air(80)), now + later)
        done = maintain(restored, now=now + month, retain_raw_days=90)
        assert done["failing"] == []
        after = contents(restored)
        assert after["city_hour"][0] == before["city_hour"][0] + 1 + 48
        assert after["city_day"][0] > before["city_day"][0]
        assert len(chunks(restored)) == (len(chunked) + 1 if chunked else 0)
        with closing(Database(database_url)) as former, former.transaction() as other:
            old = versions(other).data
        with restored.transaction() as connection:
            assert versions(connection).data > old
