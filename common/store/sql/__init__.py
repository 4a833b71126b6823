"""Long statements, a file each, with ``:name`` parameters.

Lists of columns and conditions that the code owns stand as ``${name}`` and are filled in when a module is loaded;
values never are.
"""

from functools import cache, lru_cache
from pathlib import Path
from string import Template

from pg8000.converters import array_out


@cache
def load(name: str, **parts: str) -> str:
    """The statement in the file of that name, with its parts filled in.

    Raises:
        KeyError: when a part is missing.
    """
    text = Path(__file__).with_name(f"{name}.sql").read_text(encoding="utf-8")
    return Template(text).substitute(parts)


@lru_cache(maxsize=256)
def text_array(texts: tuple[str, ...]) -> str:
    """A parameter that a statement casts to ``text[]``; to write 56 names takes pg8000 half a millisecond."""
    written: str = array_out(list(texts))
    return written
