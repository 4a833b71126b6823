"""Bring a database to the present schema; safe to run twice at once."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config

from common.store.engine import Database, run
from common.store.tiers import Upkeep, install

_LOCK = 0x76617975  # "vayu": one migration at a time in one database


def migrate(database: Database, upkeep: Upkeep | None = None) -> None:
    """Apply every migration not applied yet, and what the server's tier allows, in one transaction.

    Raises:
        ConfigError: when the server offers less than the one the database was set up on.
        StoreError: when the server cannot be reached.
    """
    config = Config()
    folder = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))  # it is read as an .ini value
    patient = database.patient()
    try:
        _migrate(patient, config, upkeep or Upkeep())
    finally:
        patient.close()


def _migrate(database: Database, config: Config, upkeep: Upkeep) -> None:
    with database.transaction() as connection:
        run(connection, "SELECT pg_advisory_xact_lock(:key)", key=_LOCK)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        install(connection, upkeep)
