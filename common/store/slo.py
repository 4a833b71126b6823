"""How long hours take on their way, by source, and how many came in time; judged by `common.domain.slo`."""

from __future__ import annotations

from datetime import timedelta
from itertools import starmap
from typing import TYPE_CHECKING

import msgspec
from msgspec import structs
from sqlalchemy import func, or_, select

from common.domain.observation import last_full_hour
from common.domain.slo import WITHIN, Attempt, CollectedHour, Fulfilment, fulfilments
from common.store import sql
from common.store.engine import run
from common.store.schema import pipeline_delay, source_run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from common.store.engine import Connection

STAGES = ("collected", "committed", "forecast", "pushed")
DELAYS_KEPT = timedelta(days=40)
_RECENT = timedelta(hours=26)
"""Hours whose delays may still become known."""


class Delays(msgspec.Struct, frozen=True):
    """Of one stage, in seconds from the end of the hour."""

    hours: int
    """Of cities"""
    p50_s: int
    p95_s: int


class SourceDelays(Fulfilment):
    """How a source did in a window."""

    stages: dict[str, Delays] = msgspec.field(default_factory=dict)


def update_delays(connection: Connection, now: datetime) -> None:
    """Note what has become known of the last hours' way; the same again changes nothing.

    A delay that is known stays, whatever is corrected later.
    """
    end = last_full_hour(now)
    run(connection, sql.load("update_pipeline_delays"), start=end - _RECENT, end=end)


def delays(connection: Connection, now: datetime, window: timedelta) -> dict[str, SourceDelays]:
    """Source → how it did with the hours of the window that ends with the last full hour.

    An hour counts where it was due, `WITHIN` after its end, and after the source was first asked.
    """
    end = last_full_hour(now)
    due = last_full_hour(now - WITHIN)
    start = end - window
    judged = fulfilments(
        _collected_hours(connection, start, due),
        _attempts(connection, start),
        _first_asked(connection),
        start=start,
        due=due,
    )
    result = {source: SourceDelays(**structs.asdict(done)) for source, done in judged.items()}
    for source, stage, number, p50, p95 in run(connection, sql.load("pipeline_delays"), start=start, end=end):
        result.setdefault(source, SourceDelays()).stages[stage] = Delays(number, p50, p95)
    return result


def _collected_hours(connection: Connection, start: datetime, due: datetime) -> Iterator[CollectedHour]:
    c = pipeline_delay.c
    in_time = func.count().filter(c.collected <= int(WITHIN.total_seconds()))
    counted = select(c.source, c.hour, func.count(), in_time).where(c.hour > start, c.hour <= due)
    return starmap(CollectedHour, run(connection, counted.group_by(c.source, c.hour)))


def _attempts(connection: Connection, start: datetime) -> Iterator[Attempt]:
    """Those that began after `start`, or whose source was still resting then, with the others of the same runs."""
    c = source_run.c
    meant = select(c.started_at).where(or_(c.started_at > start, c.rests_until > start))
    columns = (c.source, c.started_at, c.rests_until, c.reason)
    return starmap(Attempt, run(connection, select(*columns).where(c.started_at.in_(meant))))


def _first_asked(connection: Connection) -> dict[str, datetime]:
    c = source_run.c
    return dict(
        tuple(row) for row in run(connection, select(c.source, func.min(c.started_at)).group_by(c.source))
    )
