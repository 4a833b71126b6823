"""layers/SET/requirements.txt holds what pyproject.toml says of the set, at the versions that are tested."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
SETS = sorted(path.parent.name for path in ROOT.glob("layers/*/requirements.txt"))
# What images and functions are built for.
MACHINES = [
    {
        "python_version": version,
        "python_full_version": f"{version}.0",
        "sys_platform": "linux",
        "platform_machine": "x86_64",
    }
    for version in ("3.11", "3.13")
]


def pins(name: str) -> list[Requirement]:
    lines = (ROOT / "layers" / name / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line.rstrip("\\ ")) for line in lines if not line.lstrip().startswith(("--", "#"))]


def declared(extra: str) -> Iterator[Requirement]:
    """What a set needs, with what the sets need that it consists of."""
    for text in EXTRAS[extra]:
        requirement = Requirement(text)
        if requirement.name == "vayu":
            for each in requirement.extras:
                yield from declared(each)
        else:
            yield requirement


def applies(requirement: Requirement, machine: dict[str, str]) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(machine)


@pytest.mark.parametrize("name", [each for each in SETS if each in EXTRAS])
def test_a_set_holds_all_that_is_declared(name: str) -> None:
    needed = [*map(Requirement, PROJECT["dependencies"]), *declared(name)]
    for machine in MACHINES:
        pinned = {pin.name: next(iter(pin.specifier)).version for pin in pins(name) if applies(pin, machine)}
        missing = [
            str(each)
            for each in needed
            if applies(each, machine)
            and (each.name not in pinned or not each.specifier.contains(pinned[each.name], prereleases=True))
        ]
        assert missing == [], f"layers/{name} on Python {machine['python_version']}: make pins"


@pytest.mark.parametrize("name", [each for each in SETS if each != "test"])
def test_a_package_has_one_version_everywhere(name: str) -> None:
    tested = {(pin.name, str(pin.specifier)) for pin in pins("test")}
    names = {pin.name for pin in pins("test")}
    assert {(pin.name, str(pin.specifier)) for pin in pins(name) if pin.name in names} <= tested
