"""Calls within quotas: the schedule may use all of a provider's quota, a backfill a share of it.

A backfill may bring the calls of an hour, a day or a month to two thirds of what the provider allows, whoever made
them, and those of a minute to 95 %. The remaining third is more than the hourly collection of all cities needs of any
provider (Open-Meteo: 2,688 of 10,000 a day). A minute needs less room, because the schedule can wait for the next one;
the 5 % make the schedule win against a backfill that waits as well.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from common.domain.errors import QuotaExhausted
from common.store.quota_usage import Full, fold, reserve, room

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from common.ports import Clock
    from common.sources.http import Metered, Quota
    from common.store.engine import Connection, Database

MINUTE = timedelta(seconds=61)
"""A second more than a minute, because neither this clock nor the provider's is exact."""
_HOUR, _DAY, _MONTH = timedelta(hours=1), timedelta(days=1), timedelta(days=31)
_NAMES = {MINUTE: "a minute", _HOUR: "an hour", _DAY: "a day", _MONTH: "a month"}

Shares = tuple[float, float]
"""Of the quota of a minute, and of that of longer windows."""
SCHEDULE: Shares = (1.0, 1.0)
BACKFILL: Shares = (0.95, 2 / 3)


class Meter:
    """Counts calls for all processes before they are made."""

    def __init__(self, database: Database, clock: Clock, shares: Shares = SCHEDULE) -> None:
        self._database = database
        self._clock = clock
        self._shares = shares
        self._folded: dict[str, datetime] = {}

    def take(self, source: Metered, calls: float) -> float:
        """Count a call that weighs `calls`; 0, or the seconds after which there is room for it in the minute.

        Raises:
            QuotaExhausted: when the hour, the day or the month has no room for it.
            StoreError: when the database cannot be reached: a call that cannot be counted must not be made.
        """
        limits = limits_of(source.quota, self._shares)
        if not limits:
            return 0.0
        now = self._clock()
        with self._database.transaction() as connection:
            self._fold(connection, source.name, now)
            full = reserve(connection, source.name, calls, limits, now=now)
        if full is None:
            return 0.0
        if full.opens is not None and full.window == MINUTE:
            return max(0.1, (full.opens - now).total_seconds())
        raise _refusal(source.name, calls, full, now)

    def opens_at(self, source: Metered, calls: float) -> datetime | None:
        """When hour, day and month have room for so many calls; None where they have it now.

        More calls than a window may ever hold wait until it is empty.
        """
        limits = limits_of(source.quota, self._shares)
        longer = {window: limit for window, limit in limits.items() if window != MINUTE}
        most = min([calls, *longer.values()])
        now = self._clock()
        with self._database.transaction() as connection:
            self._fold(connection, source.name, now)
            full = room(connection, source.name, most, longer, now=now)
        return None if full is None else full.opens

    def _fold(self, connection: Connection, source: str, now: datetime) -> None:
        """Fold old counts, once an hour. This comes first, because it moves calls to the end of their hour."""
        if now - self._folded.get(source, now - _HOUR) >= _HOUR:
            fold(connection, source, now=now)
            self._folded[source] = now


def _refusal(source: str, calls: float, full: Full, now: datetime) -> QuotaExhausted:
    if full.opens is None:
        return QuotaExhausted(
            f"one question to {source} counts as {calls:.0f} calls, more than the {full.limit:.0f} it may "
            f"be asked in {_NAMES[full.window]}",
            reason="spent",
        )
    return QuotaExhausted(
        f"{full.used:.0f} of the {full.limit:.0f} calls that may be made in {_NAMES[full.window]} are "
        f"used up; there is room again at {full.opens:%Y-%m-%d %H:%M} UTC",
        retry_after=max(1.0, (full.opens - now).total_seconds()),
        reason="spent",
    )


def limits_of(quota: Quota, shares: Shares = SCHEDULE) -> Mapping[timedelta, float]:
    """Window → the most calls in it, where there is a limit."""
    minute, longer = shares
    limits = {
        MINUTE: (quota.minute, minute),
        _HOUR: (quota.hour, longer),
        _DAY: (quota.day, longer),
        _MONTH: (quota.month, longer),
    }
    return {window: limit * share for window, (limit, share) in limits.items() if limit is not None}
