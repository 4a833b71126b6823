"""The first start: a history, first models, first forecasts, all through the queue that also serves later."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from common.adapters.queue import COLLECT, OBSERVATIONS_READY, TRAIN
from common.cli.output import aside, progress
from common.domain.cities import all_cities
from common.store.jobs import unfinished
from common.store.models import latest_training

if TYPE_CHECKING:
    from rich.progress import Progress

    from common.bootstrap.parts import Parts

DAYS = 92
"""As far back as the keyless provider goes."""
_POLL_S = 0.3
_GROUP = 7
"""Cities in one backfill message."""


def first_fill(parts: Parts) -> None:
    """Fill what is missing: the past of cities without one, then first models, then forecasts.

    The first models are linear: they take a second each. The other families are queued behind them and trained
    while the API already serves.
    """
    names = [city.name for city in all_cities()]
    with parts.database.transaction() as connection:
        trained = set(latest_training(connection, "live"))
    new = [name for name in names if name not in trained]
    if not new:
        return
    with progress() as bar:
        _fill_and_train(parts, bar, new)
        _forecast(parts, bar, new)
    for name in new:
        parts.queue.send(TRAIN, name, {"city": name})
    aside.print("Random forest and XGBoost are being trained behind it; see: vayu status")


def _fill_and_train(parts: Parts, bar: Progress, names: list[str]) -> None:
    """Backfill in groups; a city is trained as soon as its group is there."""
    groups = [names[first : first + _GROUP] for first in range(0, len(names), _GROUP)]
    filling = {
        int(parts.queue.send(COLLECT, f"first {number}", {"cities": group, "days": DAYS})): group
        for number, group in enumerate(groups)
    }
    training: set[int] = set()
    fill = bar.add_task(f"Filling {DAYS} days of history", total=len(names))
    train = bar.add_task("Training first models", total=len(names))
    while filling or training:
        time.sleep(_POLL_S)
        with parts.database.transaction() as connection:
            waiting = unfinished(connection, [*filling, *training])
        training &= waiting
        for job in [job for job in filling if job not in waiting]:
            for name in filling.pop(job):
                training.add(int(parts.queue.send(TRAIN, name, {"city": name, "families": ["linear"]})))
        filled = len(names) - sum(len(group) for group in filling.values())
        bar.update(fill, completed=filled)
        bar.update(train, completed=filled - len(training))


def _forecast(parts: Parts, bar: Progress, names: list[str]) -> None:
    task = bar.add_task("Issuing first forecasts", total=1)
    job = int(parts.queue.send(OBSERVATIONS_READY, "first", {"cities": names}))
    waiting = {job}
    while waiting:
        time.sleep(_POLL_S)
        with parts.database.transaction() as connection:
            waiting = unfinished(connection, [job])
    bar.update(task, completed=1)
