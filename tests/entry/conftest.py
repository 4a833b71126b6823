"""Events as files, the sample function as each platform loads it, and the lines it logs."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import functions_framework
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from flask.testing import FlaskClient

HERE = Path(__file__).parent
SAMPLE = HERE / "sample" / "main.py"


@pytest.fixture
def recorded() -> Callable[[str], dict[str, Any]]:
    """An event by name, such as ``aws/schedule``."""

    def load(name: str) -> dict[str, Any]:
        result: dict[str, Any] = json.loads((HERE.parent / "events" / f"{name}.json").read_text())
        return result

    return load


@pytest.fixture
def sample() -> ModuleType:
    """The sample function as Lambda imports it, fresh."""
    spec = importlib.util.spec_from_file_location("sample_main", SAMPLE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def framework(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], FlaskClient]]:
    """Target and signature type → a client of functions-framework that serves the sample as module `main`."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(os, "environ", os.environ.copy())

    def serve(target: str, signature: str = "http") -> FlaskClient:
        app = functions_framework.create_app(target, str(SAMPLE), signature)
        client: FlaskClient = app.test_client()
        return client

    yield serve
    sys.modules.pop("main", None)


@pytest.fixture
def logged(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """The JSON lines written since the last call."""
    return lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines() if line[:1] == "{"]
