"""The index at a later hour, guessed by the rule of the NAQI itself.

The NAQI is the highest index of running means, so a part of the target's window is known already; only the
rest needs a guess of the pollutant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from common.domain.breakpoints import NAQI
from common.features.layout import FLOOR
from common.features.series import Array, carried, looked_up, mean_of, mean_of_days, rolling_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WINDOW = 24
_DAMPING = 0.9
"""Share of a deviation from the usual day that is left after an hour."""


def composed(
    columns: dict[str, Array], origins: NDArray[np.intp], leads: NDArray[np.intp], index_now: Array
) -> tuple[Array, Array, Array]:
    """Three guesses of the index, (n_origins, n_leads) each; `columns`: pollutant → (hours,).

    The hours to come are filled with the mean of the last three hours; with the weekly pattern at the present
    level; and with that pattern and the present deviation from it, which fades. The last guess is moved so that
    it begins at `index_now`, (n_origins,).
    """
    steps = np.arange(1, int(leads.max()) + 1)
    shape = (len(origins), len(steps) + 1)
    flat, pattern, damped = (np.full(shape, np.nan) for _ in range(3))
    for pollutant, values in columns.items():
        past = looked_up(values, origins[:, None] + np.arange(1 - _WINDOW, 1))
        usual, now = _usual(values, origins, steps)
        last = np.broadcast_to(rolling_mean(values, 3)[origins, None], usual.shape)
        floor = FLOOR[pollutant]
        # Where nothing is known of the last hours the deviation is taken as none.
        deviation = np.log((carried(values, 3)[origins] + floor) / (now + floor))
        fading = np.clip(np.nan_to_num(deviation), -2.0, 2.0)[:, None] * _DAMPING**steps
        towards = np.maximum((usual + floor) * np.exp(fading) - floor, 0.0)
        for guess, path in ((flat, last), (pattern, usual), (damped, towards)):
            np.fmax(guess, _sub_index(pollutant, past, path), out=guess)
    moved = np.maximum(index_now[:, None] + damped[:, leads] - damped[:, :1], 0.0)
    return flat[:, leads], pattern[:, leads], moved


def _usual(values: Array, origins: NDArray[np.intp], steps: NDArray[np.intp]) -> tuple[Array, Array]:
    """The weekly pattern at the level of the last day: at the steps ahead, and at the origin."""
    weekly = mean_of_days(values, 7)
    day = mean_of(list(looked_up(weekly, origins[:, None] - np.arange(24)).T))
    ratio = np.clip(rolling_mean(values, 24, 8)[origins] / np.maximum(day, 1e-6), 0.3, 3.0)
    return looked_up(weekly, origins[:, None] - (-steps % 24)) * ratio[:, None], weekly[origins] * ratio


def _sub_index(pollutant: str, past: Array, path: Array) -> Array:
    """Index of the running mean at the origin and at each step: (n_origins, 1 + n_steps)."""
    scale = NAQI[pollutant][0]
    edges = [0.0, *(band[1] for band in scale.bands)]
    indices = [0.0, *(float(band[3]) for band in scale.bands)]
    whole = np.concatenate([past, path], axis=1)
    known = np.isfinite(whole)
    nothing = np.zeros((len(whole), 1))
    total = np.concatenate([nothing, np.cumsum(np.where(known, whole, 0.0), axis=1)], axis=1)
    number = np.concatenate([nothing, np.cumsum(known, axis=1)], axis=1)
    ends = np.arange(_WINDOW, whole.shape[1] + 1)
    count = number[:, ends] - number[:, ends - scale.hours]
    mean = (total[:, ends] - total[:, ends - scale.hours]) / np.maximum(count, 1)
    index = np.interp(mean / scale.unit, edges, indices)
    return np.where(count >= scale.hours // 2, index, np.nan)
