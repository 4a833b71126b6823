"""Which models' files may go."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

KEPT_TO_GO_BACK = 5
"""So many former champions of each city, target and mode keep their files."""
KEPT_AFTER_USE = timedelta(hours=72)
"""So long after its training, and after a forecast was made with it, a model keeps its files: a day longer than a
forecast reaches, so that it can be computed again with the truth beside it."""


class KeptModel(msgspec.Struct, frozen=True):
    """A model whose files are kept."""

    version: str
    serves: tuple[str, str, str]
    """City, target and mode"""
    is_champion: bool
    trained_at: datetime
    promoted_at: datetime | None
    """None: never a champion"""
    followed_until: datetime | None
    """Until then it forecasts beside the champion"""


def files_to_give_up(models: Iterable[KeptModel], used: Collection[str], now: datetime) -> list[str]:
    """Versions whose files are needed no more. `models`: all whose files are kept; `used`: versions that a forecast
    of the time `KEPT_AFTER_USE` was made with.

    Kept are champions, the last `KEPT_TO_GO_BACK` before them, what is followed beside them, what a forecast was made
    with lately, and what was trained lately.
    """
    every = list(models)
    former: dict[tuple[str, str, str], list[tuple[timedelta, str]]] = defaultdict(list)
    for model in every:
        if model.promoted_at is not None and not model.is_champion:
            former[model.serves].append((now - model.promoted_at, model.version))
    to_go_back = {version for past in former.values() for _, version in sorted(past)[:KEPT_TO_GO_BACK]}
    return [
        model.version
        for model in every
        if not model.is_champion
        and model.version not in to_go_back
        and model.version not in used
        and model.trained_at < now - KEPT_AFTER_USE
        and (model.followed_until is None or model.followed_until <= now)
    ]
