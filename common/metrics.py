"""How well forecasts did: errors, R², skill against the naive forecasts, and how their intervals held.

The formulas are scikit-learn's. It is imported when a metric is computed, so that the functions that only forecast
never load it. The database adds up the same quantities in SQL (`common.store`); a test holds the two together.

Arrays of actual values and forecasts have equal shapes and are in the target's unit. An actual value is nan where it is
unknown, and such pairs do not count. Every function needs at least one pair whose truth is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from common.domain.forecast import INTERVAL_LEVELS, MAPE_FLOOR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.features import Array


def mean_absolute_errors(actual: Array, forecasts: Mapping[str, Array]) -> dict[str, float]:
    """Name → MAE of each of several forecasts of the same hours, in the target's unit."""
    from sklearn.metrics import mean_absolute_error

    known = np.isfinite(actual)
    columns = np.column_stack([values[known] for values in forecasts.values()])
    truth = np.broadcast_to(actual[known][:, None], columns.shape)
    errors = mean_absolute_error(truth, columns, multioutput="raw_values")
    return dict(zip(forecasts, errors.tolist(), strict=True))


def mean_absolute_error(actual: Array, forecast: Array) -> float:
    """MAE, in the target's unit."""
    return mean_absolute_errors(actual, {"forecast": forecast})["forecast"]


def skill(error: float, naive_error: float) -> float | None:
    """1 − MAE / MAE of a naive forecast; None where the naive forecast made no error."""
    return 1 - error / naive_error if naive_error > 0 else None


def scores(actual: Array, forecast: Array, naive: Mapping[str, Array]) -> dict[str, Any]:
    """Errors of a forecast beside those of the naive forecasts of the same hours.

    MAE and RMSE are in the target's unit. R² is taken against the mean of the truth, and is None where the truth does
    not vary. MAPE is a share of 1 over hours whose truth is at least `MAPE_FLOOR`, None where there are none. Skill is
    taken against the naive forecast with the smallest MAE on these hours.
    """
    from sklearn.metrics import mean_absolute_percentage_error, r2_score, root_mean_squared_error

    known = np.isfinite(actual)
    truth, predicted = actual[known], forecast[known]
    error, *naive_errors = mean_absolute_errors(actual, {"": forecast, **naive}).values()
    naive_mae, best_naive = min(zip(naive_errors, naive, strict=True), key=lambda pair: pair[0])
    large = truth >= MAPE_FLOOR
    return {
        "n": len(truth),
        "mae": error,
        "rmse": float(root_mean_squared_error(truth, predicted)),
        "r2": float(r2_score(truth, predicted)) if truth.var() > 0 else None,
        "mape": float(mean_absolute_percentage_error(truth[large], predicted[large]))
        if large.any()
        else None,
        "best_naive": best_naive,
        "naive_mae": naive_mae,
        "skill": skill(error, naive_mae),
    }


def rounded(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same with floats of four digits, as they are written down."""
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in values.items()}


def pinball_loss(actual: Array, quantile: Array, level: float) -> float:
    """Mean pinball loss of the quantile at `level`, in the target's unit."""
    from sklearn.metrics import mean_pinball_loss

    known = np.isfinite(actual)
    return float(mean_pinball_loss(actual[known], quantile[known], alpha=level))


def winkler_score(actual: Array, low: Array, high: Array, nominal: float) -> float:
    """Mean Winkler score of central intervals that are to hold a share of `nominal`, in the target's unit.

    It is the width, and 2 / (1 − nominal) times the distance of what lies outside (Winkler, *JASA* 67, 1972): as much
    as the pinball losses of both bounds times that factor.
    """
    outside = 1 - nominal
    losses = pinball_loss(actual, low, outside / 2) + pinball_loss(actual, high, 1 - outside / 2)
    return losses * 2 / outside


def coverage(actual: Array, low: Array, high: Array) -> float:
    """Share of the truth that lies within the bounds, ends included."""
    known = np.isfinite(actual)
    return float(((low <= actual) & (actual <= high))[known].mean())


def mean_width(actual: Array, low: Array, high: Array) -> float:
    """Mean width of the intervals whose truth is known, in the target's unit."""
    return float((high - low)[np.isfinite(actual)].mean())


def interval_scores(actual: Array, bounds: Mapping[str, Array]) -> dict[str, float]:
    """Coverage and width of the 80 % and 95 % intervals, and the mean pinball loss of their bounds.

    `bounds` are named as in `INTERVAL_LEVELS`.
    """
    scores: dict[str, float] = {}
    for percent in (80, 95):
        low, high = bounds[f"lo{percent}"], bounds[f"hi{percent}"]
        scores[f"coverage{percent}"] = coverage(actual, low, high)
        scores[f"width{percent}"] = mean_width(actual, low, high)
    losses = [pinball_loss(actual, bounds[name], level) for name, level in INTERVAL_LEVELS.items()]
    scores["pinball"] = float(np.mean(losses))
    return scores
