"""Training rows: every usable origin × every lead time, and the hours set aside to judge on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from common.domain.errors import ModelError
from common.domain.forecast import HORIZON, Target
from common.features import FLOOR, INPUTS, Array, build, usable_origins
from common.inference.naive import naive_forecasts

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

LEADS = np.arange(1, HORIZON + 1)
MIN_TRAINING_HOURS = 24 * 10
"""Fewer usable hours than this before the held-out ones teach nothing."""
_HOLDOUT_SHARE = 0.2
_HOLDOUT_HOURS = (24 * 5, 24 * 30)
_WARM_UP_HOURS = 24 * 7


@dataclass(frozen=True, slots=True)
class Dataset:
    """All rows of one city and target."""

    target: Target
    X: NDArray[np.float32]
    """float32 (n_origins, 48, n_features)"""
    level: Array
    """(n_origins,), in the target's unit"""
    actual: Array
    """(n_origins, 48), in the target's unit; nan where it is not known"""
    naive: dict[str, Array]
    """Name → (n_origins, 48), in the target's unit"""
    hours: NDArray[np.intp]
    """(n_origins,): the origin's hour, counted from the history's first"""
    end: datetime
    """End of the history's last hour"""
    length: int
    """Hours of the history"""

    @property
    def floor(self) -> float:
        """Added before logarithms, in the target's unit."""
        return FLOOR[self.target]

    def log_ratio(self) -> Array:
        """What the models learn: log((actual + floor) / (level + floor)), (n_origins, 48)."""
        return np.log((self.actual + self.floor) / (self.level[:, None] + self.floor))

    def split(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which (origin, lead) pairs may be learnt from, and which origins are held out.

        The held-out hours are the last fifth, between 5 and 30 days. Nothing whose *target* hour lies in them
        is learnt from, so no held-out hour is seen in training, not even as another origin's future.

        Returns:
            (n_origins, 48) and (n_origins,).

        Raises:
            ModelError: when the history is too short to do both.
        """
        shortest, longest = _HOLDOUT_HOURS
        held_out = int(min(max(self.length * _HOLDOUT_SHARE, shortest), longest))
        cut = self.length - held_out
        target_hour = self.hours[:, None] + LEADS[None, :]
        learn = (target_hour < cut) & np.isfinite(self.actual)
        judge = self.hours >= cut
        if (
            int((self.hours < cut - HORIZON).sum()) < MIN_TRAINING_HOURS
            or not np.isfinite(self.actual[judge]).any()
        ):
            raise ModelError(
                f"too little history: {self.length} hours; training needs about "
                f"{(MIN_TRAINING_HOURS + _WARM_UP_HOURS + HORIZON + shortest) // 24} days with few gaps"
            )
        return learn, judge


def make_dataset(history: Array, end: datetime, target: Target) -> Dataset:
    """Rows from history, float64 (hours, n_inputs), whose last hour ends at `end`.

    Raises:
        ModelError: when no hour of it can be a forecast's origin.
    """
    series = history[:, INPUTS.index(target)]
    origins = usable_origins(history, target)
    origins = origins[origins >= _WARM_UP_HOURS]
    if not len(origins):
        raise ModelError("too little history: no hour has a week and half a day of measurements before it")
    rows = build(history, end, target, origins, LEADS)
    padded = np.concatenate([series, np.full(HORIZON, np.nan)])
    return Dataset(
        target=target,
        X=rows.X,
        level=rows.level,
        actual=padded[origins[:, None] + LEADS[None, :]],
        naive=naive_forecasts(series, origins, LEADS),
        hours=origins,
        end=end,
        length=len(history),
    )
