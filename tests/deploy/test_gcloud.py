"""What scripts/deploy_gcp and docs/deploy.md tell gcloud to do is what its own parser understands; none is done."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from templates import ROOT

if TYPE_CHECKING:
    from pathlib import Path

# Some hundred times: without what an environment adds to Python, it starts three times as fast.
IN_ITS_PLACE = f"""#!{sys.executable} -IS
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
    result = shutil.which("gcloud")
    if result is None:
        pytest.skip("gcloud is not on the PATH")
    return result


def parsed(gcloud: str, folder: Path, commands: list[list[str]]) -> dict[str, str]:
    """What gcloud has against each command that it would not run."""
    file = folder / "commands.json"
    requested = sorted({shlex.join(command) for command in commands})
    file.write_text(json.dumps([{"command_string": item} for item in requested]))
    done = subprocess.run(
        [gcloud, "meta", "lint-gcloud-commands", f"--commands-file={file}"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ
        | {"CLOUDSDK_CONFIG": str(folder / "config"), "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true"},
    )
    assert done.returncode == 0, done.stderr
    message: list[dict[str, Any]] = json.loads(done.stdout)
    assert len(message) == len(requested)
    return {metric["command_string"]: metric["error_message"] for metric in message if not metric["success"]}


def deployed(folder: Path, *, there: bool) -> list[list[str]]:
    """All that the script asks of gcloud, where everything is there already or nothing."""
    (folder / "scripts").mkdir(parents=True)
    (folder / "build" / "gcp" / "api").mkdir(parents=True)
    (folder / "bin").mkdir()
    shutil.copy(ROOT / "scripts" / "deploy_gcp", folder / "scripts")
    place = folder / "bin" / "gcloud"
    place.write_text(IN_ITS_PLACE)
    place.chmod(0o755)
    message = folder / "told"
    subprocess.run(
        [folder / "scripts" / "deploy_gcp", "my-project", "asia-south1"],
        check=True,
        capture_output=True,
        env=os.environ
        | {
            "PATH": f"{place.parent}:{os.environ['PATH']}",
            "TOLD": str(message),
            "THERE": "yes" if there else "no",
        },
    )
    return [json.loads(line) for line in message.read_text().splitlines()]


Commands = dict[str, list[list[str]]]
GOOD = ["gcloud", "pubsub", "topics", "create", "a-topic"]
BAD = [[*GOOD, "--color", "red"], ["gcloud", "pubsub", "topics", "paint", "a-topic"], GOOD[:-1]]


def on_the_page() -> list[list[str]]:
    """The operator's commands."""
    text = re.sub(r"\\\n", " ", (ROOT / "docs" / "deploy.md").read_text())
    result = [" ".join(either).split("#")[0].strip() for either in _SHELL.findall(text)]
    return [shlex.split(item.replace("$f", "api").replace("$(date +%F)", "x")) for item in result]


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Commands:
    """By where they come from."""
    folder = tmp_path_factory.mktemp("projects")
    return {
        "the first time": deployed(folder / "new", there=False),
        "again": deployed(folder / "old", there=True),
        "page": on_the_page(),
        "mistakes": [GOOD, *BAD],
    }


@pytest.fixture(scope="module")
def refused(gcloud: str, commands: Commands, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What gcloud has against any of them: one start of it, which takes more time than all of the commands."""
    return parsed(
        gcloud, tmp_path_factory.mktemp("gcloud"), [item for each in commands.values() for item in each]
    )


def is_mistake(line: str) -> bool:
    """Whether a line, in which gcloud may write a flag in another way, is one of our mistakes."""
    return line.startswith(("gcloud pubsub topics paint", "gcloud pubsub topics create a-topic")) or (
        line == shlex.join(GOOD[:-1])
    )


@pytest.mark.parametrize("state", ["the first time", "again"])
def test_the_script_makes_what_is_not_there(commands: Commands, state: str) -> None:
    made = {"create", "update"} & {word for command in commands[state] for word in command}
    assert made == ({"update"} if state == "again" else {"create", "update"})
    assert len(commands[state]) > 50


def test_the_script_and_the_operators_page_speak_gclouds_language(
    commands: Commands, refused: dict[str, str]
) -> None:
    assert len(commands["page"]) >= 4
    assert not any(
        is_mistake(shlex.join(item))
        for source, each in commands.items()
        if source != "mistakes"
        for item in each
    )
    assert {line: fault for line, fault in refused.items() if not is_mistake(line)} == {}


def test_what_gcloud_does_not_know_is_noticed(refused: dict[str, str]) -> None:
    faults = {line: fault for line, fault in refused.items() if is_mistake(line)}
    assert len(faults) == len(BAD)
    for word in ("--color", "paint", "TOPIC"):
        assert any(word in fault for fault in faults.values()), faults
