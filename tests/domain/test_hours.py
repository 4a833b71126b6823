"""Indian hours by their ends: every instant belongs to exactly one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.errors import DataError
from common.domain.observation import HOUR, IST, hour_ending, last_full_hour

zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
instants = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=zones)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("stamp", "end"),
    [
        ("2025-11-05T16:00:00+05:30", "2025-11-05T10:30:00+00:00"),
        ("2025-11-05T15:00:01+05:30", "2025-11-05T10:30:00+00:00"),
        ("2025-11-05T15:00:00+05:30", "2025-11-05T09:30:00+00:00"),
        ("2025-11-05T10:30:00.000001+00:00", "2025-11-05T11:30:00+00:00"),
        ("2025-11-05T10:00:00+00:00", "2025-11-05T10:30:00+00:00"),
        ("2025-12-31T23:45:00+00:00", "2026-01-01T00:30:00+00:00"),
    ],
)
def test_hours_end_on_the_indian_hour(stamp: str, end: str) -> None:
    assert hour_ending(datetime.fromisoformat(stamp)).isoformat() == end


@given(instants)
def test_a_stamp_lies_in_the_sixty_minutes_before_the_end_of_its_hour(stamp: datetime) -> None:
    end = hour_ending(stamp)
    assert end - HOUR < stamp <= end
    local = end.astimezone(IST)
    assert (local.minute, local.second, local.microsecond) == (0, 0, 0)
    assert end.tzinfo is UTC


@given(instants)
def test_the_last_full_hour_is_over_and_the_next_one_is_not(now: datetime) -> None:
    end = last_full_hour(now)
    assert end <= now < end + HOUR
    assert hour_ending(end) == end
    assert end.tzinfo is UTC


@given(instants)
def test_the_two_differ_by_the_running_hour(now: datetime) -> None:
    assert hour_ending(now) - last_full_hour(now) in {timedelta(0), HOUR}
    assert (hour_ending(now) == last_full_hour(now)) == (hour_ending(now) == now)


@given(instants, zones)
def test_the_zone_a_stamp_is_written_in_does_not_matter(stamp: datetime, zone: timezone) -> None:
    assert hour_ending(stamp.astimezone(zone)) == hour_ending(stamp)
    assert last_full_hour(stamp.astimezone(zone)) == last_full_hour(stamp)


@pytest.mark.parametrize("function", [hour_ending, last_full_hour])
@pytest.mark.parametrize(
    "stamp",
    [
        datetime(2025, 11, 5, 10, 30),  # noqa: DTZ001
        datetime.min.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
    ],
)
def test_times_without_a_zone_or_of_no_plausible_year_are_refused(function, stamp: datetime) -> None:
    with pytest.raises(DataError, match="zone"):
        function(stamp)
