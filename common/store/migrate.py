"""Bring a database to the present schema; safe to run twice at once."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config

from common.store.engine import Database, run
from common.store.tiers import Upkeep, install

if TYPE_CHECKING:
    from common.store.engine import Connection

_LOCK = 0x76617975  # "vayu": one migration at a time in one database


def migrate(database: Database, upkeep: Upkeep | None = None) -> None:
    """Apply every migration not applied yet, and what the server's tier allows, in one transaction.

    Raises:
        ConfigError: when the server offers less than the one the database was set up on, or the intervals of
            `upkeep` contradict each other.
        StoreError: when the server cannot be reached.
    """
    with closing(database.patient()) as patient, patient.transaction() as connection:
        run(connection, "SELECT pg_advisory_xact_lock(:key)", key=_LOCK)
        command.upgrade(alembic(connection), "head")
        install(connection, upkeep or Upkeep())


def alembic(connection: Connection) -> Config:
    """What Alembic's commands need to work in `connection`, which keeps or undoes all they do."""
    config = Config()
    folder = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))  # it is read as an .ini value
    config.attributes["connection"] = connection
    return config
