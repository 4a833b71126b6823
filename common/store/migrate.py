"""Bring a database to the present schema; safe to run twice at once."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config

from common.store.engine import Database, run

_LOCK = 0x76617975  # "vayu": one migration at a time in one database


def migrate(database: Database) -> None:
    """Apply every migration not applied yet, in one transaction under an advisory lock.

    Raises:
        StoreError: when the server cannot be reached.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    patient = database.patient()
    try:
        _migrate(patient, config)
    finally:
        patient.close()


def _migrate(database: Database, config: Config) -> None:
    with database.transaction() as connection:
        run(connection, "SELECT pg_advisory_xact_lock(:key)", key=_LOCK)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
