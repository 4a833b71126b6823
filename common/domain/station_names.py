"""Names of stations: when two of them are one station.

Sources and files spell them in many ways: ``ITO, Delhi - CPCB``, ``Ito,Delhi-DPCC``, ``ITO, Delhi``.
"""

from __future__ import annotations

import re
import unicodedata
from difflib import SequenceMatcher
from functools import lru_cache

_KNOWN = r"[a-z ]*(?:pc[bc]|imd|iitm|cecb|bmc)\w?"
_BOARD = re.compile(
    rf"(?:\s+-\s*|\s*-\s+|\s*-(?={_KNOWN}\s*$))(?P<board>{_KNOWN}|[a-z][a-z&]{{1,9}})\s*$", re.IGNORECASE
)
"""Who runs the station, after the last dash."""
_LIKE = 0.9
_CACHED = 4096


@lru_cache(maxsize=_CACHED)
def station_key(name: str) -> tuple[str, str]:
    """(letters and digits of the place, those of the board) without case; the board is empty where none is given."""
    board = _BOARD.search(name)
    return (_plain(name[: board.start()]), _plain(board["board"])) if board else (_plain(name), "")


def city_part(name: str) -> tuple[str, ...]:
    """The parts of a station's name that may be its city: ``ITO, Delhi - CPCB`` → ``Delhi``."""
    board = _BOARD.search(name)
    return tuple(
        part.strip() for part in name[: board.start() if board else None].split(",")[1:] if part.strip()
    )


def are_alike(name: str, other: str) -> bool:
    """Whether the names are so much alike that equal values would show them to be one instrument."""
    first, second = station_key(name)[0], station_key(other)[0]
    if not first or not second:
        return False
    return first in second or second in first or SequenceMatcher(None, first, second).ratio() >= _LIKE


def best_spelling(name: str) -> tuple[bool, int, int]:
    """Sorts spellings of one name: with its board, with capitals and with its blanks comes last."""
    return station_key(name)[1] != "", sum(letter.isupper() for letter in name), len(name)


def _plain(text: str) -> str:
    return "".join(ch for ch in unicodedata.normalize("NFKD", text).casefold() if ch.isalnum())
