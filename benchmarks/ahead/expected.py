"""Weather forecasts made of the weather that came, with errors that grow with the lead time: an assumption.

Root mean square errors at the issue and 48 hours later are about those of global models against stations
(ECMWF IFS at 9 km over three days, in 2026: wind speed 2.0 to 2.2 m/s, temperature MAE 2.2 °C, at stations windier than
Beijing's; https://meteo.matrunich.com/benchmark/). Errors of one issue fade into each other over `MEMORY` hours; those
of different issues are independent. Rain is there or not with an error of hours, and too much or too little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from common.features import ReceivedForecasts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from common.features import Array

EVERY = 6
"""Hours between issues"""
DELAY = 1
"""Hours until one is received"""
STEPS = 72
MEMORY = 12.0
RMSE = {
    "temperature": (1.2, 2.6),
    "dew_point": (1.6, 3.4),
    "pressure": (0.6, 2.0),
    "wind_speed": (0.7, 1.3),
    "wind_u": (0.7, 1.4),
    "wind_v": (0.7, 1.4),
}
"""Column → at the issue, and 48 hours later"""
RAIN_HOURS = (1.0, 5.0)
RAIN_FACTOR = (0.3, 0.8)
"""Deviation of the time of rain, and of the logarithm of its amount, at the issue and 48 hours later"""


def expected(columns: dict[str, Array], *, times: float, seed: int) -> ReceivedForecasts:
    """Issues of a forecast of `columns`, (hours,) each, with `times` the usual errors."""
    luck = np.random.default_rng(seed)
    issued = np.arange(0, len(next(iter(columns.values()))), EVERY)
    hours = issued[:, None] + np.arange(1, STEPS + 1)
    grown = np.sqrt(np.arange(1, STEPS + 1) / 48)
    values = {}
    for name, column in columns.items():
        padded = np.concatenate([column, np.full(STEPS + EVERY, np.nan)])
        if name == "rain":
            values[name] = _rain(padded, hours, grown, times, luck)
            continue
        first, last = RMSE[name]
        deviation = times * np.sqrt(first**2 + (last**2 - first**2) * grown**2)
        missed = padded[hours] + deviation * _smooth(len(issued), luck)
        values[name] = np.maximum(missed, 0.0) if name == "wind_speed" else missed
    return ReceivedForecasts(received=issued + DELAY, first=issued + 1, values=values)


def _rain(
    padded: Array, hours: NDArray[np.intp], grown: Array, times: float, luck: np.random.Generator
) -> Array:
    shift, factor = (
        times * (first + (last - first) * grown) * _smooth(len(hours), luck)
        for first, last in (RAIN_HOURS, RAIN_FACTOR)
    )
    moved = np.clip(hours + np.rint(shift).astype(np.intp), 0, len(padded) - 1)
    spread: Array = padded[moved] * np.exp(factor)
    return spread


def _smooth(issues: int, luck: np.random.Generator) -> Array:
    """Standard normal numbers, (issues, STEPS), that fade into each other along the lead times."""
    memory = np.exp(-1 / MEMORY)
    out = np.empty((issues, STEPS))
    out[:, 0] = luck.standard_normal(issues)
    for step in range(1, STEPS):
        out[:, step] = memory * out[:, step - 1] + np.sqrt(1 - memory**2) * luck.standard_normal(issues)
    return out
