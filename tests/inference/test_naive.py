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


def expected(series: list[int | None], at: int, lead: int) -> tuple[float, float, float]:
    """(persistence, daily, mean24) of one origin and lead time."""
    day = [value for value in series[max(at - 23, 0) : at + 1] if value is not None]
    mean = sum(day) / len(day) if day else math.nan
    last = latest(series, at, 12)
    persistence = mean if last is None else last
    same_hour = at + lead - 24 * math.ceil(lead / 24)
    before = latest(series, same_hour, 3) if same_hour >= 0 else None
    return persistence, persistence if before is None else before, mean


@given(series=st.lists(VALUES, min_size=1, max_size=60), lead=st.integers(1, 60))
def test_against_plain_python(series: list[int | None], lead: int) -> None:
    history = np.array([math.nan if value is None else value for value in series], dtype=np.float64)
    origins = np.arange(len(series))
    found = naive_forecasts(history, origins, np.array([lead, 1]))
    assert tuple(found) == NAIVE
    for at in origins:
        for name, value in zip(NAIVE, expected(series, int(at), lead), strict=True):
            np.testing.assert_allclose(found[name][at, 0], value, rtol=1e-12)


def test_by_hand() -> None:
    """Two days, 100 … 147, from the last hour: tomorrow is what today was at the same hour."""
    found = naive_forecasts(np.arange(100.0, 148.0), np.array([47]), np.arange(1, 49))
    assert found["persistence"].tolist() == [[147.0] * 48]
    assert found["daily"].tolist() == [list(range(124, 148)) * 2]
    assert found["mean24"].tolist() == [[135.5] * 48]
