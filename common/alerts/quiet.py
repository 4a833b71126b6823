"""Quiet hours: until when nobody is to be disturbed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, time

    from common.alerts.rule import QuietHours


def quiet_until(quiet: QuietHours | None, now: datetime) -> datetime | None:
    """When the quiet hours that `now` is in end, in UTC; None where it is in none.

    They begin and end by the clock on the wall of their zone. Where that is put back, a time that comes twice begins
    them the first time, and ends them the second; a time that it leaps over is within them.
    """
    if quiet is None:
        return None
    zone = ZoneInfo(quiet.zone)
    today = now.astimezone(zone).date()
    for day in (today - timedelta(days=1), today):
        last = day if quiet.start < quiet.end else day + timedelta(days=1)
        begins = min(_moments(day, quiet.start, zone))
        ends = max(_moments(last, quiet.end, zone))
        if begins <= now < ends:
            return ends
    return None


def _moments(day: date, at: time, zone: ZoneInfo) -> Iterator[datetime]:
    """A time of the wall's clock in UTC, by both readings where there are two."""
    for fold in (0, 1):
        yield datetime.combine(day, at.replace(fold=fold), zone).astimezone(UTC)
