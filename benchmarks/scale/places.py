"""What ten and a hundred times as many places cost: python -m benchmarks.scale.places [--places N …] [--json FILE].

The 56 cities, and copies of them (`benchmarks.scale.registry`), go through a collection, forecasts, their truth, the
queue of trainings, the API and the archive, over an embedded PostgreSQL and stand-ins for the providers on loopback.
Each stage is a process of its own (`benchmarks.scale.stages`), so that its memory and its processor time are its own;
the database's processor time is that of all its processes meanwhile.

At most 168 places have models and a history; the archive is measured of 56. What is measured of those is given for
each place, and so are database bytes. Where a row says "at Lambda", measured processor time is reckoned as
benchmarks.costs does it: a function of N MB has N/1769 of a processor, and waits 2 ms for each round trip to the
database.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks.collect.__main__ import line, start
from benchmarks.costs import clouds
from benchmarks.costs.__main__ import HERE as COSTS
from benchmarks.costs.month import ROUND_TRIP_S, STATEMENTS, TEMPLATE, month, sam_function
from benchmarks.scale.__main__ import counting_connections
from benchmarks.scale.registry import places as all_places
from common.adapters.cloud_event import structured
from common.adapters.local.embedded_server import EmbeddedServer
from common.domain.messages import OBSERVATIONS_READY
from common.sources.open_meteo import SOURCE as OPEN_METEO
from common.store.engine import Database, run
from common.store.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NOW = datetime(2025, 11, 5, 10, 37, tzinfo=UTC)
SIZES = (56, 560, 5600)
MOST = 10_000
STAGES = ("models", "forecast", "truth", "forecast_parts", "queue", "api", "archive")
STAGE_S = 600
"""No stage may take longer"""
KEPT_DAYS = 90
TRUTH_HOURS = 72
"""Forecasts whose truth is looked at in each round: those of three days"""
MESSAGE_BYTES = 256 * 1024
"""The most that SQS takes: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html"""
RESPONSE_BYTES = 6 * 1024 * 1024
"""The most that a Lambda function may answer: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
OPEN_METEO_DAYS = 5
"""Yesterday to three days ahead"""
HOURLY = {
    "reading": (3, KEPT_DAYS),
    "city_hour": (1, KEPT_DAYS),
    "provider_forecast": (1 / 3, KEPT_DAYS),
    "forecast": (2, KEPT_DAYS),
    "forecast_truth": (2, KEPT_DAYS),
    "forecast_expert": (2, 60),
    "forecast_inputs": (2, 3),
}
"""Table → its rows of a place and hour, as measured here: two stations and a model; two kinds, four runs a day; two
targets. And the days that they are kept: docs/storage.md"""


def measure(places: int, hours: int) -> dict[str, Any]:
    """All stages with so many places, after a first collection of the day before and `hours` more."""
    result: dict[str, Any] = {"places": places}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        folder.chmod(0o711)
        server = EmbeddedServer(folder / "postgres")
        stack.callback(server.stop)
        url = server.url("postgres")
        database = Database(url, pool_size=1)
        stack.callback(database.close)
        migrate(database)
        counts = stack.enter_context(counting_connections(url))
        standin = start(stack, "benchmarks.scale.registry", str(places), "benchmarks.scale.stages", "standin")
        address = line(standin)
        for hour in range(hours + 1):
            now = NOW + timedelta(hours=hour)
            line(standin, now.isoformat())
            before = _bytes(database)
            collected = _stage(database, places, "collect", url, folder, now, address)
            requests = json.loads(line(standin, ""))["questions"]
            result["first" if not hour else "collect"] = collected | {
                "requests": requests,
                "database_bytes": _bytes(database) - before,
            }
        for name in STAGES:
            result[name] = _stage(database, places, name, url, folder, now)
        with database.transaction() as connection:
            result["tables"] = {
                table: dict(
                    zip(
                        ("rows", "bytes"),
                        run(connection, f"SELECT count(*), pg_total_relation_size('{table}') FROM {table}")[
                            0
                        ],
                        strict=True,
                    )
                )
                for table in HOURLY
            }
        # One that counts them and one of this process come off.
        result["database_connections"] = max(counts) - 1
    return result | _reckoned(places)


def _stage(
    database: Database, places: int, name: str, url: str, folder: Path, now: datetime, *more: str
) -> dict[str, Any]:
    command = ["benchmarks.scale.registry", str(places), "benchmarks.scale.stages", name]
    before = _server_cpu_s(database)
    done = subprocess.run(
        [sys.executable, "-m", *command, url, str(folder), now.isoformat(), *more],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=STAGE_S,
    )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result | {"database_cpu_s": _server_cpu_s(database) - before}


def _server_cpu_s(database: Database) -> float:
    """Processor time of the server's processes, those that have ended too."""
    with database.transaction() as connection:
        [(backend,)] = run(connection, "SELECT pg_backend_pid()")
    server = psutil.Process(backend).parent()
    assert server is not None
    own = server.cpu_times()
    living = [child.cpu_times() for child in server.children()]
    return float(sum(own) + sum(times.user + times.system for times in living))


def _bytes(database: Database) -> int:
    with database.transaction() as connection:
        [(size,)] = run(connection, "SELECT pg_database_size(current_database())")
    return int(size)


def _reckoned(places: int) -> dict[str, Any]:
    """What follows from the number alone."""
    names = [city.name for city in all_places(places)]
    message = structured("0" * 36, OBSERVATIONS_READY, "collected", {"cities": names}, now=NOW)
    needs = month(json.loads((COSTS / "measured.json").read_text()), cities=places, requests=1_000_000)
    prices = json.loads((COSTS / "prices.json").read_text())["aws"]
    lines = clouds.bill(clouds.aws(needs), prices, free=False)
    assert OPEN_METEO.unit_calls is not None
    return {
        "message_bytes": len(message.encode()),
        "usd": sum(item.usd for item in lines),
        "usd_train": sum(item.usd for item in lines if item.name == "Lambda, train"),
        "open_meteo_day": 24 * OPEN_METEO.unit_calls(places, OPEN_METEO_DAYS),
    }


def _at_lambda(unit: str, cpu_s: float, places: int) -> float:
    """Seconds of a call that computes so long, and has a place's round trips for each."""
    memory = sam_function(unit, TEMPLATE)["memory"]
    return cpu_s / min(1.0, memory / clouds.VCPU_MB) + places * STATEMENTS * ROUND_TRIP_S


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    name: str
    value: Callable[[dict[str, Any]], float]
    grows: bool = True
    """Whether it may grow as the places do; else it should stay as it is"""
    limit: float | None = None


def _bytes_of(result: dict[str, Any], hours: Callable[[int], float]) -> float:
    """Of a place in so many hours, which are given by the days that a table is kept."""
    tables = result["tables"]
    return float(
        sum(
            tables[name]["bytes"] / max(1, tables[name]["rows"]) * rows * hours(days)
            for name, (rows, days) in HOURLY.items()
        )
    )


def _forecast_at_lambda(result: dict[str, Any]) -> float:
    each = result["forecast"]["warm"]["user_s"] / result["forecast"]["places"]
    return _at_lambda("forecast", each * result["places"], result["places"])


def _forecast_memory(result: dict[str, Any]) -> float:
    """With the models of every place open."""
    forecast = result["forecast"]
    each = (forecast["memory_mb"] - forecast["before_mb"]) / forecast["places"]
    return float(forecast["before_mb"] + each * result["places"])


def _message_at_lambda(result: dict[str, Any]) -> float:
    """The longest, with the truth of three days, by the time of the database."""
    return max(
        _at_lambda("forecast", part["issue"]["user_s"], part["places"])
        + part["truth"]["wall_s"] * TRUTH_HOURS / result["forecast_parts"]["origins"]
        for part in result["forecast_parts"]["messages"]
    )


def _limit(unit: str, what: str) -> float:
    return float(sam_function(unit, TEMPLATE)[what])


FORECAST_S, FORECAST_MB = _limit("forecast", "timeout"), _limit("forecast", "memory")


def rows() -> list[Row]:
    """The lines of the table."""
    listed = [
        Row("collection, s", lambda r: r["collect"]["wall_s"], limit=_limit("collect", "timeout")),
        Row("collection, user CPU, s", lambda r: r["collect"]["user_s"]),
        Row("collection, database CPU, s", lambda r: r["collect"]["database_cpu_s"]),
        Row("collection, memory, MB", lambda r: r["collect"]["memory_mb"], limit=_limit("collect", "memory")),
        Row("collection, requests", lambda r: r["collect"]["requests"]),
        Row("Open-Meteo, calls a day", lambda r: r["open_meteo_day"], limit=OPEN_METEO.quota.day),
        Row("database, KB a place and hour", lambda r: _bytes_of(r, lambda _: 1) / 1e3, grows=False),
        Row(
            "database after 90 days, GB",
            lambda r: _bytes_of(r, lambda days: 24 * days) * r["places"] / 1e9,
        ),
        Row(
            "forecast, user CPU a place, ms",
            lambda r: 1000 * r["forecast"]["warm"]["user_s"] / r["forecast"]["places"],
            grows=False,
        ),
        Row(
            "forecast, database CPU a place, ms",
            lambda r: 1000 * r["forecast"]["database_cpu_s"] / 2 / r["forecast"]["places"],
            grows=False,
        ),
        Row(
            "forecast, files read a place, models open",
            lambda r: r["forecast"]["warm"]["files_read"] / r["forecast"]["places"],
            grows=False,
        ),
        Row("a forecast of all in one call at Lambda, s", _forecast_at_lambda, limit=FORECAST_S),
        Row("the same with all models open, memory, MB", _forecast_memory, limit=FORECAST_MB),
        Row("forecasts of one message at Lambda, s", _message_at_lambda, limit=FORECAST_S),
        Row("the same, memory, MB", lambda r: r["forecast_parts"]["memory_mb"], limit=FORECAST_MB),
        Row("a message that names all, KB", lambda r: r["message_bytes"] / 1024, limit=MESSAGE_BYTES / 1024),
        Row(
            "truth of 72 hours of forecasts, s",
            lambda r: r["truth"]["wall_s"] * TRUTH_HOURS / r["truth"]["origins"],
            limit=FORECAST_S,
        ),
        Row("plan of trainings, s", lambda r: r["queue"]["plan"]["wall_s"]),
        Row(
            "queue, ms to send one", lambda r: 1000 * r["queue"]["send"]["wall_s"] / r["queue"]["sent"], grows=False
        ),
        Row(
            "queue, ms to take and finish one",
            lambda r: 1000 * r["queue"]["take"]["wall_s"] / r["queue"]["taken"],
            grows=False,
        ),
    ]  # fmt: skip
    for path, name, grows in (
        ("/cities/", "cities", True),
        ("/overview", "overview", True),
        ("/cities/rankings", "rankings", True),
        ("/aqi/current/Delhi", "current", False),
        ("/aqi/current/Dehlli", "unknown name", False),
    ):
        listed += [
            Row(f"API, {name}: CPU, ms", _of_request(path, "cpu_ms"), grows),
            Row(f"API, {name}: KB", _of_request(path, "bytes", 1024), grows, RESPONSE_BYTES / 1024),
        ]
    listed += [
        Row(
            "archive of a day, ms a place",
            lambda r: 1000 * r["archive"]["wall_s"] / r["archive"]["places"],
            grows=False,
        ),
        Row(
            "archive of a day, KB a place",
            lambda r: r["archive"]["bytes"] / r["archive"]["places"] / 1e3,
            grows=False,
        ),
        Row("archive, memory, MB", lambda r: r["archive"]["memory_mb"], grows=False, limit=_limit("train", "memory")),
        Row("database connections at once", lambda r: r["database_connections"], grows=False),
        Row("AWS, USD a month without a database", lambda r: r["usd"]),
        Row("of these trainings", lambda r: r["usd_train"]),
    ]  # fmt: skip
    return listed


def _of_request(path: str, name: str, unit: float = 1.0) -> Callable[[dict[str, Any]], float]:
    return lambda result: result["api"]["requests"][path][name] / unit


def table(results: Sequence[dict[str, Any]]) -> list[str]:
    """Lines in Markdown: each figure by number of places, and that of the last as a multiple of the first, as it may
    be; ▲ marks what grows faster, ✗ what is beyond its limit."""
    sizes = [result["places"] for result in results]
    lines = [
        "| | " + " | ".join(f"{size:,}" for size in sizes) + " | grows | limit |",
        "|---|" + "---:|" * (len(sizes) + 2),
    ]
    for row in rows():
        values = [row.value(result) for result in results]
        cells = [_shown(value) + (" ✗" if row.limit and value > row.limit else "") for value in values]
        grown = values[-1] / values[0] if values[0] else 1.0
        fair = sizes[-1] / sizes[0] if row.grows else 1.0
        mark = " ▲" if grown > 1.5 * fair else ""
        limit = "" if row.limit is None else f"{row.limit:,.0f}"
        lines.append(f"| {row.name} | " + " | ".join(cells) + f" | ×{_shown(grown)}{mark} | {limit} |")
    return lines


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def counted(text: str) -> int:
    """A number of places.

    Raises:
        ArgumentTypeError: when it is none, or more than the copies have names for.
    """
    if not text.isdecimal() or not 1 <= int(text) <= MOST:
        raise argparse.ArgumentTypeError(f"1 to {MOST} places, not {text!r}")
    return int(text)


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--places", type=counted, nargs="+", default=SIZES)
    parser.add_argument("--hours", type=int, default=1, help="hourly collections after the first")
    parser.add_argument("--json", type=Path, default=Path("build/benchmarks/places.json"), metavar="FILE")
    options = parser.parse_args()
    results = []
    for places in options.places:
        began = time.perf_counter()
        results.append(measure(places, max(1, options.hours)))
        print(f"{places} places: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    print(*table(results), sep="\n")
    about = {
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
        "hours": options.hours,
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(about | {"results": results}, indent=2))


if __name__ == "__main__":
    main()
