"""Providers' own forecasts of the air, as challengers of ours: what had been received by the same origin.

PM2.5 as they give it; the index by the rule of the NAQI over the hours known and those that they expect, never on
a scale of their own. An hour for which the rule withholds the index, or of which they say nothing, has no value.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from common.domain.breakpoints import NAQI, NAQI_O3_8H_END
from common.domain.forecast import HORIZON
from common.domain.nowcast import HEAVIEST
from common.domain.observation import HOUR, POLLUTANTS
from common.features import INPUTS, MAX_AGE_HOURS
from common.store.challengers import insert_challenger_forecasts
from common.store.provider_forecasts import provider_forecasts_between

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from common.domain.forecast import Mode, Target
    from common.features import Array
    from common.store.engine import Connection
    from common.store.provider_forecasts import Received

WINDOW = 24
"""Hours that an index looks back over"""


Heard = dict["Target", dict[str, "Array"]]
"""Target → provider → its 48 values, nan where it says nothing"""


def provider_forecasts(connection: Connection, city: str, known: Array, origin: datetime) -> Heard:
    """What providers forecast of the 48 hours after `origin`, as received by then.

    `known`: float64 (hours, n_inputs), ending at the origin.
    """
    oldest = origin - timedelta(hours=MAX_AGE_HOURS)
    received = provider_forecasts_between(connection, [city], "air", POLLUTANTS, oldest, origin, newest=True)
    by_target: Heard = {}
    for forecast in received[city]:
        for target, y in _forecasts(forecast, known, origin).items():
            if np.isfinite(y).any():
                by_target.setdefault(target, {})[forecast.source] = y
    return by_target


def insert_provider_challengers(
    connection: Connection, city: str, targets: Sequence[Target], mode: Mode, heard: Heard, origin: datetime
) -> int:
    """Store what providers forecast of `targets`; how many forecasts. Ours of the same origin must be stored before."""
    forecasts = [
        (target, source, _listed(y)) for target in targets for source, y in heard.get(target, {}).items()
    ]
    return insert_challenger_forecasts(connection, city, mode, origin, forecasts)


def _forecasts(received: Received, known: Array, origin: datetime) -> dict[Target, Array]:
    """Target → its 48 values."""
    expected = np.full((len(POLLUTANTS), WINDOW + HORIZON), np.nan)
    begin = (received.first - origin) // HOUR + WINDOW - 1
    for row, name in enumerate(POLLUTANTS):
        values = np.array(received.values.get(name, []), dtype=np.float64)[max(-begin, 0) :]
        values = values[: max(WINDOW + HORIZON - max(begin, 0), 0)]
        expected[row, max(begin, 0) : max(begin, 0) + len(values)] = values
    past = known[-WINDOW:, [INPUTS.index(name) for name in POLLUTANTS]].T
    whole = expected.copy()
    # Hours that are known are as they were; where one is missing, what was expected of it is the best there is.
    whole[:, WINDOW - past.shape[1] : WINDOW] = np.where(
        np.isfinite(past), past, expected[:, WINDOW - past.shape[1] : WINDOW]
    )
    heard = np.isfinite(expected[:, WINDOW:]).any(axis=0)
    index = np.where(heard, running_naqi(whole)[WINDOW - 1 :][1:], np.nan)
    return {"aqi": index, "pm25": expected[POLLUTANTS.index("pm25"), WINDOW:]}


def running_naqi(hours: Array) -> Array:
    """The index at each hour by the rule of `common.domain.aqi.naqi`, (n_hours,), nan where it is withheld.

    `hours`: hourly means of `POLLUTANTS`, (7, n_hours), nan where missing.
    """
    usable = np.isfinite(hours) & (hours >= 0) & (hours < HEAVIEST)
    filled = np.where(usable, hours, 0.0)
    indices = np.full(hours.shape, np.nan)
    for row, name in enumerate(POLLUTANTS):
        (scale,) = NAQI[name]
        number, total = _last(usable[row].astype(np.float64), scale.hours), _last(filled[row], scale.hours)
        mean = total / np.maximum(number, 1)
        if name == "o3":
            latest = filled[row][_latest(usable[row])]
            mean = np.where(mean > NAQI_O3_8H_END, np.maximum(latest, NAQI_O3_8H_END), mean)
        edges = [0.0, *(band[1] for band in scale.bands)]
        index = np.interp(mean / scale.unit, edges, [0.0, *(float(band[3]) for band in scale.bands)])
        there = (number >= scale.required) & (total > 0)
        indices[row] = np.where(there, np.floor(index + (0.5 + 1e-9)), np.nan)
    having = np.isfinite(indices)
    particles = having[POLLUTANTS.index("pm25")] | having[POLLUTANTS.index("pm10")]
    enough = (having.sum(axis=0) >= 3) & particles
    return np.where(enough, np.fmax.reduce(indices), np.nan)


def _last(values: Array, hours: int) -> Array:
    """Sum over the last `hours` hours at each hour; no difference of running totals, in which small values drown."""
    padded = np.concatenate([np.zeros(hours - 1), values])
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, hours).sum(axis=1))


def _latest(
    usable: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
    """At each hour the place of the latest usable one; 0 where there is none."""
    return np.maximum.accumulate(np.where(usable, np.arange(len(usable)), 0))


def _listed(values: Array) -> list[float | None]:
    return [round(float(value), 1) if np.isfinite(value) else None for value in values]
