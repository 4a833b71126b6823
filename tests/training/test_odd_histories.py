"""What becomes of odd histories: each has a model that gives a number for every hour, or is told why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from synthetic import END, hours

from common.domain.errors import ModelError
from common.domain.forecast import TARGETS, Target
from common.domain.observation import POLLUTANTS
from common.features import CEILING, INPUTS, Array
from common.inference.onnx_session import open_session, predict
from common.training.dataset import make_dataset
from common.training.promote import best_of
from common.training.train import train_families

if TYPE_CHECKING:
    from collections.abc import Callable

DAYS = 80


def three_days(history: Array) -> Array:
    return history[-72:]


def a_month_missing(history: Array) -> Array:
    history[24 * 25 : 24 * 55] = np.nan
    return history


def a_stuck_sensor(history: Array) -> Array:
    """Both targets, for a fortnight until today."""
    for name in TARGETS:
        history[-24 * 14 :, INPUTS.index(name)] = 88.0
    return history


def always_the_same(history: Array) -> Array:
    history[:] = np.where(np.isfinite(history), 60.0, np.nan)
    return history


def nothing_beside_the_target(history: Array) -> Array:
    beside = [at for at, name in enumerate(INPUTS) if name not in TARGETS]
    history[:, beside] = np.nan
    return history


def pollutants_stop(history: Array) -> Array:
    """The index goes on: another station's, say."""
    history[-24 * 5 :, [INPUTS.index(name) for name in POLLUTANTS if name != "pm25"]] = np.nan
    return history


def a_pollutant_begins_late(history: Array) -> Array:
    history[: -24 * 4, INPUTS.index("o3")] = np.nan
    return history


def an_index_of_another_rule(history: Array) -> Array:
    """What its pollutants give is nowhere near."""
    history[:, INPUTS.index("aqi")] = np.round(history[:, INPUTS.index("aqi")] / 3)
    return history


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("spoil", "served"),
    [
        (three_days, "naive"),
        (a_month_missing, "linear"),
        (a_stuck_sensor, "linear"),
        (always_the_same, "linear"),
        (nothing_beside_the_target, "linear"),
        (pollutants_stop, "linear"),
        (a_pollutant_begins_late, "linear"),
        (an_index_of_another_rule, "linear"),
    ],
)
def test_an_odd_history_has_its_model(target: Target, spoil: Callable[[Array], Array], served: str) -> None:
    data = make_dataset(spoil(hours(DAYS, seed=3, gaps=0.02)), END, target)
    candidates = train_families(data, ["linear"])
    best = best_of([candidate for candidate in candidates if candidate.fault is None])
    assert best.family == served
    assert ("too little history" in best.metrics.get("why", "")) == (spoil is three_days)
    X = data.X[-30:]
    y = predict(open_session(best.onnx), X.reshape(-1, X.shape[2])).reshape(X.shape[:2])
    assert np.isfinite(y).all()
    assert y.min() >= 0
    assert y.max() <= CEILING[target]
    if spoil is always_the_same:
        np.testing.assert_allclose(y, 60.0, atol=1e-3)


def test_of_a_target_without_values_nothing_is_made() -> None:
    history = hours(DAYS)
    history[:, INPUTS.index("pm25")] = np.nan
    with pytest.raises(ModelError, match="too little history"):
        make_dataset(history, END, "pm25")
