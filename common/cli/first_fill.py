"""The first start: a history, first models, first forecasts, all through the queue that also serves later."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from common.cli.output import aside, progress
from common.domain.cities import all_cities
from common.domain.messages import COLLECT, OBSERVATIONS_READY, TRAIN
from common.store.jobs import unfinished
from common.store.training_schedule import latest_training

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from common.cli.output import Bar
    from common.services.resources import Resources

DAYS = 92
"""As far back as the keyless provider goes."""
_POLL_S = 0.3
_GROUP = 7
"""Cities in one backfill message."""
_LATER = timedelta(minutes=30)
"""After this the other families are trained even if this process does not live to ask for it."""


def first_fill(resources: Resources, tick: Callable[[], None]) -> None:
    """Fill what is missing: the past of cities without models, then first models, then forecasts.

    The first models are linear: they take a second each. The other families are queued behind them and trained
    while the API already serves. `tick` is called while jobs are waited for.
    """
    new = _untrained(resources)
    if not new:
        return
    for name in new:
        resources.queue.send(TRAIN, name, {"city": name}, delay=_LATER)
    with progress() as bar:
        _fill_and_train(resources, bar, new, tick)
        _forecast(resources, bar, new, tick)
    for name in new:
        resources.queue.send(TRAIN, name, {"city": name})
    without = _untrained(resources)
    if without:
        aside.print(f"{len(without)} cities have no forecast yet; see why: vayu status", style="yellow")
    if len(without) < len(new):
        aside.print("Random forest and XGBoost are being trained behind it; see: vayu status")


def _untrained(resources: Resources) -> list[str]:
    with resources.database.transaction() as connection:
        trained = latest_training(connection, "live")
    return [city.name for city in all_cities() if city.name not in trained]


def _fill_and_train(resources: Resources, bar: Bar, names: Sequence[str], tick: Callable[[], None]) -> None:
    """Backfill in groups; a city is trained as soon as its group is there."""
    groups = [names[first : first + _GROUP] for first in range(0, len(names), _GROUP)]
    filling = {
        int(resources.queue.send(COLLECT, f"first {number}", {"cities": group, "days": DAYS})): group
        for number, group in enumerate(groups)
    }
    training: set[int] = set()
    fill = bar.add_task(f"Filling {DAYS} days of history", total=len(names))
    train = bar.add_task("Training first models", total=len(names))
    while filling or training:
        waiting = _waiting(resources, [*filling, *training], tick)
        training &= waiting
        for job in filling.keys() - waiting:
            for name in filling.pop(job):
                linear = {"city": name, "families": ["linear"]}
                training.add(int(resources.queue.send(TRAIN, f"{name} first", linear)))
        filled = len(names) - sum(len(group) for group in filling.values())
        bar.update(fill, completed=filled)
        bar.update(train, completed=filled - len(training))


def _forecast(resources: Resources, bar: Bar, names: Sequence[str], tick: Callable[[], None]) -> None:
    task = bar.add_task("Issuing first forecasts", total=1)
    job = int(resources.queue.send(OBSERVATIONS_READY, "first", {"cities": names}))
    while _waiting(resources, [job], tick):
        pass
    bar.update(task, completed=1)


def _waiting(resources: Resources, jobs: list[int], tick: Callable[[], None]) -> set[int]:
    """Those of the jobs that are still to be done, a moment later."""
    time.sleep(_POLL_S)
    tick()
    with resources.database.transaction() as connection:
        return unfinished(connection, jobs)
