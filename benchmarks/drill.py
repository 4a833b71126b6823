"""The drill at full size: python -m benchmarks.drill [--days 92].

A real server with days × 56 cities of hours, readings and forecasts is backed up by scripts/backup. While a writer
goes on committing, a mistake deletes all hours, and the server is killed and its disk lost. It is restored twice: to
the newest moment, which tells what is lost (RPO: from the newest hour that comes back to the kill) and how long it
takes (RTO: from the kill until the service's state can be read), and to the moment before the mistake.
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
from common.store.databases import create_database
from common.store.engine import Database, run
from common.store.migrate import migrate
from common.store.reads.service import service_state

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "continuity"))

from backup_folder import BackupFolder, wait_until_recovered
from processes import temporary_folder, until
from servers import Server

END = datetime(2025, 11, 5, 10, 30, tzinfo=UTC)
LARGEST_RPO_S, LARGEST_RTO_S = 300.0, 900.0
WRITES = 40
"""Commits that the writer makes at least before the server is lost."""


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
    days = parser.parse_args().days
    with temporary_folder("vayu-drill-") as folder:
        (folder / "server").mkdir()
        with Server(folder / "server") as server:
            return _drill(server, folder / "backups", days)


def _drill(server: Server, folder: Path, days: int) -> int:
    with closing(Database(server.url())) as admin:
        create_database(admin, "vayu")
    database = Database(server.url("vayu"))
    migrate(database)
    backups = BackupFolder(folder, server.url("vayu"))
    began = perf_counter()
    fill(database, END, days)
    print(f"{days} days of 56 cities, {_size(database)}, filled in {perf_counter() - began:.0f} s")
    with backups.streaming(database):
        began = perf_counter()
        print(backups.succeed("base").strip(), f"in {perf_counter() - began:.0f} s")
        print(backups.succeed("drill").strip())
        with database.transaction() as connection:
            run(connection, "CREATE TABLE drill (number bigint PRIMARY KEY, time timestamptz NOT NULL)")
        writer = Writer(server.url("vayu"))
        writer.start()
        until(lambda: writer.confirmed > WRITES, 60, "the writer writes")
        hours = _count(database)
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
    restored = _count(database)
    print(f"before the mistake: {restored} of {hours} hours, in {perf_counter() - began:.1f} s")
    database.close()
    return 0 if rpo <= LARGEST_RPO_S and rto <= LARGEST_RTO_S and restored == hours else 1


def _count(database: Database) -> int:
    with database.transaction() as connection:
        return int(run(connection, "SELECT count(*) FROM city_hour")[0][0])


def _size(database: Database) -> str:
    with database.transaction() as connection:
        return str(run(connection, "SELECT pg_size_pretty(pg_database_size(current_database()))")[0][0])


if __name__ == "__main__":
    sys.exit(main())
