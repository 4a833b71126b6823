"""Locks between processes: a file that the kernel unlocks when its holder ends, however it ends.

By `flock`, which child processes inherit. The locks of fasteners are `lockf`'s, which they do not.
"""

from __future__ import annotations

import fcntl
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path

_POLL_S = 0.05


class FileLock:
    """A lock on a file, made where it is missing; not held before it is taken.

    A child process that is given `fileno` holds the lock too, and keeps it when this one lets go.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab")

    def take(self, *, shared: bool = False, patience_s: float | None = 0.0) -> bool:
        """Take the lock, alone or `shared`; False where others hold it for longer than `patience_s`.

        None waits for ever. A lock held already is changed from one kind to the other, or lost.
        """
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        if patience_s is None:
            fcntl.flock(self._file, kind)
            return True
        deadline = time.monotonic() + patience_s
        while True:
            try:
                fcntl.flock(self._file, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    return False
                time.sleep(_POLL_S)
            else:
                return True

    def release(self) -> None:
        """Let go for this process and for every child that was given the lock."""
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go, but for children that were given the lock."""
        self._file.close()

    def fileno(self) -> int:
        """The file descriptor, to be handed to a child."""
        return self._file.fileno()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
