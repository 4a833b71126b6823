"""Scores against plain numpy on a flat list of pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.domain.forecast import HORIZON, NAIVE
from common.metrics import metrics


@settings(max_examples=30, deadline=None)
@given(origins=st.integers(2, 30), missing=st.floats(0, 0.9), seed=st.integers(0, 10**6))
def test_scores_are_those_of_the_known_pairs(origins: int, missing: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    actual = random.integers(0, 500, (origins, HORIZON)).astype(np.float64)
    actual[random.random(actual.shape) < missing] = np.nan
    actual[:, 30] = np.nan
    actual[0, 0] = 100.0
    forecast = random.uniform(0, 500, actual.shape)
    naive = {name: random.uniform(0, 500, actual.shape) for name in NAIVE}
    found = metrics(actual, forecast, naive)
    for lead in (None, 1, 17, 31, 48):
        columns = range(HORIZON) if lead is None else [lead - 1]
        pairs = [(o, h) for o in range(origins) for h in columns if not np.isnan(actual[o, h])]
        if lead is None:
            scores = found["holdout"]
        elif not pairs:
            assert lead not in [one["lead"] for one in found["by_lead"]]
            continue
        else:
            [scores] = [one for one in found["by_lead"] if one["lead"] == lead]
        truth = np.array([actual[pair] for pair in pairs])
        error = np.array([forecast[pair] for pair in pairs]) - truth
        maes = {
            name: np.mean([abs(values[pair] - actual[pair]) for pair in pairs])
            for name, values in naive.items()
        }
        best = min(maes, key=lambda name: maes[name])
        assert scores["n"] == len(pairs)
        assert scores["mae"] == pytest.approx(np.abs(error).mean(), abs=1e-4)
        assert scores["rmse"] == pytest.approx(np.sqrt(np.mean(error**2)), abs=1e-4)
        assert scores["best_naive"] == best
        assert scores["skill"] == pytest.approx(1 - np.abs(error).mean() / maes[best], abs=1e-4)
        if len(set(truth)) > 1:
            unexplained = np.sum(error**2) / np.sum((truth - truth.mean()) ** 2)
            assert scores["r2"] == pytest.approx(1 - unexplained, abs=1e-4)
        else:
            assert scores["r2"] is None
        counted = truth >= 1
        if counted.any():
            shares = np.abs(error[counted]) / truth[counted]
            assert scores["mape"] == pytest.approx(shares.mean(), abs=1e-4)
        else:
            assert scores["mape"] is None


def test_a_perfect_forecast() -> None:
    actual = np.arange(96.0).reshape(2, HORIZON)
    naive = dict.fromkeys(NAIVE, actual + 10.0)
    found = metrics(actual, actual, naive)
    assert found["holdout"] | {"best_naive": ""} == {
        "n": 96, "mae": 0.0, "rmse": 0.0, "r2": 1.0, "mape": 0.0,
        "best_naive": "", "naive_mae": 10.0, "skill": 1.0,
    }  # fmt: skip
    assert found["meets"] == {"r2_above_0_75": True, "rmse_below_15": True}


def test_a_constant_truth_has_no_r2_and_a_perfect_naive_forecast_no_skill() -> None:
    actual = np.full((3, HORIZON), 100.0)
    found = metrics(actual, actual + 20, dict.fromkeys(NAIVE, actual))
    assert (found["holdout"]["r2"], found["holdout"]["skill"]) == (None, None)
    assert found["meets"] == {"r2_above_0_75": False, "rmse_below_15": False}
