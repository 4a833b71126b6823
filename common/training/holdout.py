"""How a model did on hours that were held out of its training: by lead time, and how intervals held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from common.domain.forecast import HORIZON, QUANTILES
from common.inference.intervals import residual_quantiles
from common.metrics import rounded, scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from common.features import Array

_NOMINAL = {"80": (0.1, 0.9), "95": (0.025, 0.975)}
"""Nominal coverage in % → the levels of `QUANTILES` that bound it."""


def holdout_scores(actual: Array, forecast: Array, naive: dict[str, Array]) -> dict[str, Any]:
    """`scores` together and by lead time, and which of the goals they meet.

    Every array is (n_origins, 48), in the target's unit; `actual` is nan where unknown.
    """
    together = rounded(scores(actual, forecast, naive))
    by_lead = [
        {"lead": lead + 1, **rounded(scores(actual[:, [lead]], forecast[:, [lead]], _columns(naive, lead)))}
        for lead in range(HORIZON)
        if np.isfinite(actual[:, lead]).any()
    ]
    return {
        "holdout": together,
        "by_lead": by_lead,
        "meets": {
            "r2_above_0_75": together["r2"] is not None and together["r2"] > 0.75,
            "rmse_below_15": together["rmse"] < 15,
        },
    }


def _columns(naive: dict[str, Array], lead: int) -> dict[str, Array]:
    return {name: values[:, [lead]] for name, values in naive.items()}


def cross_validated_coverage(
    actual: Array, forecast: Array, floor: float, hours: NDArray[np.intp]
) -> dict[str, float] | None:
    """Nominal coverage in % → share of the truth in such intervals; None where one half of the days is empty.

    The widths come from residuals of every other day, the counts from the days between, and the other way round.
    `hours`: (n_origins,), of the origins.
    """
    known = np.isfinite(actual)
    odd = (hours // 24 % 2 == 1)[:, None]
    halves = known & odd, known & ~odd
    if not all(half.any() for half in halves):
        return None
    inside = dict.fromkeys(_NOMINAL, 0)
    for half, other in (halves, halves[::-1]):
        table = residual_quantiles(np.where(other, actual, np.nan), forecast, floor)
        ratio = np.log((actual + floor) / (forecast + floor))
        for nominal, (low, high) in _NOMINAL.items():
            within = (ratio >= table[:, QUANTILES.index(low)]) & (ratio <= table[:, QUANTILES.index(high)])
            inside[nominal] += int((within & half).sum())
    return {nominal: round(count / int(known.sum()), 4) for nominal, count in inside.items()}
