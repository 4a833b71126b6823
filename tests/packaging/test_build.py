"""What is laid out for the clouds: whole, light, for the right machine, and the same bytes each time."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from digests import digests

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]
GLIBC = (2, 34)
"""Of Amazon Linux 2023"""
MACHINES = {"x86_64": 62, "arm64": 183}
"""Architecture → e_machine of its ELF files"""
NEVER = ("boto3", "botocore", "pandas", "sklearn", "scipy", "xgboost", "onnx", "pytest", "moto", "alembic")


def build(target: Path, *options: str) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "build.py", "--out", target, *options],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def shared_objects(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.read_bytes()[:4] == b"\x7fELF"]


@pytest.mark.slow
def test_the_same_input_gives_the_same_bytes(
    build_script: ModuleType, digests_when_built: dict[str, str], tmp_path: Path
) -> None:
    """Of a layer, a function with packages of its own and one without; of all, where VAYU_TEST_THOROUGH is set."""
    if os.environ.get("VAYU_TEST_THOROUGH"):
        build(tmp_path)
        assert digests(tmp_path) == digests_when_built
        return
    aws, compiler = tmp_path / "aws", build_script._compiler()
    build_script._layer(aws, "base", "x86_64", compiler)
    for name in ("collect", "retention"):
        unit = build_script.UNITS[name]
        build_script._function(aws / "functions" / name, name, unit, "x86_64", compiler)
        build_script._gcp(tmp_path / "gcp" / name, name, unit)
    again = digests(tmp_path)
    assert again.items() <= digests_when_built.items()
    assert {"aws/layers/base.zip", "aws/functions/collect.zip", "aws/functions/retention.zip"} <= again.keys()


@pytest.mark.slow
def test_the_other_processor_gets_its_own_libraries(tmp_path: Path) -> None:
    build(tmp_path, "--arch", "arm64", "--without-bytecode")  # which is the same on every processor
    check_machine(tmp_path / "aws", "arm64")


def test_libraries_are_for_this_processor_and_amazon_linux(built: Path) -> None:
    check_machine(built / "aws", "x86_64")


def check_machine(folder: Path, arch: str) -> None:
    result = shared_objects(folder)
    assert len(result) > 20
    for path in result:
        head = path.read_bytes()
        assert struct.unpack_from("<H", head, 18)[0] == MACHINES[arch], path
        needed = {tuple(map(int, text.split(b"."))) for text in re.findall(rb"GLIBC_(\d+\.\d+)", head)}
        assert max(needed, default=(2, 0)) <= GLIBC, path


def test_nothing_is_shipped_that_no_function_needs(built: Path) -> None:
    # X-Ray's library has a folder of its own for each library that it can follow.
    result = [path for path in (built / "aws").rglob("*") if path.parent.parent.name != "aws_xray_sdk"]
    assert not {path.name for path in result} & set(NEVER)
    assert not {path.name for path in (built / "aws").rglob("*") if path.is_dir()} & {"tests", "include"}


@pytest.mark.parametrize(
    ("unit", "not_in_it"),
    [
        ("collect", ("common/api", "common/inference", "common/training", "common/cli")),
        ("retention", ("common/api", "common/inference", "common/training", "common/cli")),
        ("forecast", ("common/api", "common/training", "common/cli")),
        ("alerts", ("common/api", "common/inference", "common/features", "common/training", "common/cli")),
        (
            "live",
            (
                "common/api",
                "common/inference",
                "common/ingest",
                "common/training",
                "common/cli",
                "common/live",
            ),
        ),
        ("api", ("common/inference", "common/features", "common/training", "common/cli")),
    ],
)
def test_a_function_holds_what_it_can_reach_and_no_more(
    built: Path, unit: str, not_in_it: tuple[str, ...]
) -> None:
    folder = built / "aws" / "functions" / unit
    assert (folder / "functions" / unit / "main.py").exists()
    assert not [path for path in not_in_it if (folder / path).exists()]
    assert [
        path.name for path in (folder / "functions").iterdir() if path.is_dir() and path.name != "__pycache__"
    ] == [unit]


def test_zips_hold_what_the_folders_do_and_nobody_may_write_it(built: Path) -> None:
    zips = sorted((built / "aws").rglob("*.zip"))
    assert len(zips) == 8
    for path in zips:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            assert names == [path.as_posix() for path in sorted(map(Path, names))]
            assert set(names) == set(digests(path.with_suffix("")))
            assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100644}


def test_the_licences_of_others_are_shipped_with_them(built: Path) -> None:
    for folder in (built / "aws" / "layers").glob("*/python"):
        for info in folder.glob("*.dist-info"):
            named, _, page = (info / "METADATA").read_text(encoding="utf-8").partition("\n\n")
            assert named.startswith("Metadata-Version"), info
            assert not page, info


def test_too_much_is_an_error(build_script: ModuleType, built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aws = built / "aws"
    layers = {name: aws / "layers" / f"{name}.zip" for name in build_script.LAYERS}
    assert build_script._report(aws, layers) == 0
    small = build_script.Unit(("base",), (), (), zipped_mb=1)
    monkeypatch.setitem(build_script.UNITS, "collect", small)
    assert build_script._report(aws, layers) == 1


def test_live_connections_are_a_process_on_google_cloud(built: Path) -> None:
    folder = built / "gcp" / "live"
    files = {path.name for path in folder.iterdir()}
    assert files == {"main.py", "requirements.txt", "common", "functions", "Procfile", ".python-version"}
    assert (folder / "Procfile").read_text() == "web: python main.py\n"
    assert (folder / "common" / "live" / "server.py").exists()
    for part in ("api", "cli", "inference", "ingest", "training"):
        assert not (folder / "common" / part).exists()
    pins = (folder / "requirements.txt").read_text().splitlines()
    assert any(line.startswith("aiohttp==") for line in pins)


@pytest.mark.parametrize("unit", ["collect", "forecast", "train", "retention", "alerts", "api"])
def test_a_folder_for_google_cloud_is_whole(built: Path, unit: str) -> None:
    folder = built / "gcp" / unit
    assert {path.name for path in folder.iterdir()} == {"main.py", "requirements.txt", "common", "functions"}
    pins = (folder / "requirements.txt").read_text().splitlines()
    assert all("==" in line for line in pins)
    assert any(line.startswith("functions-framework==") for line in pins)
    assert len({line.split("==")[0] + line.partition(";")[2] for line in pins}) == len(pins)
