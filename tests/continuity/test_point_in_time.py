"""A server that is lost with its disk comes back from its backups, at any moment since the first of them."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from backup_folder import BackupFolder, wait_until_recovered, wait_until_safe
from factories import air, keep_and_reconcile, series
from processes import temporary_folder
from servers import Server

from common.store.databases import create_database
from common.store.engine import Database, run
from common.store.facts import fact
from common.store.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with temporary_folder("vayu-continuity-") as folder, Server(folder) as running:
        yield running


def hours(database: Database) -> int:
    with database.transaction() as connection:
        return int(run(connection, "SELECT count(*) FROM city_hour")[0][0])


@pytest.mark.slow
def test_a_lost_server_comes_back_at_any_moment(server: Server, now: datetime) -> None:
    with closing(Database(server.url())) as admin:
        create_database(admin, "vayu")
    with (
        closing(Database(server.url("vayu"))) as database,
        temporary_folder("vayu-backups-") as folder,
    ):
        migrate(database)
        backups = BackupFolder(folder / "kept", server.url("vayu"))
        with backups.streaming(database):
            backups.succeed("base")
            keep_and_reconcile(database, series(now, 48, air(80)), now)
            before = hours(database)
            with database.transaction() as connection:
                assert re.fullmatch(r"20..-..-..T..:..:..Z", str(fact(connection, "backup_at")))
            # Two at once get names of their own, though a name is a second.
            with ThreadPoolExecutor(2) as pool:
                names = set(
                    pool.map(
                        lambda _: re.findall(r"base backup (\S+),", backups.succeed("base"))[0], range(2)
                    )
                )
            assert len(names) == 2
            assert "kept 1 base backups" in backups.succeed(
                "prune", "1"
            )  # of what follows nothing may be missing
            drill = backups.succeed("drill")
            with database.transaction() as connection:
                [(moment,)] = run(connection, "SELECT clock_timestamp()")
            with database.transaction() as connection:
                run(connection, "DELETE FROM city_hour")
                assert fact(connection, "drill_at")
            wait_until_safe(database)
            server.kill()
        match = re.search(r"drill: (\d+) city-hours restored; RPO ([\d.]+) s .*, RTO ([\d.]+) s", drill)
        assert match, drill
        assert int(match[1]) == before >= 24
        assert float(match[2]) < 60
        backups.restore_into(server)
        server.start()
        wait_until_recovered(database)
        assert hours(database) == 0, "the newest moment is after the mistake"
        server.kill()
        backups.restore_into(server, moment)
        server.start()
        wait_until_recovered(database)
        assert hours(database) == before
        keep_and_reconcile(database, series(now, 48, air(90)), now)  # it takes writes
