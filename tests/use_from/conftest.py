"""A running API over a filled database, as `make run` has it after some days, for those who use it from elsewhere."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from api_rows import hour, put_hours
from browser.filled_database import fill
from tier_servers import fresh_database
from use_from.running_api import running_api

from common.store.api_keys import create_key
from common.store.engine import Database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime


@pytest.fixture(scope="session")
def api(server: str, template: str) -> Iterator[str]:
    """Its address, ``http://127.0.0.1:PORT``; its present is that of `browser.filled_database`."""
    with fresh_database(server, f"TEMPLATE {template}") as url:
        with closing(Database(url)) as database:
            fill(database, ("Delhi", "Bangalore", "Srinagar"))
        with running_api(url) as address:
            yield address


@pytest.fixture
def closed_api(database_url: str, now: datetime) -> Iterator[tuple[str, str]]:
    """Address of an API that reads need a token for, and a token; there is one hour of Delhi."""
    with closing(Database(database_url)) as database:
        put_hours(database, hour("Delhi", now))
        with database.transaction() as connection:
            token, _ = create_key(connection, "reader", ["read"], now=now)
    with running_api(database_url, reads_need_token=True) as address:
        yield address, token
