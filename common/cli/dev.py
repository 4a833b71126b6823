"""``dev``: the whole product on one machine: database, API, scheduler and workers."""

from __future__ import annotations

import errno
import os
import socket
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from common.adapters.file_lock import FileLock
from common.adapters.queue import COLLECT, FORECAST_READY, OBSERVATIONS_READY, TRAIN
from common.bootstrap.local import local_parts
from common.bootstrap.parts import Parts, collector, settings_here, system_clock
from common.cli.children import PATIENCE_S, Child, stop_all
from common.cli.first_fill import first_fill
from common.cli.main import main
from common.cli.output import aside
from common.cli.schedule import Schedule
from common.cli.stopping import until_told_to_stop
from common.domain.cities import all_cities
from common.domain.errors import ConfigError, StoreError
from common.store.jobs import release
from common.store.meta import dataset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from common.config import Settings

_HOST = "127.0.0.1"
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
            lock = stack.enter_context(_alone(settings.home))
            chosen = port or settings.port
            _refuse_taken(chosen)
            aside.print("Starting the database …")
            parts = stack.enter_context(local_parts(settings, clock=system_clock, offline=offline))
            parts = stack.enter_context(_reachable(parts, settings))
            children = _Children(_environment(parts), parts.settings.home / "logs", lock)
            stack.callback(children.stop)
            _run(parts, chosen, children, started)
        aside.print("Stopping …")
    aside.print("Stopped.")


def _run(parts: Parts, port: int, children: _Children, started: float) -> None:
    with parts.database.transaction() as connection:
        release(connection)
    _await_health(port, children.start("api", _HOST, str(port)), children.logs)
    base = f"http://{_HOST}:{port}"
    aside.print(f"The API answers at {base}/api/v1/health")
    children.start("worker", COLLECT, OBSERVATIONS_READY, FORECAST_READY)
    for _ in range(_TRAINERS):
        children.start("worker", TRAIN)
    schedule = Schedule(parts)
    first_fill(parts, tick=lambda: _replace_dead(parts, children))
    with parts.database.transaction() as connection:
        note = "  (simulated data)" if dataset(connection) == "simulated" else ""
    ready = f"Ready after {time.monotonic() - started:.0f} s: {base}/api/v1/forecast/delhi{note}"
    aside.print(ready, soft_wrap=True)
    aside.print(f"Logs: {children.logs}. Ctrl-C stops it; everything is kept.", soft_wrap=True)
    while True:
        schedule.run_due()
        _replace_dead(parts, children)
        time.sleep(1.0)


@contextmanager
def _alone(home: Path) -> Iterator[FileLock]:
    """The only `vayu dev` of `home`; gives the lock that its children are to hold.

    Children of one that was killed end by themselves: they are awaited, for they may hold the port. So are
    those that were just being started when this one was told to stop.
    """
    try:
        mine = FileLock(home / "locks" / "dev")
    except OSError as error:
        raise StoreError(f"{home} cannot be written to ({error.strerror}); set VAYU_HOME") from error
    with mine:
        if not mine.take():
            raise StoreError(f"vayu dev runs already in {home}; stop it, or set VAYU_HOME to another folder")
        with FileLock(home / "locks" / "children") as childrens:
            if not childrens.take(patience_s=3 * PATIENCE_S):
                raise StoreError(
                    f"processes of an earlier vayu dev in {home} do not end; see {home / 'logs'}"
                )
            yield childrens
        with FileLock(home / "locks" / "children") as left:
            left.take(patience_s=3 * PATIENCE_S)


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


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            other = port + 1 if port < 65535 else 8080
            why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be had ({error.strerror})"
            raise StoreError(
                f"port {port} {why}; choose another: PORT={other} make run, or vayu dev --port {other}"
            ) from error


def _environment(parts: Parts) -> dict[str, str]:
    settings = parts.settings
    env = {
        "DATABASE_URL": parts.database.url,
        "MODEL_STORE_URL": settings.model_store_url,
        "VAYU_HOME": str(settings.home),
    }
    return env | ({"VAYU_SOURCES": ",".join(settings.sources)} if settings.sources else {})


def _await_health(port: int, api: Child, logs: Path) -> None:
    """Wait until the API answers at all: that it has no data yet is for /health to say."""
    deadline = time.monotonic() + _UP_WITHIN_S
    while time.monotonic() < deadline:
        if api.status is not None:
            break
        try:
            urllib.request.urlopen(f"http://{_HOST}:{port}/api/v1/health", timeout=5).close()
        except urllib.error.HTTPError as answer:
            answer.close()
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise StoreError(f"the API could not be started; see {logs / 'api.log'}")


@dataclass(slots=True)
class _Children:
    """The processes of the API and of the workers."""

    env: Mapping[str, str]
    logs: Path
    lock: FileLock
    running: list[Child] = field(default_factory=list)

    def start(self, name: str, *arguments: str) -> Child:
        child = Child(name, *arguments, env=self.env, log=self.logs / f"{name}.log", lock=self.lock)
        self.running.append(child)
        return child

    def stop(self) -> None:
        stop_all(self.running)


def _replace_dead(parts: Parts, children: _Children) -> None:
    """Start again what has ended, and let others take up what it had in hand."""
    for child in [child for child in children.running if child.status is not None]:
        aside.print(f"{child.name} ended with status {child.status}; starting it again")
        children.running.remove(child)
        child.wait(0.0)
        children.start(child.name, *child.arguments)
        if child.name == "worker":
            with parts.database.transaction() as connection:
                release(connection)
