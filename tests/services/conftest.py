"""A system whose notices go to a webhook of the test."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from factories import Clock
from synthetic import END
from webhook import Webhook, served

from common.bootstrap.container import assemble
from common.config import from_mapping

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from common.services.resources import Resources


@pytest.fixture
def hook() -> Iterator[Webhook]:
    webhook = Webhook()
    with served(webhook.server):
        yield webhook


@pytest.fixture
def time() -> Clock:
    return Clock(END + timedelta(minutes=12))


@pytest.fixture
def settings(database_url: str, tmp_path: Path, hook: Webhook) -> dict[str, str]:
    return {"DATABASE_URL": database_url, "VAYU_HOME": str(tmp_path), "VAYU_SLACK_WEBHOOK": hook.url}


@pytest.fixture
def parts(settings: dict[str, str], time: Clock) -> Iterator[Resources]:
    assembled = assemble(from_mapping(settings), clock=time)
    yield assembled
    assembled.database.close()
