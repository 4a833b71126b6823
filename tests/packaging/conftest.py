"""What `make build` lays out, and what Lambda's own runtime adds to it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from digests import digests

from common.adapters.local.file_lock import FileLock

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tests" / "deploy"))  # for `templates`


@pytest.fixture(scope="session")
def build_script() -> ModuleType:
    """scripts/build.py as a module."""
    spec = importlib.util.spec_from_file_location("build", ROOT / "scripts" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["build"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def python313(build_script: ModuleType) -> str:
    """The interpreter of Lambda's runtime."""
    result = build_script._compiler()
    if result is None:
        pytest.skip("no CPython 3.13 is here: what is built for it is not run")
    return str(result)


Once = Callable[[str, Callable[[Path], None]], Path]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Once:
    """Name of a folder and what fills it → the folder, filled by the first of the workers that asks for it."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent

    def fill_once(name: str, fill: Callable[[Path], None]) -> Path:
        folder, filled = shared / name, shared / f"{name}.filled"
        with FileLock(shared / f"{name}.lock") as lock:
            lock.take(patience_s=None)
            if not filled.exists():
                folder.mkdir(exist_ok=True)
                fill(folder)
                filled.touch()
        return folder

    return fill_once


@pytest.fixture(scope="session")
def built(once: Once) -> Path:
    """Everything, as it is deployed."""

    def build(target: Path) -> None:
        done = subprocess.run(
            [sys.executable, ROOT / "scripts" / "build.py", "--out", target],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        _digests_of(target).write_text(json.dumps(digests(target)))

    return once("built", build)


@pytest.fixture(scope="session")
def digests_when_built(built: Path) -> dict[str, str]:
    """Of `built`, before anything ran there: what runs may change files, as an interpreter's start-up hooks do."""
    return dict(json.loads(_digests_of(built).read_text()))


def _digests_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.digests.json")


@pytest.fixture(scope="session")
def runtime(once: Once, build_script: ModuleType) -> Path:
    """What Lambda's image for Python 3.13 has besides Python: its runtime client and boto3."""
    names = (
        "awslambdaric",
        "simplejson",
        "snapshot-restore-py",
        "boto3",
        "botocore",
        "s3transfer",
        "urllib3",
        "jmespath",
    )
    pins = [f"{name}=={importlib.metadata.version(name)}" for name in (*names, "python-dateutil", "six")]
    return once("runtime", lambda target: build_script._install(target, pins, "x86_64", prune=False))
