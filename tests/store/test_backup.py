"""A backup by pg_dump, restored by pg_restore, is the same database and goes on working: see docs/deploy.md."""

from __future__ import annotations

import subprocess
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from factories import air, keep_and_reconcile, series
from sqlalchemy import make_url
from tier_servers import fresh_database

from common.adapters.local.embedded_server import installed_programs
from common.domain.observation import HOUR
from common.store.data_version import versions
from common.store.engine import Database, run
from common.store.migrate import migrate
from common.store.tiers import recorded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

TABLES = ("reading", "city_hour", "version", "meta")


def program(name: str, url: str, *arguments: str | Path) -> None:
    """One of PostgreSQL's own programs, at a database."""
    address = make_url(url)
    host = address.host or str(address.query["host"])
    where = [f"--host={host}", f"--username={address.username}", f"--dbname={address.database}"]
    port = [f"--port={address.port}"] if address.port else []
    subprocess.run([installed_programs() / name, *where, *port, *arguments], check=True)


def rows(database: Database) -> dict[str, list[Any]]:
    with database.transaction() as connection:
        return {
            table: sorted(map(str, run(connection, f"SELECT to_jsonb({table})::text FROM {table}")))  # noqa: S608
            for table in TABLES
        }


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


def chunks(database: Database) -> int:
    """Of city_hour, of which each is a table of its own."""
    with database.transaction() as connection:
        return int(
            run(connection, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'city_hour'::regclass")[0][0]
        )


@pytest.mark.tiers("plain", "apache", "community")
def test_a_restored_backup_is_the_same_and_goes_on_working(
    database_url: str, server: str, tmp_path: Path, now: datetime
) -> None:
    with closing(Database(database_url)) as database:
        keep_and_reconcile(database, series(now, 48, air(80)), now)
        before, chunked = rows(database), chunks(database)
        with database.transaction() as connection:
            assert (chunked > 0) == (recorded(connection) != "plain")
    assert len(before["city_hour"]) >= 24
    program("pg_dump", database_url, "--format=custom", f"--file={tmp_path / 'vayu.dump'}")
    with fresh_database(server) as url, closing(Database(url)) as restored:
        with restoring(restored):
            program("pg_restore", url, "--no-owner", "--exit-on-error", tmp_path / "vayu.dump")
        assert rows(restored) == before
        assert chunks(restored) == chunked
        migrate(restored)
        month = timedelta(days=40)  # into a chunk that the backup did not have
        for later in (HOUR, month):
            keep_and_reconcile(restored, series(now + later, 48, air(80)), now + later)
        assert len(rows(restored)["city_hour"]) == len(before["city_hour"]) + 1 + 48
        assert chunks(restored) == (chunked + 1 if chunked else 0)
        with closing(Database(database_url)) as former, former.transaction() as other:
            old = versions(other).data
        with restored.transaction() as connection:
            assert versions(connection).data > old
