"""The clock of one machine: sends the messages that the clouds' schedules send."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from common.adapters.queue import COLLECT, TRAIN
from common.domain.errors import StoreError
from common.store.maintain import maintain

if TYPE_CHECKING:
    from common.bootstrap.parts import Parts

_COLLECT_MINUTE = 37
"""Indian hours end at half past the UTC hour; providers need some minutes."""
_PLAN_HOUR = 2
_UPKEEP_WEEKDAY, _UPKEEP_HOUR = 6, 3


class Schedule:
    """Hourly collection, daily training plan at 02:00 UTC, weekly upkeep on Sunday; missed runs are made up once."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        now = parts.clock()
        self._collect = now
        self._plan = _next(now, hour=_PLAN_HOUR)
        self._upkeep = _next_upkeep(now)

    def run_due(self) -> None:
        """Send what is due; a database that is away is tried again at the next call."""
        now = self._parts.clock()
        try:
            if now >= self._collect:
                self._parts.queue.send(COLLECT, now.strftime("%Y-%m-%dT%H:%MZ"), {})
                self._collect = _next(now, minute=_COLLECT_MINUTE)
            if now >= self._plan:
                self._parts.queue.send(TRAIN, now.strftime("plan %Y-%m-%d"), {})
                self._plan = _next(now, hour=_PLAN_HOUR)
            if now >= self._upkeep:
                maintain(self._parts.database, now=now, retain_raw_days=self._parts.settings.retain_raw_days)
                self._upkeep = _next_upkeep(now)
        except StoreError:
            return


def _next(now: datetime, *, minute: int = 0, hour: int | None = None) -> datetime:
    """The next time after `now` at that minute of an hour, or of that hour of the day."""
    step = timedelta(hours=1) if hour is None else timedelta(days=1)
    due = now.replace(hour=now.hour if hour is None else hour, minute=minute, second=0, microsecond=0)
    return due if due > now else due + step


def _next_upkeep(now: datetime) -> datetime:
    due = _next(now, hour=_UPKEEP_HOUR)
    return due + timedelta(days=(_UPKEEP_WEEKDAY - due.weekday()) % 7)
