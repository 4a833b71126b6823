"""The function ``collect``: an hourly schedule, or a message that asks for a backfill."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

from common.adapters.queue import OBSERVATIONS_READY, Message
from common.bootstrap.named import named_cities
from common.bootstrap.parts import Parts, assemble, collector
from common.domain.errors import DataError, Transient

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_BACKFILL_DAYS = 3650


def build(parts: Parts | None = None) -> Callable[[Message], Mapping[str, object]]:
    """The handler, with its sources and connections kept for the next call."""
    whole = parts or assemble()
    ready = collector(whole)

    def handle(message: Message) -> Mapping[str, object]:
        """``data`` may name ``cities`` and a number of ``days`` to fill; without them: the last day, everywhere."""
        days = message.data.get("days", 0)
        if isinstance(days, bool) or not isinstance(days, int) or not 0 <= days <= MAX_BACKFILL_DAYS:
            raise DataError(f"days must be a whole number from 0 to {MAX_BACKFILL_DAYS}")
        now = whole.clock()
        report = ready.collect(named_cities(message.data), start=now - timedelta(days=days) if days else None)
        if report.cities:
            # Each run has its own subject: a message that still waits for other cities must not be replaced.
            whole.queue.send(
                OBSERVATIONS_READY, f"collected {now:%Y-%m-%dT%H:%M:%SZ}", {"cities": report.cities}
            )
        if report.failed:
            raise Transient("no source gave anything: " + "; ".join(sorted(report.sources)))
        return {
            "hours": report.hours,
            "cities": len(report.cities),
            "sources": {name: asdict(source) for name, source in report.sources.items()},
        }

    return handle
