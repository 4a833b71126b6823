"""The databases of a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from common.store.engine import run
from common.store.errors import sqlstate

if TYPE_CHECKING:
    from common.store.engine import Database

_THERE_ALREADY = ("42P04", "23505")
"""What the server says where another process has just made it; the second while it is at it."""


def database_names(server: Database) -> set[str]:
    """Names of the databases there are; raises StoreError where the server does not answer."""
    with server.transaction() as connection:
        return {name for (name,) in run(connection, "SELECT datname FROM pg_database")}


def create_database(server: Database, name: str) -> None:
    """Make a database where there is none of that name."""
    with server.statements() as connection:
        if run(connection, "SELECT 1 FROM pg_database WHERE datname = :name", name=name):
            return
        try:
            run(connection, f'CREATE DATABASE "{name}"')
        except DBAPIError as error:
            if sqlstate(error) not in _THERE_ALREADY:
                raise


def checkpoint(server: Database) -> None:
    """Have the server write what is in its memory alone, so that its shutdown, which does that too, is short."""
    with server.statements() as connection:
        run(connection, "CHECKPOINT")
