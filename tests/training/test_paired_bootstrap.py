"""What counts as evidence: differences of whole days, and how often noise passes for one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.forecast import HORIZON
from common.training.paired_bootstrap import by_days, by_hours

WINDOW = 30
"""Days that are compared at a time."""


def random_recipes(seed: int, days: int, gain: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Daily errors of two recipes that differ by noise that partly lasts, and by a true `gain` of the second."""
    random = np.random.default_rng(seed)
    noise = np.zeros(days)
    for day in range(1, days):
        noise[day] = 0.4 * noise[day - 1] + random.normal(0, 0.08)
    level = 1e4 * np.exp(random.normal(0, 0.4, days))
    return level * (1 + noise / 2), level * (1 - noise / 2 - gain)


def switches(errors: tuple[np.ndarray, np.ndarray], *, margin: bool) -> list[int]:
    """Days on which another recipe is served, where each day the last `WINDOW` are compared."""
    served, days = 0, []
    pairs = np.full(WINDOW, 1000)
    for day in range(WINDOW, len(errors[0])):
        old, new = (errors[recipe][day - WINDOW : day] for recipe in (served, 1 - served))
        if by_days(pairs, old, new).better if margin else new.sum() < old.sum():
            served = 1 - served
            days.append(day - WINDOW)
    return days


def test_noise_seldom_switches_recipes() -> None:
    """Two equally good recipes, judged anew each day for a year: some two switches, not twenty."""
    years = [random_recipes(seed, WINDOW + 365) for seed in range(8)]
    guarded = [len(switches(year, margin=True)) for year in years]
    plain = [len(switches(year, margin=False)) for year in years]
    assert np.mean(guarded) <= 3
    assert np.mean(plain) >= 5 * np.mean(guarded)


def test_a_recipe_that_is_truly_better_is_found_within_weeks_and_stays() -> None:
    changes = [switches(random_recipes(seed, WINDOW + 90, gain=0.05), margin=True) for seed in range(8)]
    assert sum(bool(days) and days[0] <= 30 for days in changes) >= 7
    assert np.mean([len(days) for days in changes]) < 1.5


@given(st.integers(4, 40), st.floats(0.1, 1e4), st.integers(0, 10**6))
def test_what_is_better_every_day_is_certain_and_the_other_way_round(
    days: int, size: float, seed: int
) -> None:
    old = size * (1 + np.random.default_rng(seed).random(days))
    n = np.full(days, 24)
    comparison, turned = by_days(n, old, old * 0.9), by_days(n, old * 0.9, old)
    assert (comparison.certainty, comparison.better, comparison.worse) == (1.0, True, False)
    assert (turned.certainty, turned.better, turned.worse) == (0.0, False, True)
    assert comparison.old_mae == pytest.approx(old.sum() / n.sum())
    same = by_days(n, old, old)
    assert (same.certainty, same.better, same.worse) == (0.5, False, False)


@given(st.integers(1, 3))
def test_a_few_days_prove_nothing(days: int) -> None:
    comparison = by_days(np.full(days, 1000), np.full(days, 900.0), np.full(days, 1.0))
    assert (comparison.certainty, comparison.better, comparison.worse) == (0.5, False, False)


def test_what_is_certain_and_tiny_is_no_reason() -> None:
    old = np.full(30, 1000.0)
    assert by_days(np.full(30, 100), old, old * 0.99).certainty == 1.0
    assert not by_days(np.full(30, 100), old, old * 0.99).better


def test_pairs_belong_to_the_day_of_their_target() -> None:
    """Two origins at hours 0 and 24: their 96 targets lie in hours 1 … 72, three days and one hour of a fourth."""
    actual = np.zeros((2, HORIZON))
    actual[1, 0] = np.nan
    comparison = by_hours(actual, actual + 2, actual + 1, np.array([0, 24]))
    assert (comparison.n, comparison.days, comparison.old_mae, comparison.new_mae) == (95, 4, 2.0, 1.0)
