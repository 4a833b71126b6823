"""The circuit breaker: how long a source that keeps failing is left alone.

One successful run closes it. Until then a source is tried in the next two hours, and after that less and less often, by
the rules below. The run after a rest is the trial; one more failure means a longer rest. A provider's own
``Retry-After`` always holds.

=========================================== =========================================================
the run failed                              the source rests, from the beginning of this run
=========================================== =========================================================
because the key is refused                  2, 4, 8, 16, 24, 24 … hours: only a person can cure that
because its name cannot be resolved,        10 minutes, from the third failure on: more attempts
or nothing in its answer was usable         cost nobody anything, and may save an hour of data
because our own count of calls says         not at all, and it is no failure of the source: no call
that the quota is used up                   is made before there is room
otherwise, in one or two hours              10 minutes, from the third failure on
otherwise, in more hours                    2, 4, 8, 16, 24, 24 … hours
=========================================== =========================================================

A source that gives only its latest hour never rests for more than 4 hours, because a missed hour is lost. Where it
keeps a past, the run after the rest requests the whole day before it.

Failures count by the hour, not by the run: jobs that fail ten times in a minute have seen one failure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from common.domain.errors import QuotaExhausted, SourceError

PATIENCE = 3
"""Failed runs, and hours with failures, before a source rests."""
PAUSE = timedelta(minutes=10)
UNUSABLE = "unusable"
CHEAP = ("dns", UNUSABLE)
"""Reasons for which more attempts cost nothing: no request left this machine, or the answer came at once."""
OWN_COUNT = "spent"
"""The reason of a run that our own count of calls refused: the provider had no part in it."""
LONGEST = timedelta(hours=24)
LONGEST_LIVE = timedelta(hours=4)
"""Of a source that gives only its latest hour: an hour without a call is lost."""
LONGEST_RETRY_AFTER = timedelta(days=31)
"""No quota is longer than a month; a longer wait is taken for a mistake."""
_EARLY = timedelta(minutes=5)
"""A rest of whole hours ends so much earlier, so that the hourly schedule, which is never exact, does not miss it."""


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
    """Until when a source rests after a run; None where the next run tries it again.

    `error`: why the run failed, None where it succeeded. `retry_after`: seconds that the provider requested in a run
    that gave something all the same. `longest` bounds our own rules.
    """
    if isinstance(error, QuotaExhausted):
        retry_after = error.retry_after
    if error is not None and error.reason == OWN_COUNT:
        return None
    rests = [] if error is None else [started_at + _rest(error, streak, longest)]
    if retry_after is not None and retry_after > 0:
        rests.append(finished_at + timedelta(seconds=min(retry_after, LONGEST_RETRY_AFTER.total_seconds())))
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
