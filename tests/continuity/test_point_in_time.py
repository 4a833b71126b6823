"""A server that is lost with its disk comes back from its backups, at any moment since the first of them."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from backup_folder import BackupFolder, wait_until_recovered, wait_until_safe
from database_contents import contents
from factories import air, keep_and_reconcile, series
from processes import temporary_folder
from servers import Server
from tier_servers import run_jobs

from common.store.databases import create_database
from common.store.engine import Database, run
from common.store.facts import fact
from common.store.maintain import maintain
from common.store.migrate import migrate
from common.store.tiers import recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path


@pytest.fixture
def lost(tier: str, programs: Path) -> Iterator[Server]:
    """A server of the tier that a test may lose."""
    with (
        temporary_folder("vayu-continuity-") as folder,
        Server(folder, programs=None if tier == "plain" else programs, timescale=tier != "plain") as running,
    ):
        yield running


def hours(database: Database) -> int:
    with database.transaction() as connection:
        return int(run(connection, "SELECT count(*) FROM city_hour")[0][0])


def _compares_something(whole: dict[str, Any], tier: str) -> None:
    assert whole["city_day"][0] >= 7
    if tier != "plain":
        assert len(whole["timescaledb: hypertables"]) >= 4
        assert len([chunk for chunk in whole["timescaledb: chunks"] if "'city_hour'" in chunk]) >= 2
    if tier == "community":
        assert whole["timescaledb: continuous_aggregates"]
        assert whole["timescaledb: jobs"]
        assert {chunk for chunk in whole["timescaledb: chunks"] if "True" in chunk}


def _was_a_good_drill(drill: str, before: int) -> None:
    match = re.search(r"drill: (\d+) city-hours restored; RPO ([\d.]+) s .*, RTO ([\d.]+) s", drill)
    assert match, drill
    assert int(match[1]) == before >= 216
    assert float(match[2]) < 60


def _refuses_a_moment_after_the_last_change(backups: BackupFolder, data: Path, moment: datetime) -> None:
    # A server that was told of it would not start.
    refused = backups.run("restore", data, moment.isoformat())
    assert refused.returncode == 1
    assert "the last change in these backups is of 20" in refused.stderr
    assert "leave the time out to restore the newest moment" in refused.stderr
    assert list(data.iterdir()) == []
    assert not data.with_name(f"{data.name}.ended").exists()


def _comes_back_with_what_is_newer_than_its_backup(
    lost: Server, database: Database, backups: BackupFolder
) -> None:
    # The moment to which it was restored before is in its settings, and so in this backup.
    with backups.streaming(database):
        backups.succeed("base")
        before = hours(database)
        drill = backups.succeed("drill")
        with database.transaction() as connection:
            run(connection, "DELETE FROM city_hour")
        wait_until_safe(database)
        lost.kill()
    assert f"drill: {before} city-hours restored; RPO 0." in drill
    backups.restore_into(lost)
    lost.start()
    wait_until_recovered(database)
    assert hours(database) == 0


@pytest.mark.slow
@pytest.mark.tiers("plain", "apache", "community")
def test_a_lost_server_comes_back_at_any_moment(
    lost: Server,
    tier: str,
    programs: Path,
    now: datetime,
    record_property: Callable[[str, object], None],
) -> None:
    with closing(Database(lost.url())) as admin:
        create_database(admin, "vayu")
    with (
        closing(Database(lost.url("vayu"))) as database,
        temporary_folder("vayu-backups-") as folder,
    ):
        migrate(database)
        with database.transaction() as connection:
            assert recorded(connection) == tier
        backups = BackupFolder(folder / "kept", lost.url("vayu"), programs)
        with backups.streaming(database):
            backups.succeed("base")
            keep_and_reconcile(database, series(now, 240, air(80)), now)
            maintain(database, now=now, retain_raw_days=90)
            if tier == "community":
                assert run_jobs(database, "policy_compression")
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
            record_property("drill", f"{tier}: {drill.strip()}")
            whole = contents(database)
            with database.transaction() as connection:
                [(moment,)] = run(connection, "SELECT clock_timestamp()")
            with database.transaction() as connection:
                run(connection, "DELETE FROM city_hour")
                assert fact(connection, "drill_at")
            mistaken = contents(database)
            wait_until_safe(database)
            lost.kill()
        _was_a_good_drill(drill, before)
        _compares_something(whole, tier)
        _refuses_a_moment_after_the_last_change(backups, folder / "later", moment + timedelta(hours=1))
        backups.restore_into(lost)
        lost.start()
        wait_until_recovered(database)
        assert hours(database) == 0, "the newest moment is after the mistake"
        assert contents(database) == mistaken
        lost.kill()
        backups.restore_into(lost, moment)
        lost.start()
        wait_until_recovered(database)
        assert contents(database) == whole
        # It takes writes, into a chunk that the backup did not have, and its upkeep goes on.
        later = now + timedelta(days=40)
        keep_and_reconcile(database, series(later, 48, air(90)), later)
        migrate(database)
        assert maintain(database, now=later, retain_raw_days=90)["failing"] == []
        assert hours(database) > before
        _comes_back_with_what_is_newer_than_its_backup(
            lost, database, BackupFolder(folder / "again", lost.url("vayu"), programs)
        )
