"""Hours of a history on the clocks of its place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING

import numpy as np

from common.domain.forecast import HORIZON
from common.domain.observation import HOUR

if TYPE_CHECKING:
    from numpy.typing import NDArray

_AHEAD = 2 * HORIZON
_DAY_S = 86400
_YEAR_S = 365.2425 * _DAY_S
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class LocalTime:
    """The hours of a history and those after it, by local clocks."""

    seconds: NDArray[np.int64]
    """(hours + what lies ahead,): local seconds since 1970-01-01 00:00."""

    def hour(self, at: NDArray[np.intp]) -> NDArray[np.int64]:
        """Hour of day, 0 … 23, of hours given as indices."""
        hour: NDArray[np.int64] = self.seconds[at] // 3600 % 24
        return hour

    def season(self, at: NDArray[np.intp]) -> NDArray[np.float64]:
        """Angle of the time of year of hours given as indices."""
        return np.asarray(self.seconds[at] * (2 * np.pi / _YEAR_S), dtype=np.float64)


def local_time(end: datetime, hours: int, zone: tzinfo) -> LocalTime:
    """Local time of the `hours` hours of which the last ends at `end`, and of two horizons after them."""
    last = int((end - _EPOCH).total_seconds())
    utc = last + 3600 * np.arange(1 - hours, _AHEAD + 1, dtype=np.int64)
    if isinstance(zone, timezone):
        return LocalTime(utc + _offset(end, zone))
    first = end - (hours - 1) * HOUR
    offsets = [_offset(first + timedelta(hours=at), zone) for at in range(len(utc))]
    return LocalTime(utc + np.array(offsets, dtype=np.int64))


def _offset(time: datetime, zone: tzinfo) -> int:
    offset = time.astimezone(zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())
