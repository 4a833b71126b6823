"""``export``, ``verify``, ``restore-record``: what they say and how they end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from commands import Vayu, complaint, parsed

if TYPE_CHECKING:
    from pathlib import Path


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


def test_where_there_is_no_archive(vayu: Vayu, tmp_path: Path) -> None:
    for command in ("verify", "restore-record"):
        assert "there is no archive" in complaint(vayu(command, (tmp_path / "none").as_uri()), 1)


def test_a_place_that_refuses(vayu: Vayu, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    assert complaint(vayu("export", "--to", (tmp_path / "file" / "x").as_uri()), 1)
