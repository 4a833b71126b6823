"""A folder of backups, filled and read by scripts/backup, as an operator would."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

from processes import until

from common.adapters.local.embedded_server import installed_programs
from common.store.engine import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from servers import Server

    from common.store.engine import Database

SCRIPT = Path(__file__).parents[2] / "scripts" / "backup"


class BackupFolder:
    """Backups of the database at `url`; None: of none, as when it has gone."""

    def __init__(self, folder: Path, url: str | None, programs: Path | None = None) -> None:
        """`programs`: folder of PostgreSQL's, of the server's version; None: of the embedded one."""
        self.folder = folder
        self.programs = str(programs or installed_programs())
        self._environment = {**os.environ, "PGBIN": self.programs, "LC_ALL": "C"}
        self._environment.pop("DATABASE_URL", None)
        if url is not None:
            self._environment["DATABASE_URL"] = url

    def run(self, command: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """One command of the script, whatever its status."""
        return subprocess.run(
            [SCRIPT, command, self.folder, *arguments],
            check=False,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def succeed(self, command: str, *arguments: str | Path) -> str:
        """What the command printed; it must end well."""
        result = self.run(command, *arguments)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    @contextmanager
    def streaming(self, database: Database) -> Iterator[None]:
        """The log is kept as it is written, from the moment when the server knows its receiver."""
        log = self.folder.with_name("stream.log")
        with log.open("wb") as out:
            process = subprocess.Popen(
                [SCRIPT, "stream", self.folder], env=self._environment, stdout=out, stderr=out
            )
        try:
            until(lambda: process.poll() is not None or _received(database) is not None, 30, str(log))
            assert process.poll() is None, log.read_text()
            yield
        finally:
            process.terminate()
            process.wait(30)

    def restore_into(self, server: Server, time: datetime | None = None) -> str:
        """Give a server that has ended, and lost its disk, the data of the backup; what the script printed."""
        owner = server.data.stat()
        shutil.rmtree(server.data)
        # As people write it; a server would not know Z in its own settings.
        moment = [] if time is None else [f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S.%fZ}"]
        printed = self.succeed("restore", server.data, *moment)
        subprocess.run(["chown", "-R", f"{owner.st_uid}:{owner.st_gid}", server.data], check=True)
        return printed


def _received(database: Database) -> str | None:
    with database.transaction() as connection:
        rows = run(
            connection, "SELECT flush_lsn FROM pg_stat_replication WHERE application_name = 'pg_receivewal'"
        )
    return rows[0][0] if rows else None


def wait_until_safe(database: Database) -> None:
    """Return when all that was committed has reached the backups."""

    def safe() -> bool:
        with database.transaction() as connection:
            [(done,)] = run(
                connection,
                "SELECT COALESCE(bool_and(flush_lsn >= pg_current_wal_flush_lsn()), false) "
                "FROM pg_stat_replication WHERE application_name = 'pg_receivewal'",
            )
        return bool(done)

    until(safe, 30, "the log reaches the backups")


def wait_until_recovered(database: Database) -> None:
    """Return when a restored server has read its log and takes writes."""

    def writable() -> bool:
        with database.reading() as connection:
            return not run(connection, "SELECT pg_is_in_recovery()")[0][0]

    until(writable, 60, "the end of the recovery")
