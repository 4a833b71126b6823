"""One machine: the embedded database where none is named, and the choice between real and simulated data."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from common.bootstrap.parts import Parts, assemble
from common.store.engine import Database
from common.store.meta import dataset
from common.store.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from common.config import Settings
    from common.domain.observation import Clock

REAL, SIMULATED = "vayu", "vayu_simulated"
"""Databases of the embedded server. Two, so that simulated rows never stand beside measurements."""


@contextmanager
def local_parts(
    settings: Settings, *, clock: Clock, offline: bool = False, real: bool = False
) -> Iterator[Parts]:
    """The parts over DATABASE_URL, or over the embedded server, migrated.

    On the embedded server `offline` means the simulated database, `real` the one of measurements; else it is
    the one of measurements if it holds any, or if there are no simulated data either.

    Raises:
        StoreError: when the database cannot be reached or started.
    """
    if settings.database_url is not None:
        migrate_at(settings.database_url)
        with _opened(settings, clock) as parts:
            yield parts
        return
    from common.adapters.embedded import EmbeddedServer

    server = EmbeddedServer(settings.home)
    try:
        only_simulated = offline or settings.sources == ("simulated",)
        name = SIMULATED if only_simulated and not real else REAL
        if (
            not only_simulated
            and not real
            and not _holds_data(server.url(REAL))
            and _holds_data(server.url(SIMULATED))
        ):
            name = SIMULATED
        url = server.url(name)
        migrate_at(url)
        chosen = replace(settings, database_url=url)
        if name == SIMULATED:
            models = settings.home / "models-simulated"
            chosen = replace(chosen, sources=("simulated",), model_store_url=models.as_uri())
        with _opened(chosen, clock) as parts:
            yield parts
    finally:
        server.stop()


def migrate_at(url: str) -> None:
    """Bring the database at that address to the present schema."""
    database = Database(url)
    try:
        migrate(database)
    finally:
        database.close()


def _holds_data(url: str) -> bool:
    migrate_at(url)
    database = Database(url)
    try:
        with database.transaction() as connection:
            return dataset(connection) is not None
    finally:
        database.close()


@contextmanager
def _opened(settings: Settings, clock: Clock) -> Iterator[Parts]:
    parts = assemble(settings, clock=clock)
    try:
        yield parts
    finally:
        parts.database.close()
