"""The real application over a real database."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from api_rows import context_of
from sqlalchemy import text
from werkzeug.test import Client

from common.api import ApiContext, create_app
from common.store.engine import Database, run

_EMPTY = """
DO $$ BEGIN
DELETE FROM forecast; DELETE FROM model; DELETE FROM city_hour; DELETE FROM city_day; DELETE FROM source_run;
DELETE FROM meta;
END $$
"""


@pytest.fixture(scope="session")
def shared(server: str, template: str) -> Iterator[Database]:
    """One database for all tests here: a new one for each costs more than the test."""
    admin = Database(server.format(name="postgres"))
    with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE api TEMPLATE {template}"))
    admin.close()
    opened = Database(server.format(name="api"))
    yield opened
    opened.close()


@pytest.fixture
def database(shared: Database) -> Database:
    """The shared database, emptied."""
    with shared.transaction() as connection:
        run(connection, _EMPTY)
    return shared


@pytest.fixture
def context(database: Database, now: datetime) -> Iterator[ApiContext]:
    made = context_of(database, now)
    yield made
    made.probe.close()


@pytest.fixture
def client(context: ApiContext) -> Client:
    return create_app(context).test_client()


@pytest.fixture
def down(now: datetime) -> Client:
    """The application over a port where nothing listens."""
    closed = Database("postgresql+pg8000://nobody:secret@127.0.0.1:1/nowhere")
    return create_app(context_of(closed, now)).test_client()
