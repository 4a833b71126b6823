"""PostgreSQL servers that a test may configure, kill, freeze and start again, each in a folder of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psutil
from processes import free_port, until

from common.adapters.local.embedded_server import installed_programs
from common.adapters.local.unprivileged import reachable_programs, server_identity
from common.domain.errors import StoreError
from common.store.databases import database_names
from common.store.engine import Database

if TYPE_CHECKING:
    from collections.abc import Sequence

    from common.adapters.local.unprivileged import Identity

PASSWORD = "p4ssw0rd-of-the-tests"  # noqa: S105 — of servers that live for a test


def system_programs() -> Path | None:
    """Programs of an installed PostgreSQL, the newest; None where there is none."""
    result = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(result, key=lambda path: int(path.parent.name), default=None)


def give(identity: Identity, folder: Path) -> None:
    """Let the user own a folder of a test, and let it pass through the temporary folders on the way."""
    identity.own(folder)
    for each in folder.parents:
        if each != Path(tempfile.gettempdir()) and each.is_relative_to(tempfile.gettempdir()):
            each.chmod(each.stat().st_mode | 0o001)


class Server:
    """A server on 127.0.0.1 with user ``postgres``; made at once, started by `start` or ``with``."""

    def __init__(
        self,
        folder: Path,
        *,
        programs: Path | None = None,
        auth: str = "trust",
        wrap: Sequence[str] = (),
        timescale: bool = False,
    ) -> None:
        """`wrap`: a command that runs the server's, as whom it pleases. `timescale`: with TimescaleDB's library,
        which `programs` must have."""
        self.data = folder / "data"
        self.log = folder / "server.log"
        self.settings: dict[str, str] = {"unix_socket_directories": "", "listen_addresses": "127.0.0.1"}
        if timescale:
            self.settings |= {"shared_preload_libraries": "timescaledb", "timescaledb.telemetry_level": "off"}
        self._wrap = wrap
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._identity = server_identity(self.data)
        self.data.mkdir(mode=0o700)
        give(self._identity, self.data)
        self._programs = programs or reachable_programs(self._identity, installed_programs(), folder)
        secret = folder / "password"
        secret.write_text(PASSWORD)
        with self.log.open("wb") as log:
            subprocess.run(
                [
                    str(self._programs / "initdb"),
                    f"--pgdata={self.data}",
                    "--username=postgres",
                    f"--auth={auth}",
                    f"--pwfile={self.give(secret)}",
                    "--no-sync",
                    "--locale=C",
                    "--encoding=UTF8",
                ],
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                **self._identity.popen(),
            )

    @property
    def pid(self) -> int:
        """The postmaster's number."""
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def give(self, path: Path) -> Path:
        """Let the server own a file, as it insists on for its key."""
        path.chmod(0o600)
        if self._identity.uid is not None and self._identity.gid is not None:
            os.chown(path, self._identity.uid, self._identity.gid)
        return path

    def url(self, name: str = "postgres", *, host: str = "127.0.0.1", query: str = "") -> str:
        return f"postgresql+pg8000://postgres:{PASSWORD}@{host}:{self.port}/{name}{query}"

    def start(self) -> None:
        """Start it and wait until it answers; after a crash it recovers first."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *self._wrap,
                    str(self._programs / "postgres"),
                    f"-D{self.data}",
                    f"-p{self.port}",
                    *(f"-c{name}={value}" for name, value in self.settings.items()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                **({} if self._wrap else self._identity.popen()),
            )
        until(self._answers, 60, str(self.log))

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()
        database = Database(self.url(), connect_timeout_s=5)
        try:
            database_names(database)
        except StoreError as error:
            return "pg_hba" in str(error)  # it is there, and wants to be asked otherwise
        finally:
            database.close()
        return True

    def kill(self) -> None:
        """Kill every process of the server at once, as when the machine's power goes."""
        assert self._process is not None
        parent = psutil.Process(self.pid)
        parent.suspend()  # it must not start others meanwhile
        for process in [*parent.children(recursive=True), parent]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it, as an operator would in haste."""
        if self._process is not None and self._process.poll() is None:
            with suppress(OSError):
                os.kill(self.pid, signal.SIGINT)
            self._process.wait(30)
        self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
