"""The clock of one machine: sends the messages that the clouds' schedules send."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from common.domain.errors import StoreError
from common.domain.messages import ALERTS, ARCHIVE, COLLECT, TRAIN
from common.services.retention import upkeep
from common.store.maintain import last_upkeep

if TYPE_CHECKING:
    from collections.abc import Callable

    from common.services.resources import Resources

_COLLECT_MINUTE = 37
"""Indian hours end at half past the UTC hour; providers need some minutes."""
_PLAN_HOUR = 2
_ARCHIVE_AT = (3, 30)
"""Hour and minute, UTC"""
_UPKEEP_EVERY = timedelta(days=7)


class Schedule(BaseScheduler):  # type: ignore[misc] # APScheduler has no types
    """Hourly collection, daily training plan at 02:00 UTC, upkeep a week after the last, alerts every five minutes,
    the archive at 03:30 UTC where its address is set.

    What was missed while the machine slept is made up once; collection and upkeep also what was missed while
    nothing ran. `run_due` is called every second: a wait for the next job would not see that the machine slept.
    """

    def __init__(self, resources: Resources) -> None:
        super().__init__(
            timezone=UTC,
            executors={"default": DebugExecutor()},  # in the thread that calls
            job_defaults={"coalesce": True, "misfire_grace_time": None},
        )
        self._resources = resources
        self._due: dict[Callable[[], None], None] = {}
        now = resources.clock()
        with resources.database.transaction() as connection:
            last = last_upkeep(connection)
        first_upkeep = now if last is None else max(now, last + _UPKEEP_EVERY)
        every = IntervalTrigger(days=_UPKEEP_EVERY.days, start_date=first_upkeep)
        self._add(self._collect, CronTrigger(minute=_COLLECT_MINUTE, timezone=UTC), next_run_time=now)
        self._add(self._plan, CronTrigger(hour=_PLAN_HOUR, timezone=UTC))
        self._add(self._upkeep, every, next_run_time=first_upkeep)
        self._add(self._alerts, CronTrigger(minute="*/5", timezone=UTC), next_run_time=now)
        if resources.settings.archive_url is not None:
            hour, minute = _ARCHIVE_AT
            self._add(self._archive, CronTrigger(hour=hour, minute=minute, timezone=UTC))
        self.start()

    def run_due(self) -> None:
        """Send what is due; a database that is away is tried again at the next call."""
        self.wakeup()
        try:
            while self._due:
                action = next(iter(self._due))
                action()
                del self._due[action]
        except StoreError:
            return

    def wakeup(self) -> None:
        """Note what is due."""
        self._process_jobs()

    def shutdown(self, wait: bool = True) -> None:
        """End it; nothing runs behind it."""
        super().shutdown(wait)

    def _add(self, action: Callable[[], None], trigger: object, **options: object) -> None:
        self.add_job(self._due.setdefault, trigger, args=[action, None], **options)

    def _collect(self) -> None:
        self._resources.queue.send(COLLECT, self._resources.clock().strftime("%Y-%m-%dT%H:%MZ"), {})

    def _alerts(self) -> None:
        self._resources.queue.send(ALERTS, "schedule", {})

    def _archive(self) -> None:
        self._resources.queue.send(ARCHIVE, self._resources.clock().strftime("%Y-%m-%d"), {})

    def _plan(self) -> None:
        self._resources.queue.send(TRAIN, self._resources.clock().strftime("plan %Y-%m-%d"), {})

    def _upkeep(self) -> None:
        upkeep(self._resources)
