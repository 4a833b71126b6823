"""The processes that the Procfiles start; each ends when its parent does.

``api HOST PORT`` serves HTTP; ``worker TYPE…`` takes jobs of those types; ``dashboard`` builds the page; ``guard
COMMAND…`` runs a program that is none of ours, and ends it with all that it started.
"""

from __future__ import annotations

import logging
import os
import runpy
import signal
import subprocess
import sys
import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING

from common.cli import dashboard
from common.cli.processes import end_with_parent
from common.domain.messages import COLLECT, FORECAST_READY, OBSERVATIONS_READY, TRAIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from common.domain.messages import Handler
    from common.services.resources import Resources

_TRAINING_NICENESS = 10
_BUILD_NICENESS = 10


def main() -> None:
    """Run the child that the arguments name."""
    kind, *arguments = sys.argv[1:]
    if kind == "guard":
        sys.exit(_guard(arguments))
    if kind == "dashboard":
        os.nice(_BUILD_NICENESS)
        sys.exit(_guard(dashboard.build_command(), dashboard.build_environment()))
    logging.getLogger().setLevel(logging.WARNING)
    end_with_parent()
    if kind == "api":
        _serve(*arguments)
    else:
        _work(arguments)


def _guard(command: list[str], environment: dict[str, str] | None = None) -> int:
    """Run a command; end it, and all that it started, when asked to or when standard input closes."""

    def end(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    end_with_parent()
    return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL).wait()  # noqa: S603 — of a Procfile


def _serve(host: str, port: str) -> None:
    """The API as Google Cloud runs it: functions-framework over gunicorn."""
    os.environ.setdefault("THREADS", "8")
    spec = find_spec("functions.api.main")  # by name: this package must not import the deployment units
    source = str(spec.origin) if spec else ""
    sys.argv = [
        "functions-framework",
        "--target",
        "http",
        "--source",
        source,
        "--host",
        host,
        "--port",
        port,
    ]
    runpy.run_module("functions_framework", run_name="__main__", alter_sys=True)


def _work(types: list[str]) -> None:
    """Take jobs until told to stop; the one in hand is finished first."""
    from common.bootstrap.container import assemble
    from common.entry.worker import work_forever
    from common.services import collect, forecast, train

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    resources = assemble()
    builders: dict[str, Callable[[Resources], Handler]] = {
        COLLECT: collect.handler,
        OBSERVATIONS_READY: forecast.handler,
        TRAIN: train.handler,
        FORECAST_READY: _nobody_listens,
    }
    if TRAIN in types:
        os.nice(_TRAINING_NICENESS)  # answers and fresh forecasts come first
    handlers = {name: builders[name](resources) for name in types}
    work_forever(resources.database, resources.clock, handlers, stop=stop, poll_seconds=0.5, types=types)


def _nobody_listens(_: Resources) -> Handler:
    """Forecasts are read from the store; nothing on one machine waits to be told of them."""
    return lambda message: {"forecast": message.subject}


if __name__ == "__main__":
    main()
