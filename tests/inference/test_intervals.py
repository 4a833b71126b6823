"""Intervals and probabilities: in order, within bounds, and true of forecasts whose errors are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from common.domain.aqi import CATEGORIES
from common.domain.breakpoints import category
from common.domain.forecast import HORIZON, QUANTILES
from common.inference.intervals import (
    as_lists,
    category_probabilities,
    distribution,
    interval,
    residual_quantiles,
)

if TYPE_CHECKING:
    from common.features import Array

NAMES = [each.name for each in CATEGORIES["in-naqi"]]
FORECASTS = arrays(np.float64, HORIZON, elements=st.floats(0, 500))
RESIDUALS = arrays(np.float64, (HORIZON, len(QUANTILES)), elements=st.floats(-4, 4)).map(
    lambda rows: np.sort(rows, axis=1)
)


def residuals(origins: int, seed: int = 0) -> Array:
    """Errors as forecasts make them: growing with the lead time, skewed, fat-tailed, (n_origins, 48)."""
    random = np.random.default_rng(seed)
    spread = 0.05 + 0.4 * np.sqrt(np.arange(1, HORIZON + 1) / HORIZON)
    return (random.standard_t(4, (origins, HORIZON)) + 0.3) * spread


@given(y=FORECASTS, quantiles=RESIDUALS)
def test_bounds_are_in_order_and_within_the_scale(y: Array, quantiles: Array) -> None:
    values = distribution(y, quantiles, 5.0, 500.0)
    assert values.shape == quantiles.shape
    assert (np.diff(values, axis=1) >= 0).all()
    assert values.min() >= 0
    assert values.max() <= 500
    low80, high80 = (as_lists(bound, 1) for bound in interval(values, y, 0.80))
    low95, high95 = (as_lists(bound, 1) for bound in interval(values, y, 0.95))
    shown = as_lists(y, 1)
    for bounds in zip(low95, low80, shown, high80, high95, strict=True):
        assert list(bounds) == sorted(bounds)
    assert min(low95) >= 0
    assert max(high95) <= 500


@given(y=FORECASTS, quantiles=RESIDUALS)
def test_the_interval_is_made_of_the_quantiles_it_names(y: Array, quantiles: Array) -> None:
    values = distribution(y, quantiles, 5.0, 500.0)
    for coverage, low_level, high_level in ((0.80, 0.1, 0.9), (0.95, 0.025, 0.975)):
        low, high = interval(values, y, coverage)
        ends = [
            np.clip((y + 5) * np.exp(quantiles[:, QUANTILES.index(level)]) - 5, 0, 500)
            for level in (low_level, high_level)
        ]
        np.testing.assert_array_equal(low, np.minimum(ends[0], y))
        np.testing.assert_array_equal(high, np.maximum(ends[1], y))


@pytest.mark.parametrize("coverage", [0.80, 0.95])
def test_intervals_cover_what_they_say_at_each_lead_time(coverage: float) -> None:
    """Learnt from 25 days of errors, tried on many others of the same kind."""
    random = np.random.default_rng(3)
    floor, forecast = 5.0, random.uniform(20, 300, (600, HORIZON))
    actual = (forecast + floor) * np.exp(residuals(600)) - floor
    quantiles = residual_quantiles(actual, forecast, floor)
    later = random.uniform(20, 300, (4000, HORIZON))
    truth = (later + floor) * np.exp(residuals(4000, seed=9)) - floor
    inside = np.zeros(truth.shape, dtype=bool)
    for at, y in enumerate(later):
        low, high = interval(distribution(y, quantiles, floor, 1e9), y, coverage)
        inside[at] = (low <= truth[at]) & (truth[at] <= high)
    assert inside.mean() == pytest.approx(coverage, abs=0.01)
    # Neighbouring lead times are pooled, so the first, whose error grows fastest, is served a little too much.
    assert np.abs(inside.mean(axis=0) - coverage)[3:].max() < 0.03
    assert inside.mean(axis=0)[:3].min() > coverage - 0.03


def test_quantiles_are_of_the_lead_time_and_its_two_neighbours() -> None:
    forecast = np.full((200, HORIZON), 95.0)
    errors = residuals(200)
    actual = (forecast + 5) * np.exp(errors) - 5
    actual[::7, 20] = np.nan
    errors[::7, 20] = np.nan
    levels = residual_quantiles(actual, forecast, 5.0)
    for lead in (0, 1, 20, 47):
        pooled = [errors[at, k] for at in range(200) for k in range(HORIZON) if abs(k - lead) <= 2]
        known = np.array([error for error in pooled if not np.isnan(error)])
        np.testing.assert_allclose(levels[lead], np.quantile(known, QUANTILES), atol=1e-12)


def test_a_lead_time_without_truth_is_as_uncertain_as_its_neighbours_not_certain() -> None:
    forecast = np.full((120, HORIZON), 95.0)
    actual = (forecast + 5) * np.exp(residuals(120)) - 5
    actual[:, 40:] = np.nan
    levels = residual_quantiles(actual, forecast, 5.0)
    assert (np.diff(levels, axis=1) > 0).all()
    assert levels[47, -1] - levels[47, 0] > 0.8 * (levels[38, -1] - levels[38, 0])


def test_a_single_residual_is_all_there_is() -> None:
    actual = np.full((3, HORIZON), np.nan)
    actual[1, 5] = 205.0
    levels = residual_quantiles(actual, np.full((3, HORIZON), 100.0), 5.0)
    np.testing.assert_allclose(levels, np.log(2))


@given(y=FORECASTS, quantiles=RESIDUALS)
def test_probabilities_are_probabilities(y: Array, quantiles: Array) -> None:
    probabilities = category_probabilities(distribution(y, quantiles, 5.0, 500.0))
    assert probabilities.shape == (HORIZON, len(NAMES))
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(level=st.floats(30, 450), spread=st.floats(0.05, 0.6), seed=st.integers(0, 1000))
def test_probabilities_are_those_of_a_draw(level: float, spread: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    draws = np.clip((level + 5) * np.exp(random.normal(0, spread, 20000)) - 5, 0, 500)
    values = np.quantile(draws, QUANTILES)[None, :]
    [probabilities] = category_probabilities(values)
    named = [category(value) for value in draws]
    for name, probability in zip(NAMES, probabilities, strict=True):
        assert probability == pytest.approx(named.count(name) / len(named), abs=0.02)


def test_a_certain_forecast_is_certain_of_its_category() -> None:
    for value in (0.0, 50.4, 50.6, 150.0, 499.0):
        [probabilities] = category_probabilities(np.full((1, len(QUANTILES)), value))
        assert NAMES[int(np.argmax(probabilities))] == category(value)
