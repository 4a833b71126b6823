"""Which cities' rules are looked at: those with a signal that one of them has not seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from common.alerts.due import Series, cities_due

NOW = datetime(2025, 11, 5, 10, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
DELHI = Series("Delhi", "measured", "aqi")


@pytest.mark.parametrize(
    ("seen", "newest", "due"),
    [
        (None, NOW, True),
        (NOW - HOUR, NOW, True),
        (NOW, NOW, False),
        (NOW + HOUR, NOW, False),
    ],
    ids=["none seen", "a newer one", "the same", "an older one"],
)
def test_a_signal_is_new_after_the_last_that_was_seen(
    seen: datetime | None, newest: datetime, due: bool
) -> None:
    assert cities_due({DELHI: seen}, {DELHI: newest}) == (["Delhi"] if due else [])


@pytest.mark.parametrize(
    "other",
    [DELHI._replace(city="Pune"), DELHI._replace(basis="forecast"), DELHI._replace(target="pm25")],
)
def test_what_no_rule_looks_at_makes_nothing_due(other: Series) -> None:
    assert cities_due({DELHI: None}, {other: NOW}) == []
    assert cities_due({}, {DELHI: NOW}) == []
    assert cities_due({DELHI: None}, {}) == []


def test_each_city_is_named_once_in_order() -> None:
    seen = {
        Series("Pune", "measured", "aqi"): None,
        DELHI: NOW - HOUR,
        Series("Delhi", "forecast", "pm25"): None,
        Series("Agra", "measured", "pm25"): NOW,
    }
    assert cities_due(seen, dict.fromkeys(seen, NOW)) == ["Delhi", "Pune"]
