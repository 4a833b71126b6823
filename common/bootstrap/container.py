"""What every function is put together from. Nothing connects before it is used."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from common.adapters.notify import Notifier
from common.adapters.queues import queue_from_url
from common.adapters.seal import Sealer
from common.config import Settings, from_environment
from common.domain.errors import ConfigError
from common.services.resources import Resources
from common.store.engine import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from common.domain.messages import Handler
    from common.ports import AlertChannel, Clock, ObjectStore, Queue

_CONNECTIONS = 2


def system_clock() -> datetime:
    """The real present; the only place in the project that asks for it."""
    return datetime.now(UTC)


def environment_settings() -> Settings:
    """The settings of the environment, and of the secret that it names.

    Raises:
        ConfigError: as `from_environment` does.
    """

    def read(where: str) -> Mapping[str, str]:
        from common.adapters.secrets import read_secrets

        return read_secrets(where)

    return from_environment(read)


def assemble(
    settings: Settings | None = None,
    *,
    clock: Clock = system_clock,
    writers: int | None = None,
    **limits: int,
) -> Resources:
    """The resources for these settings, or those of the environment; `limits`: see `Database`.

    A process keeps two connections, one for the work in hand and one for its lease, unless the settings or the
    limits give another number. With `writers`, so many of them may write, and the others are for `Database.reading`.

    Raises:
        ConfigError: when no database is named; only ``vayu`` on a laptop starts one by itself.
    """
    chosen = settings or environment_settings()
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
    queue = queue_from_url(chosen.queue_url, database, clock, topics=chosen.topic_url)
    return resources_of(chosen, database, queue, clock)


def resources_of(settings: Settings, database: Database, queue: Queue, clock: Clock) -> Resources:
    """The resources over this database and this queue, with the other adapters that the settings name."""

    def open_object_store() -> ObjectStore:
        from common.adapters.object_store import UrlObjectStore  # its library is not in every function

        return UrlObjectStore(settings.model_store_url)

    return Resources(
        settings,
        database,
        queue,
        clock,
        open_object_store,
        Notifier(settings).channels,
        _alert_channels(settings),
        None if settings.alerts_key is None else Sealer(settings.alerts_key),
        _archive(settings.archive_url),
    )


def _archive(url: str | None) -> Callable[[str], ObjectStore] | None:
    if url is None:
        return None

    def open_archive(folder: str) -> ObjectStore:
        from common.adapters.object_store import UrlObjectStore  # its library is not in every function

        whole = f"{url.rstrip('/')}/{folder}" if folder else url
        return UrlObjectStore(whole, setting="VAYU_ARCHIVE_URL")

    return open_archive


def _alert_channels(settings: Settings) -> Callable[[], Mapping[str, AlertChannel]]:
    @cache
    def channels() -> Mapping[str, AlertChannel]:
        from common.adapters.channels import alert_channels  # not in every function

        return alert_channels(settings)

    return channels


def from_environment_with(handler: Callable[[Resources], Handler]) -> Callable[[], Handler]:
    """What makes a service's handler over the settings of the environment, once the first event has come."""
    return lambda: handler(assemble())


def by_type(handlers: Mapping[str, Callable[[Resources], Handler]]) -> Callable[[Resources], Handler]:
    """One handler of several services, each of which takes messages of its type."""

    def of_all(resources: Resources) -> Handler:
        built = {type_: build(resources) for type_, build in handlers.items()}
        return lambda message: built[message.type](message)

    return of_all
