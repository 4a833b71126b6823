"""A real PostgreSQL for every test that asks for one: one server a run, one database a test."""

from __future__ import annotations

import os
import tempfile
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from common.adapters.embedded import EmbeddedServer
from common.store.engine import Database
from common.store.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Address of a server with ``{name}`` for the database: the embedded one, or VAYU_TEST_SERVER_URL."""
    given = os.environ.get("VAYU_TEST_SERVER_URL")
    if given:
        yield given.replace("postgresql://", "postgresql+pg8000://")
        return
    with tempfile.TemporaryDirectory(prefix="vayu-pg-", ignore_cleanup_errors=True) as folder:
        running = EmbeddedServer(Path(folder))
        yield running.url("postgres").replace("/postgres?", "/{name}?")
        running.stop()


def _admin(server: str, statement: str) -> None:
    database = Database(server.format(name="postgres"))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))
    database.close()


@pytest.fixture(scope="session")
def template(server: str) -> str:
    """A migrated database to copy: copying is faster than migrating."""
    name = "template_" + uuid.uuid4().hex[:12]
    _admin(server, f"CREATE DATABASE {name}")
    database = Database(server.format(name=name))
    migrate(database)
    database.close()
    return name


@pytest.fixture
def database_url(server: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh migrated database, gone after the test."""
    name = "t" + uuid.uuid4().hex[:12]
    if "VAYU_TEST_SERVER_URL" in os.environ:
        # TimescaleDB's background workers visit every database, and one in use cannot be copied.
        _admin(server, f"CREATE DATABASE {name}")
        fresh = Database(server.format(name=name))
        migrate(fresh)
        fresh.close()
    else:
        _admin(server, f"CREATE DATABASE {name} TEMPLATE {request.getfixturevalue('template')}")
    yield server.format(name=name)
    _admin(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The fresh database, opened."""
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def now() -> datetime:
    """A fixed present: 5 November 2025, 16:00 in Delhi."""
    return datetime(2025, 11, 5, 10, 30, tzinfo=UTC)
