"""A function is loaded without a look for garbage, and looks for it from then on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    ".".join(file.relative_to(ROOT).with_suffix("").parts)
    for file in (ROOT / "functions").glob("*/*.py")
    if file.stem != "__init__"
)


@pytest.mark.parametrize("module", MODULES)
def test_garbage_is_collected_once_a_function_is_loaded(module: str) -> None:
    code = (
        "import functions, gc, importlib\n"
        "collections = []\n"
        "gc.callbacks.append(lambda phase, _: collections.append(phase))\n"
        f"importlib.import_module({module!r})\n"
        "print(len(collections), gc.isenabled(), gc.get_freeze_count() > 10_000)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert done.stdout.split() == ["0", "True", "True"]
