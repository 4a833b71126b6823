"""The clock of one machine: sends the messages that the clouds' schedules send."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from common.adapters.queue import COLLECT, TRAIN
from common.bootstrap.retention import upkeep
from common.domain.errors import StoreError
from common.store.maintain import last_upkeep

if TYPE_CHECKING:
    from common.bootstrap.parts import Parts

_COLLECT_MINUTE = 37
"""Indian hours end at half past the UTC hour; providers need some minutes."""
_PLAN_HOUR = 2
_UPKEEP_EVERY = timedelta(days=7)


class Schedule:
    """Hourly collection, daily training plan at 02:00 UTC, upkeep a week after the last.

    What was missed while the machine slept is made up once; collection and upkeep also what was missed while
    nothing ran.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        now = parts.clock()
        self._collect = now
        self._plan = _next(now, hour=_PLAN_HOUR)
        with parts.database.transaction() as connection:
            last = last_upkeep(connection)
        self._upkeep = now if last is None else last + _UPKEEP_EVERY

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
                upkeep(self._parts)
                self._upkeep = now + _UPKEEP_EVERY
        except StoreError:
            return


def _next(now: datetime, *, minute: int = 0, hour: int | None = None) -> datetime:
    """The next time after `now` at that minute of an hour, or of that hour of the day."""
    step = timedelta(hours=1) if hour is None else timedelta(days=1)
    due = now.replace(hour=now.hour if hour is None else hour, minute=minute, second=0, microsecond=0)
    return due if due > now else due + step
