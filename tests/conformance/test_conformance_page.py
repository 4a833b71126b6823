"""What docs/conformance.md shows and says is so."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

from conformance.forecast.__main__ import _parser as forecast_parser
from conformance.forecast.__main__ import others
from conformance.forecast.benchmark import indian_windows
from conformance.naqi.others.table import table

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")


def test_the_table_is_that_of_the_results() -> None:
    assert table() in PAGE


def test_the_versions_are_those_that_were_tested() -> None:
    pinned = (ROOT / "conformance/naqi/others/requirements.txt").read_text(encoding="utf-8")
    tested = {path.stem for path in (ROOT / "conformance/naqi/others/results").glob("*.json")}
    assert {line.replace("==", "-") for line in pinned.splitlines() if "==" in line} == tested
    for name in tested:
        package, _, version = name.rpartition("-")
        assert f"**{package} {version}**" in PAGE


def test_the_conversation_is_that_of_the_runner() -> None:
    question, answer = re.findall(r'^\{"id".*\}$', PAGE, re.MULTILINE)
    done = subprocess.run(
        [sys.executable, "-m", "conformance.naqi.vayu"],
        input=question + "\n", cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert json.loads(done.stdout) == json.loads(answer)
    kit = json.loads((ROOT / "conformance/naqi/vectors.json").read_text(encoding="utf-8"))
    [vector] = [each for each in kit["vectors"] if each["id"] == json.loads(question)["id"]]
    assert {name: vector[name] for name in ("id", "op", "input")} == json.loads(question)
    assert f"{len(kit['vectors'])} vectors" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_its_commands_are_understood() -> None:
    commands = re.findall(r"^python -m (conformance\.\S+)( .*)?$", PAGE, re.MULTILINE)
    assert commands
    for module, words in commands:
        if module == "conformance.forecast":  # read here: its libraries are slow to load again for each line
            forecast_parser().parse_args(shlex.split(words.partition(">")[0]))
            continue
        done = subprocess.run(
            [sys.executable, "-m", module, *shlex.split(words.partition(">")[0]), "--help"],
            cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def test_our_own_entry_has_the_skill_of_the_committed_results() -> None:
    rows = re.findall(r"^\| ([\w-]+) \| [\d,]+ \| [\d.]+ \| ([+-][\d.]+) \|", PAGE, re.MULTILINE)
    assert [name for name, _ in rows] == [window.window for window in indian_windows()]
    assert {name: float(skill) for name, skill in rows} == {name: others(name)["vayu"] for name, _ in rows}
    mean = sum(float(skill) for _, skill in rows) / len(rows)
    assert f"The mean skill is {mean:+.1f} %" in PAGE
