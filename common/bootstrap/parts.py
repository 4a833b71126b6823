"""What every function is put together from. Nothing connects before it is used."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from common.adapters.queues import queue_from_url
from common.config import Settings, from_environment
from common.domain.errors import ConfigError
from common.store.engine import Database

if TYPE_CHECKING:
    from common.adapters.queue import Queue
    from common.domain.observation import Clock
    from common.ingest.collect import Collector


def system_clock() -> datetime:
    """The real present; the only place in the project that asks for it."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the functions share."""

    settings: Settings
    database: Database
    queue: Queue
    clock: Clock


def assemble(settings: Settings | None = None, *, clock: Clock = system_clock, **limits: int) -> Parts:
    """The parts for these settings, or those of the environment; `limits`: see `Database`.

    Raises:
        ConfigError: when no database is named; only ``vayu`` on a laptop starts one by itself.
    """
    chosen = settings or from_environment()
    if chosen.database_url is None:
        raise ConfigError(
            "DATABASE_URL is not set; it must look like postgresql://user:password@host:5432/name"
        )
    database = Database(chosen.database_url, **limits)
    return Parts(chosen, database, queue_from_url(chosen.queue_url, database, clock), clock)


def collector(parts: Parts, names: tuple[str, ...] | None = None) -> Collector:
    """The collector over the enabled sources, or over those named.

    Raises:
        ConfigError: when a source is unknown or lacks its key.
    """
    from common.ingest.collect import Collector
    from common.sources import enabled
    from common.sources.http import Http

    settings = parts.settings if names is None else replace(parts.settings, sources=names)
    return Collector(
        database=parts.database,
        sources=enabled(settings),
        http=Http(),
        clock=parts.clock,
        base_urls=settings.base_urls,
        keys=settings.keys,
    )
