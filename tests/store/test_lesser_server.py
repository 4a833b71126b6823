"""A database that was set up on a server of the community edition, served by one of another.

Such a server fails nowhere by itself: it answers as if what is compressed were not there. A licence cannot be
changed while a server runs; what gives such a database away is the continuous aggregate that was made of it.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from factories import air, keep_and_reconcile, series
from tier_servers import admin, end_sessions, name_of

from common.api import ApiContext, create_app
from common.domain.errors import StoreError
from common.store.engine import Database, run
from common.store.errors import LESSER
from common.store.maintain import maintain
from common.store.migrate import migrate

if TYPE_CHECKING:
    from datetime import datetime

pytestmark = pytest.mark.tiers("plain", "apache")


@pytest.fixture
def lesser(database: Database) -> Database:
    """A database with what a server of the community edition makes of it."""
    with database.transaction() as connection:
        run(connection, "CREATE VIEW city_daily AS SELECT 1")
    database.close()
    return database


def test_nothing_is_read_or_written_there(lesser: Database, now: datetime) -> None:
    for work in (
        lambda: migrate(lesser),
        lambda: maintain(lesser, now=now, retain_raw_days=90),
        lambda: keep_and_reconcile(lesser, series(now, 2, air(80)), now),
    ):
        with pytest.raises(StoreError, match="community edition"):
            work()


def test_health_says_so(lesser: Database, now: datetime) -> None:
    queue: Any = None
    context = ApiContext(database=lesser, clock=lambda: now, queue=queue)
    with closing(context.probe):
        client = create_app(context).test_client()
        answer = client.get("/api/v1/aqi/current/Delhi")
        assert answer.status_code == 503
        health = client.get("/api/v1/health")
        assert (health.status_code, health.get_json()["reasons"]) == (503, [LESSER])


def test_a_server_that_has_become_less_is_noticed_by_processes_that_run(
    database: Database, server: str
) -> None:
    with database.transaction() as connection:
        run(connection, "CREATE VIEW city_daily AS SELECT 1")
    admin(server, end_sessions(name_of(database.url)))  # as a restart does
    with pytest.raises(StoreError, match="community edition"), database.transaction() as connection:
        run(connection, "SELECT 1")
