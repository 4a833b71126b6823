"""The forecasts to beat, against plain Python."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from common.domain.forecast import NAIVE
from common.inference.naive import naive_forecasts

VALUES = st.one_of(st.none(), st.integers(0, 500))


def latest(series: list[int | None], at: int, within: int) -> int | None:
    """The value of hour `at`, or of one of the `within` hours before it."""
    hours = range(at, max(at - within, 0) - 1, -1)
    return next((series[hour] for hour in hours if series[hour] is not None), None)


def same_hours(series: list[int | None], at: int, lead: int) -> list[int]:
    """What is known of the target's hour of day on the last seven days on which that hour is over by `at`."""
    days = [at + lead - 24 * back for back in range(1, 20)]
    week = [hour for hour in days if hour <= at][:7]
    return [value for hour in week if hour >= 0 and (value := series[hour]) is not None]


def expected(series: list[int | None], at: int, lead: int) -> tuple[float, float, float, float]:
    """(persistence, daily, mean24, weekly) of one origin and lead time."""
    day = [value for value in series[max(at - 23, 0) : at + 1] if value is not None]
    mean = sum(day) / len(day) if day else math.nan
    last = latest(series, at, 12)
    persistence = mean if last is None else last
    same_hour = at + lead - 24 * math.ceil(lead / 24)
    before = latest(series, same_hour, 3) if same_hour >= 0 else None
    week = same_hours(series, at, lead)
    weekly = sum(week) / len(week) if week else persistence
    return persistence, persistence if before is None else before, mean, weekly


@given(series=st.lists(VALUES, min_size=1, max_size=60), lead=st.integers(1, 60))
def test_against_plain_python(series: list[int | None], lead: int) -> None:
    history = np.array([math.nan if value is None else value for value in series], dtype=np.float64)
    origins = np.arange(len(series))
    forecasts = naive_forecasts(history, origins, np.array([lead, 1]))
    assert tuple(forecasts) == NAIVE
    for at in origins:
        for name, value in zip(NAIVE, expected(series, int(at), lead), strict=True):
            np.testing.assert_allclose(forecasts[name][at, 0], value, rtol=1e-12)


@given(seed=st.integers(0, 2**32), known=st.floats(0.02, 1), lead=st.integers(1, 72), days=st.integers(1, 12))
def test_weeks_with_gaps_against_plain_python(seed: int, known: float, lead: int, days: int) -> None:
    """What is known of some of ten days and more, from the last hours of them."""
    random = np.random.default_rng(seed)
    history = np.where(random.random(24 * days) < known, random.integers(0, 500, 24 * days), np.nan)
    series = [None if math.isnan(value) else int(value) for value in history]
    origins = np.arange(24 * days)[-30:]
    forecasts = naive_forecasts(history, origins, np.array([lead]))
    for row, at in enumerate(origins):
        for name, value in zip(NAIVE, expected(series, int(at), lead), strict=True):
            np.testing.assert_allclose(forecasts[name][row, 0], value, rtol=1e-12)


def test_by_hand() -> None:
    """Two days, 100 … 147, from the last hour: tomorrow is what today was at the same hour."""
    forecasts = naive_forecasts(np.arange(100.0, 148.0), np.array([47]), np.arange(1, 49))
    assert forecasts["persistence"].tolist() == [[147.0] * 48]
    assert forecasts["daily"].tolist() == [list(range(124, 148)) * 2]
    assert forecasts["mean24"].tolist() == [[135.5] * 48]
    assert forecasts["weekly"].tolist() == [list(range(112, 136)) * 2]


def test_a_week_by_hand() -> None:
    """Nine days whose hours are their day's number: the two oldest are no part of the mean, nor is an unknown one."""
    series = np.repeat(np.arange(1.0, 10.0), 24)
    weekly = naive_forecasts(series, np.array([len(series) - 1]), np.arange(1, 61))["weekly"]
    assert weekly.tolist() == [[6.0] * 60]  # of days 3 to 9
    series[-48:-24] = np.nan
    forecasts = naive_forecasts(series, np.array([len(series) - 6]), np.array([1, 20, 44]))
    # At 18:00 of the ninth day: 19:00 of days 2 to 8, and 14:00 of days 3 to 9, day 8 not being known.
    np.testing.assert_allclose(forecasts["weekly"], [[27 / 6, 34 / 6, 34 / 6]])
