"""The forecasts to beat. Each takes the target's history, (hours,), and gives one value a lead time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from common.domain.forecast import NAIVE
from common.features import Array, carried, mean_of_days, rolling_mean, same_hour

if TYPE_CHECKING:
    from numpy.typing import NDArray


def naive_forecasts(series: Array, origins: NDArray[np.intp], leads: NDArray[np.intp]) -> dict[str, Array]:
    """Name of the naive forecast → (n_origins, n_leads), in the target's unit.

    ``persistence``: the last known value; ``daily``: the same hour of the last day, filled from up to 3 hours
    before it, or persistence where that is not known either; ``mean24``: the mean of the last 24 hours; ``weekly``:
    the mean of the target's hour of day over the last seven days, of those on which it is known, or persistence where
    it is known on none of them. Persistence and not ``daily``, so that it is what its feature gives as a model.
    """
    recent = carried(series, 12)
    mean = rolling_mean(series, 24, 1)
    last = np.where(np.isfinite(recent), recent, mean)
    shape = (len(origins), len(leads))
    filled = carried(series, 3)
    daily = np.stack([same_hour(filled, int(lead))[origins] for lead in leads], axis=1)
    by_hour = mean_of_days(series, 7)
    weekly = np.stack([same_hour(by_hour, int(lead))[origins] for lead in leads], axis=1)
    persistence = np.broadcast_to(last[origins][:, None], shape)
    return dict(
        zip(
            NAIVE,
            (
                persistence,
                np.where(np.isfinite(daily), daily, persistence),
                np.broadcast_to(mean[origins][:, None], shape),
                np.where(np.isfinite(weekly), weekly, persistence),
            ),
            strict=True,
        )
    )
