"""Which hours and days a history covers."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.api.history import TimeRange, window
from common.api.schemas.aqi import HistoryQuery
from common.domain.errors import DataError
from common.domain.observation import HOUR, IST, hour_ending

NOW = datetime(2025, 11, 5, 10, 30, tzinfo=UTC)
times = st.datetimes(
    min_value=datetime(2024, 12, 1),  # noqa: DTZ001 — made aware by timezones
    max_value=datetime(2025, 11, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@given(times, st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=4)))
def test_hours_and_days_are_those_that_counting_finds(start: datetime, length: timedelta) -> None:
    requested = window(HistoryQuery(start=start, end=start + length), NOW)
    hour = hour_ending(start - 2 * HOUR)
    ends = []
    while hour <= start + length:
        if hour > start:
            ends.append(hour)
        hour += HOUR
    assert requested.hours == len(ends)
    first, last = requested.days
    assert first <= last
    for end in ends:
        assert first <= (end - timedelta(microseconds=1)).astimezone(IST).date() <= last


@given(st.integers(1, 8784))
def test_a_number_of_hours_up_to_now(hours: int) -> None:
    assert window(HistoryQuery(hours=hours), NOW) == (NOW - hours * HOUR, NOW)


@given(st.integers(1, 3660), st.datetimes(timezones=st.just(UTC), min_value=datetime(2024, 1, 1)))  # noqa: DTZ001
def test_a_number_of_days_is_that_many_calendar_days(days: int, now: datetime) -> None:
    now = min(now, datetime(2100, 1, 1, tzinfo=UTC))
    first, last = window(HistoryQuery(days=days, interval="day"), now).days
    assert (last - first).days + 1 == days


def test_without_parameters_it_is_the_last_24_hours_or_30_days() -> None:
    assert window(HistoryQuery(), NOW) == TimeRange(NOW - 24 * HOUR, NOW)
    assert window(HistoryQuery(interval="day"), NOW).days == (date(2025, 10, 7), date(2025, 11, 5))


def test_midnight_belongs_to_the_day_that_it_ends() -> None:
    midnight = datetime(2025, 11, 4, 18, 30, tzinfo=UTC)
    requested = window(HistoryQuery(start=midnight - 24 * HOUR, end=midnight), NOW)
    assert requested.days == (date(2025, 11, 4), date(2025, 11, 4))


def test_it_never_reaches_beyond_now() -> None:
    requested = window(HistoryQuery(start=NOW - HOUR, end=datetime.max.replace(tzinfo=UTC)), NOW)
    assert requested == (NOW - HOUR, NOW)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (HistoryQuery(start=NOW, end=NOW), "start must be before end"),
        (HistoryQuery(start=NOW + HOUR), "start must be before end, and in the past"),
        (HistoryQuery(start=datetime.min.replace(tzinfo=IST), end=NOW), "not be before 2000"),
        (HistoryQuery(end=datetime.min.replace(tzinfo=IST)), "end must be after 2000"),
        (HistoryQuery(hours=1, days=1), "only one of hours, days and start"),
        (HistoryQuery(days=1, start=NOW - HOUR), "only one of hours, days and start"),
        (HistoryQuery(start=NOW - timedelta(days=3661)), "at most 3660 days at once"),
        (HistoryQuery(start=NOW - timedelta(days=3661), interval="day"), "at most 3660 days"),
    ],
)
def test_what_makes_no_sense_or_asks_too_much_is_refused(query: HistoryQuery, message: str) -> None:
    with pytest.raises(DataError, match=message):
        window(query, NOW)


def test_a_length_may_end_in_the_past() -> None:
    end = datetime(2025, 1, 1, tzinfo=UTC)
    assert window(HistoryQuery(hours=3, end=end), NOW) == (end - 3 * HOUR, end)
    assert window(HistoryQuery(end=end, start=None), NOW) == (end - 24 * HOUR, end)
