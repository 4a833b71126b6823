"""What a column of a table that we publish means: by whom it is written, its kind and its unit are the same."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["text", "time", "date", "integer", "number", "boolean", "json"]
"""Of a cell. ``time`` is in UTC; ``date`` is a day of Indian time."""


class Field(msgspec.Struct, frozen=True):
    """One column."""

    name: str
    kind: Kind
    meaning: str
    unit: str | None = None
    required: bool = False


def described(fields: tuple[Field, ...]) -> list[str]:
    """The columns as a table of Markdown, line by line."""
    return [
        "| column | type | unit | meaning |",
        "|---|---|---|---|",
        *(f"| `{field.name}` | {field.kind} | {field.unit or ''} | {field.meaning} |" for field in fields),
    ]
