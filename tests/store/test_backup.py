"""A backup by pg_dump, restored by pg_restore, is the same database and goes on working: see docs/deploy.md."""

from __future__ import annotations

import subprocess
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from made import air, keep_and_reconcile, series
from servers import embedded_programs
from sqlalchemy import make_url
from tiers_here import fresh_database

from common.domain.observation import HOUR
from common.store.engine import Database, run
from common.store.migrate import migrate
from common.store.version import versions

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

TABLES = ("reading", "city_hour", "version", "meta")


def program(name: str, url: str, *arguments: str | Path) -> None:
    """One of PostgreSQL's own programs, at a database."""
    address = make_url(url)
    host = address.host or str(address.query["host"])
    where = [f"--host={host}", f"--username={address.username}", f"--dbname={address.database}"]
    port = [f"--port={address.port}"] if address.port else []
    subprocess.run([embedded_programs() / name, *where, *port, *arguments], check=True)


def rows(database: Database) -> dict[str, list[Any]]:
    with database.transaction() as connection:
        return {
            table: sorted(map(str, run(connection, f"SELECT to_jsonb({table})::text FROM {table}")))  # noqa: S608
            for table in TABLES
        }


@pytest.mark.tiers("plain")
def test_a_restored_backup_is_the_same_and_goes_on_working(
    database_url: str, server: str, tmp_path: Path, now: datetime
) -> None:
    with closing(Database(database_url)) as database:
        keep_and_reconcile(database, series(now, 48, air(80)), now)
        before = rows(database)
    assert len(before["city_hour"]) >= 24
    program("pg_dump", database_url, "--format=custom", f"--file={tmp_path / 'vayu.dump'}")
    with fresh_database(server) as url, closing(Database(url)) as restored:
        program("pg_restore", url, "--no-owner", "--exit-on-error", tmp_path / "vayu.dump")
        assert rows(restored) == before
        migrate(restored)
        keep_and_reconcile(restored, series(now + HOUR, 48, air(80)), now + HOUR)
        assert len(rows(restored)["city_hour"]) == len(before["city_hour"]) + 1
        with closing(Database(database_url)) as former, former.transaction() as other:
            old = versions(other).data
        with restored.transaction() as connection:
            assert versions(connection).data > old
