"""A database of a module's own, and who writes events into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from live_process import Producer, producer_of
from tier_servers import fresh_database

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def url(server: str, template: str) -> Iterator[str]:
    with fresh_database(server, f"TEMPLATE {template}") as address:
        yield address


@pytest.fixture(scope="module")
def producer(url: str) -> Iterator[Producer]:
    with producer_of(url) as made:
        yield made
