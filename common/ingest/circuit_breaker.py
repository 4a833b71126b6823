"""The circuit breaker: how long a source that keeps failing is left alone.

A source works again the moment one run of it goes well. Until then it is asked every hour twice more, and then
ever more seldom, for as long as these rules say; the run after a rest is the trial, and one more failure means
a longer rest. What the provider itself says about when to come back (``Retry-After``) always holds.

==================================== ======================================================
the run failed                       the source rests until, from the beginning of this run
==================================== ======================================================
because the key is refused           2, 4, 8, 16, 24, 24 … hours: nothing cures that but a person
because its name cannot be resolved, 10 minutes, from the third failure on: asking on spares nobody
or all that it told was unusable     anything, and may bring the hour that would else be lost
because our own count of calls says  it does not, and this is no failure of the source: nothing
that the quota is spent              is asked of it before there is room
otherwise, in one or two hours       10 minutes, from the third failure on
otherwise, in more hours             2, 4, 8, 16, 24, 24 … hours
==================================== ======================================================

A source that tells its latest hour only never rests for more than 4 hours: what is not asked for is lost. Where
it keeps a past, the run after the rest asks for the whole day before it.

Failures count by the hour, not by the run: jobs that fail ten times in a minute have seen one failure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from common.domain.errors import QuotaExhausted, SourceError

PATIENCE = 3
"""Runs, and hours, that a source may fail before it rests."""
PAUSE = timedelta(minutes=10)
UNUSABLE = "unusable"
CHEAP = ("dns", UNUSABLE)
"""Reasons for which asking on costs nobody anything: no question left this machine; the answer came at once."""
OWN_COUNT = "spent"
"""The reason of a run that was refused by our own count of calls: the provider heard nothing and has no part in it."""
LONGEST = timedelta(hours=24)
LONGEST_LIVE = timedelta(hours=4)
"""Of a source that tells its latest hour only: an hour in which it is not asked is lost."""
LONGEST_ASKED_FOR = timedelta(days=31)
"""No quota is longer than a month; what asks for more is taken for a mistake."""
_EARLY = timedelta(minutes=5)
"""A rest of whole hours ends so much sooner that the schedule, which is never quite on time, does not miss it."""


@dataclass(frozen=True, slots=True)
class Streak:
    """Failures in a row, the present one included: how many runs, in how many different hours."""

    runs: int
    hours: int


def rest_until(
    started_at: datetime,
    finished_at: datetime,
    error: SourceError | None,
    streak: Streak,
    retry_after: float | None = None,
    *,
    longest: timedelta = LONGEST,
) -> datetime | None:
    """Until when a source is left alone after a run; None where it is asked again at the next.

    `error` is what the run failed with, None where it went well; `retry_after` are the seconds that the
    provider asked for in a run that gave something all the same. `longest` bounds our own rules.
    """
    if isinstance(error, QuotaExhausted):
        retry_after = error.retry_after
    if error is not None and error.reason == OWN_COUNT:
        return None
    rests = [] if error is None else [started_at + _rest(error, streak, longest)]
    if retry_after is not None and retry_after > 0:
        rests.append(finished_at + timedelta(seconds=min(retry_after, LONGEST_ASKED_FOR.total_seconds())))
    until = max(rests, default=started_at)
    return until if until > started_at else None


def _rest(error: SourceError, streak: Streak, longest: timedelta) -> timedelta:
    if error.reason == "key":
        return _hours(2**streak.hours, longest)
    if streak.runs < PATIENCE:
        return timedelta(0)
    if error.reason in CHEAP or streak.hours < PATIENCE:
        return PAUSE
    return _hours(2 ** (streak.hours - PATIENCE + 1), longest)


def _hours(number: int, longest: timedelta) -> timedelta:
    return min(timedelta(hours=min(number, 24)), longest) - _EARLY
