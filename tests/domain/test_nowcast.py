"""NowCast: EPA's examples, its definition as an oracle, and what holds for every series."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.nowcast import nowcast

hours = st.lists(st.none() | st.floats(0, 900), max_size=15)
two_recent = st.lists(st.floats(0, 900), min_size=2, max_size=2)


def definition(values: list[float | None]) -> float:
    """Σ wᵏ·cₖ / Σ wᵏ, term by term."""
    ago = [(k, value) for k, value in enumerate(values[::-1][:12]) if value is not None]
    present = [value for _, value in ago]
    weight = max(0.5, min(present) / max(present)) if max(present) else 1.0
    return sum(weight**k * value for k, value in ago) / sum(weight**k for k, _ in ago)


@pytest.mark.parametrize(
    ("latest_first", "expected"),
    [([10.0] * 12, 10.0), ([50.0] + [10.0] * 11, 30.005)],
)
def test_published_examples(latest_first: list[float], expected: float) -> None:
    assert nowcast(latest_first[::-1]) == pytest.approx(expected, abs=5e-4)


@given(hours, two_recent)
def test_it_is_its_definition(earlier: list[float | None], latest: list[float]) -> None:
    values = [*earlier, *latest]
    assert nowcast(values) == pytest.approx(definition(values), rel=1e-9, abs=1e-12)


@given(hours, two_recent)
def test_it_lies_among_the_hours(earlier: list[float | None], latest: list[float]) -> None:
    values = [*earlier, *latest]
    present = [value for value in values[-12:] if value is not None]
    result = nowcast(values)
    assert result is not None
    assert min(present) * (1 - 1e-12) <= result <= max(present) * (1 + 1e-12)


@given(st.lists(st.none() | st.floats(0, 900), min_size=12, max_size=12), hours)
def test_hours_before_the_last_twelve_do_not_count(
    window: list[float | None], earlier: list[float | None]
) -> None:
    assert nowcast(earlier + window) == nowcast(window)


@pytest.mark.parametrize(
    ("latest", "enough"),
    [
        ([5.0, 5.0, None], True),
        ([5.0, None, 5.0], True),
        ([None, 5.0, 5.0], True),
        ([None, None, 5.0], False),
        ([5.0, None, None], False),
        ([5.0, -1.0, math.nan], False),
    ],
)
def test_two_of_the_latest_three_hours_are_needed(latest: list[float | None], enough: bool) -> None:
    assert nowcast([5.0] * 9 + latest) == (5.0 if enough else None)


def test_too_short_series() -> None:
    assert nowcast([]) is None
    assert nowcast([7.0]) is None
    assert nowcast([7.0, 7.0]) == 7.0


def test_missing_hours_are_left_out_and_keep_their_place() -> None:
    # w = 0.5: (40·1 + 20·¼) / (1 + ¼)
    assert nowcast([20.0, None, 40.0]) == pytest.approx(36.0)


def test_clean_air_is_zero() -> None:
    assert nowcast([0.0] * 12) == 0.0


@given(st.floats(0.1, 900))
def test_steady_air_is_itself(value: float) -> None:
    assert nowcast([value] * 12) == pytest.approx(value)
