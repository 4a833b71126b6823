"""Tiers: what is made of the tables on each kind of server, and that a server that offers less is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from common.domain.errors import ConfigError
from common.store.engine import run
from common.store.migrate import migrate
from common.store.tiers import HYPERTABLES, detect, recorded

if TYPE_CHECKING:
    from common.store.engine import Database


def test_the_tier_is_detected_and_recorded(database: Database) -> None:
    with database.transaction() as connection:
        assert recorded(connection) == detect(connection)


def test_tables_are_cut_into_chunks_where_the_server_can(database: Database) -> None:
    with database.transaction() as connection:
        if recorded(connection) == "plain":
            assert not run(connection, "SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'")
            return
        rows = run(connection, "SELECT hypertable_name FROM timescaledb_information.hypertables")
        assert {name for (name,) in rows} == set(HYPERTABLES)
        intervals = run(connection, "SELECT DISTINCT time_interval FROM timescaledb_information.dimensions")
        assert [interval.days for (interval,) in intervals] == [7]


def test_migrating_again_changes_nothing(database: Database) -> None:
    with database.transaction() as connection:
        before = run(connection, "SELECT * FROM meta ORDER BY key")
    migrate(database)
    with database.transaction() as connection:
        assert run(connection, "SELECT * FROM meta ORDER BY key") == before


def test_a_server_that_offers_less_is_refused_and_nothing_changes(database: Database) -> None:
    with database.transaction() as connection:
        run(connection, "UPDATE meta SET value = 'community' WHERE key = 'tier'")
    with pytest.raises(ConfigError, match="tier 'community'"):
        migrate(database)
    with database.transaction() as connection:
        assert recorded(connection) == "community"


def test_a_server_that_offers_more_is_used(database: Database) -> None:
    with database.transaction() as connection:
        offered = recorded(connection)
        run(connection, "UPDATE meta SET value = 'plain' WHERE key = 'tier'")
    migrate(database)
    with database.transaction() as connection:
        assert recorded(connection) == offered
