"""``dev``: the whole product on one machine: database, API, scheduler and workers."""

from __future__ import annotations

import os
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from common.bootstrap.container import Parts, collector, settings_here, system_clock
from common.bootstrap.local import local_parts
from common.cli.first_fill import first_fill
from common.cli.main import main
from common.cli.output import aside
from common.cli.processes import HOST, Child, Processes, alone, environment, refuse_taken
from common.cli.schedule import Schedule
from common.cli.signals import until_told_to_stop
from common.domain.cities import all_cities
from common.domain.errors import ConfigError, StoreError
from common.store.dataset_kind import dataset
from common.store.jobs import release

if TYPE_CHECKING:
    from collections.abc import Iterator

    from common.config import Settings

_PROCFILE = Path(__file__).with_name("Procfile")
_TRAINERS = min(2, os.cpu_count() or 1)
_UP_WITHIN_S = 60.0


@main.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Default: PORT, else 8080.")
@click.option("--offline", is_flag=True, help="Ask no provider; work on simulated data.")
def dev(port: int | None, offline: bool) -> None:
    """Run everything on this machine until Ctrl-C: database, API, scheduler, workers."""
    settings = settings_here()
    if settings.queue_url not in ("postgres:", "postgres://"):
        raise ConfigError(
            "QUEUE_URL must be unset, or 'postgres:', for vayu dev: its workers take jobs there"
        )
    with ExitStack() as stack:
        with until_told_to_stop():
            started = time.monotonic()
            lock = stack.enter_context(alone(settings.home, who="vayu dev"))
            chosen = port or settings.port
            other = chosen + 1 if chosen < 65535 else 8080
            refuse_taken([chosen], choose=f"another: PORT={other} make run, or vayu dev --port {other}")
            aside.print("Starting the database …")
            parts = stack.enter_context(local_parts(settings, clock=system_clock, offline=offline))
            parts = stack.enter_context(_reachable(parts, settings))
            logs = parts.settings.home / "logs"
            processes = Processes(_PROCFILE, environment(parts, chosen), logs, lock)
            stack.callback(processes.stop)
            _run(parts, chosen, processes, started)
        aside.print("Stopping …")
    aside.print("Stopped.")


def _run(parts: Parts, port: int, processes: Processes, started: float) -> None:
    with parts.database.transaction() as connection:
        release(connection)
    _await_health(port, processes.start("api"))
    base = f"http://{HOST}:{port}"
    aside.print(f"The API answers at {base}/api/v1/health")
    processes.start("worker")
    for _ in range(_TRAINERS):
        processes.start("trainer")
    schedule = Schedule(parts)
    first_fill(parts, tick=lambda: _replace_dead(parts, processes))
    with parts.database.transaction() as connection:
        note = "  (simulated data)" if dataset(connection) == "simulated" else ""
    ready = f"Ready after {time.monotonic() - started:.0f} s: {base}/api/v1/forecast/delhi{note}"
    aside.print(ready, soft_wrap=True)
    aside.print(f"Logs: {processes.logs}. Ctrl-C stops it; everything is kept.", soft_wrap=True)
    while True:
        schedule.run_due()
        _replace_dead(parts, processes)
        time.sleep(1.0)


@contextmanager
def _reachable(parts: Parts, settings: Settings) -> Iterator[Parts]:
    """The parts as they are where a provider answers or data are there; else simulated ones.

    Raises:
        StoreError: when nothing can be reached and DATABASE_URL is set: somebody's own database must not be
            filled with invented data because a network was down for a moment.
    """
    simulated = parts.settings.sources == ("simulated",)
    with parts.database.transaction() as connection:
        empty = dataset(connection) is None
    if simulated:
        aside.print("Working on simulated data.", style="yellow")
    if simulated or not empty:
        yield parts
        return
    aside.print("Asking the providers …")
    report = collector(parts).collect(all_cities(), forecast_hours=0, insist=True)
    if not report.failed:
        yield parts
        return
    for name, one in report.sources.items():
        if one.failure:
            aside.print(f"  {name}: {one.failure}", soft_wrap=True)
    if settings.database_url is not None:
        raise StoreError(
            "no provider can be reached; try again later, or name another database and add --offline"
        )
    aside.print("No provider can be reached: working on simulated data.", style="yellow")
    with local_parts(settings, clock=system_clock, offline=True) as invented:
        yield invented


def _await_health(port: int, api: Child) -> None:
    """Wait until the API answers at all: that it has no data yet is for /health to say."""
    deadline = time.monotonic() + _UP_WITHIN_S
    while time.monotonic() < deadline:
        if api.status is not None:
            break
        try:
            urllib.request.urlopen(f"http://{HOST}:{port}/api/v1/health", timeout=5).close()
        except urllib.error.HTTPError as answer:
            answer.close()
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise StoreError(f"the API could not be started; see {api.log}")


def _replace_dead(parts: Parts, processes: Processes) -> None:
    """Start again what has ended, and let others take up what it had in hand."""
    for child in processes.ended():
        aside.print(f"{child.name} ended with status {child.status}; starting it again")
        processes.start(child.name)
        if child.name != "api":
            with parts.database.transaction() as connection:
                release(connection)
