"""Bring a database to the present schema; safe to run twice at once."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from common.domain.errors import StoreError
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
        StoreError: when the server cannot be reached, or a newer release of Vayu has migrated the database.
    """
    with closing(database.patient()) as patient, patient.transaction() as connection:
        run(connection, "SELECT pg_advisory_xact_lock(:key)", key=_LOCK)
        _refuse_newer(connection)
        command.upgrade(alembic(connection), "head")
        install(connection, upkeep or Upkeep())


def _refuse_newer(connection: Connection) -> None:
    script = ScriptDirectory.from_config(alembic(connection))
    known = {revision.revision for revision in script.walk_revisions()}
    present = MigrationContext.configure(connection).get_current_revision()
    if present is not None and present not in known:
        raise StoreError(
            f"the database has the schema {present[:40]}, of a newer release of Vayu than this one, which knows up to "
            f"{script.get_current_head()}; run that release or a later one, or restore a backup made before it"
        )


def alembic(connection: Connection) -> Config:
    """What Alembic's commands need to work in `connection`, which keeps or undoes all they do."""
    config = Config()
    folder = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))  # it is read as an .ini value
    config.attributes["connection"] = connection
    return config
