"""The steps of `deploy.sh update` under load, at length in benchmarks/update.py: nothing fails, nothing is lost."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from processes import temporary_folder

from benchmarks.update import measure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def folder() -> Iterator[Path]:
    with temporary_folder("vayu-update-") as path:
        yield path


@pytest.mark.slow
def test_a_release_is_replaced_without_a_failed_request(database_url: str, folder: Path) -> None:
    nginx = os.environ.get("VAYU_TEST_NGINX")
    if not nginx:
        pytest.skip("nginx (VAYU_TEST_NGINX is not set; see scripts/nginx)")
    outcome = measure(database_url, folder, nginx, requests=500, clients=2)
    assert outcome.failed == []
    assert outcome.requests >= 500
    assert outcome.events_committed > 10
    assert outcome.events_lost == 0
    assert outcome.connections >= 2, "the client was never hung up on: nothing was replaced"
