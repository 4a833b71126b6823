"""What providers expected of the weather, from the archive to the hours of a history: for training and serving alike.

Only what had been received by an origin is used for it, by whatever day it is looked at. Where several providers
speak, hourly ones come first; hours between those of a forecast in steps of three are interpolated.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from common.domain.observation import HOUR
from common.features import MAX_AGE_HOURS, WEATHER_SCALE, ProviderForecasts, ReceivedForecasts
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


def provider_forecasts_of(
    connection: Connection, city: str, start: datetime, end: datetime, *, hour_0: datetime
) -> ProviderForecasts:
    """What was expected of a city's weather, as received until `end`, for origins in [start, end].

    All are ends of Indian hours; they are counted from `hour_0`'s.
    """
    reach = start - timedelta(hours=MAX_AGE_HOURS + 1)
    received = provider_forecasts_between(
        connection, [city], "weather", tuple(WEATHER_SCALE), reach, end, newest=start == end
    )
    return as_provider_forecasts(received[city], hour_0)


def as_provider_forecasts(received: Sequence[Received], hour_0: datetime) -> ProviderForecasts:
    """Rows of the archive, in the order in which they were received, with hours counted from `hour_0`'s."""
    by_source: dict[str, list[Received]] = {}
    for forecast in received:
        by_source.setdefault(forecast.source, []).append(forecast)
    order = sorted(by_source, key=lambda name: (PREFERRED.index(name) if name in PREFERRED else -1, name))
    return ProviderForecasts(tuple(_of_provider(by_source[name], hour_0) for name in order))


def _of_provider(received: Sequence[Received], hour_0: datetime) -> ReceivedForecasts:
    length = max(len(values) for forecast in received for values in forecast.values.values())
    names = [name for name in WEATHER_SCALE if any(name in forecast.values for forecast in received)]
    values = {name: np.full((len(received), length), np.nan) for name in names}
    for row, forecast in enumerate(received):
        for name, series in forecast.values.items():
            values[name][row, : len(series)] = _filled(np.array(series, dtype=np.float64))
    return ReceivedForecasts(
        # An hour in which it came is not over yet: the first that may use it is the one that ends then or later.
        received=np.array(
            [-((hour_0 - forecast.received_at) // HOUR) for forecast in received], dtype=np.intp
        ),
        first=np.array([(forecast.first - hour_0) // HOUR for forecast in received], dtype=np.intp),
        values=values,
    )


def _filled(series: Array) -> Array:
    """Gaps of up to `LONGEST_STEP` hours are interpolated."""
    known = np.flatnonzero(np.isfinite(series))
    if len(known) == len(series) or not len(known):
        return series
    hours = np.arange(len(series))
    gap = np.diff(known, prepend=-len(series), append=2 * len(series))
    short = gap[np.searchsorted(known, hours, side="right")] <= LONGEST_STEP
    return np.where(
        np.isfinite(series), series, np.where(short, np.interp(hours, known, series[known]), np.nan)
    )
