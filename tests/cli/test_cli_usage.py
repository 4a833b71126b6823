"""Exit status and sentences: 0 done, 1 failed, 2 misused; never a trace."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from commands import Vayu, complaint

from common import __version__

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("collect", "--city", "Dehli"), "unknown city 'Dehli'; did you mean Delhi"),
        (("train", "Atlantis"), "unknown city 'Atlantis'"),
        (("forecast", "x" * 500), "unknown city 'xxx"),
        (("score", "--city", "Atlantis"), "unknown city"),
        (("import", "pyproject.toml", "--city", "Atlantis"), "unknown city"),
        (("import", "no/such/file.csv", "--city", "Delhi"), "no/such/file.csv"),
        (("import", ".", "--city", "Delhi"), "'.'"),
        (("import", "pyproject.toml"), "--city"),
        (("import", "--city", "Delhi"), "FILES"),
        (("import", "pyproject.toml", "--city", "Delhi", "--format", "xml"), "xml"),
        (("replay", "--from", "yesterday", "--to", "2025-10-24"), "'yesterday' is no time"),
        (("replay", "--from", "0001-01-01", "--to", "2025-10-24"), "is no time"),
        (("replay", "--from", "2025-10-24", "--to", "2025-10-24"), "--to must be after --from"),
        (("replay", "--from", "2025-10-24", "--to", "2025-10-25", "--every", "0h"), "'0h' is no duration"),
        (
            ("replay", "--from", "2025-10-24", "--to", "2025-10-25", "--forecast-every", "12 hours"),
            "no duration",
        ),
        (("replay", "--to", "2025-10-24"), "--from"),
        (("backfill",), "--days"),
        (("backfill", "--days", "0"), "0"),
        (("backfill", "--days", "many"), "many"),
        (("collect", "--source", "nasa"), "nasa"),
        (("train", "--family", "magic"), "magic"),
        (("score", "--mode", "dead"), "dead"),
        (("dev", "--port", "99999"), "99999"),
        (("conjure",), "conjure"),
        (("status", "--loud"), "--loud"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else "",
)
def test_bad_usage(lost: Vayu, arguments: tuple[str, ...], message: str) -> None:
    assert message in complaint(lost(*arguments), 2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://u:hidden@h/n"),
        ("DATABASE_URL", "postgresql://u:hidden@h:port/n"),
        ("DATABASE_URL", "postgresql://u:hidden@h/n?colour=red"),
        ("VAYU_RETAIN_RAW", "for ever"),
        ("PORT", "http"),
        ("OPEN_METEO_AIR_URL", "open-meteo.com"),
    ],
)
def test_a_wrong_setting(lost: Vayu, name: str, value: str) -> None:
    sentence = complaint(lost("status", env={name: value}), 2)
    assert sentence.startswith(name)
    assert "hidden" not in sentence


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"VAYU_SOURCES": "nasa"}, "nasa"),
        ({"VAYU_SOURCES": "iqair"}, "IQAIR_API_KEY"),
        ({"VAYU_SOURCES": "simulated,open-meteo"}, "VAYU_SOURCES"),
    ],
)
def test_sources_that_cannot_be(vayu: Vayu, env: dict[str, str], message: str) -> None:
    assert message in complaint(vayu("collect", env=env), 2)


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("migrate",),
        ("collect",),
        ("maintain",),
        ("forecast",),
        ("train",),
        ("score",),
        ("dev", "--offline"),
    ],
)
def test_the_database_is_down(lost: Vayu, arguments: tuple[str, ...]) -> None:
    sentence = complaint(lost(*arguments), 1)
    assert "DATABASE_URL" in sentence
    assert "hidden" not in sentence


def test_a_queue_of_no_known_kind(vayu: Vayu) -> None:
    assert complaint(vayu("collect", env={"QUEUE_URL": "carrier-pigeon:"}), 2).startswith("QUEUE_URL")


def test_dev_works_with_its_own_queue_only(lost: Vayu) -> None:
    env = {"QUEUE_URL": "sqs://sqs.ap-south-1.amazonaws.com/1/vayu"}
    assert complaint(lost("dev", "--offline", env=env), 2).startswith("QUEUE_URL")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "Delhi"), "nothing could be trained"),
        (("forecast", "Delhi"), "vayu collect, vayu train"),
        (("score",), "vayu forecast"),
        (("replay", "--from", "2025-10-10", "--to", "2025-10-11"), "import some first"),
    ],
)
def test_nothing_to_work_on(vayu: Vayu, arguments: tuple[str, ...], message: str) -> None:
    assert message in complaint(vayu(*arguments), 1)


def test_help_and_version(lost: Vayu) -> None:
    assert __version__ in lost("--version").stdout
    for arguments in (("--help",), ("-h",), ("import", "-h")):
        assert lost(*arguments).exit_code == 0
    assert lost().exit_code == 2


def test_as_a_process(environment: dict[str, str], unconnected: dict[str, str]) -> None:
    def call(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "common.cli", *arguments],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **environment, **env},
            capture_output=True,
            text=True,
            check=False,
        )

    well = call("status", "--json")
    assert (well.returncode, well.stderr) == (0, "")
    assert well.stdout.startswith("{")
    down = call("status", **unconnected)
    assert (down.returncode, down.stdout) == (1, "")
    assert down.stderr.startswith("error: the database cannot be reached")
    assert len(down.stderr.splitlines()) == 1
    failing = call("collect", "--source", "cpcb-feed", "--city", "Delhi", "--json")
    assert failing.returncode == 1
    assert failing.stderr.startswith("error: no source gave anything")


def test_verbose_shows_the_log_and_where_an_error_came_from(lost: Vayu) -> None:
    result = lost("--verbose", "status")
    assert result.exit_code == 1
    assert "Traceback" in result.stderr


def test_a_reader_that_leaves_early(environment: dict[str, str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "common.cli", "status", "--json"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, complaints = process.communicate()
    assert complaints == ""
    assert process.returncode == 1
