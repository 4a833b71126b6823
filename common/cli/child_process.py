"""The processes that the Procfiles start; each ends when its parent does.

``api HOST PORT`` serves HTTP; ``live HOST PORT`` serves live connections; ``worker TYPE…`` takes jobs of those types;
``dashboard`` builds the page; ``guard COMMAND…`` runs a program that is none of ours, and ends it with all that it
started.
"""

from __future__ import annotations

import logging
import os
import runpy
import signal
import subprocess
import sys
from importlib.util import find_spec

from common.cli import dashboard
from common.cli.processes import PATIENCE_S, end_with_parent

_BUILD_NICENESS = 10
_GRACE_S = 0.5 * PATIENCE_S
"""So long a worker goes on with the job in hand before it gives it back."""


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
    elif kind == "live":
        _serve_live(*arguments)
    else:
        from common.cli.work import run_worker

        run_worker(arguments, grace_s=_GRACE_S)


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


def _serve_live(host: str, port: str) -> None:
    """Live connections, over the database that the parent names."""
    from common.bootstrap.container import environment_settings, system_clock
    from common.bootstrap.live_process import run_live

    run_live(environment_settings(), system_clock, host=host, port=int(port))


if __name__ == "__main__":
    main()
