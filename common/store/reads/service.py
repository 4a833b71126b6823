"""The state of the service: how fresh the data are, how the sources do."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import select

from common.store import sql
from common.store.data_version import NEWEST_HOUR
from common.store.engine import run
from common.store.schema import city_hour

if TYPE_CHECKING:
    from common.store.engine import Connection


class SourceHealth(msgspec.Struct, frozen=True):
    """How the runs of a source went in the last 7 days."""

    rests_until: datetime | None
    """Until then it is left alone"""
    last_run: datetime
    last_success: datetime | None
    latest: datetime | None
    """Its newest reading"""
    reason: str | None
    """Why its last run failed"""
    failures: dict[str, int]
    """Of the last 24 hours, by reason"""


class ServiceState(msgspec.Struct, frozen=True):
    """How fresh the data are and how the sources do."""

    latest: datetime | None
    """The newest hour of any city; None before the first."""
    cities_current: int
    champions: int
    trained_at: datetime | None
    """When the newest of the champions was trained."""
    waiting: int
    """Messages of the queue in PostgreSQL that are due, or have been handed out."""
    oldest_due: datetime | None
    """When the first of them that nobody has taken was due."""
    dead: int
    """Messages that failed for good in the last 24 hours."""
    connections: int
    """To the database, of whomever."""
    most_connections: int
    dataset: str | None
    sources: dict[str, SourceHealth]


def service_state(connection: Connection, now: datetime, *, fresh: timedelta) -> ServiceState:
    """The state of the service at `now`; a city is current whose newest index is not older than `fresh`."""
    [(latest, *others, sources)] = run(
        connection,
        sql.load("service_state", newest_hour=NEWEST_HOUR),
        now=now,
        fresh_from=now - fresh,
        day_ago=now - timedelta(days=1),
        week_ago=now - timedelta(days=7),
    )
    if latest is None:  # not at once: to plan this over the compressed chunks of years takes 40 ms
        c = city_hour.c
        newest = select(c.time).where(c.time <= now, c.basis.is_not(None)).order_by(c.time.desc()).limit(1)
        latest = next((row[0] for row in run(connection, newest)), None)
    health = msgspec.json.decode(sources, type=dict[str, SourceHealth])
    return ServiceState(*(latest, *others, dict(sorted(health.items()))))
