"""Which cities are due for a forecast."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from common.domain.forecast import is_unseen

HOUR = datetime(2025, 11, 5, 10, 30, tzinfo=UTC)
LATER = HOUR + timedelta(hours=1)


@pytest.mark.parametrize(
    ("newest", "known_until", "unseen"),
    [
        (None, None, False),
        (None, HOUR, False),
        (HOUR, None, True),
        (HOUR, HOUR, False),
        (LATER, HOUR, True),
        (HOUR, LATER, False),
    ],
)
def test_a_newer_hour_than_the_forecast_knew(
    newest: datetime | None, known_until: datetime | None, unseen: bool
) -> None:
    assert is_unseen(newest, known_until) == unseen
