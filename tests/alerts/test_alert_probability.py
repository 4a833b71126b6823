"""Probabilities of a level, read off forecasts as issued."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.alerts.probability import EDGES, exceedance

SHARES = [0.01, 0.09, 0.5, 0.25, 0.1, 0.05]


@dataclass
class Forecast:
    target: str = "aqi"
    y: list[float] = field(default_factory=lambda: [180.0] * 48)
    lo80: list[float] = field(default_factory=lambda: [150.0] * 48)
    hi80: list[float] = field(default_factory=lambda: [240.0] * 48)
    lo95: list[float] = field(default_factory=lambda: [120.0] * 48)
    hi95: list[float] = field(default_factory=lambda: [330.0] * 48)
    categories: list[list[float]] = field(default_factory=lambda: [SHARES] * 48)


def fine(lead: int) -> Forecast:
    """Clean air but for one lead time, with a chance of 0.15 of more than 300."""
    clean, foul = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0], SHARES
    low = [[20.0] * 48 for _ in range(5)]
    return Forecast("aqi", *low, [foul if number == lead else clean for number in range(48)])


def test_at_the_edges_it_is_what_was_issued() -> None:
    rest = [0.99, 0.9, 0.4, 0.15, 0.05]
    assert [exceedance(Forecast(), edge, 1) for edge in EDGES] == pytest.approx(rest)
    assert exceedance(Forecast(), 500, 48) == 0


@pytest.mark.parametrize("lead", [0, 11, 23, 47])
def test_it_looks_so_far_ahead_and_no_further(lead: int) -> None:
    assert exceedance(fine(lead), 300, lead + 1) == pytest.approx(0.15)
    assert exceedance(fine(lead), 300, lead) < 0.01


def test_between_the_edges_it_falls() -> None:
    chances = [exceedance(Forecast(), float(level), 24) for level in range(1, 501)]
    assert all(earlier >= later for earlier, later in pairwise(chances))
    assert chances[0] > 0.99
    assert chances[-1] == 0
    assert 0.15 < exceedance(Forecast(), 250, 24) < 0.4


def test_pm25_follows_its_intervals() -> None:
    forecast = Forecast("pm25", categories=[])
    levels = (120, 150, 180, 240, 330)
    assert [exceedance(forecast, level, 1) for level in levels] == pytest.approx(
        [0.975, 0.9, 0.5, 0.1, 0.025]
    )
    assert exceedance(forecast, 210, 1) == pytest.approx(0.3)
    # Each step as wide as between the upper bounds is a quarter as likely again.
    assert exceedance(forecast, 420, 1) == pytest.approx(0.025 / 4)
    assert exceedance(forecast, 510, 1) == pytest.approx(0.025 / 16)
    assert exceedance(Forecast("pm25", *[[20.0] * 48 for _ in range(5)], []), 30, 24) == 0


numbers = st.floats(-20, 600)


@given(
    st.lists(numbers, min_size=5, max_size=5),
    st.lists(st.floats(0, 1), min_size=6, max_size=6),
    st.booleans(),
)
def test_whatever_was_issued_it_is_a_probability_that_falls(
    values: list[float], weights: list[float], is_index: bool
) -> None:
    """Bounds may cross, be below zero or equal, and probabilities are rounded."""
    total = sum(weights) or 1.0
    shares = [round(weight / total, 4) for weight in weights]
    parts = [[value] * 3 for value in values]
    forecast = Forecast("aqi" if is_index else "pm25", *parts, [shares] * 3 if is_index else [])
    chances = [
        exceedance(forecast, level, 3) for level in (0.5, 25, 50, 60, 100, 150, 200, 300, 301, 399, 400, 499)
    ]
    assert all(0 <= chance <= 1 for chance in chances)
    assert all(earlier >= later - 1e-3 for earlier, later in pairwise(chances))
