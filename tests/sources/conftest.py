"""A stub provider and a client that does not wait long."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from stubs import Stub

from common.sources.http import Http, Timing

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A provider on loopback, playing what the test scripts."""
    with Stub() as running:
        yield running


@pytest.fixture(scope="session")
def http() -> Iterator[Http]:
    """The real client, quick to try again."""
    with Http(Timing(wait_s=0.001, minute_s=0)) as client:
        yield client


@pytest.fixture(scope="session")
def impatient() -> Iterator[Http]:
    """The real client, for servers that hang."""
    with Http(Timing(read_s=0.2, wait_s=0.001, minute_s=0)) as client:
        yield client
