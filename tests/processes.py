"""Processes seen from outside: who belongs to a folder, ports, and waiting for conditions."""

from __future__ import annotations

import os
import socket
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Result = TypeVar("Result")
Running = TypeVar("Running", bound=Any)

_PORTS = 1_000
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 20
_OWN_PORTS = range(10_000 + _PORTS * _WORKER, 10_000 + _PORTS * (_WORKER + 1))
_next_port = [os.getpid() % 700]


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """A folder for a server's home, not below the long paths of tmp_path; as root its user must get through."""
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def of_folder(folder: Path) -> list[str]:
    """Processes that name the folder in command line, working directory or environment, each in one line."""
    result = []
    text = str(folder)
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            command = process.cmdline()
            if not command:  # the kernel's own, and those that have ended
                continue
            if any(text in part for part in (*command, process.cwd() or "", *process.environ().values())):
                result.append(f"{process.pid} {' '.join(command)[:200]}")
    return result


def free_port() -> int:
    """A port of this machine on which nobody listens, and which no connection is given."""
    return free_ports(1)


def free_ports(number: int) -> int:
    """The first of so many free ports in a row.

    They lie below those that the system gives to outgoing connections (from 32,768 on Linux): one of these may be
    taken by any connection before the server that it is meant for listens. Tests that run side by side have their own.
    """
    for _ in range(_PORTS // number):
        first = _OWN_PORTS.start + _next_port[0]
        _next_port[0] = (_next_port[0] + number) % (_PORTS - number)
        with ExitStack() as probes, suppress(OSError):
            for port in range(first, first + number):
                probes.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first
    raise AssertionError("no free ports")


def listens(port: int) -> bool:
    """Whether somebody does."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def killed_afterwards(running: Running) -> Iterator[Running]:
    """What has a `process`; however its user fares, that is killed."""
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()


def until(condition: Callable[[], Result], seconds: float, what: str = "", *, poll_s: float = 0.02) -> Result:
    """What `condition` gives once it is true; an AssertionError where that takes longer than `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or condition}"
        time.sleep(poll_s)


def gone(folder: Path, seconds: float = 60.0) -> None:
    """Wait until no process belongs to the folder any more."""
    left: list[str] = []

    def none() -> bool:
        left[:] = of_folder(folder)
        return not left

    try:
        until(none, seconds, poll_s=0.1)
    except AssertionError:
        raise AssertionError("still there:\n" + "\n".join(left)) from None
