"""What has to be forecast: the windows, their origins, what then happened, and the naive forecasts to beat.

The windows are those of benchmarks/seasons/windows.csv that lie in India; the origins and naive forecasts are those
of the backtest.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.seasons import series
from benchmarks.seasons.__main__ import Window, hours_of, plan_of, windows
from common.domain.errors import DataError
from common.domain.observation import HOUR
from common.features import local_time
from common.inference.naive import naive_forecasts
from common.training.backtest.plan import cleaned
from common.training.backtest.run import origins_of
from common.training.dataset import LEADS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from common.features import Array

MANIFEST = Path(__file__).with_name("manifest.json")
ABROAD = frozenset({"beijing"})


class Refused(Exception):
    """The data or a forecast cannot be scored; the message is a sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Task:
    """A window: every array has one row an origin, in the order of series and time."""

    window: Window
    names: list[str]
    """Of the series"""
    which: NDArray[np.intp]
    """Index of the series in `names`"""
    origin: NDArray[np.int64]
    """End of the last hour that may be looked at, seconds since 1970"""
    day: NDArray[np.int64]
    """Local day of the origin, counted from 1970"""
    actual: Array
    """(n, 48) in the target's unit; nan where not known: such hours are not scored"""
    naive: dict[str, Array]

    def time(self, at: int) -> str:
        """An origin as ISO 8601 in local time."""
        return datetime.fromtimestamp(int(self.origin[at]), series.zone_of(self.window.series)).isoformat()


def indian_windows() -> list[Window]:
    """Those that are scored, in the order of the table."""
    return [window for window in windows() if window.series not in ABROAD]


def task_of(folder: Path, window: Window) -> Task:
    """What a window asks for.

    Raises:
        Refused: when the folder has not the window's measurements, or they cannot be read.
    """
    if not (folder / series.FILES[window.series]).is_file():
        raise Refused(f"{folder} has no {series.FILES[window.series]}, which {window.window} is of.")
    try:
        hours = cleaned(hours_of(folder, window), window.target)
    except DataError as error:
        raise Refused(f"{error}.") from error
    plan = plan_of(window, ())
    column = hours.columns.index(window.target)
    zone = series.zone_of(window.series)
    end = datetime.fromtimestamp(hours.first, UTC) + (hours.length - 1) * HOUR
    time = local_time(end, hours.length, zone)
    which, chosen, actual, naive = [], [], [], []
    for number, table in enumerate(hours.values):
        own = table[:, column]
        origins = origins_of(own, time, hours, plan)
        which.append(np.full(len(origins), number))
        chosen.append(origins)
        actual.append(np.append(own, np.full(len(LEADS), np.nan))[origins[:, None] + LEADS])
        naive.append(naive_forecasts(own, origins, LEADS))
    at = np.concatenate(chosen)
    if not len(at):
        raise Refused(f"{folder} has no origin of {window.window}: an origin needs 12 of its last 24 values.")
    seconds = hours.first + 3600 * at
    offsets = [datetime.fromtimestamp(int(second), zone).utcoffset() for second in seconds]
    local = seconds + np.array([int(offset.total_seconds()) for offset in offsets if offset is not None])
    return Task(
        window=window,
        names=[str(name) for name in hours.names],
        which=np.concatenate(which),
        origin=seconds.astype(np.int64),
        day=(local // 86_400).astype(np.int64),
        actual=np.concatenate(actual),
        naive={name: np.concatenate([part[name] for part in naive]) for name in naive[0]},
    )


def check_data(folder: Path, places: set[str]) -> None:
    """Whether the files of some places are those of the manifest.

    Raises:
        Refused: when one is absent or another.
    """
    files = json.loads(MANIFEST.read_text(encoding="utf-8"))["files"]
    for place in sorted(places):
        name = series.FILES[place]
        path = folder / name
        if not path.is_file():
            raise Refused(f"{folder} has no {name}. docs/conformance.md says where the data come from.")
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != files[name]["sha256"]:
            raise Refused(
                f"{name} is not the file that the benchmark is of (its SHA-256 is {digest[:12]}…, expected "
                f"{files[name]['sha256'][:12]}…). Scores would not compare; --any-data computes them all the same."
            )
