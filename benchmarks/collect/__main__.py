"""One hourly run of all keyless sources for 56 cities, against stand-ins that answer in 200 ms.

python -m benchmarks.collect [--hours N] [--database-url URL]

Without an address an embedded PostgreSQL is started in a temporary folder. The run is the function's own, with the
count of calls and all storing, in a fresh process; the stand-ins are another.

What the providers' own limits and latency allow: Open-Meteo takes one question at a time from an address, and one
run puts two (air, weather) of some 112 of the 600 calls that it allows a minute; CPCB's feed is one question, put
beside them. So the bound is twice the latency, if its two servers count as one; as they are asked side by side, a
run may come below it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.collect.standin import LATENCY_S
from common.adapters.local.embedded_server import EmbeddedServer
from common.store.engine import Database
from common.store.migrate import migrate

BOUND_S = 2 * LATENCY_S
ALLOWED = 1.5
LIMIT_MB = 128
FIRST = datetime(2025, 11, 5, 10, 37, tzinfo=UTC)


def main() -> None:
    """Print a table of runs, and whether the slowest and the biggest are within what is allowed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=int, default=6, help="hourly runs after the first")
    parser.add_argument("--database-url", help="an empty database; default: an embedded one")
    options = parser.parse_args()
    with ExitStack() as stack:
        url = options.database_url or _embedded(stack)
        database = Database(url.replace("postgresql://", "postgresql+pg8000://"))
        stack.callback(database.close)
        migrate(database)
        standin = start(stack, "benchmarks.collect.standin")
        address = line(standin)
        times = [FIRST + timedelta(hours=hour) for hour in range(options.hours + 2)]
        # The first process fills the day before; the second is measured: its first run with a cold start.
        _hours(stack, url, address, standin, times[:1])
        runs = _hours(stack, url, address, standin, times[1:])
    _show(runs)


def _embedded(stack: ExitStack) -> str:
    folder = stack.enter_context(
        tempfile.TemporaryDirectory(prefix="vayu-bench-", ignore_cleanup_errors=True)
    )
    server = EmbeddedServer(Path(folder))
    stack.callback(server.stop)
    return server.url("postgres")


def start(stack: ExitStack, module: str, *arguments: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"POWERTOOLS_LOG_LEVEL": "ERROR"},
    )
    stack.callback(_end, process)
    return process


def _end(process: subprocess.Popen[str]) -> None:
    process.communicate()


def line(process: subprocess.Popen[str], message: str | None = None) -> str:
    """The next line of a process, after it was told one."""
    assert process.stdin is not None
    assert process.stdout is not None
    if message is not None:
        process.stdin.write(message + "\n")
        process.stdin.flush()
    return process.stdout.readline().strip()


def _hours(
    stack: ExitStack, url: str, address: str, standin: subprocess.Popen[str], times: list[datetime]
) -> list[dict[str, Any]]:
    child = start(stack, "benchmarks.collect.hours", url, address, *(time.isoformat() for time in times))
    runs = []
    for time in times:
        line(child)
        line(standin, time.isoformat())
        run = json.loads(line(child, ""))
        runs.append(run | json.loads(line(standin, "")))
    return runs


def _show(runs: list[dict[str, Any]]) -> None:
    print(
        f"loading the function: {runs[0]['loaded_s']:.2f} s of CPU; sources of the last run: {runs[-1]['sources']}\n"
    )
    headings = (
        "run", "wall, s", "of the bound", "asking, s", "storing, s", "CPU, s", "peak memory, MB",
        "at once, of one server", "questions",
    )  # fmt: skip
    print("| " + " | ".join(headings) + " |")
    print("|---" * len(headings) + "|")
    for number, run in enumerate(runs):
        name = "cold" if not number else f"warm {number}"
        at_once = run["most"].pop("all", 0)
        most = max(run["most"].values(), default=0)
        print(
            f"| {name} | {run['wall_s']:.2f} | {run['wall_s'] / BOUND_S:.2f} "
            f"| {run['asking_s']:.2f} | {run['wall_s'] - run['asking_s']:.2f} | {run['cpu_s']:.2f} "
            f"| {run['rss_mb']:.0f} | {at_once}, {most} | {run['questions']} |"
        )
    print(f"\nbound: 2 questions × {LATENCY_S * 1000:.0f} ms, one after the other = {BOUND_S:.2f} s")
    warm = sorted(run["wall_s"] for run in runs[1:]) or [runs[0]["wall_s"]]
    median, memory = warm[len(warm) // 2], max(run["rss_mb"] for run in runs)
    print(f"median of the warm runs: {median / BOUND_S:.2f} of it (allowed: {ALLOWED})")
    print(f"load of the machine in the last minute: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"most memory: {memory:.0f} MB (allowed: {LIMIT_MB})")
    if median > ALLOWED * BOUND_S or memory > LIMIT_MB:
        sys.exit("not within what is allowed")


if __name__ == "__main__":
    main()
