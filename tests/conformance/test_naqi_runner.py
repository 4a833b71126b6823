"""python -m conformance.naqi: what it says of commands that agree, differ, hang, die, or write something else."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WRITES = """
import json, sys
for line in sys.stdin:
    question = json.loads(line)
    {body}
"""


def run(command: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "conformance.naqi", command, *options],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


def program(body: str) -> str:
    return shlex.join([sys.executable, "-c", WRITES.format(body=body)])


def test_ours_agrees_with_every_vector() -> None:
    done = run(shlex.join([sys.executable, "-m", "conformance.naqi.vayu"]))
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1].split()
    assert last[0] == last[2], done.stdout
    assert last[3:] == ["agree,", "0", "are", "wrong,", "0", "are", "not", "supported"]


def test_what_differs_is_counted_and_shown() -> None:
    command = program("print(json.dumps({'id': question['id'], 'category': 'Good'}), flush=True)")
    done = run(command, "--rule", "naqi-category", "--show", "1")
    assert done.returncode == 1
    assert "2 of 12 agree, 10 are wrong, 0 are not supported" in done.stdout
    assert "naqi-category-003: in-naqi 51: category is Good, expected Satisfactory" in done.stdout
    assert "naqi-category-004" not in done.stdout
    row = json.loads(run(command, "--rule", "naqi-category", "--json").stdout)["naqi-category"]
    assert (row["vectors"], row["agree"], row["wrong"], len(row["cases"])) == (12, 2, 10, 10)


def test_what_is_not_supported_is_not_called_wrong() -> None:
    done = run(
        program("print(json.dumps({'id': question['id'], 'unsupported': 'no cities'}), flush=True)"),
        "--rule",
        "naqi-city",
    )
    assert done.returncode == 1
    assert "0 of 11 agree, 0 are wrong, 11 are not supported" in done.stdout


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (program("sys.exit('no table')"), "ended before it answered naqi-city-001, with status 1: no table"),
        (program("pass"), "did not answer naqi-city-001 within 1 s"),
        (program("print('AQI 50', flush=True)"), "is no JSON: 'AQI 50'"),
        (program("print('[' * 100000, flush=True)"), "is no JSON"),
        (program("print('[]', flush=True)"), "is no JSON object"),
        (program("print('{\"id\": 7}', flush=True)"), "has the id 7"),
        (program("print('x' * 1000002, flush=True)"), "longer than 1000000 characters"),
        ("/no/such/program", "cannot be started: No such file"),
        ("'", "cannot be read"),
        ("", "is empty"),
    ],
    ids=["dies", "hangs", "garbage", "nested", "list", "other id", "long", "absent", "quote", "empty"],
)  # fmt: skip
def test_a_command_that_cannot_be_tested(command: str, sentence: str) -> None:
    done = run(command, "--rule", "naqi-city", "--seconds", "1")
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("options", [("--rule", "none"), ("--seconds", "0"), ("--seconds", "x")])
def test_bad_usage(options: tuple[str, str]) -> None:
    done = run("true", *options)
    assert done.returncode == 2
    assert "usage:" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_vectors_are_checked_by_a_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "conformance.naqi.make", "--check"],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "vectors.json is as the rules make it\n")
