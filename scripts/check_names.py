"""Names that tell a reader nothing are refused: `make lint` runs this over the code.

    python scripts/check_names.py [FOLDER…]

A name says what a thing is, in the words of the field: docs/glossary.md.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
FOLDERS = ("common", "functions", "scripts", "tests", "benchmarks", "conformance")
REFUSED = frozenset({"asked", "found", "kept", "one", "said", "told"})
EXCEPTED = frozenset(
    {
        ("common/training/service.py", "kept"),  # a key of what `vayu train --json` prints
        ("common/api/schemas/models.py", "kept"),  # a field of what a training answers
        ("common/services/replay.py", "kept"),  # a key of what `vayu replay --json` prints
    }
)
"""(file, name) of those that have a reason to stay."""


def main() -> None:
    """Print every refused name; 1 where there is any."""
    folders = sys.argv[1:] or FOLDERS
    lines = [
        f"{path.relative_to(ROOT)}:{line}: {name} is no name: say what it is"
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line, name in refused(path)
    ]
    for line in lines:
        print(line)
    sys.exit(1 if lines else 0)


def refused(path: Path) -> Iterator[tuple[int, str]]:
    """(line, name) of each refused name that a file defines."""
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    known = path.relative_to(ROOT).as_posix()
    for node in ast.walk(tree):
        for name in _defined(node):
            if name.strip("_").lower() in REFUSED and (known, name) not in EXCEPTED:
                yield getattr(node, "lineno", 0), name


def _defined(node: ast.AST) -> Iterator[str]:
    """The names that a node gives to something: variables, parameters, attributes, functions, classes, imports."""
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
            yield name
        case ast.Attribute(attr=name, ctx=ast.Store()):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.alias(asname=str(name)):
            yield name
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case _:
            return


if __name__ == "__main__":
    main()
