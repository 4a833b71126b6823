"""User CPU a request of the API, as a multiple of a bare Flask "hello" in the same server and run.

python -m benchmarks.api [--database URL] [--seconds N] [--json FILE]

gunicorn, 2 workers of 4 threads, over a database of 90 days, 56 cities and 2 sources, filled first unless the one that
is named holds it already; logging, metrics, rate limits and security headers as deployed. One connection of wrk at a
time: user CPU of the workers, of answers that are kept, of answers made anew, and of 304; then 100 connections:
errors and the 99th percentile. The exit status tells whether all is within its bound.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import socket
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.api.servers import Call, Server
from benchmarks.storage.__main__ import END, add_up
from benchmarks.storage.fill import SOURCES, fill, tidy
from benchmarks.storage.requests import BATCH
from common.adapters.local.embedded_server import EmbeddedServer
from common.store.engine import Database, run
from common.store.maintain import maintain
from common.store.migrate import migrate

API = "/api/v1"
DAYS = 90
HELLO = Call("bare Flask", "/")
CACHED, THROUGH_FLASK = 1.5, 2.0
"""Bounds where the answer is known: kept in front of Flask; or found by an endpoint, which Flask calls first"""
ONE_CITY, SEVERAL = 6.0, 8.0
"""Bounds where it is made anew: of one city; of several, and of a history"""
REQUESTS = (
    (CACHED, SEVERAL, Call("cities", f"{API}/cities/")),
    (CACHED, ONE_CITY, Call("current", f"{API}/aqi/current/Delhi")),
    (CACHED, ONE_CITY, Call("forecast", f"{API}/forecast/Delhi")),
    (CACHED, SEVERAL, Call("rankings", f"{API}/cities/rankings")),
    (CACHED, ONE_CITY, Call("pollutants", f"{API}/aqi/pollutants/Delhi")),
    (CACHED, ONE_CITY, Call("models/performance", f"{API}/models/performance/Delhi")),
    (CACHED, ONE_CITY, Call("forecast/confidence", f"{API}/forecast/confidence/Delhi")),
    (CACHED, ONE_CITY, Call("models/list", f"{API}/models/list?city=Delhi")),
    (THROUGH_FLASK, ONE_CITY, Call("health", f"{API}/health")),
    (CACHED, SEVERAL, Call("compare of 4", f"{API}/cities/compare?cities=Delhi,Mumbai,Kolkata,Chennai")),
    (
        CACHED,
        SEVERAL,
        Call("forecast/batch of 5", f"{API}/forecast/batch", "POST", json.dumps(BATCH)),
    ),
    (CACHED, SEVERAL, Call("history of 7 days", f"{API}/aqi/history/Delhi?days=7")),
)
"""(bound as a multiple of bare Flask where the answer is known, bound where it is made anew, request)."""
ROUNDS = 5
UNCHANGED, SLOWEST = 1.5, 3.0
"""Bounds: of 304, of the 99th percentile at 100 connections."""


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--database", help="default: an embedded PostgreSQL in a temporary folder")
    parser.add_argument("--seconds", type=int, default=1, help="of each measurement")
    parser.add_argument("--json", type=Path, default=Path("build/benchmarks/api.json"), metavar="FILE")
    parser.add_argument("--only", default="", help="only requests whose names hold this")
    options = parser.parse_args()
    requests = [each for each in REQUESTS if options.only in each[2].name]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        url = options.database or _embedded(stack, folder)
        _filled(url)
        cached, anew, hello = (
            _start(stack, folder, name, url, extra)
            for name, extra in (("vayu", {}), ("vayu", {"VAYU_CACHE_MB": "0"}), ("hello", {}))
        )
        rows = _measure(requests, cached, anew, hello, options.seconds)
        many = _at_once(requests, cached, hello, options.seconds)
    within = _show(rows, many)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    about = {"python": platform.python_version(), "machine": platform.machine(), "cores": os.cpu_count()}
    options.json.write_text(json.dumps({"about": about, "requests": rows, "at_100": many}, indent=2))
    print(f"written to {options.json}")
    if not within:
        sys.exit("not within its bounds")


def _embedded(stack: ExitStack, folder: Path) -> str:
    server = EmbeddedServer(folder)
    stack.callback(server.stop)
    return server.url("postgres")


def _filled(url: str) -> None:
    database = Database(url.replace("postgresql://", "postgresql+pg8000://"))
    migrate(database)
    with database.transaction() as connection:
        [(empty,)] = run(connection, "SELECT NOT EXISTS (SELECT FROM city_hour)")
    if empty:
        print(f"filling {DAYS} days …", flush=True)
        fill(database, END, DAYS, SOURCES[:2])
        maintain(database, now=END, retain_raw_days=36500)
        add_up(database)
        tidy(database)
    database.close()


def _start(stack: ExitStack, folder: Path, application: str, url: str, extra: dict[str, str]) -> Server:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {
        "DATABASE_URL": url,
        "VAYU_HOME": str(folder / "home"),
        "VAYU_RATE_ANONYMOUS": "900000000/day",  # counted as ever, and never used up
        **extra,
    }
    server = Server(application, port, folder, env)
    stack.callback(server.stop)
    server.ready("/" if application == "hello" else f"{API}/health")
    return server


def _measure(
    requests: list[tuple[float, float, Call]], cached: Server, anew: Server, hello: Server, seconds: int
) -> list[dict[str, Any]]:
    """Each kind of request in turns with the bare one: what the machine does besides concerns all of them."""
    rows = []
    for bound, anew_bound, call in requests:
        for _ in range(8):
            for server in (cached, anew):  # every worker has answered it once
                server.ask(call)
        wanted = {"bare": (hello, HELLO), "kept": (cached, call), "anew": (anew, call)}
        tag = cached.ask(call)[1].get("ETag")
        if tag and call.method == "GET":
            unchanged = Call(call.name, call.path, header=("If-None-Match", tag), status=304)
            wanted["unchanged"] = cached, unchanged
        rounds = [
            {
                kind: server.load(item, connections=1, seconds=seconds)
                for kind, (server, item) in wanted.items()
            }
            for _ in range(ROUNDS)
        ]
        rows.append(
            {"name": call.name, "bound": bound, "anew_bound": anew_bound}
            | {kind: _together(rounds, kind) for kind in wanted}
        )
    return rows


def _together(rounds: list[dict[str, dict[str, Any]]], kind: str) -> dict[str, Any]:
    """The median of the rounds, each compared with the bare one of the same few seconds."""
    parts = [round_[kind] for round_ in rounds]
    return {
        "requests": sum(part["requests"] for part in parts),
        "errors": sum(part["errors"] for part in parts),
        "user_ms": median(part["user_ms"] for part in parts),
        "times": median(round_[kind]["user_ms"] / round_["bare"]["user_ms"] for round_ in rounds),
        "bytes": parts[0]["bytes"],
    }


def _at_once(
    requests: list[tuple[float, float, Call]], cached: Server, hello: Server, seconds: int
) -> list[dict[str, Any]]:
    return [
        {"name": call.name, **server.load(call, connections=100, seconds=seconds)}
        for server, call in ((hello, HELLO), *((cached, call) for _, _, call in requests))
    ]


def _show(rows: list[dict[str, Any]], many: list[dict[str, Any]]) -> bool:
    print("\nuser CPU a request, 1 connection; bare Flask = 1\n")
    print(
        "| request | bare, ms | kept, ms | × | bound | anew, ms | × | bound | 304, ms | × | bound | bytes |"
    )
    print("|---|" + "---|" * 11)
    within = True
    for row in rows:
        bare = row["bare"]["user_ms"]
        cells = [row["name"], f"{bare:.3f}"]
        for kind, bound in (("kept", row["bound"]), ("anew", row["anew_bound"]), ("unchanged", UNCHANGED)):
            result = row.get(kind)
            if result is None:
                cells += ["–", "–", "–"]
                continue
            times = result["times"]
            good = times <= bound and not result["errors"]
            within &= good
            cells += [f"{result['user_ms']:.3f}", f"{times:.2f}", f"{bound:g}{'' if good else ' ✗'}"]
        print("| " + " | ".join((*cells, str(row["kept"]["bytes"]))) + " |")
    print("\n100 connections\n\n| request | requests/s | p50, ms | p99, ms | × | bound | errors |")
    print("|---|" + "---|" * 6)
    for row in many:
        times = row["times"] = row["p99_ms"] / many[0]["p99_ms"]
        good = times <= SLOWEST and not row["errors"]
        within &= good
        print(
            f"| {row['name']} | {row['requests'] / row['seconds']:.0f} | {row['p50_ms']:.1f} | {row['p99_ms']:.1f} "
            f"| {times:.2f} | {SLOWEST:g}{'' if good else ' ✗'} | {row['errors']} |"
        )
    return within


if __name__ == "__main__":
    main()
