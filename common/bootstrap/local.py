"""One machine: the embedded database where none is named, and the choice between real and simulated data."""

from __future__ import annotations

import os
import tempfile
from base64 import b64decode, b64encode
from contextlib import contextmanager, suppress
from dataclasses import replace
from secrets import token_bytes
from typing import TYPE_CHECKING

from common.bootstrap.container import assemble
from common.domain.errors import ConfigError
from common.store.dataset_kind import Dataset, dataset
from common.store.engine import Database
from common.store.migrate import migrate
from common.store.tiers import Upkeep

if TYPE_CHECKING:
    from collections.abc import Iterator

    from common.adapters.local.embedded_server import EmbeddedServer
    from common.config import Settings
    from common.ports import Clock
    from common.services.resources import Resources

REAL, SIMULATED = "vayu", "vayu_simulated"
"""Databases of the embedded server. Two, so that simulated rows never stand beside measurements."""
ALERTS_KEY = "alerts.key"
"""File of the key that seals the addresses of alerts, in VAYU_HOME; only its owner may read it."""
_ONLY_SIMULATED = ("simulated",)


@contextmanager
def local_resources(
    settings: Settings, *, clock: Clock, offline: bool = False, real: bool = False
) -> Iterator[Resources]:
    """The resources over DATABASE_URL, or over the embedded server, migrated.

    `offline` means simulated data: no provider is asked. `real` means measurements, for files of them. The
    sources that the settings name mean the same. Without either, a database goes on with what it holds; on the
    embedded server the one of measurements is taken if it holds any, or if there are no simulated data either.

    Raises:
        ConfigError: when `offline` is asked for, but DATABASE_URL names a database of real data; when the settings
            name providers, but it is one of simulated data.
        StoreError: when the database cannot be reached or started.
    """
    settings = _with_alerts_key(settings)
    offline = offline or (settings.sources == _ONLY_SIMULATED and not real)
    real = real or (not offline and settings.sources is not None)
    if settings.database_url is not None:
        with _opened(_on_named(settings, settings.database_url, offline=offline), clock) as resources:
            yield resources
        return
    from common.adapters.local.embedded_server import EmbeddedServer

    server = EmbeddedServer(settings.home)
    try:
        with _opened(_on_embedded(settings, server, offline=offline, real=real), clock) as resources:
            yield resources
    finally:
        server.stop()


def _with_alerts_key(settings: Settings) -> Settings:
    """The settings with VAYU_ALERTS_KEY: where none is given, the one of this folder, made at the first start.

    Raises:
        ConfigError: when the folder cannot be written to, or the file there holds no key.
    """
    if settings.alerts_key is not None:
        return settings
    file = settings.home / ALERTS_KEY
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        # Linked into place: whoever starts beside us finds none or a whole one, and both use the first.
        with tempfile.NamedTemporaryFile(dir=settings.home, prefix=ALERTS_KEY) as fresh:
            fresh.write(b64encode(token_bytes(32)) + b"\n")
            fresh.flush()
            os.fsync(fresh.fileno())
            with suppress(FileExistsError):
                os.link(fresh.name, file)
        key = b64decode(file.read_bytes())
    except OSError as error:
        raise ConfigError(
            f"{settings.home} cannot be written to ({error.strerror}); set VAYU_HOME"
        ) from error
    except ValueError:
        key = b""
    if len(key) != 32:
        raise ConfigError(f"{file} holds no key; restore it, or delete it and have all alerts made again")
    return replace(settings, alerts_key=key)


def _on_named(settings: Settings, url: str, *, offline: bool) -> Settings:
    kind = _migrated(url, settings)
    if offline and kind == "real":
        raise ConfigError(
            "DATABASE_URL names a database of real data; name another for simulated ones, or none at all"
        )
    if kind == "simulated" and settings.sources not in (None, _ONLY_SIMULATED) and not offline:
        raise ConfigError(
            "DATABASE_URL names a database of simulated data; name another for the providers of VAYU_SOURCES"
        )
    return replace(settings, sources=_ONLY_SIMULATED) if offline or kind == "simulated" else settings


def _on_embedded(settings: Settings, server: EmbeddedServer, *, offline: bool, real: bool) -> Settings:
    name = SIMULATED if offline else REAL
    url = server.url(name)
    kind = _migrated(url, settings)
    if name == REAL and not real and kind is None and SIMULATED in server.databases():
        simulated = server.url(SIMULATED)
        if _migrated(simulated, settings) is not None:
            name, url = SIMULATED, simulated
    if name == REAL:
        return replace(settings, database_url=url)
    models = settings.home / "models-simulated"
    return replace(settings, database_url=url, sources=_ONLY_SIMULATED, model_store_url=models.as_uri())


def _migrated(url: str, settings: Settings) -> Dataset | None:
    """Bring the database at that address to the present schema; what kind of data it holds."""
    upkeep = Upkeep(settings.chunk_interval_days, settings.compress_after_days, settings.retain_raw_days)
    database = Database(url)
    try:
        migrate(database, upkeep)
        with database.transaction() as connection:
            return dataset(connection)
    finally:
        database.close()


@contextmanager
def _opened(settings: Settings, clock: Clock) -> Iterator[Resources]:
    resources = assemble(settings, clock=clock)
    try:
        yield resources
    finally:
        resources.database.close()
