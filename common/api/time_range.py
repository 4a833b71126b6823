"""Which hours or days a history covers."""

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from common.api.schemas.aqi import DAYS_MOST, HistoryQuery
from common.domain.errors import DataError, Fault
from common.domain.observation import HOUR, IST, last_full_hour

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_SINCE = "a time from 2000-01-01T00:00:00Z on"
_ALONE = "only one of hours, days and start"
_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)


class TimeRange(NamedTuple):
    """What ends after `start` and by `end`."""

    start: datetime
    end: datetime

    @property
    def hours(self) -> int:
        """How many Indian hours end in it."""
        return (last_full_hour(self.end) - last_full_hour(self.start)) // HOUR

    @property
    def days(self) -> tuple[date, date]:
        """The first and the last Indian day that it touches; midnight belongs to the day that it ends."""
        return self.start.astimezone(IST).date(), (self.end - _INSTANT).astimezone(IST).date()


def wrong(sentence: str, **given: tuple[object, str]) -> DataError:
    """What to raise; `given`: parameter → (what was given, what is allowed). One that was not given is no fault."""
    return DataError(
        sentence,
        faults=tuple(
            Fault(
                "parameter", name, value.isoformat() if isinstance(value, datetime) else str(value), allowed
            )
            for name, (value, allowed) in given.items()
            if value is not None
        ),
    )


def moment(as_of: datetime | None, now: datetime) -> datetime | None:
    """The time as of which to answer, in UTC; None for now.

    Raises:
        DataError: when it lies in the future or before there can be data.
    """
    if as_of is None:
        return None
    if as_of > now:
        present = f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        raise wrong(
            f"as_of must not be in the future; it is {present} now", as_of=(as_of, f"a time up to {present}")
        )
    if as_of < EARLIEST:
        raise wrong("as_of must not be before 2000-01-01T00:00:00Z", as_of=(as_of, _SINCE))
    return as_of.astimezone(UTC)


def window(query: HistoryQuery, now: datetime) -> TimeRange:
    """The window of a history; it never reaches beyond `now`, and ends with the last full hour unless `end` is given,
    so that all clients get the same answer within an hour.

    Raises:
        DataError: when the parameters contradict each other or ask for too much at once.
    """
    if sum(given is not None for given in (query.hours, query.days, query.start)) > 1:
        raise wrong(
            "give only one of hours, days and start",
            hours=(query.hours, _ALONE),
            days=(query.days, _ALONE),
            start=(query.start, _ALONE),
        )
    end = now if query.end is None else query.end
    if end <= EARLIEST:
        raise wrong("end must be after 2000-01-01T00:00:00Z", end=(query.end, _SINCE))
    end = (end if end < now else last_full_hour(now)).astimezone(UTC)
    start = _start(query, end)
    if start >= end:
        raise wrong(
            "start must be before end, and in the past",
            start=(query.start, f"a time before {end.isoformat()}"),
        )
    if end - start > timedelta(days=DAYS_MOST):
        least = (end - timedelta(days=DAYS_MOST)).isoformat()
        raise wrong(
            f"at most {DAYS_MOST} days at once; ask for a shorter time",
            start=(query.start, f"a time from {least}"),
        )
    return TimeRange(start, end)


def _start(query: HistoryQuery, end: datetime) -> datetime:
    if query.start is not None:
        if query.start < EARLIEST:
            raise wrong("start must not be before 2000-01-01T00:00:00Z", start=(query.start, _SINCE))
        return query.start.astimezone(UTC)
    if query.hours is not None:
        return end - query.hours * HOUR
    if query.interval == "hour":
        return end - (1 if query.days is None else query.days) * _DAY
    last = (end - _INSTANT).astimezone(IST).date()
    first = last - ((30 if query.days is None else query.days) - 1) * _DAY
    return datetime.combine(first, time(), IST).astimezone(UTC)
