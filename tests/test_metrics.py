"""Scores against plain numpy on a flat list of pairs; and that forecasting does without scikit-learn."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.domain.forecast import HORIZON, INTERVAL_LEVELS, NAIVE
from common.metrics import coverage, interval_scores, pinball_loss, winkler_score
from common.training.holdout import holdout_scores


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
    evaluation = holdout_scores(actual, forecast, naive)
    for lead in (None, 1, 17, 31, 48):
        columns = range(HORIZON) if lead is None else [lead - 1]
        pairs = [(o, h) for o in range(origins) for h in columns if not np.isnan(actual[o, h])]
        if lead is None:
            scores = evaluation["holdout"]
        elif not pairs:
            assert lead not in [lead_scores["lead"] for lead_scores in evaluation["by_lead"]]
            continue
        else:
            [scores] = [lead_scores for lead_scores in evaluation["by_lead"] if lead_scores["lead"] == lead]
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
    evaluation = holdout_scores(actual, actual, naive)
    assert evaluation["holdout"] | {"best_naive": ""} == {
        "n": 96, "mae": 0.0, "rmse": 0.0, "r2": 1.0, "mape": 0.0,
        "best_naive": "", "naive_mae": 10.0, "skill": 1.0,
    }  # fmt: skip
    assert evaluation["meets"] == {"r2_above_0_75": True, "rmse_below_15": True}


def test_a_constant_truth_has_no_r2_and_a_perfect_naive_forecast_no_skill() -> None:
    actual = np.full((3, HORIZON), 100.0)
    evaluation = holdout_scores(actual, actual + 20, dict.fromkeys(NAIVE, actual))
    assert (evaluation["holdout"]["r2"], evaluation["holdout"]["skill"]) == (None, None)
    assert evaluation["meets"] == {"r2_above_0_75": False, "rmse_below_15": False}


@pytest.mark.parametrize("level", [0.025, 0.1, 0.9, 0.975])
def test_the_pinball_loss_is_least_at_the_quantile_of_its_level(level: float) -> None:
    truth = np.random.default_rng(1).gamma(2.0, 50.0, 4000)
    losses = {
        share: pinball_loss(truth, np.full_like(truth, np.quantile(truth, share)), level)
        for share in (0.01, 0.025, 0.1, 0.5, 0.9, 0.975, 0.99)
    }
    assert min(losses, key=losses.__getitem__) == level


def test_pinball_and_winkler_by_hand() -> None:
    truth, low, high = np.array([50.0, 110.0, np.nan]), np.full(3, 60.0), np.full(3, 100.0)
    # 10 below the lower bound costs 10 · 0.9; 50 above it costs 50 · 0.1.
    assert pinball_loss(truth, low, 0.1) == pytest.approx((9 + 5) / 2)
    # Each is 40 wide and missed by 10; every unit outside an 80 % interval costs ten.
    assert winkler_score(truth, low, high, 0.80) == pytest.approx(40 + 10 * 10)
    assert coverage(truth, low, high) == 0.0
    assert coverage(truth, low, np.array([100.0, 110.0, 0.0])) == 0.5


@settings(max_examples=30, deadline=None)
@given(missing=st.floats(0, 0.9), seed=st.integers(0, 10**6))
def test_interval_scores_are_those_of_the_known_pairs(missing: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    actual = random.integers(0, 500, (20, HORIZON)).astype(np.float64)
    actual[random.random(actual.shape) < missing] = np.nan
    actual[0, 0] = 100.0
    bounds = dict(
        zip(INTERVAL_LEVELS, np.sort(random.uniform(0, 500, (4, *actual.shape)), axis=0), strict=True)
    )
    pairs = [
        (origin, lead) for origin, lead in np.ndindex(actual.shape) if not np.isnan(actual[origin, lead])
    ]
    held_scores, losses = interval_scores(actual, bounds), []
    for percent in (80, 95):
        ends = [(bounds[f"lo{percent}"][pair], bounds[f"hi{percent}"][pair]) for pair in pairs]
        held = [low <= actual[pair] <= high for pair, (low, high) in zip(pairs, ends, strict=True)]
        assert held_scores[f"coverage{percent}"] == pytest.approx(np.mean(held))
        assert held_scores[f"width{percent}"] == pytest.approx(np.mean([high - low for low, high in ends]))
    for name, level in INTERVAL_LEVELS.items():
        for pair in pairs:
            above = actual[pair] - bounds[name][pair]
            losses.append(above * level if above > 0 else above * (level - 1))
    assert held_scores["pinball"] == pytest.approx(np.mean(losses))


def test_what_forecasts_loads_no_scikit_learn() -> None:
    code = "import sys, common.inference.issue, common.metrics; print([n for n in sys.modules if n[:7] == 'sklearn'])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"
