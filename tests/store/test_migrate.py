"""Migrations: from nothing, again, at once by two, and down again."""

from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from common.domain.errors import StoreError
from common.store.databases import create_database, database_names
from common.store.engine import Database, run
from common.store.migrate import migrate
from common.store.migrations.versions.v0001_first import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def empty(server: str) -> Iterator[Database]:
    """A database with nothing in it."""
    name = "e" + uuid.uuid4().hex[:12]
    admin = Database(server.format(name="postgres"))
    create_database(admin, name)
    admin.close()
    database = Database(server.format(name=name))
    yield database
    database.close()
    with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    admin.close()


def tables(database: Database) -> set[str]:
    with database.transaction() as connection:
        return {
            name for (name,) in run(connection, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        }


def test_from_nothing_and_again(empty: Database) -> None:
    migrate(empty)
    assert tables(empty) == {*TABLES, "alembic_version"}
    with empty.transaction() as connection:
        run(connection, "INSERT INTO meta (key, value) VALUES ('dataset', 'real')")
    migrate(empty)
    with empty.transaction() as connection:
        assert run(connection, "SELECT value FROM meta WHERE key = 'dataset'") == [("real",)]
        assert len(run(connection, "SELECT * FROM alembic_version")) == 1


def test_two_at_once(empty: Database) -> None:
    failures: list[Exception] = []
    ready = threading.Barrier(2)

    def work() -> None:
        mine = Database(empty.url)
        try:
            ready.wait(10)
            migrate(mine)
        except Exception as error:  # noqa: BLE001 — told to the test
            failures.append(error)
        finally:
            mine.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert tables(empty) == {*TABLES, "alembic_version"}


def test_a_migration_that_fails_leaves_nothing_half_done(empty: Database) -> None:
    with empty.transaction() as connection:
        run(connection, "CREATE TABLE job (id int)")  # in the way of one of ours
    with pytest.raises(Exception, match="job"):
        migrate(empty)
    assert tables(empty) == {"job"}


def test_no_server(tmp_path: object) -> None:
    database = Database(f"postgresql+pg8000://nobody@/none?host={tmp_path}")
    with pytest.raises(StoreError, match="DATABASE_URL"):
        migrate(database)


def test_a_database_is_made_once(empty: Database) -> None:
    name = empty.engine.url.database
    assert name is not None
    again = Database(empty.url)
    create_database(again, name)
    again.close()
    assert name in database_names(empty)
