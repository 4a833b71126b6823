"""What a function works with. `common.bootstrap.container` puts it together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from common.config import Settings
    from common.ports import AlertChannel, Clock, Mailer, ObjectStore, Queue, Seal
    from common.store.engine import Database


@dataclass(frozen=True, slots=True)
class Resources:
    """What the functions share. Nothing connects before it is used."""

    settings: Settings
    database: Database
    queue: Queue
    clock: Clock
    open_object_store: Callable[[], ObjectStore]
    """Where the models' files are; its library is loaded by the first call."""
    mailers: Mapping[str, Mailer]
    """Name of a channel → what sends by it; those that are configured."""
    alert_channels: Callable[[], Mapping[str, AlertChannel]] = field(default=dict)
    """The ways by which alerts leave, of those that are configured; their libraries are loaded by the first call."""
    seal: Seal | None = None
    """Keeps the addresses of alerts; None without VAYU_ALERTS_KEY"""
    open_archive: Callable[[str], ObjectStore] | None = None
    """The archive of open data, or the folder of that name in it; None without VAYU_ARCHIVE_URL"""
