"""``export``, ``verify``, ``restore-record``: what they say and how they end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from commands import Vayu, complaint, parsed

ROOT = Path(__file__).parents[2]


def test_an_archive_there_and_back(vayu: Vayu, tmp_path: Path) -> None:
    address = (tmp_path / "archive").as_uri()
    vayu("collect", "--offline", "--city", "Delhi", "--city", "Pune")
    first = parsed(vayu("export", "--to", address, "--json"))
    assert (first["files"], first["written"], first["rows"]) == (2, 2, 48)
    assert parsed(vayu("export", "--to", address, "--json"))["written"] == 0
    result = parsed(vayu("verify", address, "--json"))
    assert (result["files"], result["manifests"], result["faults"]) == (2, 2, [])
    assert parsed(vayu("verify", address, "--manifest", result["manifest"], "--json"))["faults"] == []
    assert "not the one that was given" in complaint(
        vayu("verify", address, "--manifest", first["manifest"]), 1
    )
    restored = parsed(vayu("restore-record", address, "--json"))
    assert (restored["rows"]["observations"], restored["new"]["observations"]) == (48, 0)
    file = next((tmp_path / "archive").rglob("*.parquet"))
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    assert "was changed" in complaint(vayu("verify", address), 1)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("export", "--to", "ftp://host/folder"), "file:///folder"),
        (("export", "--to", "2025-10-10"), "give one address"),
        (("export", "--to", "file:///a", "--to", "file:///b"), "give one address"),
        (
            ("export", "--to", "file:///tmp/x", "--from", "2025-10-10", "--to", "2025-10-09"),
            "after the beginning",
        ),
        (("export", "--to", "file:///tmp/x", "--to", "yesterday"), "is no time"),
        (("export", "--to", "file:///tmp/x", "--format", "ods"), "parquet"),
        (("export", "--to", "file:///tmp/x", "--city", "Atlantis"), "unknown city"),
        (("verify", "somewhere"), "file:///folder"),
        (("verify",), "Missing argument"),
        (("restore-record", "https://host/folder"), "file:///folder"),
    ],
)
def test_bad_usage(lost: Vayu, arguments: tuple[str, ...], says: str) -> None:
    result = lost(*arguments)
    assert result.exit_code == 2, result.output
    assert says in result.stderr


@pytest.mark.parametrize(
    ("package", "arguments"),
    [
        ("pyarrow", ("export", "--to", "file:///tmp/x")),
        ("pyarrow", ("restore-record", "file:///tmp/x")),
        ("pandas", ("import", "--city", "Delhi", "pyproject.toml")),
        ("threadpoolctl", ("train", "Delhi")),
    ],
)
def test_a_package_that_an_image_does_not_have_is_named(
    environment: dict[str, str], package: str, arguments: tuple[str, ...]
) -> None:
    # In a process of its own: what is loaded here is not found absent any more.
    code = (
        f"import sys; sys.modules[{package!r}] = None; from common.cli import main; main({list(arguments)!r})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60, cwd=ROOT,
        env={**os.environ, **environment},
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(
        f"error: this command needs the package {package}, which is not installed here: pip install 'vayu[local]'"
    )
    assert done.stderr.count("\n") == 1


def test_where_there_is_no_archive(vayu: Vayu, tmp_path: Path) -> None:
    for command in ("verify", "restore-record"):
        assert "there is no archive" in complaint(vayu(command, (tmp_path / "none").as_uri()), 1)


def test_a_place_that_refuses(vayu: Vayu, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    assert complaint(vayu("export", "--to", (tmp_path / "file" / "x").as_uri()), 1)
