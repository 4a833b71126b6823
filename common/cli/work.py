"""``work`` and ``schedule``: the processes of a server that take jobs, and that send what is due."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import closing
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

from common.bootstrap.container import assemble
from common.cli.main import main
from common.cli.output import aside
from common.cli.schedule import Schedule
from common.domain.errors import StoreError
from common.domain.messages import (
    ALERTS,
    ARCHIVE,
    COLLECT,
    EVENTS_READY,
    EXPORT,
    FORECAST_READY,
    OBSERVATIONS_READY,
    TRAIN,
)
from common.store.advisory_lock import try_lock

if TYPE_CHECKING:
    from collections.abc import Callable

    from common.domain.messages import Handler
    from common.services.resources import Resources

TYPES = (COLLECT, OBSERVATIONS_READY, FORECAST_READY, EVENTS_READY, ALERTS, ARCHIVE, EXPORT, TRAIN)
_WITH_ARROW = {ARCHIVE, EXPORT}
"""Types whose work writes files by a library that is not in every image"""
SCHEDULER = "scheduler"
"""Name of the lock that the one scheduler of a database holds."""
_TRAINING_NICENESS = 10
_POLL_S = 0.5


@main.command()
@click.argument("types", nargs=-1, type=click.Choice(TYPES))
def work(types: tuple[str, ...]) -> None:
    """Take jobs of these types, or of all but vayu.train, until told to stop.

    Without types, vayu.archive and vayu.export are left to others where pyarrow is not installed.
    Any number of workers may run. The job in hand is finished first; if the process is killed, another worker takes
    it when its lease ends. It migrates nothing.
    """
    left = {TRAIN} if find_spec("pyarrow") else {TRAIN, *_WITH_ARROW}
    run_worker(list(types) or [each for each in TYPES if each not in left])


@main.command()
def schedule() -> None:
    """Send what is due: collection, alerts, the training plan, upkeep; until told to stop.

    Any number may run: one of them works, and another takes over when it ends.
    """
    stop = _stop_signal()
    resources = assemble()
    with closing(resources.database):
        while not stop.is_set():
            try:
                _schedule_if_alone(resources, stop)
            except StoreError as error:
                aside.print(f"waiting: {error}", soft_wrap=True)
            stop.wait(2 * _POLL_S)


def _schedule_if_alone(resources: Resources, stop: threading.Event) -> None:
    lost = "the lock of the scheduler was lost; another may have it"
    with try_lock(resources.database, SCHEDULER, lost=lost) as check_lock:
        if check_lock is None:
            return
        aside.print("This is the scheduler.")
        plan = Schedule(resources)
        while not stop.wait(2 * _POLL_S):
            check_lock()
            plan.run_due()


def run_worker(types: list[str], *, grace_s: float | None = None) -> None:
    """Take jobs until told to stop; the one in hand is finished first, or given back after `grace_s`.

    Raises:
        ConfigError: when no database is named.
    """
    from common.entry.worker import InHand, leave_when_stopped, work_forever

    stop, in_hand = _stop_signal(), InHand()
    resources = assemble()
    if grace_s is not None:
        leave_when_stopped(resources.database, in_hand, stop=stop, grace_s=grace_s)
    from common.services import alerts, archive, collect, exports, forecast, train  # takes its time

    builders: dict[str, Callable[[Resources], Handler]] = {
        COLLECT: collect.handler,
        OBSERVATIONS_READY: forecast.handler,
        TRAIN: train.handler,
        ARCHIVE: archive.handler,
        EXPORT: exports.handler,
        **dict.fromkeys((ALERTS, EVENTS_READY, FORECAST_READY), alerts.handler),
    }
    if TRAIN in types:
        os.nice(_TRAINING_NICENESS)  # answers and fresh forecasts come first
    handlers = {name: builders[name](resources) for name in types}
    work_forever(
        resources.database,
        resources.clock,
        handlers,
        stop=stop,
        poll_seconds=_POLL_S,
        types=types,
        in_hand=in_hand,
    )


def _stop_signal() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
