"""The dashboard of this checkout: whether it is built, and how it is built beside `vayu dev`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from common.config import DASHBOARD

if TYPE_CHECKING:
    from common.cli.processes import Child
    from common.config import Settings

_CHECKOUT = DASHBOARD.parents[1]
_UNREACHABLE = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|SELF_SIGNED_CERT"  # npm
    r"|NewConnectionError|No matching distribution found"  # pip
)


def is_ours(settings: Settings) -> bool:
    """Whether the dashboard that is served is the one that make can build in this checkout."""
    sources = (_CHECKOUT / "Makefile", _CHECKOUT / "dashboard" / "package.json")
    can_build = shutil.which("make") is not None and all(source.exists() for source in sources)
    return can_build and settings.dashboard == DASHBOARD


def is_current() -> bool:
    """Whether it has been built, and no source is newer."""
    command = build_command("--question")
    done = subprocess.run(command, env=build_environment(), capture_output=True, check=False)  # noqa: S603 — ours
    return done.returncode == 0


def build_command(*options: str) -> list[str]:
    """How to build it, with the environment that this runs in."""
    return ["make", *options, "--directory", str(_CHECKOUT), f"VENV={sys.prefix}", "dashboard"]


def build_environment() -> dict[str, str]:
    """Without what `make run` hands down to the makes that it starts itself."""
    return {
        name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")
    }


def outcome(build: Child, base: str) -> str:
    """What became of a build that has ended, in one sentence."""
    if build.status == 0:
        return f"The dashboard is at {base}/"
    why = ", because no package registry can be reached" if _UNREACHABLE.search(build.output) else ""
    alone = "" if (DASHBOARD / "index.html").exists() else ": the API serves alone"
    return f"The dashboard could not be built{why}{alone}; see {build.log}"
