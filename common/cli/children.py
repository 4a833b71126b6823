"""Child processes that never outlive their parent: each watches a pipe that only the parent holds open."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Child:
    """A running child process of `vayu dev`."""

    def __init__(self, name: str, *arguments: str, env: Mapping[str, str], log: Path) -> None:
        """Start ``python -m common.cli.child NAME ARGUMENTS…``; its output is appended to `log`."""
        self.name = name
        self.arguments = arguments
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._process = self._start(output, env)

    def _start(self, output: IO[bytes], env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 — our own module
            [sys.executable, "-m", "common.cli.child", self.name, *self.arguments],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env={**os.environ, **env},
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

    def stop(self, patience_s: float = 5.0) -> None:
        """Ask it to end, wait, and end it if it does not: what it had in hand is done again later."""
        self.ask_to_end()
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()


def end_with_parent() -> None:
    """In a child: end when standard input closes, which it does however the parent ends."""

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(sys.stdin.fileno(), 1):
                pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True, name="parent-watch").start()
