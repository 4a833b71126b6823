"""How long a source that keeps failing is left alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.errors import OutOfTime, Permanent, QuotaExhausted, SourceError, Transient
from common.ingest.circuit_breaker import LONGEST_LIVE, LONGEST_RETRY_AFTER, Streak, rest_until

NOW = datetime(2025, 11, 5, 10, 37, tzinfo=UTC)
LATER = NOW + timedelta(minutes=3)
DOWN = Transient("down", reason="server_error")
KEY = Permanent("no", reason="key")


def skipped(error: SourceError, streak: Streak) -> int:
    """How many runs of an hourly schedule that comes a minute early are left out."""
    until = rest_until(NOW, LATER, error, streak)
    hours = 1
    while until is not None and NOW + timedelta(hours=hours, minutes=-1) < until:
        hours += 1
    return hours - 1


def test_all_is_well() -> None:
    assert rest_until(NOW, LATER, None, Streak(1, 1)) is None


@pytest.mark.parametrize(
    ("error", "left_out"),
    [
        (DOWN, [0, 0, 1, 3, 7, 15, 23, 23]),
        (OutOfTime("late"), [0, 0, 1, 3, 7, 15, 23, 23]),
        (Permanent("changed", reason="shape"), [0, 0, 1, 3, 7, 15, 23, 23]),
        (QuotaExhausted("spent"), [0, 0, 1, 3, 7, 15, 23, 23]),
        (KEY, [1, 3, 7, 15, 23, 23, 23, 23]),
        (Transient("no name", reason="dns"), [0] * 8),
        (SourceError("all stale", reason="unusable"), [0] * 8),
    ],
)
def test_one_failure_an_hour(error: SourceError, left_out: list[int]) -> None:
    assert [skipped(error, Streak(number, number)) for number in range(1, 9)] == left_out


def test_a_burst_of_failures_is_one() -> None:
    assert rest_until(NOW, LATER, DOWN, Streak(2, 1)) is None
    for runs in (3, 30):
        for hours in (1, 2):
            assert rest_until(NOW, LATER, DOWN, Streak(runs, hours)) == NOW + timedelta(minutes=10)


def test_what_tells_its_latest_hour_only_is_not_left_alone_for_long() -> None:
    for error in (DOWN, KEY):
        until = rest_until(NOW, LATER, error, Streak(9, 9), longest=LONGEST_LIVE)
        assert until == NOW + timedelta(hours=3, minutes=55)


@pytest.mark.parametrize("error", [None, QuotaExhausted("enough", retry_after=3600.0)])
def test_what_the_provider_asks_for_holds(error: SourceError | None) -> None:
    requested = rest_until(NOW, LATER, error, Streak(1, 1), 3600.0)
    assert requested == LATER + timedelta(hours=1)


def test_what_the_provider_asks_for_holds_beyond_our_own_bound() -> None:
    error = QuotaExhausted("enough", retry_after=40 * 3600.0)
    until = rest_until(NOW, LATER, error, Streak(1, 1), longest=LONGEST_LIVE)
    assert until == LATER + timedelta(hours=40)


def test_the_longer_of_both_rests_holds() -> None:
    error = QuotaExhausted("enough", retry_after=60.0)
    assert rest_until(NOW, LATER, error, Streak(4, 4)) == NOW + timedelta(hours=3, minutes=55)


@given(st.floats(allow_nan=False), st.integers(1, 10**4), st.integers(1, 10**4))
def test_no_header_puts_a_source_away_for_good(seconds: float, runs: int, hours: int) -> None:
    until = rest_until(NOW, LATER, QuotaExhausted("x", retry_after=seconds), Streak(runs, hours))
    assert until is None or NOW < until <= LATER + LONGEST_RETRY_AFTER


def test_our_own_count_of_calls_is_no_fault_of_the_source() -> None:
    error = QuotaExhausted("used up", retry_after=3600.0, reason="spent")
    assert rest_until(NOW, LATER, error, Streak(9, 9)) is None
