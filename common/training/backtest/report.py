"""How a backtest turned out: errors, skill and coverage, together, by lead time and by series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from common.domain.forecast import BLOCKS, EXPERT_BLOCKS, HORIZON, INTERVAL_LEVELS
from common.metrics import interval_scores, rounded, scores
from common.training.backtest.stamps import text_type

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from common.features import Array
    from common.training.backtest.run import Backtest, Forecasts

SHOWN_LEADS = (1, 2, 3, 6, 12, 18, 24, 36, 48)
OUTPUT_BOUNDS = ("lo80", "hi80", "lo95", "hi95")


def report(forecasts: Forecasts, names: list[str]) -> dict[str, Any]:
    """Scores of the forecasts whose truth is known; `names`: of the series."""
    every = np.ones(len(forecasts.y), dtype=bool)
    leads = np.arange(1, HORIZON + 1)
    return {
        "together": _scored(forecasts, every, leads),
        "by_lead": [
            {"lead": int(lead)} | _scored(forecasts, every, leads[lead - 1 : lead]) for lead in leads
        ],
        "by_block": [
            {"leads": f"{first}–{last}"} | _scored(forecasts, every, leads[first - 1 : last])
            for first, last in BLOCKS
        ],
        "by_series": [
            {"series": name} | _scored(forecasts, forecasts.series == number, leads)
            for number, name in enumerate(names)
        ],
    }


def _scored(forecasts: Forecasts, rows: NDArray[np.bool_], leads: NDArray[np.intp]) -> dict[str, Any]:
    def part(values: Array) -> Array:
        return values[np.ix_(rows, leads - 1)]

    actual = part(forecasts.actual)
    if not np.isfinite(actual).any():
        return {"origins": int(rows.sum()), "n": 0}
    naive = {name: part(values) for name, values in forecasts.naive.items()}
    bounds = {name: part(getattr(forecasts, name)) for name in INTERVAL_LEVELS}
    return {
        "origins": int(rows.sum()),
        **rounded(scores(actual, part(forecasts.y), naive)),
        **rounded(interval_scores(actual, bounds)),
    }


def mean_weights(backtest: Backtest) -> dict[str, float]:
    """Expert → its mean weight over all origins and lead times, the largest first."""
    lengths = [last - first + 1 for first, last in EXPERT_BLOCKS]
    mean = np.average(backtest.forecasts.weights.mean(axis=0), axis=0, weights=lengths)
    named = dict(zip(backtest.experts, mean.round(4).tolist(), strict=True))
    return dict(sorted(named.items(), key=lambda item: -item[1]))


def rows_of(backtest: Backtest) -> pd.DataFrame:
    """The forecasts as a table: one row a series, origin and lead time, times as they came."""
    forecasts = backtest.forecasts
    order = np.lexsort((forecasts.origin, forecasts.series))
    each = np.repeat(order, HORIZON)
    values = {"y_pred": forecasts.y} | {name: getattr(forecasts, name) for name in OUTPUT_BOUNDS}
    return pd.DataFrame(
        {
            "series": backtest.hours.names.iloc[forecasts.series[each]].reset_index(drop=True),
            "origin": backtest.hours.form.write(backtest.hours.seconds(forecasts.origin[each])),
            "h": np.tile(np.arange(1, HORIZON + 1), len(order)),
            **{name: np.round(table[order].ravel(), 4) for name, table in values.items()},
            "family": pd.Series([backtest.best.family] * len(each), dtype=text_type()),
        }
    )
