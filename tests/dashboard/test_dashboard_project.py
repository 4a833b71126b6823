"""The dashboard's own checks: its unit tests, its types, its linter; a client and messages that are not stale."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "dashboard"
UNREACHABLE = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|NewConnectionError|No matching dist"
)


@pytest.fixture(scope="module")
def npm() -> str:
    """npm, with the packages of the lock file installed as `make dashboard` installs them."""
    make = ["make", "--directory", str(ROOT), f"VENV={sys.prefix}", "dashboard/node_modules/.installed"]
    done = subprocess.run(make, capture_output=True, text=True, check=False)
    message = done.stdout + done.stderr
    if done.returncode != 0 and UNREACHABLE.search(message):
        pytest.skip("no package registry can be reached: the dashboard's own checks are not run")
    assert done.returncode == 0, message
    return str(Path(sys.prefix, "bin", "npm"))


@pytest.mark.parametrize("check", ["lint", "types", "test"])
def test_its_own_checks_pass(npm: str, check: str) -> None:
    path = os.pathsep.join((str(Path(npm).parent), os.environ["PATH"]))
    done = subprocess.run(
        [npm, "run", check],
        cwd=PROJECT,
        env=os.environ | {"PATH": path, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-6000:]}"


def test_the_lock_names_no_server_of_downloads() -> None:
    lock = (PROJECT / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in lock
    assert lock.count('"integrity"') > 100
