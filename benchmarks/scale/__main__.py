"""How workers, connections, cities and a replica change what the API does under load, on this machine alone.

python -m benchmarks.scale [--seconds N] [--rounds N] [--json FILE]

gunicorn with workers of four threads over the embedded PostgreSQL, and wrk as its clients, all by 127.0.0.1. Each run
takes at most 20 s. Of each: requests a second, the 95th percentile, user CPU of the workers for a request, errors,
memory of the workers (PSS, in which what they share counts once), and the most connections that they had to the
database. Before each run, a server with one worker, which stays, is measured with 10 clients: a run is given as a
multiple of that, so that what else the machine does falls on both; the median of all rounds counts.

A replica is a second setting here and no second server: DATABASE_READ_URL names the database itself. So what it costs
can be seen, and what it saves cannot.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import socket
import tempfile
import threading
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import psutil

from benchmarks.api.servers import Call, Server
from benchmarks.storage.__main__ import END, add_up
from benchmarks.storage.fill import SOURCES, fill, tidy
from common.adapters.local.embedded_server import EmbeddedServer
from common.domain.cities import all_cities
from common.store.engine import Database, run
from common.store.maintain import maintain
from common.store.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LONGEST_S = 20
DAYS = 3
ALL = len(all_cities())
CURRENT = Call("current", "/api/v1/aqi/current/Delhi")
CITIES = Call("cities", "/api/v1/cities/")
WORKERS, CLIENTS, NUMBERS_OF_CITIES = (1, 2, 4), (10, 100, 400), (7, 28, ALL)
_SAMPLED_EVERY_S = 0.2


@dataclass(frozen=True)
class Setup:
    """What one run is made of."""

    workers: int
    clients: int
    call: Call = CURRENT
    cities: int = ALL
    cached: bool = False
    replica: bool = False

    @property
    def name(self) -> str:
        extra = (" cached" if self.cached else "") + (" replica" if self.replica else "")
        return (
            f"{self.call.name}, {self.workers} workers, {self.clients} clients, {self.cities} cities{extra}"
        )


@dataclass(frozen=True)
class Load:
    """One run."""

    per_second: float
    p95_ms: float
    user_ms: float
    """User CPU of the workers for a request"""
    memory_mb: float
    errors: int
    database_connections: int
    """Of the whole database, at most"""


@dataclass(frozen=True)
class Pair:
    """A run, and that of the server with one worker just before."""

    load: Load
    base: Load
    database_connections: int
    """Of the run's server alone"""


@dataclass(frozen=True)
class Ratios:
    """What a run was as a multiple of the base, by the median of all rounds."""

    per_second: float
    p95: float
    user: float
    memory: float
    database_connections: int
    """As counted, no multiple"""
    errors: int


BASE = Setup(1, 10)
SETUPS = (
    *(Setup(workers, clients) for workers in WORKERS for clients in CLIENTS),
    *(Setup(workers, 100, cached=True) for workers in WORKERS),
    *(Setup(2, clients, replica=True) for clients in CLIENTS[:2]),
    *(Setup(2, 10, CITIES, cities) for cities in reversed(NUMBERS_OF_CITIES)),
)
"""Those of fewer cities come last: what they do without is deleted, and loaded anew in the next round"""


def bounded(text: str) -> int:
    """A number of seconds that a run may take.

    Raises:
        ArgumentTypeError: when it is more than is allowed, or no number.
    """
    if not text.isdecimal() or not 1 <= int(text) <= LONGEST_S:
        raise argparse.ArgumentTypeError(f"a run takes 1 to {LONGEST_S} s, not {text!r}")
    return int(text)


def ratios(pairs: Sequence[Pair]) -> Ratios:
    """The medians of each run's multiples of its own base."""
    return Ratios(
        per_second=median(pair.load.per_second / pair.base.per_second for pair in pairs),
        p95=median(pair.load.p95_ms / pair.base.p95_ms for pair in pairs),
        user=median(pair.load.user_ms / pair.base.user_ms for pair in pairs),
        memory=median(pair.load.memory_mb / pair.base.memory_mb for pair in pairs),
        database_connections=max(pair.database_connections for pair in pairs),
        errors=sum(pair.load.errors for pair in pairs),
    )


def measure(server: Server, setup: Setup, url: str, seconds: int) -> Load:
    """One run against a server that was made for it."""
    with counting_connections(url) as counts:
        result = server.load(setup.call, connections=setup.clients, seconds=seconds)
    memory = sum(psutil.Process(worker).memory_full_info().pss for worker in server.workers())
    return Load(
        per_second=result["requests"] / result["seconds"],
        p95_ms=result["p95_ms"],
        user_ms=result["user_ms"],
        memory_mb=memory / 1e6,
        errors=result["errors"],
        database_connections=max(counts),
    )


def rounds_of(
    url: str, folder: Path, setups: Sequence[Setup], *, seconds: int
) -> Iterator[tuple[Setup, Pair]]:
    """Each of the runs beside the base. Data of cities that the next runs do without are deleted."""
    cities = ALL
    with serving(BASE, url, folder) as base:
        idle = measure(base, BASE, url, seconds).database_connections
        for _, group in groupby(setups, key=lambda setup: (setup.workers, setup.cached, setup.replica)):
            same = list(group)
            with serving(same[0], url, folder) as server:
                for setup in same:
                    if setup.cities < cities:
                        cities = setup.cities
                        _keep(url, cities)
                    before = measure(base, replace(BASE, call=setup.call), url, seconds)
                    load = measure(server, setup, url, seconds)
                    yield setup, Pair(load, before, load.database_connections - idle)


@contextmanager
def serving(setup: Setup, url: str, folder: Path) -> Iterator[Server]:
    """A server for runs of this kind."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    env = {
        "DATABASE_URL": url,
        "DATABASE_READ_URL": url if setup.replica else "",
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "VAYU_CACHE_MB": "32" if setup.cached else "0",
        "VAYU_DASHBOARD": "none",
        "VAYU_HOME": str(folder / "home"),
        "VAYU_RATE_ANONYMOUS": "900000000/day",  # counted as ever, and never used up
    }
    server = Server("vayu", port, folder, env, workers=setup.workers)
    try:
        server.ready(setup.call.path)
        yield server
    finally:
        server.stop()


@contextmanager
def counting_connections(url: str) -> Iterator[list[int]]:
    """How many connections the database has from others, again and again until the end."""
    counts: list[int] = []
    over = threading.Event()

    def count() -> None:
        with closing(Database(url, pool_size=1)) as database:
            while True:
                with database.transaction() as connection:
                    [(number,)] = run(
                        connection,
                        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                        "AND backend_type = 'client backend' AND pid <> pg_backend_pid()",
                    )
                counts.append(number)
                if over.wait(_SAMPLED_EVERY_S):
                    return

    thread = threading.Thread(target=count)
    thread.start()
    try:
        yield counts
    finally:
        over.set()
        thread.join()


def _keep(url: str, cities: int) -> None:
    """Leave data of so many cities alone."""
    left = [city.name for city in all_cities()[:cities]]
    with closing(Database(url, pool_size=1)) as database:
        with database.transaction() as connection:
            for table in ("city_hour", "forecast"):
                run(connection, f"DELETE FROM {table} WHERE NOT city = ANY(:cities)", cities=left)
        tidy(database)


def _filled(server: EmbeddedServer, name: str) -> str:
    url = server.url(name)
    with closing(Database(url)) as database:
        migrate(database)
        fill(database, END, DAYS, SOURCES[:1])
        maintain(database, now=END, retain_raw_days=36500)
        add_up(database)
        tidy(database)
    return url


def table(results: Mapping[Setup, Sequence[Pair]]) -> Iterator[str]:
    """Lines that compare all runs with their base."""
    yield f"{'':54} requests/s    p95  user CPU  memory  connections  errors"
    for setup, pairs in results.items():
        by = ratios(pairs)
        yield (
            f"{setup.name:54} {by.per_second:9.2f}x {by.p95:5.1f}x {by.user:8.2f}x {by.memory:6.2f}x "
            f"{by.database_connections:12} {by.errors:7}"
        )


def main() -> None:
    """Measure, print ratios, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=bounded, default=2, help=f"of each run, at most {LONGEST_S}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, default=Path("build/benchmarks/scale.json"), metavar="FILE")
    options = parser.parse_args()
    results: dict[Setup, list[Pair]] = {setup: [] for setup in SETUPS}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        folder.chmod(0o711)
        server = EmbeddedServer(folder)
        stack.callback(server.stop)
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}: filling {DAYS} days …", flush=True)
            url = _filled(server, f"round{number}")
            for setup, pair in rounds_of(url, folder, SETUPS, seconds=options.seconds):
                results[setup].append(pair)
                print(f"  {setup.name}: {pair.load.per_second / pair.base.per_second:.2f}x", flush=True)
    print(*table(results), sep="\n")
    runs = [
        {"setup": asdict(setup), "rounds": [asdict(pair) for pair in pairs], "ratios": asdict(ratios(pairs))}
        for setup, pairs in results.items()
    ]
    about = {"processors": os.cpu_count(), "python": platform.python_version(), "seconds": options.seconds}
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(about | {"runs": runs}, indent=2))


if __name__ == "__main__":
    main()
