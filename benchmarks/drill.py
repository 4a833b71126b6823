"""The drill at full size: python -m benchmarks.drill [--days 92] [--timescaledb "$(scripts/timescaledb install)"].

A real server with days × 56 cities of hours, readings and forecasts is backed up by scripts/backup. While a writer
goes on committing, a mistake deletes all hours, and the server is killed and its disk lost. It is restored twice: to
the newest moment, which tells what is lost (RPO: from the newest hour that comes back to the kill) and how long it
takes (RTO: from the kill until the service's state can be read), and to the moment before the mistake, when every
table, chunk and continuous aggregate must be as it was. Then an archive is written, and `vayu restore-record` fills a
bare database from it.
"""

from __future__ import annotations

import argparse
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

from benchmarks.storage.fill import fill
from common.adapters.object_store import UrlObjectStore
from common.archive.export import Selection
from common.services.archive import export_archive, restore_record
from common.store.databases import create_database
from common.store.engine import Database, run
from common.store.maintain import maintain
from common.store.migrate import migrate
from common.store.reads.service import service_state
from common.store.tiers import Tier, recorded

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "continuity"))

from backup_folder import BackupFolder, wait_until_recovered
from database_contents import contents
from processes import temporary_folder, until
from servers import Server
from tier_servers import run_jobs

END = datetime(2025, 11, 5, 10, 30, tzinfo=UTC)
LARGEST_RPO_S, LARGEST_RTO_S = 300.0, 900.0
WRITES = 40
"""Commits that the writer makes at least before the server is lost."""
RECORD = ("city_hour", "model", "forecast", "forecast_truth")
"""Tables that an archive brings back."""
RAW_DAYS = 400
"""More than a drill has: nothing of what is compared is dropped."""


class Writer:
    """Commits a time again and again, until the server is lost; `confirmed` is the newest that it knows of."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self.confirmed = 0
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Return when the writer has seen that the server has gone."""
        self._lost.set()
        self._thread.join()
        self._database.close()

    def _write(self) -> None:
        number = 0
        while not self._lost.is_set():
            number += 1
            try:
                with self._database.transaction() as connection:
                    run(connection, "INSERT INTO drill VALUES (:number, clock_timestamp())", number=number)
            except Exception:  # noqa: BLE001 - the server is killed under it, in whatever state it is
                return
            self.confirmed = number


def main() -> int:
    """Print sizes, RPO and RTO; 1 where either is above its bound, or a confirmed hour is not back."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--days", type=int, default=92)
    parser.add_argument(
        "--timescaledb", type=Path, metavar="PROGRAMS", help="folder of programs of a PostgreSQL that has it"
    )
    options = parser.parse_args()
    if options.timescaledb is not None and not (options.timescaledb / "pg_receivewal").exists():
        parser.error(
            f"{options.timescaledb} has no programs of PostgreSQL; scripts/timescaledb install prints one"
        )
    with temporary_folder("vayu-drill-") as folder:
        (folder / "server").mkdir()
        programs = options.timescaledb
        with Server(folder / "server", programs=programs, timescale=programs is not None) as server:
            return _drill(server, folder, options.days, programs)


def _drill(server: Server, folder: Path, days: int, programs: Path | None) -> int:
    with closing(Database(server.url())) as admin:
        create_database(admin, "vayu")
    database = Database(server.url("vayu"))
    migrate(database)
    backups = BackupFolder(folder / "backups", server.url("vayu"), programs)
    _fill(database, days)
    with backups.streaming(database):
        began = perf_counter()
        print(backups.succeed("base").strip(), f"in {perf_counter() - began:.0f} s")
        print(backups.succeed("drill").strip())
        with database.transaction() as connection:
            run(connection, "CREATE TABLE drill (number bigint PRIMARY KEY, time timestamptz NOT NULL)")
        whole = contents(database, without=["drill"])
        writer = Writer(server.url("vayu"))
        writer.start()
        until(lambda: writer.confirmed > WRITES, 60, "the writer writes")
        with database.transaction() as connection:
            [(before,)] = run(connection, "SELECT clock_timestamp()")
        with database.patient().transaction() as connection:
            run(connection, "DELETE FROM city_hour")
        seen = writer.confirmed
        until(lambda: writer.confirmed > seen + WRITES, 60, "the writer goes on")
        server.kill()
        killed, began = datetime.now(UTC), perf_counter()
    writer.stop()
    backups.restore_into(server)
    server.start()
    wait_until_recovered(database)
    with database.transaction() as connection:
        service_state(connection, END, fresh=timedelta(hours=3))
        [(number, newest)] = run(connection, "SELECT max(number), max(time) FROM drill")
    rto, rpo = perf_counter() - began, max(0.0, (killed - newest).total_seconds())
    print(
        f"newest moment: RPO {rpo:.2f} s (at most {LARGEST_RPO_S:.0f}), RTO {rto:.1f} s (at most {LARGEST_RTO_S:.0f})"
    )
    print(f"commits that were confirmed: {writer.confirmed}, restored: {number}")
    server.kill()
    began = perf_counter()
    backups.restore_into(server, before)
    server.start()
    wait_until_recovered(database)
    print(f"before the mistake: recovered in {perf_counter() - began:.1f} s")
    restored = contents(database, without=["drill"])
    different = [name for name in whole if restored.get(name) != whole[name]]
    print(f"of {len(whole)} tables and lists of TimescaleDB differ: {', '.join(different) or 'none'}")
    record_rto, missing = _restore_record(server, database, folder)
    database.close()
    well = rpo <= LARGEST_RPO_S and rto <= LARGEST_RTO_S and record_rto <= LARGEST_RTO_S
    return 0 if well and not different and not missing else 1


def _fill(database: Database, days: int) -> None:
    began = perf_counter()
    fill(database, END, days)
    maintain(database, now=END, retain_raw_days=RAW_DAYS)
    if _tier(database) == "community":
        run_jobs(database, "policy_compression")
    print(
        f"{_edition(database)}: {days} days of 56 cities, {_size(database)}, filled in {perf_counter() - began:.0f} s"
    )


def _restore_record(server: Server, database: Database, folder: Path) -> tuple[float, list[str]]:
    """Fill a bare database from an archive; seconds, and the tables that are not what they were."""
    archive = UrlObjectStore((folder / "archive").as_uri())
    began = perf_counter()
    written = export_archive(database, archive, Selection(), now=END)
    print(
        f"archive: {written.rows:,} rows, {written.bytes / 1e6:.0f} MB, written in {perf_counter() - began:.0f} s"
    )
    began = perf_counter()
    with closing(Database(server.url())) as admin:
        create_database(admin, "bare")
    with closing(Database(server.url("bare"))) as bare:
        migrate(bare)
        restore_record(bare, archive, now=END, retain_raw_days=RAW_DAYS)
        seconds = perf_counter() - began
        before, after = contents(database), contents(bare)
    missing = [table for table in RECORD if before[table] != after[table]]
    print(
        f"restore-record into a bare database: RTO {seconds:.0f} s (at most {LARGEST_RTO_S:.0f}); "
        f"tables that differ: {', '.join(missing) or 'none'}"
    )
    return seconds, missing


def _edition(database: Database) -> str:
    with database.transaction() as connection:
        [(version,)] = run(connection, "SHOW server_version")
        rows = run(connection, "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")
    return f"PostgreSQL {version.split()[0]}" + "".join(
        f" with TimescaleDB {row.extversion} ({_tier(database)})" for row in rows
    )


def _tier(database: Database) -> Tier | None:
    with database.transaction() as connection:
        return recorded(connection)


def _size(database: Database) -> str:
    with database.transaction() as connection:
        return str(run(connection, "SELECT pg_size_pretty(pg_database_size(current_database()))")[0][0])


if __name__ == "__main__":
    sys.exit(main())
