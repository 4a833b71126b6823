"""The `vayu` command over a fresh database, with nothing of this machine's environment."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from common.cli import main
from common.sources import BASE_URLS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result
    from commands import Vayu

UNSET = (
    "DATABASE_URL", "REDIS_URL", "MODEL_STORE_URL", "QUEUE_URL", "VAYU_HOME", "VAYU_SOURCES", "PORT",
    "CPCB_API_KEY", "OPENWEATHER_API_KEY", "IQAIR_API_KEY", "OPENAQ_API_KEY", "WAQI_TOKEN",
    "VAYU_CHUNK_INTERVAL", "VAYU_COMPRESS_AFTER", "VAYU_RETAIN_RAW", "FORCE_COLOR", "TTY_COMPATIBLE",
)  # fmt: skip


DOWN = "postgresql://nobody:hidden@127.0.0.1:1/none"


@pytest.fixture
def unconnected(tmp_path: Path) -> dict[str, str]:
    """Settings of a machine whose database is down and that reaches no provider."""
    nowhere = dict.fromkeys(BASE_URLS, "http://127.0.0.1:1/nowhere")
    return nowhere | {"DATABASE_URL": DOWN, "VAYU_HOME": str(tmp_path / "home")}


@pytest.fixture
def environment(unconnected: dict[str, str], database_url: str) -> dict[str, str]:
    """Settings over the fresh database; no provider can be reached."""
    return unconnected | {"DATABASE_URL": database_url}


@pytest.fixture
def lost(unconnected: dict[str, str], clean: None) -> Vayu:
    """The command where nothing can be reached."""
    return caller(unconnected)


@pytest.fixture
def vayu(environment: dict[str, str], clean: None) -> Vayu:
    """The command over the fresh database."""
    return caller(environment)


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing of this machine's settings, and the log as it was afterwards."""
    for name in UNSET:
        monkeypatch.delenv(name, raising=False)
    root = logging.getLogger()
    before, handlers = root.level, list(root.handlers)
    yield
    root.setLevel(before)
    root.handlers[:] = handlers


def caller(environment: dict[str, str]) -> Vayu:
    def call(*arguments: object, env: dict[str, str] | None = None) -> Result:
        return CliRunner(env=environment | (env or {})).invoke(
            main, [str(argument) for argument in arguments]
        )

    return call
