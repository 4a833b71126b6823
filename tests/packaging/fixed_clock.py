"""A clock for whole processes, which shows the time that a test chooses and goes on from there: libfaketime."""

from __future__ import annotations

import importlib.util
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest


class SetClock:
    """Set once, moved at will; processes started with its `environment` see it, and no other.

    What they measure by the clock that never goes back, such as the time-outs of locks and sockets, stays as it is.
    """

    def __init__(self, folder: Path) -> None:
        package = importlib.util.find_spec("libfaketime")
        if package is None or package.origin is None:
            pytest.skip("libfaketime is for Linux on x86-64: clocks of processes cannot be set here")
        library = Path(package.origin).parent / "vendor" / "libfaketime" / "src" / "libfaketime.so.1"
        self._file = folder / "clock-off"
        self._off = timedelta(0)
        self.set(datetime.now(UTC))
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",  # or a change would be seen ten seconds later
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def set(self, present: datetime) -> None:
        self._off = timedelta(seconds=round((present - datetime.now(UTC)).total_seconds()))
        line = f"{int(self._off.total_seconds()):+012d}\n"
        # In place and of one length: processes read it while it is written.
        with self._file.open("r+" if self._file.exists() else "w") as file:
            file.write(line)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._off

    def seconds(self) -> float:
        """The same as `time.time` tells it."""
        return time.time() + self._off.total_seconds()
