"""Fill two databases, one and five years deep, and compare: python -m benchmarks.storage [--server URL …].

Without --server an embedded PostgreSQL is started in a temporary folder; give the addresses of TimescaleDB servers
(postgresql://user@host:port/) to measure their tiers. Five years take about 5 GB of disk while it runs.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from benchmarks.storage.fill import fill, ingest, tidy
from benchmarks.storage.requests import REQUESTS
from common.adapters.local.embedded_server import EmbeddedServer
from common.adapters.queues import queue_from_url
from common.api import ApiContext, create_app
from common.store.databases import create_database
from common.store.engine import Database, run
from common.store.maintain import maintain
from common.store.migrate import migrate
from common.store.score_aggregates import roll_up
from common.store.tiers import recorded

if TYPE_CHECKING:
    from flask.testing import FlaskClient

END = datetime(2025, 11, 5, 10, 30, tzinfo=UTC)
TABLES = ("reading", "city_hour", "city_day", "forecast", "forecast_truth", "forecast_day", "model")
ROUNDS = 40


def main() -> None:
    """Print, tier by tier, sizes, rates and times."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--server", action="append", default=[], help="address of a server, ending with /")
    parser.add_argument("--years", type=float, nargs=2, default=(1, 5), metavar=("FEW", "MANY"))
    parser.add_argument("--keep", action="store_true", help="leave the databases on the servers")
    options = parser.parse_args()
    os.environ["POWERTOOLS_LOG_LEVEL"] = "ERROR"
    with ExitStack() as stack:
        servers = options.server or [_embedded(stack)]
        for server in servers:
            _measure(server, options.years, keep=options.keep)


def _embedded(stack: ExitStack) -> str:
    folder = stack.enter_context(
        tempfile.TemporaryDirectory(prefix="vayu-bench-", ignore_cleanup_errors=True)
    )
    server = EmbeddedServer(Path(folder))
    stack.callback(server.stop)
    return server.url("postgres").replace("/postgres?", "/{name}?")


def _measure(server: str, years: tuple[float, float], *, keep: bool) -> None:
    address = server if "{name}" in server else server.rstrip("/") + "/{name}"
    address = address.replace("postgresql://", "postgresql+pg8000://")
    names = ["bench_few", "bench_many"]
    _drop(address, names)
    databases = [Database(address.format(name=name)) for name in names]
    for name, database, year in zip(names, databases, years, strict=True):
        admin = Database(address.format(name="postgres"))
        create_database(admin, name)
        admin.close()
        migrate(database)
        began = perf_counter()
        fill(database, END, int(year * 365.25))
        maintain(database, now=END, retain_raw_days=36500)
        add_up(database)
        tidy(database)
        with database.transaction() as connection:
            tier = recorded(connection)
        print(f"\n{tier}, {year:g} years filled in {perf_counter() - began:.0f} s")
        _compress(database)
        _sizes(database)
    _ingest_rates(databases, years)
    _queries(databases, years)
    for database, year in zip(databases, years, strict=True):
        began = perf_counter()
        done = maintain(database, now=END + timedelta(hours=2), retain_raw_days=90)
        print(f"retention to 90 days at {year:g} years: {perf_counter() - began:.1f} s, {done['dropped']}")
        tidy(database)
        _sizes(database)
        database.close()
    if not keep:
        _drop(address, names)


def _drop(address: str, names: list[str]) -> None:

    for name in names:
        admin = Database(address.format(name="postgres"))
        with admin.statements() as connection:
            run(connection, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        admin.close()


def add_up(database: Database) -> None:
    """The record of Delhi's last year is summed up, as `score` would have done day by day; that of the other cities,
    which nothing here asks for, would take an hour."""
    with database.transaction() as connection:
        run(
            connection,
            "UPDATE forecast_day_state SET rolled = true WHERE city <> 'Delhi' OR day < CAST(:first AS date)",
            first=END - timedelta(days=370),
        )
    left = True
    while left:
        with database.transaction() as connection:
            left = bool(roll_up(connection, mode="live", now=END))


def _compress(database: Database) -> None:
    """What the policies of the Community edition would have done by now."""
    with database.transaction() as connection:
        if recorded(connection) != "community":
            return
        hypertables = [
            name
            for (name,) in run(
                connection,
                "SELECT hypertable_name FROM timescaledb_information.hypertables WHERE compression_enabled",
            )
        ]
    _print_total(database, "before compression")
    patient = database.patient()
    for name in hypertables:
        with patient.transaction() as connection:
            run(
                connection,
                "SELECT compress_chunk(chunk, true) "
                f"FROM show_chunks('{name}', older_than => CAST(:limit AS timestamptz)) AS chunk",
                limit=END - timedelta(days=7),
            )
    patient.close()


def _print_total(database: Database, when: str) -> None:
    with database.transaction() as connection:
        [(size,)] = run(connection, "SELECT pg_database_size(current_database())")
    print(f"  {when}: {size / 1e6:,.0f} MB")


def _sizes(database: Database) -> None:
    """Size of each table with its indexes; chunks count for their hypertable."""
    with database.transaction() as connection:
        plain = recorded(connection) == "plain"
        for table in TABLES:
            sized = (
                "pg_total_relation_size(CAST(:table AS regclass))"
                if plain
                else "COALESCE((SELECT hypertable_size(CAST(:table AS regclass)) FROM "
                "timescaledb_information.hypertables WHERE hypertable_name = :table), "
                "pg_total_relation_size(CAST(:table AS regclass)))"
            )
            [(rows, size)] = run(connection, f"SELECT count(*), {sized} FROM {table}", table=table)
            print(f"  {table:15} {rows:>10,} rows {size / 1e6:>8,.0f} MB {size / max(rows, 1):>6.0f} B a row")
    _print_total(database, "database")


def _ingest_rates(databases: list[Database], years: tuple[float, float]) -> None:
    """One more hour, as `collect` would bring it, alternating between the databases."""
    walls: list[list[float]] = [[], []]
    rates: list[list[float]] = [[], []]
    for step in range(4):
        for index, database in enumerate(databases):
            start = END + timedelta(hours=step)
            began = perf_counter()
            count, cpu = ingest(database, start, start + timedelta(hours=1))
            walls[index].append(perf_counter() - began)
            rates[index].append(count / cpu)
    for year, wall, rate in zip(years, walls, rates, strict=True):
        print(
            f"  ingest of an hour at {year:g} years: {median(wall) * 1000:.0f} ms, {median(rate):.0f} readings/s CPU"
        )


def _queries(databases: list[Database], years: tuple[float, float]) -> None:
    clients = [_client(database) for database in databases]
    print(f"  {'request':56} {years[0]:>5g} y ms {years[1]:>5g} y ms  ratio")
    worst = 0.0
    for method, path, body in REQUESTS:
        times: list[list[float]] = [[], []]
        for number in range(ROUNDS + 3):
            for index, client in enumerate(clients):
                began = perf_counter()
                answer = client.open(f"/api/v1{path}", method=method, json=body)
                if number >= 3:  # the first ones warm up
                    times[index].append(perf_counter() - began)
                assert answer.status_code == 200, (path, answer.text[:300])
        # The quickest fifth: what the others of this machine did meanwhile is not the store's doing.
        few, many = (sorted(sample)[ROUNDS // 5] * 1000 for sample in times)
        worst = max(worst, many / few)
        print(f"  {method + ' ' + path:56} {few:>10.2f} {many:>10.2f} {many / few:>6.2f}")
    print(f"  largest growth of a request: {worst:.2f}")


def _client(database: Database) -> FlaskClient:
    now = END + timedelta(minutes=20)
    queue = queue_from_url("postgres:", database, lambda: now)
    return create_app(ApiContext(database=database, clock=lambda: now, queue=queue)).test_client()


if __name__ == "__main__":
    main()
