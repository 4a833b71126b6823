"""The processes behind `vayu dev` and the emulations: declared in a Procfile, they never outlive their parent.

Each watches its standard input, a pipe that only the parent holds open. Honcho reads the Procfiles and starts the
commands; its own manager is not used: it ends all processes when one ends, and leaves them when it is killed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from base64 import b64encode
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from common.adapters.local.file_lock import FileLock
from common.domain.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from common.services.resources import Resources

HOST = "127.0.0.1"
PATIENCE_S = 2.0
"""How long a process may take to end well; what it had in hand is done again later. Who reads a stream of events would
hold the API for half a minute."""
_LEFT_S = 15.0
"""How long those that are left of one that was killed are awaited."""
_LOG_BYTES = 10_000_000
"""A log that is longer is put aside at the next start, in the place of the one before it."""


@contextmanager
def alone(home: Path, *, who: str) -> Iterator[FileLock]:
    """The only one of `home`, be it `vayu dev` or an emulation; gives the lock that its processes are to hold.

    Processes of one that was killed end by themselves: they are awaited, for they may hold the ports. So are
    those that were just being started when this one was told to stop.

    Raises:
        StoreError: when `who` runs there already, or the folder cannot be written to.
    """
    try:
        mine = FileLock(home / "locks" / "dev")
    except OSError as error:
        raise StoreError(f"{home} cannot be written to ({error.strerror}); set VAYU_HOME") from error
    with mine:
        if not mine.take():
            raise StoreError(f"{who} runs already in {home}; stop it, or set VAYU_HOME to another folder")
        with FileLock(home / "locks" / "children") as theirs:
            if not theirs.take(patience_s=_LEFT_S):
                raise StoreError(
                    f"processes of an earlier vayu dev in {home} do not end; see {home / 'logs'}"
                )
            yield theirs
        with FileLock(home / "locks" / "children") as left:
            left.take(patience_s=_LEFT_S)


def refuse_taken(ports: Sequence[int], *, choose: str) -> None:
    """See that all ports can be listened on; `choose` tells what else to do.

    Raises:
        StoreError: when one is taken, or not allowed.
    """
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as error:
                why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be had ({error.strerror})"
                raise StoreError(f"port {port} {why}; choose {choose}") from error


def environment(resources: Resources, port: int) -> dict[str, str]:
    """What processes are told beside what this one was told."""
    settings = resources.settings
    env = {
        "DATABASE_URL": resources.database.url,
        "MODEL_STORE_URL": settings.model_store_url,
        # As in the clouds: processes share the processors already, and BLAS's own threads would wait for each other.
        "OPENBLAS_NUM_THREADS": os.environ.get("OPENBLAS_NUM_THREADS", "1"),
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))),
        "PORT": str(port),
        "VAYU_HOME": str(settings.home),
    }
    if settings.alerts_key is not None:
        env["VAYU_ALERTS_KEY"] = b64encode(settings.alerts_key).decode()
    return env | ({"VAYU_SOURCES": ",".join(settings.sources)} if settings.sources else {})


class Child:
    """A running process; its output is appended to `log`."""

    def __init__(
        self, name: str, command: str, *, env: Mapping[str, str], cwd: Path | None, log: Path, lock: FileLock
    ) -> None:
        """Start a shell's command, which holds `lock` as long as it, or a process of its own, lives."""
        from honcho.process import Popen

        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists() and log.stat().st_size > _LOG_BYTES:
            log.replace(log.with_suffix(".old.log"))
        self._written_before = log.stat().st_size if log.exists() else 0
        with log.open("ab") as output:
            # In a session of its own: Ctrl-C reaches the parent alone, which then stops its processes in order.
            self._process: subprocess.Popen[bytes] = Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env={**os.environ, **env},
                cwd=cwd,
                pass_fds=[lock.fileno()],
            )

    @property
    def status(self) -> int | None:
        """The exit status; None while it runs."""
        return self._process.poll()

    @property
    def output(self) -> str:
        """What it has written to the log so far."""
        with self.log.open("rb") as log:
            log.seek(self._written_before)
            return log.read().decode(errors="replace")

    def ask_to_end(self) -> None:
        """Ask it to end, and do not wait."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()

    def wait(self, seconds: float) -> None:
        """Wait until it has ended, and end it with its own children if it does not."""
        try:
            self._process.wait(max(0.0, seconds))
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()


@dataclass(slots=True)
class Processes:
    """The processes that a Procfile declares, as far as they were started."""

    procfile: Path
    env: Mapping[str, str]
    logs: Path
    lock: FileLock
    cwd: Path | None = None
    log_prefix: str = ""
    running: list[Child] = field(default_factory=list)

    def names(self) -> list[str]:
        """What can be started."""
        return list(self._commands())

    def start(self, name: str) -> Child:
        """Start what has that name there."""
        child = Child(
            name,
            self._commands()[name],
            env=self.env,
            cwd=self.cwd,
            log=self.logs / f"{self.log_prefix}{name}.log",
            lock=self.lock,
        )
        self.running.append(child)
        return child

    def ended(self) -> list[Child]:
        """Those that have ended, which are forgotten with this."""
        ended = [child for child in self.running if child.status is not None]
        for child in ended:
            self.running.remove(child)
            child.wait(0.0)
        return ended

    def stop(self) -> None:
        """End them all, within `PATIENCE_S`."""
        deadline = time.monotonic() + PATIENCE_S
        for child in self.running:
            child.ask_to_end()
        for child in self.running:
            child.wait(deadline - time.monotonic())

    def _commands(self) -> dict[str, str]:
        from honcho.environ import parse_procfile

        return dict(parse_procfile(self.procfile.read_text(encoding="utf-8")).processes)


def end_with_parent() -> None:
    """In a child: end when standard input closes, which it does however the parent ends."""

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(sys.stdin.fileno(), 1):
                pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(PATIENCE_S)
        os.killpg(os.getpgid(0), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="parent-watch").start()
