"""The built images, where scripts/containers has built them: who they run as, what is in them, what they take."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("VAYU_CONTAINERS", ROOT / ".vayu/containers"))
SERVER = f"localhost/vayu:{os.environ.get('VAYU_VERSION', 'latest')}"
TRAIN = f"localhost/vayu-train:{os.environ.get('VAYU_VERSION', 'latest')}"
LARGEST = 350_000_000

# What docker-compose.yml says of every service.
CONFINED = (
    "--rm", "--read-only", "--network=none", "--cap-drop=ALL", "--security-opt=no-new-privileges",
    "--tmpfs=/tmp:mode=1777,size=64m",
)  # fmt: skip


def podman(*words: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", ROOT / "scripts/containers", "with", "podman", *words],
        capture_output=True, text=True, check=False, timeout=seconds,
        env={**os.environ, "VAYU_CONTAINERS": str(FOLDER)},
    )  # fmt: skip


def require(image: str) -> None:
    if os.getuid() != 0 or shutil.which("podman") is None or not (FOLDER / "store").is_dir():
        pytest.skip(
            "no images here (as root on Debian: scripts/containers bases && scripts/containers build)"
        )
    if podman("image", "exists", image).returncode:
        pytest.skip(f"{image} is not built here (scripts/containers build)")


@pytest.fixture(scope="module")
def server() -> dict[str, Any]:
    require(SERVER)
    [image] = json.loads(podman("image", "inspect", SERVER).stdout)
    assert isinstance(image, dict)
    return image


def test_the_server_takes_at_most_350_mb(server: dict[str, Any]) -> None:
    assert 0 < server["Size"] <= LARGEST


def test_the_server_runs_as_a_user_without_rights_and_knows_whether_it_is_well(
    server: dict[str, Any],
) -> None:
    assert server["Config"]["User"] == "10001:10001"
    assert server["Config"]["Entrypoint"] == ["python3", "-m", "common.cli"]
    assert server["Healthcheck"]["Test"][:3] == ["CMD", "python3", "-c"]


LOOK = """
import importlib.util, json, os, pathlib
def writable(folder):
    try:
        pathlib.Path(folder, "x").touch()
    except OSError:
        return False
    return True
print(json.dumps({
    "user": os.getuid(),
    "writable": [folder for folder in ("/", "/app", "/opt/vayu", "/home", "/etc", "/tmp") if writable(folder)],
    "packages": [name for name in ("flask", "nacl", "numpy", "onnxruntime", "pandas", "pip", "pyarrow", "sklearn",
                                   "tzdata", "xgboost")
                 if importlib.util.find_spec(name)],
    "page": "<!doctype html>" in pathlib.Path(os.environ["VAYU_DASHBOARD"], "index.html").read_text(),
    "secrets": [variable for variable in os.environ if "PASSWORD" in variable or "SECRET" in variable],
}))
"""


def test_the_server_has_what_it_needs_and_no_more(server: dict[str, Any]) -> None:
    done = podman("run", *CONFINED, "--entrypoint=python3", SERVER, "-c", LOOK)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "user": 10001,
        "writable": ["/tmp"],  # noqa: S108
        "packages": ["flask", "nacl", "numpy", "onnxruntime", "tzdata"],
        "page": True,
        "secrets": [],
    }


@pytest.mark.parametrize("command", ["migrate", "serve", "live", "work", "schedule"])
def test_the_server_has_every_command_of_the_compose_file(command: str, server: dict[str, Any]) -> None:
    done = podman("run", *CONFINED, SERVER, command, "--help")
    assert (done.returncode, command in done.stdout) == (0, True), done.stderr


def test_a_wrong_secret_is_named_and_not_shown(tmp_path: Path, server: dict[str, Any]) -> None:
    secret = tmp_path / "vayu.json"
    secret.write_text('{"DATABASE_URL": 3, "VAYU_ALERTS_KEY": "not-to-be-shown"')
    secret.chmod(0o444)
    done = podman(
        "run", *CONFINED, "--env=VAYU_SECRETS=file:///run/secrets/vayu",
        f"--volume={secret}:/run/secrets/vayu:ro", SERVER, "migrate",
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "error: the secret of VAYU_SECRETS must be a JSON object of texts" in done.stderr
    assert "not-to-be-shown" not in done.stdout + done.stderr


def test_a_command_of_the_trainer_says_so(server: dict[str, Any]) -> None:
    done = podman("run", *CONFINED, SERVER, "export", "--to", "file:///tmp/x")
    assert done.returncode == 2, done.stderr
    assert "error: this command needs the package pyarrow" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_trainer_has_what_training_needs() -> None:
    require(TRAIN)
    names = "pyarrow, sklearn, xgboost, skl2onnx, onnxmltools, onnxruntime, common.services.train"
    done = podman("run", *CONFINED, "--entrypoint=python3", TRAIN, "-c", f"import {names}")
    assert done.returncode == 0, done.stderr
