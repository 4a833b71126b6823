"""What providers expected of the weather, from the archive to the hours of a history: for training and serving alike.

Only what had been received by an origin is used for it, by whatever day it is looked at. Where several providers
speak, hourly ones come first; hours between those of a forecast in steps of three are interpolated.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from common.domain.observation import HOUR
from common.features import MAX_AGE_HOURS, WEATHER_SCALE, Outlooks, Told
from common.store.provider_forecasts import provider_forecasts_between

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from common.features import Array
    from common.store.engine import Connection
    from common.store.provider_forecasts import Received

PREFERRED = ("open-meteo", "openweather")
"""Providers, best first; others come before them by name: there are none in a database but the simulated one."""
LONGEST_STEP = 3
"""Hours between values of a forecast that are still interpolated"""


def outlooks_of(
    connection: Connection, city: str, start: datetime, end: datetime, *, hour_0: datetime
) -> Outlooks:
    """What was expected of a city's weather, as received until `end`, for origins in [start, end].

    All are ends of Indian hours; they are counted from `hour_0`'s.
    """
    reach = start - timedelta(hours=MAX_AGE_HOURS + 1)
    found = provider_forecasts_between(
        connection, [city], "weather", tuple(WEATHER_SCALE), reach, end, newest=start == end
    )
    return as_outlooks(found[city], hour_0)


def as_outlooks(received: Sequence[Received], hour_0: datetime) -> Outlooks:
    """Rows of the archive, in the order in which they were received, with hours counted from `hour_0`'s."""
    by_source: dict[str, list[Received]] = {}
    for one in received:
        by_source.setdefault(one.source, []).append(one)
    order = sorted(by_source, key=lambda name: (PREFERRED.index(name) if name in PREFERRED else -1, name))
    return Outlooks(tuple(_told(by_source[name], hour_0) for name in order))


def _told(received: Sequence[Received], hour_0: datetime) -> Told:
    length = max(len(values) for one in received for values in one.values.values())
    names = [name for name in WEATHER_SCALE if any(name in one.values for one in received)]
    values = {name: np.full((len(received), length), np.nan) for name in names}
    for row, one in enumerate(received):
        for name, said in one.values.items():
            values[name][row, : len(said)] = _filled(np.array(said, dtype=np.float64))
    return Told(
        # An hour in which it came is not over yet: the first that may use it is the one that ends then or later.
        received=np.array([-((hour_0 - one.received_at) // HOUR) for one in received], dtype=np.intp),
        first=np.array([(one.first - hour_0) // HOUR for one in received], dtype=np.intp),
        values=values,
    )


def _filled(said: Array) -> Array:
    """Gaps of up to `LONGEST_STEP` hours are interpolated."""
    known = np.flatnonzero(np.isfinite(said))
    if len(known) == len(said) or not len(known):
        return said
    hours = np.arange(len(said))
    gap = np.diff(known, prepend=-len(said), append=2 * len(said))
    short = gap[np.searchsorted(known, hours, side="right")] <= LONGEST_STEP
    return np.where(np.isfinite(said), said, np.where(short, np.interp(hours, known, said[known]), np.nan))
