"""The function ``retention``: roll up days, drop what is past its time, refresh statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.bootstrap.parts import Parts, assemble
from common.store.maintain import maintain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from common.adapters.queue import Message


def build(parts: Parts | None = None) -> Callable[[Message], Mapping[str, object]]:
    """The handler; what it is sent does not matter, only that it is."""
    whole = parts or assemble()

    def handle(_: Message) -> Mapping[str, object]:
        return maintain(whole.database, now=whole.clock(), retain_raw_days=whole.settings.retain_raw_days)

    return handle
