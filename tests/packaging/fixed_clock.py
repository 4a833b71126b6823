"""A clock for whole processes, which shows the time that a test chooses and goes on from there."""

from __future__ import annotations

import shutil
import struct
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest


class SetClock:
    """Set once, moved at will; processes started with its `environment` see it, and no other."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        if compiler is None:
            pytest.skip("no C compiler (cc) is here: clocks of processes cannot be set")
        library = folder / "clock.so"
        source = Path(__file__).with_name("clock.c")
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
        self._file = folder / "clock-off"
        self._off = timedelta(0)
        self.set(datetime.now(UTC))
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_OFF": str(self._file)}

    def set(self, present: datetime) -> None:
        self._off = timedelta(seconds=round((present - datetime.now(UTC)).total_seconds()))
        seconds = struct.pack("q", int(self._off.total_seconds()))
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(seconds)  # in place: it is mapped by those who look at it

    def now(self) -> datetime:
        return datetime.now(UTC) + self._off

    def seconds(self) -> float:
        """The same as `time.time` tells it."""
        return time.time() + self._off.total_seconds()
