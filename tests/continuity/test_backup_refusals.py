"""What scripts/backup refuses: a sentence, a status that is not 0, and nothing changed."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from backup_folder import SCRIPT, BackupFolder

if TYPE_CHECKING:
    from pathlib import Path

NOBODY = "postgresql://vayu:p4ss-of-nobody@127.0.0.1:9/vayu"


@pytest.mark.parametrize(
    ("command", "arguments", "status", "words"),
    [
        ("restore", (), 2, "use: scripts/backup restore FOLDER DATA [TIME]"),
        ("prune", ("0",), 2, "KEEP is 1 or more"),
        ("prune", ("3",), 1, "holds no base backup; nothing was deleted"),
        ("rewind", (), 2, "say stream, base, restore, drill or prune"),
        ("base", (), 2, "DATABASE_URL is not set"),
    ],
)
def test_a_wrong_use_says_what_is_right(
    tmp_path: Path, command: str, arguments: tuple[str, ...], status: int, words: str
) -> None:
    result = BackupFolder(tmp_path / "backups", None).run(command, *arguments)
    assert result.returncode == status
    assert words in result.stderr
    assert not (tmp_path / "backups").exists()


@pytest.mark.parametrize("command", ["base", "stream", "drill"])
def test_a_database_that_does_not_answer(tmp_path: Path, command: str) -> None:
    result = BackupFolder(tmp_path / "backups", NOBODY).run(command)
    assert result.returncode == 1
    assert "error: " in result.stderr
    assert "p4ss" not in result.stdout + result.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("name", ["VAYU_BACKUP_DAYS", "VAYU_BACKUP_KEEP", "VAYU_DRILL_DAYS"])
@pytest.mark.parametrize("value", ["0", "weekly", "-1"])
def test_the_service_refuses_what_is_no_number(tmp_path: Path, name: str, value: str) -> None:
    (tmp_path / "database_backup").write_text("of nobody")
    result = subprocess.run(
        [SCRIPT.parents[1] / "containers/backup.sh"],
        check=False, capture_output=True, text=True,
        env={
            "PATH": os.environ["PATH"], "PGHOST": "127.0.0.1", "PGPORT": "9", "FOLDER": str(tmp_path / "backups"),
            "SECRETS": str(tmp_path), "STATE": str(tmp_path), name: value,
        },
    )  # fmt: skip
    assert result.returncode == 2
    assert result.stderr == f"error: {name} takes a number from 1 to 9999, not {value}\n"
    assert not (tmp_path / "backups").exists()


def test_nothing_is_restored_over_what_is_there(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "PG_VERSION").write_text("18")
    result = BackupFolder(tmp_path / "backups", None).run("restore", data)
    assert result.returncode == 1
    assert "is not empty; nothing was changed" in result.stderr
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]


@pytest.mark.parametrize(
    ("time", "status"), [("yesterday-ish", 2), ("2020-01-01 00:00", 2), ("2020-01-01 00:00+05:30", 1)]
)
def test_a_moment_that_no_backup_reaches(tmp_path: Path, time: str, status: int) -> None:
    folder = tmp_path / "backups"
    (folder / "base").mkdir(parents=True)
    result = BackupFolder(folder, None).run("restore", tmp_path / "data", time)
    assert result.returncode == status
    assert result.stderr.startswith("error: ")
    assert not (tmp_path / "data").exists()


@pytest.mark.skipif(os.getuid() != 0, reason="a drill as root (the tests do not run as root)")
def test_a_drill_as_root_needs_what_changes_the_user(tmp_path: Path) -> None:
    (tmp_path / "setpriv").write_text("#!/bin/sh\necho unrecognized option >&2\nexit 1\n")
    (tmp_path / "setpriv").chmod(0o755)
    (tmp_path / "backups").mkdir()
    result = subprocess.run(
        [SCRIPT, "drill", tmp_path / "backups"],
        check=False, capture_output=True, text=True,
        env={
            "PATH": f"{tmp_path}{os.pathsep}{BackupFolder(tmp_path, None).programs}{os.pathsep}{os.environ['PATH']}",
            "DATABASE_URL": NOBODY,
        },
    )  # fmt: skip
    assert result.returncode == 1
    assert result.stderr.startswith(
        "error: PostgreSQL refuses to run as root, and setpriv is not there that would"
    )
    assert list((tmp_path / "backups").iterdir()) == []
