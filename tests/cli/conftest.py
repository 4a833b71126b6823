"""The `vayu` command over a fresh database, with nothing of this machine's environment."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from common.cli import main
from common.config import BASE_URLS

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


@pytest.fixture
def environment(database_url: str, tmp_path: Path) -> dict[str, str]:
    """Settings over the fresh database; no provider can be reached."""
    nowhere = dict.fromkeys(BASE_URLS, "http://127.0.0.1:1/nowhere")
    return nowhere | {"DATABASE_URL": database_url, "VAYU_HOME": str(tmp_path / "home")}


@pytest.fixture
def vayu(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Vayu]:
    for name in UNSET:
        monkeypatch.delenv(name, raising=False)
    before = logging.getLogger().level

    def call(*arguments: object, env: dict[str, str] | None = None) -> Result:
        return CliRunner(env=environment | (env or {})).invoke(
            main, [os.fspath(one) if isinstance(one, os.PathLike) else str(one) for one in arguments]
        )

    yield call
    logging.getLogger().setLevel(before)
