"""What goes wrong beside a real server: a sentence, a status that is not 0, nothing lost, and the way on."""

from __future__ import annotations

import os
import subprocess
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest
from backup_folder import SCRIPT, BackupFolder, wait_until_safe
from processes import temporary_folder, until
from servers import Server

from common.store.databases import create_database
from common.store.engine import Database, run
from common.store.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def lasting() -> Iterator[Server]:
    with temporary_folder("vayu-faults-") as folder:
        server = Server(folder)
        server.settings["max_slot_wal_keep_size"] = "64MB"
        with server:
            with closing(Database(server.url())) as admin:
                create_database(admin, "vayu")
            with closing(Database(server.url("vayu"))) as database:
                migrate(database)
            yield server


@pytest.fixture
def vayu(lasting: Server) -> Iterator[Database]:
    with closing(Database(lasting.url("vayu"))) as database:
        yield database
        with database.transaction() as connection:
            run(connection, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")


@pytest.fixture
def backups(tmp_path: Path, lasting: Server) -> BackupFolder:
    return BackupFolder(tmp_path / "backups", lasting.url("vayu"))


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of so many megabytes."""
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder],
        check=False,
        capture_output=True,
    )
    if made.returncode:
        pytest.skip("a small disk (only root may mount one, and not everywhere)")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def state_of_slot(database: Database) -> str | None:
    with database.transaction() as connection:
        rows = run(connection, "SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'vayu_backup'")
    return rows[0][0] if rows else None


def test_a_log_that_the_server_has_given_up(vayu: Database, backups: BackupFolder) -> None:
    with backups.streaming(vayu):
        backups.succeed("base")
        wait_until_safe(vayu)
    before = sorted(path.name for path in (backups.folder / "wal").iterdir())
    for _ in range(6):
        with vayu.transaction() as connection:
            run(connection, "SELECT pg_logical_emit_message(false, 'vayu', 'a file of the log')")
            run(connection, "SELECT pg_switch_wal()")
    with vayu.statements() as connection:
        run(connection, "CHECKPOINT")
    assert state_of_slot(vayu) == "lost"
    refused = backups.run("stream")
    assert refused.returncode == 1
    assert (
        "max_slot_wal_keep_size was reached. Run SELECT pg_drop_replication_slot('vayu_backup')"
        in refused.stderr
    )
    assert sorted(path.name for path in (backups.folder / "wal").iterdir()) == before
    with vayu.transaction() as connection:
        run(connection, "SELECT pg_drop_replication_slot('vayu_backup')")
    with backups.streaming(vayu):
        backups.succeed("base")
        wait_until_safe(vayu)
        assert "0 city-hours restored" in backups.succeed("drill")
    # What there was can still be restored, up to the gap.
    [former] = backups.folder.glob("former-*")
    assert sorted(path.name for path in (former / "wal").iterdir()) == before
    BackupFolder(former, None).succeed("restore", backups.folder / "data")
    # It goes when as many base backups are there as are to be kept, all of which are newer.
    assert "former-" not in backups.succeed("prune", "2")
    assert former.exists()
    assert f"deleted {former.name}, " in backups.succeed("prune", "1")
    assert not former.exists()


@pytest.mark.parametrize("command", ["base", "stream"])
def test_the_folder_of_another_server(vayu: Database, backups: BackupFolder, command: str) -> None:
    backups.folder.mkdir()
    (backups.folder / "server").write_text("7400000000000000000\n")
    refused = backups.run(command)
    assert refused.returncode == 1
    assert "holds backups of another server (7400000000000000000, this one is " in refused.stderr
    assert [path.name for path in backups.folder.iterdir()] == ["server"]
    assert state_of_slot(vayu) is None


def test_a_damaged_backup_and_one_of_another_version(backups: BackupFolder) -> None:
    backups.succeed("base")
    [base] = (backups.folder / "base").iterdir()
    largest = max((base / "base").rglob("*"), key=lambda path: path.stat().st_size)
    whole = largest.read_bytes()
    largest.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    refused = backups.run("restore", backups.folder / "data")
    assert (refused.returncode, "is damaged; take another" in refused.stderr) == (1, True)
    largest.write_bytes(whole)
    version = (base / "PG_VERSION").read_text()
    (base / "PG_VERSION").write_text("9\n")
    refused = backups.run("restore", backups.folder / "data")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: the backup is of PostgreSQL 9; these programs are ")
    assert not (backups.folder / "data").exists()
    (base / "PG_VERSION").write_text(version)
    backups.succeed("restore", backups.folder / "data")


def test_a_full_disk(vayu: Database, backups: BackupFolder, tmp_path: Path, lasting: Server) -> None:
    backups.succeed("base")
    with small_disk(tmp_path / "disk", 20) as disk:
        small = BackupFolder(disk / "backups", lasting.url("vayu"))
        failed = small.run("base")
        assert failed.returncode == 1
        assert "No space left on device" in failed.stderr
        assert failed.stderr.endswith(
            "error: the base backup failed: see above; the former ones are as they were\n"
        )
        assert list((disk / "backups/base").iterdir()) == []
        refused = backups.run("restore", disk / "data")
        assert refused.returncode == 1
        assert refused.stderr.startswith("error: restoring needs ")
        assert refused.stderr.endswith("nothing was changed\n")
        assert list((disk / "data").iterdir()) == []
        # The log is kept again as soon as there is room.
        filling = disk / "filling"
        filling.write_bytes(bytes(10 << 20))
        environment = {**os.environ, "PGBIN": backups.programs, "DATABASE_URL": lasting.url("vayu")}
        with subprocess.Popen(
            [SCRIPT, "stream", disk / "backups"], env=environment, stderr=subprocess.PIPE, text=True
        ) as stream:
            try:
                assert stream.stderr is not None
                assert "No space left on device" in stream.stderr.readline()
                filling.unlink()
                until(lambda: _streams(vayu), 30)
                wait_until_safe(vayu)
            finally:
                stream.terminate()
                assert stream.wait(30) == 0


def _streams(database: Database) -> bool:
    with database.transaction() as connection:
        rows = run(connection, "SELECT active FROM pg_replication_slots WHERE slot_name = 'vayu_backup'")
    return bool(rows and rows[0][0])
