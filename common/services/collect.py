"""The function ``collect``: an hourly schedule, or a message that asks for a backfill."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from common.bootstrap.container import Parts, assemble, backfill, collector
from common.bootstrap.message_cities import named_cities
from common.domain.errors import DataError, Transient
from common.domain.messages import COLLECT, OBSERVATIONS_READY, Message
from common.ingest.collect import ASKING_S
from common.services.outbox import then_notify
from common.store.forecasts import unseen_by_forecasts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from common.ingest.backfill import Backfill, BackfillReport, SourceFill

MAX_BACKFILL_DAYS = 3650
STORING_S = 45.0
"""What is kept of the platform's time limit for storing what the sources gave."""
FILLING = timedelta(minutes=5)
"""No unit of a backfill is begun later than this after a message came: of the 15 minutes that a function may
take on AWS, the unit then in hand has `UNIT_S`, and storing it the rest."""
UNIT_S = 480.0
SOON = timedelta(minutes=2)
"""When to go on where another process fills from the same source."""
LATER = timedelta(minutes=15)
"""When to ask again for what failed."""


def _asking_s(message: Message) -> float:
    """How long the sources may take: what is usual, or what the platform leaves, but a moment in any case."""
    if message.seconds_left is None:
        return ASKING_S
    return max(5.0, min(ASKING_S, message.seconds_left - STORING_S))


def build(parts: Parts | None = None) -> Callable[[Message], Mapping[str, object]]:
    """The handler, with its sources and connections kept for the next call."""
    whole = parts or assemble()
    ready = collector(whole)

    @cache
    def filling() -> Backfill:
        return backfill(whole, unit_s=UNIT_S)

    def handle(message: Message) -> Mapping[str, object]:
        """``data`` may name ``cities`` and a number of ``days`` to fill; without them: the last day, everywhere."""
        days = message.data.get("days", 0)
        if isinstance(days, bool) or not isinstance(days, int) or not 0 <= days <= MAX_BACKFILL_DAYS:
            raise DataError(f"days must be a whole number from 0 to {MAX_BACKFILL_DAYS}")
        now = whole.clock()
        cities = named_cities(message.data)
        if days:
            filled = filling().run(cities, days, patient=False, until=now + FILLING)
            _announce(whole, filled.cities, now)
            _go_on(whole, message, filled)
            return {
                "hours": filled.hours,
                "cities": len(filled.cities),
                "filled": filled.filled,
                "left": filled.left,
                "sources": {name: asdict(source) for name, source in filled.sources.items()},
            }
        report = ready.collect(cities, budget_s=_asking_s(message))
        _announce(whole, report.cities, now)
        if report.failed:
            raise Transient("no source gave anything: " + "; ".join(sorted(report.sources)))
        return {
            "hours": report.hours,
            "cities": len(report.cities),
            "sources": {name: asdict(source) for name, source in report.sources.items()},
        }

    return then_notify(whole, handle)


def _announce(parts: Parts, cities: Sequence[str], now: datetime) -> None:
    """Wake whoever forecasts the cities that have new hours, and those whose new hours a run that died had stored."""
    with parts.database.transaction() as connection:
        cities = sorted({*cities, *unseen_by_forecasts(connection, now)})
    if cities:
        # Each run has its own subject: a message that still waits for other cities must not be replaced.
        parts.queue.send(OBSERVATIONS_READY, f"collected {now:%Y-%m-%dT%H:%M:%S.%fZ}", {"cities": cities})


def _go_on(parts: Parts, message: Message, report: BackfillReport) -> None:
    """Send the same message again where something is left that may go well: it then does the rest.

    At once where only the time was over; once there is room where a quota was used up; soon where another
    process is at it. What failed is asked for again as long as anything goes well.

    Raises:
        Transient: when all that is left has failed, and nothing went well: the queue tries again, ever later.
    """
    waits = [_until_due(one, parts.clock()) for one in report.sources.values() if one.left > one.failed]
    if not waits and not report.left:
        return
    if not waits and not report.filled:
        told = (f"{name}: {one.failure}" for name, one in sorted(report.sources.items()) if one.failure)
        raise Transient("nothing of the past could be had: " + "; ".join(told))
    parts.queue.send(COLLECT, message.subject, dict(message.data), delay=min(waits, default=LATER))


def _until_due(fill: SourceFill, now: datetime) -> timedelta:
    """When the units of a source that have not been asked for may be."""
    if fill.taken:
        return SOON
    return max(timedelta(0), fill.again_at - now) if fill.again_at is not None else timedelta(0)
