"""The typed client: made of the description as it is, and its README's example runs against a running API."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "clients" / "python"
README = (PROJECT / "README.md").read_text(encoding="utf-8")
DESCRIBED: dict[str, Any] = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with the client as it is made now; a warning of the generator fails it."""
    folder = tmp_path_factory.mktemp("client")
    made = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "client.py"), "--to", str(folder), "--no-wheel"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


def operations() -> Iterator[str]:
    for methods in DESCRIBED["paths"].values():
        for operation in methods.values():
            yield operation["operationId"]


def test_every_operation_is_a_function(project: Path) -> None:
    modules = {path.stem for path in (project / "vayu_client" / "api").glob("*/*.py")} - {"__init__"}
    assert modules == set(operations())


def test_every_schema_is_a_class(project: Path) -> None:
    text = (project / "vayu_client" / "models" / "__init__.py").read_text(encoding="utf-8")
    exported = {
        alias.name
        for node in ast.parse(text).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    objects = {
        name for name, schema in DESCRIBED["components"]["schemas"].items() if schema.get("type") == "object"
    }
    assert objects <= exported


def test_the_example_of_its_readme(project: Path, api: str) -> None:
    [example] = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", example.replace("http://127.0.0.1:8080", api)],
        env={**os.environ, "PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    current = httpx.get(f"{api}/api/v1/aqi/current/delhi").json()
    first, *hours, refused = done.stdout.splitlines()
    assert first.startswith(f"Delhi {current['aqi']} {current['category']} 2025-11-05T10:30:00+00:00")
    assert len(hours) == 3
    assert "80 %" in hours[2]
    assert refused.startswith("404 ")
    assert "Delhi" in refused


def test_its_wheel_serves_a_program_of_its_own(
    tmp_path_factory: pytest.TempPathFactory, api: str, tmp_path: Path
) -> None:
    """Built as `make client` does, installed in an environment that holds nothing else of ours."""
    built = tmp_path_factory.mktemp("wheel")
    made = _run(sys.executable, str(ROOT / "scripts" / "client.py"), "--to", str(built))
    if made.returncode and _without_packages(made.stderr):
        pytest.skip("the wheel's build needs setuptools 77, which no package index here gives")
    assert made.returncode == 0, made.stdout + made.stderr
    [wheel] = (built / "dist").glob("*.whl")
    environment = tmp_path / "environment"
    uv = (sys.executable, "-m", "uv")
    ready = _run(*uv, "venv", "--quiet", "--python", sys.executable, str(environment))
    assert ready.returncode == 0, ready.stderr
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    installed = _run(*uv, "pip", "install", "--quiet", "--python", str(python), str(wheel))
    if installed.returncode and _without_packages(installed.stderr):
        pytest.skip("the client's own packages, httpx and attrs, come from no package index here")
    assert installed.returncode == 0, installed.stderr
    [example] = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    done = _run(str(python), "-I", "-c", example.replace("http://127.0.0.1:8080", api), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Delhi ")
    assert len(done.stdout.splitlines()) == 5


def _run(*command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


def _without_packages(complaint: str) -> bool:
    """Whether uv could not get a package, rather than work with what it got."""
    return any(
        sign in complaint
        for sign in (
            "Failed to fetch",
            "error sending request",
            "was not found in the",
            "the network was disabled",
        )
    )


def test_its_project_fits(project: Path) -> None:
    given = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert given["version"] == DESCRIBED["info"]["version"]
    declared = {re.split(r"[><=]", requirement)[0] for requirement in given["dependencies"]}
    imported = set()
    for path in (project / "vayu_client").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                imported.add(node.module.split(".")[0])
            elif isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
    assert imported - set(sys.stdlib_module_names) == declared


def test_its_code_is_not_committed() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "clients/python"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert not [path for path in listed if path.startswith("clients/python/vayu_client")]
