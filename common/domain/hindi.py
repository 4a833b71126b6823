"""Hindi names: of cities, of the Indian index's categories, of months. The dashboard has the same; a test compares."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any


def city_name(city: str) -> str:
    """The name of one of the 56 cities; others are returned as they are."""
    name: str = _names()["cities"].get(city, city)
    return name


def category_name(category: str) -> str:
    """The name of a category of the Indian index."""
    name: str = _names()["categories"][category]
    return name


def month_name(month: int) -> str:
    """The name of a month, 1 to 12."""
    name: str = _names()["months"][month - 1]
    return name


@cache
def _names() -> Any:
    return json.loads(Path(__file__).with_name("hindi.json").read_text(encoding="utf-8"))
