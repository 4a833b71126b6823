"""Which city is due for training: each threshold, on both its sides."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from common.domain.training_schedule import (
    ENOUGH_HOURS,
    GROWN_OLD,
    LEAST_PAIRS,
    NOT_BEFORE,
    NOT_BEFORE_WHERE_FAILING,
    CityState,
    LiveRecord,
    why_train,
)

NOW = datetime(2025, 11, 5, 2, tzinfo=UTC)
MOMENT = timedelta(seconds=1)
POOR = LiveRecord(pairs=LEAST_PAIRS, unexplained=0.2501, mae=5, best_naive_mae=6)
LOSES = LiveRecord(pairs=LEAST_PAIRS, unexplained=0.1, mae=5, best_naive_mae=4.9)
GOOD = LiveRecord(pairs=LEAST_PAIRS, unexplained=0.25, mae=5, best_naive_mae=5)


def due(trained_ago: timedelta | None, *, hours: int = ENOUGH_HOURS, **changes: Any) -> str | None:
    until = None if trained_ago is None else NOW - trained_ago
    return why_train(replace(CityState(hours, until, until), **changes), NOW)


def test_a_city_that_was_never_trained_is_due_as_soon_as_it_tells_anything() -> None:
    assert due(None, hours=1) == "never trained"
    assert due(None, hours=0) is None


@pytest.mark.parametrize(
    ("ago", "hours", "reason"),
    [
        (NOT_BEFORE, ENOUGH_HOURS, "20 or more new hours"),
        (NOT_BEFORE - MOMENT, ENOUGH_HOURS, None),
        (NOT_BEFORE, ENOUGH_HOURS - 1, None),
        (GROWN_OLD, 1, "the champion is 7 days old"),
        (GROWN_OLD - MOMENT, 1, None),
        (GROWN_OLD + timedelta(days=2), 1, "the champion is 9 days old"),
        (GROWN_OLD, 0, None),
    ],
)
def test_new_hours_and_old_champions(ago: timedelta, hours: int, reason: str | None) -> None:
    assert due(ago, hours=hours) == reason


def test_an_old_champion_beside_a_training_of_today_is_left() -> None:
    served = NOW - GROWN_OLD
    assert due(NOT_BEFORE - MOMENT, hours=1, served_until=served) is None
    assert due(NOT_BEFORE, hours=1, served_until=served) == "the champion is 7 days old"
    assert due(GROWN_OLD, hours=1, served_until=None) is None


@pytest.mark.parametrize(
    ("live", "reason"),
    [
        ((POOR,), "live R² below 0.75"),
        ((LOSES,), "worse than the naive forecast"),
        ((LOSES, POOR), "live R² below 0.75"),
        ((GOOD,), None),
        ((replace(POOR, pairs=LEAST_PAIRS - 1),), None),
        ((replace(LOSES, pairs=LEAST_PAIRS - 1),), None),
        ((replace(POOR, unexplained=None),), None),
        ((replace(LOSES, best_naive_mae=None),), None),
        ((GOOD, LOSES), "worse than the naive forecast"),
    ],
)
def test_champions_that_fail_are_trained_sooner(live: tuple[LiveRecord, ...], reason: str | None) -> None:
    assert due(NOT_BEFORE_WHERE_FAILING, hours=1, live=live) == reason
    assert due(NOT_BEFORE_WHERE_FAILING - MOMENT, live=live) is None
