"""What each category of the Indian index means for health, and what to do: in English and Hindi.

The impacts are CPCB's (National Air Quality Index, 2014). The dashboard shows the same sentences; a test compares them.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import msgspec


class GroupAdvice(msgspec.Struct, frozen=True):
    """What a group of people should do; `group` names it."""

    group: str
    text: str


def impact(category: str, language: str) -> str:
    """What air of this category may do to health. `language`: ``en`` or ``hi``."""
    text: str = _sentences()["impact"][category][language]
    return text


def advice(category: str, language: str) -> tuple[GroupAdvice, ...]:
    """What to do in air of this category, by group; everyone comes first."""
    return tuple(
        GroupAdvice(group["name"][language], group["advice"][category][language])
        for group in _sentences()["groups"]
    )


def caveat(language: str) -> str:
    """What must stand beside advice."""
    text: str = _sentences()["caveat"][language]
    return text


@cache
def _sentences() -> Any:
    return json.loads(Path(__file__).with_name("advice.json").read_text(encoding="utf-8"))
