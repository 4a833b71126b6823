"""``dev``: the whole product on one machine: database, API, scheduler and workers."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

import click

from common.adapters.queue import COLLECT, FORECAST_READY, OBSERVATIONS_READY, TRAIN
from common.bootstrap.local import local_parts
from common.bootstrap.parts import Parts, collector, system_clock
from common.cli.children import Child
from common.cli.first_fill import first_fill
from common.cli.main import main
from common.cli.output import aside
from common.cli.schedule import Schedule
from common.config import from_environment
from common.domain.cities import all_cities
from common.domain.errors import StoreError
from common.store.jobs import release
from common.store.meta import dataset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_HOST = "127.0.0.1"
_TRAINERS = min(2, os.cpu_count() or 1)


class _Stop(Exception):
    """Ctrl-C, or a request to end."""


@main.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Default: PORT, else 8080.")
@click.option("--offline", is_flag=True, help="Ask no provider; work on simulated data.")
def dev(port: int | None, offline: bool) -> None:
    """Run everything on this machine until Ctrl-C: database, API, scheduler, workers."""
    settings = from_environment()
    chosen = port or settings.port
    _refuse_taken(chosen)
    stop = threading.Event()

    def ask_to_stop(*_: object) -> None:
        stop.set()
        raise _Stop

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask_to_stop)
    started = time.monotonic()
    try:
        with ExitStack() as stack:
            aside.print("Starting the database …")
            offline = offline or settings.sources == ("simulated",)
            parts = stack.enter_context(local_parts(settings, clock=system_clock, offline=offline))
            parts = stack.enter_context(_reachable(parts, settings_offline=offline))
            _run(parts, chosen, stack, started, stop)
    except _Stop:
        pass
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
    aside.print("Stopped.")


def _run(parts: Parts, port: int, stack: ExitStack, started: float, stop: threading.Event) -> None:
    with parts.database.transaction() as connection:
        release(connection, now=parts.clock())
    logs = parts.settings.home / "logs"
    start = partial(_start, env=_environment(parts), logs=logs)
    children = [start("api", _HOST, str(port))]
    stack.callback(_stop_all, children)
    _await_health(port, children[0])
    base = f"http://{_HOST}:{port}"
    aside.print(f"The API answers at {base}/api/v1/health")
    children.append(start("worker", COLLECT, OBSERVATIONS_READY, FORECAST_READY))
    children += [start("worker", TRAIN) for _ in range(_TRAINERS)]
    schedule = Schedule(parts)
    first_fill(parts)
    with parts.database.transaction() as connection:
        kind = dataset(connection)
    note = "  (simulated data)" if kind == "simulated" else ""
    aside.print(f"Ready after {time.monotonic() - started:.0f} s: {base}/api/v1/forecast/delhi{note}")
    aside.print(f"Logs: {logs}. Ctrl-C stops it; everything is kept.")
    while not stop.is_set():
        schedule.run_due()
        _restart_dead(children, start)
        stop.wait(1.0)


@contextmanager
def _reachable(parts: Parts, *, settings_offline: bool) -> Iterator[Parts]:
    """The parts as they are where a provider answers or measurements are there; else simulated ones."""
    with parts.database.transaction() as connection:
        kind = dataset(connection)
    if settings_offline or kind is not None or parts.settings.sources == ("simulated",):
        if kind == "simulated" or settings_offline:
            aside.print("Working on simulated data.", style="yellow")
        yield parts
        return
    aside.print("Asking the providers …")
    report = collector(parts).collect(all_cities(), forecast_hours=0)
    if not report.failed:
        yield parts
        return
    for name, one in report.sources.items():
        aside.print(f"  {name}: {one.failure}")
    if from_environment().database_url is not None:
        # Somebody's own database must not be filled with invented data because a network was down for a moment.
        raise StoreError(
            "no provider can be reached; for simulated data: vayu dev --offline on another database"
        )
    aside.print("No provider can be reached: working on simulated data.", style="yellow")
    with local_parts(from_environment(), clock=system_clock, offline=True) as simulated:
        yield simulated


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            raise StoreError(
                f"port {port} is taken; choose another: PORT={port + 1 if port < 65535 else 8081} make run"
            ) from error


def _environment(parts: Parts) -> dict[str, str]:
    settings = parts.settings
    env = {
        "DATABASE_URL": parts.database.url,
        "MODEL_STORE_URL": settings.model_store_url,
        "QUEUE_URL": settings.queue_url,
        "VAYU_HOME": str(settings.home),
    }
    return env | ({"VAYU_SOURCES": ",".join(settings.sources)} if settings.sources else {})


def _await_health(port: int, api: Child) -> None:
    """Wait until the API answers at all: that it has no data yet is for /health to say."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if api.status is not None:
            raise StoreError("the API could not be started; see its log, logs/api.log in VAYU_HOME (.vayu)")
        try:
            urllib.request.urlopen(f"http://{_HOST}:{port}/api/v1/health", timeout=5).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise StoreError("the API did not answer within a minute")


def _start(name: str, *arguments: str, env: dict[str, str], logs: Path) -> Child:
    return Child(name, *arguments, env=env, log=logs / f"{name}.log")


def _restart_dead(children: list[Child], start: Callable[..., Child]) -> None:
    for place, child in enumerate(children):
        if child.status is not None:
            aside.print(f"{child.name} ended with status {child.status}; starting it again")
            children[place] = start(child.name, *child.arguments)


def _stop_all(children: list[Child]) -> None:
    for child in children:
        child.ask_to_end()
    for child in children:
        child.stop()
