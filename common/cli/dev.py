"""``dev``: the whole product on one machine: database, API, scheduler and workers."""

from __future__ import annotations

import os
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from common.bootstrap.container import environment_settings, system_clock
from common.bootstrap.live_process import DEFAULT_PORT
from common.bootstrap.local import local_resources
from common.cli import dashboard
from common.cli.first_fill import first_fill
from common.cli.main import main
from common.cli.output import aside
from common.cli.processes import HOST, Child, Processes, alone, environment, refuse_taken
from common.cli.schedule import Schedule
from common.cli.signals import until_told_to_stop
from common.domain.cities import all_cities
from common.domain.errors import ConfigError, StoreError
from common.domain.live_protocol import WEBSOCKET_PATH
from common.services.collect import collector
from common.services.events import announcing
from common.store.databases import checkpoint
from common.store.dataset_kind import dataset
from common.store.jobs import release

if TYPE_CHECKING:
    from collections.abc import Iterator

    from common.config import Settings
    from common.services.resources import Resources

_PROCFILE = Path(__file__).with_name("Procfile")
_TRAINERS = min(2, os.cpu_count() or 1)
_UP_WITHIN_S = 60.0
_WITHOUT_JOBS = ("api", "live")


@main.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Default: PORT, else 8080.")
@click.option("--offline", is_flag=True, help="Ask no provider; work on simulated data.")
def dev(port: int | None, offline: bool) -> None:
    """Run everything on this machine until Ctrl-C: database, API, scheduler, workers."""
    settings = environment_settings()
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
            live_port = _live_port(settings, chosen)
            aside.print("Starting the database …")
            resources = stack.enter_context(local_resources(settings, clock=system_clock, offline=offline))
            resources = stack.enter_context(_reachable(resources, settings))
            logs = resources.settings.home / "logs"
            env = environment(resources, chosen) | live_environment(settings, live_port)
            processes = Processes(_PROCFILE, env, logs, lock)
            stack.callback(_stop, resources, processes, ours=settings.database_url is None)
            _run(resources, chosen, processes, started)
        aside.print("Stopping …")
    aside.print("Stopped.")


def _stop(resources: Resources, processes: Processes, *, ours: bool) -> None:
    """End all processes; a server of `ours`, which is stopped next, gets ready for that meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        if ours:
            pool.submit(checkpoint, resources.database)  # where that fails, the shutdown does it
        processes.stop()


def _run(resources: Resources, port: int, processes: Processes, started: float) -> None:
    with resources.database.transaction() as connection:
        release(connection)
    _await_health(port, processes.start("api"))
    base = f"http://{HOST}:{port}"
    aside.print(f"The API answers at {base}/api/v1/health")
    processes.start("live")
    processes.start("worker")
    processes.start("alerts")
    for _ in range(_TRAINERS):
        processes.start("trainer")
    _build_dashboard(resources, processes, base)
    schedule = Schedule(resources)
    first_fill(resources, tick=lambda: _see_to(resources, processes, base))
    with resources.database.transaction() as connection:
        note = "  (simulated data)" if dataset(connection) == "simulated" else ""
    ready = f"Ready after {time.monotonic() - started:.0f} s: {base}/api/v1/forecast/delhi{note}"
    aside.print(ready, soft_wrap=True)
    aside.print(f"Logs: {processes.logs}. Ctrl-C stops it; everything is kept.", soft_wrap=True)
    while True:
        schedule.run_due()
        _see_to(resources, processes, base)
        time.sleep(1.0)


def _live_port(settings: Settings, port: int) -> int:
    """Where live connections are served: where the settings say, else on the first free port above the API's.

    Raises:
        StoreError: when the port of the settings is taken, or none is free.
    """
    if settings.live_port is not None:
        if settings.live_port == port:
            raise ConfigError(f"VAYU_LIVE_PORT must be another port than the API's, {port}")
        refuse_taken([settings.live_port], choose="another VAYU_LIVE_PORT, or leave it out")
        return settings.live_port
    candidates = [number for number in range(port + 1, port + 20) if number <= 65535] or [DEFAULT_PORT]
    for number in candidates[:-1]:
        with suppress(StoreError):
            refuse_taken([number], choose="")
            return number
    refuse_taken(candidates[-1:], choose="a free one for live connections: VAYU_LIVE_PORT=…")
    return candidates[-1]


def live_environment(settings: Settings, port: int) -> dict[str, str]:
    """What processes must know of live connections."""
    return {
        "VAYU_LIVE_PORT": str(port),
        "VAYU_LIVE_URL": settings.live_url or f"ws://{HOST}:{port}{WEBSOCKET_PATH}",
    }


@contextmanager
def _reachable(resources: Resources, settings: Settings) -> Iterator[Resources]:
    """The resources as they are where a provider answers or data are there; else simulated ones.

    Raises:
        StoreError: when nothing can be reached and DATABASE_URL is set: somebody's own database must not be
            filled with invented data because a network was down for a moment.
    """
    simulated = resources.settings.sources == ("simulated",)
    with resources.database.transaction() as connection:
        empty = dataset(connection) is None
    if simulated:
        aside.print("Working on simulated data.", style="yellow")
    if simulated or not empty:
        yield resources
        return
    aside.print("Asking the providers …")
    with announcing(resources):
        report = collector(resources).collect(all_cities(), forecast_hours=0, insist=True)
    if not report.failed:
        yield resources
        return
    for name, source in report.sources.items():
        if source.failure:
            aside.print(f"  {name}: {source.failure}", soft_wrap=True)
    if settings.database_url is not None:
        raise StoreError(
            "no provider can be reached; try again later, or name another database and add --offline"
        )
    aside.print("No provider can be reached: working on simulated data.", style="yellow")
    with local_resources(settings, clock=system_clock, offline=True) as invented:
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


def _build_dashboard(resources: Resources, processes: Processes, base: str) -> None:
    """Have the page built beside all else, where it is not yet; it is served as soon as it is there."""
    if not dashboard.is_ours(resources.settings):
        return
    if dashboard.is_current():
        aside.print(f"The dashboard is at {base}/")
        return
    aside.print("Building the dashboard beside it …")
    processes.start("dashboard")


def _see_to(resources: Resources, processes: Processes, base: str) -> None:
    """Start again what has ended, and let others take up what it had in hand; say what became of the dashboard."""
    for child in processes.ended():
        if child.name == "dashboard":
            aside.print(dashboard.outcome(child, base), soft_wrap=True)
            continue
        aside.print(f"{child.name} ended with status {child.status}; starting it again")
        processes.start(child.name)
        if child.name not in _WITHOUT_JOBS:
            with resources.database.transaction() as connection:
                release(connection)
