"""What scripts/deploy_gcp and docs/deploy.md tell gcloud to do is what its own parser understands; none is done."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from templates import ROOT

if TYPE_CHECKING:
    from pathlib import Path

IN_ITS_PLACE = """#!/usr/bin/env python3
import json, os, sys
with open(os.environ["TOLD"], "a") as told:
    told.write(json.dumps(["gcloud", *sys.argv[1:]]) + "\\n")
if "--format" in sys.argv:
    print("https://function.example" if "functions" in sys.argv else 123456789)
elif "describe" in sys.argv:
    sys.exit(os.environ["THERE"] != "yes")
"""
_SHELL = re.compile(r"^ *(?:\$ )?(gcloud .*?[^\\])$|`(gcloud [^`]+)`", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def gcloud() -> str:
    found = shutil.which("gcloud")
    if found is None:
        pytest.skip("gcloud is not on the PATH")
    return found


def parsed(gcloud: str, folder: Path, commands: list[list[str]]) -> dict[str, str]:
    """What gcloud has against each command that it would not run."""
    folder.mkdir(exist_ok=True)
    file = folder / "commands.json"
    asked = sorted({shlex.join(command) for command in commands})
    file.write_text(json.dumps([{"command_string": one} for one in asked]))
    done = subprocess.run(
        [gcloud, "meta", "lint-gcloud-commands", f"--commands-file={file}"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ
        | {"CLOUDSDK_CONFIG": str(folder / "config"), "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true"},
    )
    assert done.returncode == 0, done.stderr
    told: list[dict[str, Any]] = json.loads(done.stdout)
    assert len(told) == len(asked)
    return {one["command_string"]: one["error_message"] for one in told if not one["success"]}


def deployed(folder: Path, *, there: bool) -> list[list[str]]:
    """All that the script asks of gcloud, where everything is there already or nothing."""
    (folder / "scripts").mkdir(parents=True)
    (folder / "build" / "gcp" / "api").mkdir(parents=True)
    (folder / "bin").mkdir()
    shutil.copy(ROOT / "scripts" / "deploy_gcp", folder / "scripts")
    place = folder / "bin" / "gcloud"
    place.write_text(IN_ITS_PLACE)
    place.chmod(0o755)
    told = folder / "told"
    subprocess.run(
        [folder / "scripts" / "deploy_gcp", "my-project", "asia-south1"],
        check=True,
        capture_output=True,
        env=os.environ
        | {
            "PATH": f"{place.parent}:{os.environ['PATH']}",
            "TOLD": str(told),
            "THERE": "yes" if there else "no",
        },
    )
    return [json.loads(line) for line in told.read_text().splitlines()]


@pytest.mark.parametrize("there", [False, True], ids=["the first time", "again"])
def test_the_script_speaks_gclouds_language(gcloud: str, tmp_path: Path, *, there: bool) -> None:
    commands = deployed(tmp_path / "project", there=there)
    made = {"create", "update"} & {word for command in commands for word in command}
    assert made == ({"update"} if there else {"create", "update"})
    assert len(commands) > 50
    assert parsed(gcloud, tmp_path / "gcloud", commands) == {}


def test_so_does_the_operators_page(gcloud: str, tmp_path: Path) -> None:
    text = re.sub(r"\\\n", " ", (ROOT / "docs" / "deploy.md").read_text())
    found = [" ".join(either).split("#")[0].strip() for either in _SHELL.findall(text)]
    commands = [shlex.split(one.replace("$f", "api").replace("$(date +%F)", "x")) for one in found]
    assert len(commands) >= 4
    assert parsed(gcloud, tmp_path, commands) == {}


def test_what_gcloud_does_not_know_is_noticed(gcloud: str, tmp_path: Path) -> None:
    good = ["gcloud", "pubsub", "topics", "create", "a-topic"]
    bad = [[*good, "--color", "red"], ["gcloud", "pubsub", "topics", "paint", "a-topic"], good[:-1]]
    refused = parsed(gcloud, tmp_path, [good, *bad])
    assert len(refused) == len(bad)
    for word in ("--color", "paint", "TOPIC"):
        assert any(word in told for told in refused.values()), refused
