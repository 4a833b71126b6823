"""Transactions: all of it or nothing, parts that can be undone alone, and no end that is not what it seems."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import DBAPIError, StatementError

from common.domain.errors import StoreError
from common.store.engine import Database, run
from common.store.errors import UNREACHABLE

if TYPE_CHECKING:
    from common.store.engine import Connection

WRITE = "INSERT INTO meta (key, value) VALUES (:key, '')"


@pytest.fixture
def empty(database: Database) -> Database:
    with database.transaction() as connection:
        run(connection, "DELETE FROM meta")
    return database


def keys(database: Database) -> list[str]:
    with database.reading() as connection:
        return [key for (key,) in run(connection, "SELECT key FROM meta ORDER BY key")]


def test_an_error_of_the_block_undoes_all_of_it(empty: Database) -> None:
    def failing() -> None:
        with empty.transaction() as connection:
            run(connection, WRITE, key="a")
            raise LookupError

    with pytest.raises(LookupError):
        failing()
    assert keys(empty) == []


def test_a_first_statement_that_cannot_be_sent_does_not_end_the_transaction(empty: Database) -> None:
    def failing() -> None:
        with empty.transaction() as connection:
            with pytest.raises(StatementError):
                run(connection, WRITE)
            run(connection, WRITE, key="a")
            raise LookupError

    with pytest.raises(LookupError):
        failing()
    assert keys(empty) == []


@pytest.mark.parametrize("sql", ["SELECT nonsense", "INSERT INTO meta (key) VALUES (NULL)", "no statement"])
@pytest.mark.parametrize("first", [True, False])
def test_an_error_that_is_let_pass_is_told_at_the_end(empty: Database, sql: str, first: bool) -> None:
    def failing() -> None:
        with empty.transaction() as connection:
            if not first:
                run(connection, WRITE, key="a")
            with pytest.raises(DBAPIError):
                run(connection, sql)

    with pytest.raises(RuntimeError, match="cannot be kept"):
        failing()
    assert keys(empty) == []


def test_what_a_savepoint_holds_is_undone_alone(empty: Database) -> None:
    def doubled(connection: Connection) -> None:
        with connection.begin_nested():
            run(connection, WRITE, key="b")
            run(connection, WRITE, key="a")

    with empty.transaction() as connection:
        run(connection, WRITE, key="a")
        with pytest.raises(DBAPIError):
            doubled(connection)
        with connection.begin_nested():
            run(connection, WRITE, key="c")
            with pytest.raises(DBAPIError):
                doubled(connection)
            run(connection, WRITE, key="d")
    assert keys(empty) == ["a", "c", "d"]


def test_an_error_that_comes_with_the_end_is_told(empty: Database) -> None:
    with empty.transaction() as connection:
        run(connection, "CREATE TABLE late (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)")

    def failing() -> None:
        with empty.transaction() as connection:
            run(connection, WRITE, key="a")
            run(connection, "INSERT INTO late VALUES (1), (1)")

    with pytest.raises(DBAPIError, match="late_a_key"):
        failing()
    assert keys(empty) == []


def test_nothing_is_done_after_the_connection_was_lost(empty: Database) -> None:
    def failing() -> None:
        with empty.transaction() as connection:
            for statement in ("SELECT pg_terminate_backend(pg_backend_pid())", WRITE):
                with pytest.raises(StoreError, match=UNREACHABLE[:30]):
                    run(connection, statement, key="a")

    with pytest.raises(StoreError, match=UNREACHABLE[:30]):
        failing()
    assert keys(empty) == []
