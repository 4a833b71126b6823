"""How long hours take on their way, by source, and how many came in time; computed in SQL."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from common.domain.observation import last_full_hour
from common.domain.slo import NETWORK_REASONS, OUR_REASONS, WITHIN
from common.store import sql
from common.store.engine import run

if TYPE_CHECKING:
    from datetime import datetime

    from common.store.engine import Connection

STAGES = ("collected", "committed", "forecast", "pushed")
DELAYS_KEPT = timedelta(days=40)
_RECENT = timedelta(hours=26)
"""Hours whose delays may still become known."""


@dataclass(frozen=True, slots=True)
class Delays:
    """Of one stage, in seconds from the end of the hour."""

    hours: int
    """Of cities"""
    p50_s: int
    p95_s: int


@dataclass(slots=True)
class SourceDelays:
    """How a source did in a window."""

    expected: int = 0
    """Hours that were due"""
    met: int = 0
    by_source: int = 0
    """Of those missed, how many through the source's fault …"""
    by_us: int = 0
    """… and how many through ours"""
    stages: dict[str, Delays] = field(default_factory=dict)


def update_delays(connection: Connection, now: datetime) -> None:
    """Note what has become known of the last hours' way; the same again changes nothing.

    A delay that is known stays, whatever is corrected later.
    """
    end = last_full_hour(now)
    run(connection, sql.load("update_pipeline_delays"), start=end - _RECENT, end=end)


def delays(connection: Connection, now: datetime, window: timedelta) -> dict[str, SourceDelays]:
    """Source → how it did with the hours of the window that ends with the last full hour.

    An hour counts where it was due, `WITHIN` after its end, and after the source was first asked. It is met where half
    as many cities as usual, or more, were collected by then.
    """
    end = last_full_hour(now)
    due = last_full_hour(now - WITHIN)
    start = end - window
    result: dict[str, SourceDelays] = {}
    hours = run(
        connection,
        sql.load("objective_hours"),
        start=start,
        due=due,
        within_s=int(WITHIN.total_seconds()),
        ours=list(OUR_REASONS),
        network=list(NETWORK_REASONS),
    )
    for source, *numbers in hours:
        result[source] = SourceDelays(*numbers)
    for source, stage, number, p50, p95 in run(connection, sql.load("pipeline_delays"), start=start, end=end):
        result.setdefault(source, SourceDelays()).stages[stage] = Delays(number, p50, p95)
    return result
