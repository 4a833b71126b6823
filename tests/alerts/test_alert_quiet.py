"""Quiet hours around midnight, in several zones, and where the clock is put forward and back."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.alerts.quiet import quiet_until
from common.alerts.rule import QuietHours


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "now", "until"),
    [
        ("Asia/Kolkata", "2025-11-05T16:29", None),  # 21:59
        ("Asia/Kolkata", "2025-11-05T16:30", "2025-11-06T00:30"),  # 22:00
        ("Asia/Kolkata", "2025-11-05T20:00", "2025-11-06T00:30"),  # half past one
        ("Asia/Kolkata", "2025-11-06T00:29", "2025-11-06T00:30"),
        ("Asia/Kolkata", "2025-11-06T00:30", None),
        ("America/New_York", "2025-11-05T16:30", None),
        ("America/New_York", "2025-11-06T03:30", "2025-11-06T11:00"),
        ("Europe/Berlin", "2025-03-29T22:00", "2025-03-30T04:00"),  # the clock is put forward: an hour less
        ("Europe/Berlin", "2025-10-25T21:00", "2025-10-26T05:00"),  # and back: an hour more
    ],
)
def test_from_ten_to_six(zone: str, now: str, until: str | None) -> None:
    quiet = QuietHours(time(22), time(6), zone)
    assert quiet_until(quiet, at(now)) == (None if until is None else at(until))


def test_within_a_day_and_without_any() -> None:
    siesta = QuietHours(time(13), time(15, 30))
    assert quiet_until(siesta, at("2025-11-05T08:00")) == at("2025-11-05T10:00")
    assert quiet_until(siesta, at("2025-11-05T10:00")) is None
    assert quiet_until(None, at("2025-11-05T10:00")) is None


def test_times_that_come_twice_or_never() -> None:
    berlin = "Europe/Berlin"
    ends_twice = QuietHours(time(22), time(2, 30), berlin)
    assert quiet_until(ends_twice, at("2025-10-26T00:45")) == at("2025-10-26T01:30")  # after the second
    ends_never = QuietHours(time(22), time(2, 30), berlin)
    assert quiet_until(ends_never, at("2025-03-30T00:45")) == at("2025-03-30T01:30")
    begins_twice = QuietHours(time(2, 30), time(6), berlin)
    assert quiet_until(begins_twice, at("2025-10-26T00:45")) == at("2025-10-26T05:00")  # with the first


times = st.times().map(lambda moment: moment.replace(second=0, microsecond=0))


@given(
    times, times, st.sampled_from(["Asia/Kolkata", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "UTC"]),
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - see timezones
)  # fmt: skip
def test_they_end_within_a_day_and_are_over_then(start: time, end: time, zone: str, now: datetime) -> None:
    if start == end:
        return
    quiet = QuietHours(start, end, zone)
    until = quiet_until(quiet, now)
    if until is not None:
        assert now < until <= now + timedelta(hours=26)
        again = quiet_until(quiet, until)
        # Less than an hour is left of the day: where the clock leaps, they may begin again at once.
        assert again is None or again > until
