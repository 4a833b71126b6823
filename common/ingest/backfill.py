"""Filling the past: in units of a source, some cities and some days, each kept and noted before the next.

A unit is noted as filled once all of it was answered, so a backfill that is killed goes on where it was: only
the unit in hand is asked for again. The newest days come first: they are what forecasts and their training
lean on most, and what a backfill that is cut short should have brought. Within a source one process fills at a
time, and looks again at what is filled when its turn comes: several at once share the work.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from common.ingest.backfill_units import DAY, Unit, split
from common.store.backfills import claim, filled, mark_filled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from common.domain.cities import City
    from common.ingest.collect import Collector
    from common.ingest.quota import Meter
    from common.ingest.report import SourceReport
    from common.sources.interface import Source
    from common.store.engine import Database

PATIENCE = 3
"""Units in a row that a source may fail before it is left for another run."""
UNIT_S = 900.0
"""How long a unit may take. The longest, all sensors of Delhi at OpenAQ, has some 240 calls, 33 a minute."""
_USED_UP = {"quota", "spent"}
"""Reasons that wait: the provider's own word, and our count of its calls."""
_LATER = timedelta(hours=1)
"""When a provider is asked again that did not say when its quota has room."""
_POLL = timedelta(seconds=1)


@dataclass(slots=True)
class SourceFill:
    """How far one source was filled; a city-day is a UTC day of a city."""

    filled: int = 0
    """City-days that were asked for and answered, with readings or without."""
    left: int = 0
    """City-days that are still to be filled, those that failed among them."""
    failed: int = 0
    """City-days that were asked for in vain."""
    readings: int = 0
    new: int = 0
    changed: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    """Reason → city-days that failed for it."""
    failure: str | None = None
    """The latest failure, in words."""
    again_at: datetime | None = None
    """Set where nothing can be asked before then: the quota, or the source, needs a rest."""
    taken: bool = False
    """Whether another process fills from it."""


@dataclass(slots=True)
class BackfillReport:
    """How far a backfill came."""

    sources: dict[str, SourceFill] = field(default_factory=dict)
    hours: int = 0
    """City-hours that are new or changed."""
    cities: list[str] = field(default_factory=list)
    """Cities that have new or changed hours."""

    @property
    def filled(self) -> int:
        """City-days filled by this run."""
        return sum(fill.filled for fill in self.sources.values())

    @property
    def left(self) -> int:
        """City-days still to be filled."""
        return sum(fill.left for fill in self.sources.values())

    @property
    def failures(self) -> dict[str, int]:
        """Reason → city-days that failed for it."""
        return dict(sum((Counter(fill.failures) for fill in self.sources.values()), Counter()))

    @property
    def again_at(self) -> datetime | None:
        """When the first of the sources that need a rest may be asked again."""
        return min((fill.again_at for fill in self.sources.values() if fill.again_at), default=None)


Show = Callable[[Unit | None, BackfillReport], None]
"""Told of each unit before it is asked for; of None before a wait, and at the end."""


@dataclass(slots=True)
class _Lane:
    """What is still to be asked of one source."""

    source: Source
    units: deque[Unit]
    fill: SourceFill
    in_a_row: int = 0
    not_before: datetime | None = None
    """Set while the source is put aside."""

    def count(self) -> None:
        self.fill.left = self.fill.failed + sum(unit.city_days for unit in self.units)

    def give_up(self) -> None:
        self.fill.failed += sum(unit.city_days for unit in self.units)
        self.units.clear()


class Backfill:
    """Fills the past through a collector whose client counts by `meter`."""

    def __init__(
        self,
        collector: Collector,
        meter: Meter,
        *,
        sleep: Callable[[float], None] = time.sleep,
        unit_s: float = UNIT_S,
    ) -> None:
        self._collector = collector
        self._meter = meter
        self._sleep = sleep
        self._unit_s = unit_s

    @property
    def sources(self) -> list[Source]:
        """The sources that keep a past."""
        return [source for source in self._collector.sources if source.backfill_days]

    def run(
        self,
        cities: Sequence[City],
        days: int,
        *,
        wait: bool = False,
        patient: bool = True,
        until: datetime | None = None,
        show: Show = lambda *_: None,
    ) -> BackfillReport:
        """Fill the `days` UTC days before today, and today so far, as far back as each source goes.

        A source whose quota is used up is put aside while others go on; then this ends, or, with `wait`, waits.
        Another process that fills from the same source is waited for, if `patient`. No unit is begun after
        `until`. Units that failed are left for another run; so is the rest of a source that fails `PATIENCE`
        times in a row.

        Raises:
            ConfigError: when simulated and real data would meet in one database; nothing is asked then.
            StoreError: when the database cannot be reached; what was noted by then stays.
        """
        lanes = [
            _Lane(source, deque(self._plan(source, cities, days)), SourceFill()) for source in self.sources
        ]
        report = BackfillReport({lane.source.name: lane.fill for lane in lanes})
        for lane in lanes:
            lane.count()
        with closing(self._collector.database.patient()) as claims:
            while until is None or self._collector.clock() < until:
                due = self._due(lanes)
                if due is not None:
                    show(due.units[0], report)
                    self._advance(due, claims, report)
                    due.count()
                    continue
                pause = self._pause(lanes, wait=wait, patient=patient)
                if pause is None:
                    break
                show(None, report)
                self._sleep(pause.total_seconds())
        show(None, report)
        return report

    def _plan(self, source: Source, cities: Sequence[City], days: int) -> list[Unit]:
        today = self._collector.clock().astimezone(UTC).date()
        return self._still(source, cities, today - min(days, source.backfill_days) * DAY, today)

    def _still(self, source: Source, cities: Sequence[City], first: date, last: date) -> list[Unit]:
        """What of these days is still to be asked for now."""
        now = self._collector.clock()
        names = [city.name for city in cities]
        with self._collector.database.transaction() as connection:
            done = filled(
                connection, source.name, names, first, last, settles_days=source.settles_days, now=now
            )
        return split(source, cities, first, last, done, today=now.astimezone(UTC).date())

    def _due(self, lanes: Sequence[_Lane]) -> _Lane | None:
        """The first source that has something left and is not put aside."""
        now = self._collector.clock()
        for lane in lanes:
            if lane.units and (lane.not_before is None or lane.not_before <= now):
                return lane
        return None

    def _pause(self, lanes: Sequence[_Lane], *, wait: bool, patient: bool) -> timedelta | None:
        """How long to wait before a source that is put aside may be asked again; None where none is waited for."""
        awaited = [
            lane.not_before
            for lane in lanes
            if lane.units and lane.not_before is not None and (patient if lane.fill.taken else wait)
        ]
        return max(_POLL, min(awaited) - self._collector.clock()) if awaited else None

    def _advance(self, lane: _Lane, claims: Database, report: BackfillReport) -> None:
        """Fill the next unit of a source, unless somebody else does, or has done so."""
        lane.not_before, lane.fill.again_at = None, None
        with claims.transaction() as connection:
            lane.fill.taken = not claim(connection, lane.source.name)
            if lane.fill.taken:
                lane.not_before = self._collector.clock() + _POLL
                return
            unit = lane.units.popleft()
            still = self._still(lane.source, unit.cities, unit.first, unit.last)
            if still != [unit]:
                lane.units.extendleft(reversed(still))
                return
            # A unit that its quota cuts short is asked for again whole: without this, room that comes back in
            # drops would be spent on first halves for ever.
            opens = self._meter.opens_at(
                unit.source, unit.source.unit_calls(len(unit.cities), len(unit.days))
            )
            if opens is None:
                self._fill(unit, lane, report)
            else:
                lane.units.appendleft(unit)
                lane.not_before = lane.fill.again_at = opens
                lane.fill.failure = "spent: the calls that a backfill may make are used up"

    def _fill(self, unit: Unit, lane: _Lane, report: BackfillReport) -> None:
        now = self._collector.clock()
        start = datetime(unit.first.year, unit.first.month, unit.first.day, tzinfo=UTC)
        # Midnight belongs to the day that it begins: a provider asked for both its ends would give a day more.
        before = timedelta(microseconds=1)
        end = min(start + len(unit.days) * DAY - before, now)
        done = replace(self._collector, sources=(unit.source,)).collect(
            unit.cities, start=start - before, end=end, forecast_hours=0, budget_s=self._unit_s, record=False
        )
        outcome = done.sources[unit.source.name]
        _add(lane.fill, outcome)
        report.hours += done.hours
        report.cities = sorted({*report.cities, *done.cities})
        if outcome.resting_until is not None:
            lane.units.appendleft(unit)
            lane.not_before = lane.fill.again_at = outcome.resting_until
            return
        reasons = _reasons(outcome)
        if not reasons:
            with self._collector.database.transaction() as connection:
                mark_filled(
                    connection, unit.source.name, [city.name for city in unit.cities], unit.days, now=now
                )
            lane.fill.filled += unit.city_days
            lane.in_a_row = 0
            return
        lane.fill.failure = outcome.failure or ", ".join(reasons)
        if _USED_UP.intersection(reasons):
            lane.units.appendleft(unit)
            rest = _LATER if outcome.retry_after is None else timedelta(seconds=outcome.retry_after)
            lane.not_before = lane.fill.again_at = self._collector.clock() + rest
            return
        lane.fill.failed += unit.city_days
        lane.in_a_row += 1
        for reason in reasons:
            lane.fill.failures[reason] = lane.fill.failures.get(reason, 0) + unit.city_days
        if "key" in reasons or lane.in_a_row >= PATIENCE:
            lane.give_up()


def _add(fill: SourceFill, report: SourceReport) -> None:
    fill.readings += report.readings
    fill.new += report.new
    fill.changed += report.changed
    fill.rejected = dict(Counter(fill.rejected) + Counter(report.rejected))


def _reasons(report: SourceReport) -> list[str]:
    """Why not all was answered; empty where it was.

    A ``sensor:…`` is an instrument that the provider does not answer for, now or later; the rest was answered.
    """
    reasons = [report.failure.partition(":")[0]] if report.failure else []
    for name in report.rejected:
        part, colon, reason = name.partition(":")
        if name == "out_of_time" or (colon and part != "sensor"):
            reasons.append(reason or "timeout")
    return sorted(set(reasons))
