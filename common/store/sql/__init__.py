"""Long statements that are the same at every call, a file each, with ``:name`` parameters."""

from functools import cache
from pathlib import Path


@cache
def load(name: str) -> str:
    """The statement in the file of that name."""
    return Path(__file__).with_name(f"{name}.sql").read_text(encoding="utf-8")
