"""What every function is put together from. Nothing connects before it is used."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from common.adapters.queues import queue_from_url
from common.config import Settings, from_environment
from common.domain.errors import ConfigError
from common.store.engine import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from common.ingest.backfill import Backfill
    from common.ingest.collect import Collector
    from common.ingest.quota import Meter
    from common.ports import Clock, Queue


_CONNECTIONS = 2


def system_clock() -> datetime:
    """The real present; the only place in the project that asks for it."""
    return datetime.now(UTC)


def settings_here() -> Settings:
    """The settings of the environment, and of the secret that it names.

    Raises:
        ConfigError: as `from_environment` does.
    """

    def read(where: str) -> Mapping[str, str]:
        from common.adapters.secrets import read_secrets

        return read_secrets(where)

    return from_environment(read)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the functions share."""

    settings: Settings
    database: Database
    queue: Queue
    clock: Clock


def assemble(
    settings: Settings | None = None,
    *,
    clock: Clock = system_clock,
    writers: int | None = None,
    **limits: int,
) -> Parts:
    """The parts for these settings, or those of the environment; `limits`: see `Database`.

    A process keeps two connections, one for the work in hand and one for its lease, unless the settings or the
    limits give another number. With `writers`, so many of them may write, and the others are for `Database.reading`.

    Raises:
        ConfigError: when no database is named; only ``vayu`` on a laptop starts one by itself.
    """
    chosen = settings or settings_here()
    if chosen.database_url is None:
        raise ConfigError(
            "DATABASE_URL is not set; it must look like postgresql://user:password@host:5432/name"
        )
    limits = {"pool_size": _CONNECTIONS} | limits
    if chosen.database_connections is not None:
        limits["pool_size"] = chosen.database_connections
    if writers is not None:
        limits |= {"pool_size": writers, "readers": limits["pool_size"] - writers}
    database = Database(chosen.database_url, **limits)
    return Parts(chosen, database, queue_from_url(chosen.queue_url, database, clock), clock)


def collector(parts: Parts, names: tuple[str, ...] | None = None) -> Collector:
    """The collector over the enabled sources, or over those named; what it asks is counted for all processes.

    Raises:
        ConfigError: when a source is unknown or lacks its key.
    """
    from common.ingest.quota import Meter

    return _collector(parts, names, Meter(parts.database, parts.clock))


def backfill(
    parts: Parts,
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
    from common.ingest.backfill import UNIT_S, Backfill
    from common.ingest.quota import BACKFILL, Meter

    meter = Meter(parts.database, parts.clock, BACKFILL)
    ready = _collector(parts, names, meter, sleep)
    return Backfill(ready, meter, sleep=sleep, unit_s=unit_s or UNIT_S)


def _collector(
    parts: Parts,
    names: tuple[str, ...] | None,
    meter: Meter,
    sleep: Callable[[float], None] = time.sleep,
) -> Collector:
    from common.ingest.collect import Collector
    from common.sources import enabled
    from common.sources.http import Http

    settings = parts.settings if names is None else replace(parts.settings, sources=names)
    return Collector(
        database=parts.database,
        sources=enabled(settings),
        http=Http(meter=meter, sleep=sleep),
        clock=parts.clock,
        base_urls=settings.base_urls,
        keys=settings.keys,
    )
