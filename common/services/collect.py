"""The function ``collect``: an hourly schedule, or a message that asks for a backfill."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from datetime import UTC, timedelta
from functools import cache
from typing import TYPE_CHECKING

from common.domain.cities import all_cities
from common.domain.errors import DataError, Transient
from common.domain.messages import COLLECT, Message
from common.ingest.collect import ASKING_S
from common.ingest.report import CollectReport
from common.services.events import note_delays, then_announce
from common.services.message_cities import named_cities, send_ready
from common.services.outbox import then_notify
from common.store.forecasts import unseen_by_forecasts
from common.store.writer_lease import COLLECTING, last_lease, take_lease

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from common.domain.messages import Handler
    from common.ingest.backfill import Backfill, BackfillReport, SourceFill
    from common.ingest.collect import Collector
    from common.ingest.quota import Meter
    from common.services.resources import Resources

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


def handler(resources: Resources) -> Handler:
    """The handler, whose sources and connections stay for the next call."""
    hourly = collector(resources)

    @cache
    def filling() -> Backfill:
        return backfill(resources, unit_s=UNIT_S)

    def handle(message: Message) -> Mapping[str, object]:
        """``data`` may name ``cities`` and a number of ``days`` to fill; without them: the last day, everywhere."""
        days = message.data.get("days", 0)
        if isinstance(days, bool) or not isinstance(days, int) or not 0 <= days <= MAX_BACKFILL_DAYS:
            raise DataError(f"days must be a whole number from 0 to {MAX_BACKFILL_DAYS}")
        now = resources.clock()
        cities = named_cities(message.data)
        if days:
            filled = filling().run(cities, days, patient=False, until=now + FILLING)
            _announce(resources, filled.cities, now)
            _go_on(resources, message, filled)
            return {
                "hours": filled.hours,
                "cities": len(filled.cities),
                "filled": filled.filled,
                "left": filled.left,
                "sources": {name: asdict(source) for name, source in filled.sources.items()},
            }
        if message.data.get("cities") is not None:
            report = hourly.collect(cities, budget_s=_asking_s(message))
        else:
            report = collect_everywhere(hourly, budget_s=_asking_s(message))
        if report.skipped is not None:
            return {"hours": 0, "cities": 0, "skipped": report.skipped}
        _announce(resources, report.cities, now)
        note_delays(resources)
        if report.failed:
            raise Transient("no source gave anything: " + "; ".join(sorted(report.sources)))
        return {
            "hours": report.hours,
            "cities": len(report.cities),
            "sources": {name: asdict(source) for name, source in report.sources.items()},
        }

    return then_announce(resources, then_notify(resources, handle))


def collect_everywhere(ready: Collector, *, budget_s: float | None = None) -> CollectReport:
    """The run of a schedule: all cities, under the lease on collecting; where another process holds it, nothing.

    Two of them would ask every source twice. A run of cities that a person names needs no lease.

    Raises:
        ConfigError, StoreError: as `Collector.collect`; also when the lease was lost, and with it the right to write.
    """
    with take_lease(ready.database, COLLECTING) as lease:
        if lease is not None:
            return replace(ready, fence=lease.check).collect(all_cities(), budget_s=budget_s)
    with ready.database.transaction() as connection:
        held = last_lease(connection, COLLECTING)
    since = ""
    if held is not None:
        since = f", with token {held.token} since {held.taken_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return CollectReport(skipped=f"another process is collecting{since}; no source was asked")


def collector(resources: Resources, names: tuple[str, ...] | None = None) -> Collector:
    """The collector over the enabled sources, or over those named; its calls are counted for all processes.

    Raises:
        ConfigError: when a source is unknown or lacks its key.
    """
    from common.ingest.quota import Meter

    return _collector(resources, names, Meter(resources.database, resources.clock))


def backfill(
    resources: Resources,
    names: tuple[str, ...] | None = None,
    *,
    unit_s: float | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Backfill:
    """The backfill from the enabled sources, or from those named; a part of each quota is out of its reach.

    `unit_s`, `sleep`: see `Backfill`.

    Raises:
        ConfigError: when a source is unknown or lacks its key.
    """
    from common.ingest.backfill import UNIT_S as LONGEST_UNIT_S
    from common.ingest.backfill import Backfill
    from common.ingest.quota import BACKFILL, Meter

    meter = Meter(resources.database, resources.clock, BACKFILL)
    past = _collector(resources, names, meter, sleep)
    return Backfill(past, meter, sleep=sleep, unit_s=unit_s or LONGEST_UNIT_S)


def _collector(
    resources: Resources,
    names: tuple[str, ...] | None,
    meter: Meter,
    sleep: Callable[[float], None] = time.sleep,
) -> Collector:
    from common.ingest.collect import Collector
    from common.sources import base_urls, enabled, keys
    from common.sources.http import Http

    settings = resources.settings if names is None else replace(resources.settings, sources=names)
    return Collector(
        database=resources.database,
        sources=enabled(settings),
        http=Http(meter=meter, sleep=sleep),
        clock=resources.clock,
        base_urls=base_urls(settings),
        keys=keys(settings),
    )


def _announce(resources: Resources, cities: Sequence[str], now: datetime) -> None:
    """Wake whoever forecasts the cities that have new hours, and those whose new hours a run that died had stored."""
    with resources.database.transaction() as connection:
        cities = sorted({*cities, *unseen_by_forecasts(connection, now)})
    if cities:
        # Each run has its own subject: a message that still waits for other cities must not be replaced.
        send_ready(resources, f"collected {now:%Y-%m-%dT%H:%M:%S.%fZ}", cities)


def _go_on(resources: Resources, message: Message, report: BackfillReport) -> None:
    """Send the same message again where something is left that may go well: it then does the rest.

    At once where only the time was over; once there is room where a quota was used up; soon where another
    process is at it. What failed is asked for again as long as anything goes well.

    Raises:
        Transient: when all that is left has failed, and nothing went well: the queue tries again, ever later.
    """
    waits = [
        _until_due(fill, resources.clock()) for fill in report.sources.values() if fill.left > fill.failed
    ]
    if not waits and not report.left:
        return
    if not waits and not report.filled:
        failures = (
            f"{name}: {fill.failure}" for name, fill in sorted(report.sources.items()) if fill.failure
        )
        raise Transient("nothing of the past could be had: " + "; ".join(failures))
    resources.queue.send(COLLECT, message.subject, dict(message.data), delay=min(waits, default=LATER))


def _until_due(fill: SourceFill, now: datetime) -> timedelta:
    """When the units of a source that have not been asked for may be."""
    if fill.taken:
        return SOON
    return max(timedelta(0), fill.again_at - now) if fill.again_at is not None else timedelta(0)
