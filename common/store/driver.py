"""The driver's one slow habit, cured.

pg8000 looks at each character of a statement, in Python, each time the statement is run, to put ``$1`` for ``%s``.
Of an hourly collection that was two thirds of all computing. The outcome depends on the text alone.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pg8000 import legacy

_scan = legacy.convert_paramstyle


@lru_cache(maxsize=512)
def _numbered(statement: str) -> str:
    converted: str = _scan("format", statement, ())[0]
    return converted


def _converted(style: str, statement: str, arguments: Any) -> tuple[str, Any]:
    if style != "format":
        return _scan(style, statement, arguments)  # type: ignore[no-any-return]
    return _numbered(statement), arguments


def remember_statements() -> None:
    """Have pg8000 convert each statement once; the same again does nothing more."""
    legacy.convert_paramstyle = _converted
