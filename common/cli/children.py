"""Child processes that never outlive their parent: each watches a pipe that only the parent holds open."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from common.adapters.file_lock import FileLock

PATIENCE_S = 5.0
"""How long a child may take to end well; what it had in hand is done again later."""
_LOG_BYTES = 10_000_000
"""A log that is longer is put aside at the next start, in the place of the one before it."""


class Child:
    """A running child process of `vayu dev`."""

    def __init__(self, name: str, *arguments: str, env: Mapping[str, str], log: Path, lock: FileLock) -> None:
        """Start ``python -m common.cli.child NAME ARGUMENTS…``; its output is appended to `log`.

        It holds `lock` as long as it, or a child of its own, lives.
        """
        self.name = name
        self.arguments = arguments
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists() and log.stat().st_size > _LOG_BYTES:
            log.replace(log.with_suffix(".old.log"))
        with log.open("ab") as output:
            self._process = self._start(output, env, lock)

    def _start(self, output: IO[bytes], env: Mapping[str, str], lock: FileLock) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 — our own module
            [sys.executable, "-m", "common.cli.child", self.name, *self.arguments],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env={**os.environ, **env},
            pass_fds=[lock.fileno()],
            start_new_session=True,  # Ctrl-C reaches the parent alone, which then stops its children in order
        )

    @property
    def status(self) -> int | None:
        """The exit status; None while it runs."""
        return self._process.poll()

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


def stop_all(children: Sequence[Child]) -> None:
    """End them all, within `PATIENCE_S`."""
    deadline = time.monotonic() + PATIENCE_S
    for child in children:
        child.ask_to_end()
    for child in children:
        child.wait(deadline - time.monotonic())


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
