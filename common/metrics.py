"""How well forecasts did: MAE, RMSE, R², MAPE and skill, together and by lead time; coverage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from common.domain.forecast import HORIZON, MAPE_FLOOR, QUANTILES
from common.inference.intervals import residual_quantiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from common.features import Array

_NOMINAL = {"80": (0.1, 0.9), "95": (0.025, 0.975)}
"""Nominal coverage in % → the levels of `QUANTILES` that bound it."""


def metrics(actual: Array, forecast: Array, naive: dict[str, Array]) -> dict[str, Any]:
    """Errors of forecasts against the truth; every array is (n_origins, 48), nan where unknown.

    Skill is 1 − MAE / MAE of the best naive forecast on the same hours; R² is taken against the mean of the
    truth. In the target's unit, but for R², MAPE (a share of 1) and skill.
    """
    together = scores(actual, forecast, naive)
    by_lead = [
        {"lead": lead + 1, **scores(actual[:, [lead]], forecast[:, [lead]], _columns(naive, lead))}
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


def coverage(
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


def _columns(naive: dict[str, Array], lead: int) -> dict[str, Array]:
    return {name: values[:, [lead]] for name, values in naive.items()}


def scores(actual: Array, forecast: Array, naive: dict[str, Array]) -> dict[str, Any]:
    """Errors, R², MAPE and skill of the pairs whose truth is known; at least one must be."""
    known = np.isfinite(actual)
    truth = actual[known]
    error = forecast[known] - truth
    naive_mae = {name: float(np.abs(values[known] - truth).mean()) for name, values in naive.items()}
    best = min(naive_mae, key=naive_mae.__getitem__)
    mae, spread = float(np.abs(error).mean()), float(truth.var())
    large = truth >= MAPE_FLOOR
    scores = {
        "n": int(known.sum()),
        "mae": mae,
        "rmse": float(np.sqrt((error**2).mean())),
        "r2": 1 - float((error**2).mean()) / spread if spread > 0 else None,
        "mape": float((np.abs(error[large]) / truth[large]).mean()) if large.any() else None,
        "best_naive": best,
        "naive_mae": naive_mae[best],
        "skill": 1 - mae / naive_mae[best] if naive_mae[best] > 0 else None,
    }
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in scores.items()}
