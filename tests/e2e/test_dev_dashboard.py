"""`vayu dev` builds the dashboard beside all else, on a machine that has no Node, and serves it at once."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from processes import gone, temporary_folder, until
from test_dev import PATIENCE_S, ROOT, leave_cities, running_dev

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow
BUILD_S = 600.0
NODE = ("node", "nodejs", "npm", "npx", "corepack")
REGISTRIES = re.compile(
    r"((https?|no)_proxy|npm_config_\w+|pip_\w+|ssl_cert_\w+|node_extra_ca_certs|requests_ca_bundle)",
    re.IGNORECASE,
)
"""How package registries are reached from here."""
REACHED = {name: value for name, value in os.environ.items() if REGISTRIES.fullmatch(name)}
ALONE = "The dashboard could not be built, because no package registry can be reached: the API serves alone"


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH with everything that this machine has but Node."""
    folder = tmp_path_factory.mktemp("programs")
    for place in os.environ.get("PATH", os.defpath).split(os.pathsep):
        for program in Path(place).glob("*"):
            link = folder / program.name
            if program.name not in NODE and not link.is_symlink():
                link.symlink_to(program.resolve())
    return str(folder)


@pytest.fixture(scope="module")
def checkout() -> Iterator[Path]:
    """A copy of this checkout in which no dashboard was built, and which knows one city."""
    with temporary_folder("vayu checkout ") as folder:
        copy = folder / "vayu"
        for part in ("common", "functions", "layers", "dashboard"):
            shutil.copytree(
                ROOT / part,
                copy / part,
                ignore=shutil.ignore_patterns("node_modules", "dist", "coverage", "__pycache__"),
            )
        leave_cities(copy, 1)  # what is trained beside the build is not what these tests are about
        (copy / "docs").mkdir()
        for file in ("Makefile", "pyproject.toml", "docs/openapi.json"):
            shutil.copy2(ROOT / file, copy / file)
        yield copy


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with temporary_folder("vayu dev ") as folder:
        yield folder / "home"
        gone(folder, PATIENCE_S)


def served(port: int) -> tuple[int, str]:
    try:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"Accept": "text/html"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, answer.read().decode()


def test_without_a_registry_the_api_serves_alone(
    home: Path, checkout: Path, programs: str, tmp_path: Path
) -> None:
    nowhere = {
        "npm_config_registry": "http://127.0.0.1:1/",
        "npm_config_cache": str(tmp_path),
        "npm_config_fetch_retries": "0",
        "PIP_INDEX_URL": "http://127.0.0.1:1/",
        "PIP_RETRIES": "0",
        "VAYU_DASHBOARD": "",
    }
    with running_dev(checkout, home, "--offline", PATH=programs, **nowhere) as running:
        running.tells("Building the dashboard beside it …")
        running.tells(re.escape(ALONE), 2 * PATIENCE_S)
        assert str(home / "logs" / "dashboard.log") in running.log
        status, page = served(running.port)
        assert (status, "no dashboard" in page) == (404, True)
        assert running.get("/cities/")[0] == 200
        assert "starting it again" not in running.log
        assert running.end(signal.SIGINT) == 0


def test_it_is_built_and_served_without_a_restart(home: Path, checkout: Path, programs: str) -> None:
    with running_dev(checkout, home, "--offline", PATH=programs, VAYU_DASHBOARD="", **REACHED) as running:
        running.tells("Building the dashboard beside it …")
        outcome = running.tells(r"The dashboard (is at|could not be built).*", BUILD_S)[0]
        if "no package registry" in outcome:
            assert running.end(signal.SIGINT) == 0
            pytest.skip("no package registry can be reached: the dashboard cannot be built")
        log = (home / "logs" / "dashboard.log").read_text()
        assert outcome == f"The dashboard is at http://127.0.0.1:{running.port}/", log
        status, page = served(running.port)
        assert (status, '<div id="root">' in page) == (200, True)
        assert running.end(signal.SIGINT) == 0


def test_a_second_start_builds_nothing(home: Path, checkout: Path, programs: str) -> None:
    if not (checkout / "dashboard" / "dist" / "index.html").exists():
        pytest.skip("no package registry can be reached: the dashboard cannot be built")
    make = ["make", f"VENV={sys.prefix}", "dashboard"]
    question = [*make, "--question"]
    environment = {"PATH": programs, "HOME": str(Path.home())}
    assert subprocess.run(question, cwd=checkout, env=environment, check=False).returncode == 0
    with running_dev(checkout, home, "--offline", PATH=programs, VAYU_DASHBOARD="") as running:
        running.tells(f"The dashboard is at http://127.0.0.1:{running.port}/")
        assert "Building" not in running.log
        until(lambda: served(running.port)[0] == 200, PATIENCE_S)
        assert running.end(signal.SIGINT) == 0
    source = checkout / "dashboard" / "index.html"
    source.write_text(source.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert subprocess.run(question, cwd=checkout, env=environment, check=False).returncode == 1
