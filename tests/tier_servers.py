"""The servers that tests run on: the embedded one always, others where a variable names them.

``VAYU_TEST_TIMESCALE_URL``: TimescaleDB's Apache edition, as scripts/timescaledb starts it. ``TIMESCALE_TSL_URL``:
any server with the community edition. Both are ``postgresql://user:password@host:port/postgres`` of a superuser; the
tests' own databases come and go there, others are not touched.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from processes import until
from sqlalchemy import make_url

from common.adapters.local.embedded_server import EmbeddedServer, installed_programs
from common.store.engine import Database, run
from common.store.migrate import migrate
from common.store.tiers import recorded

if TYPE_CHECKING:
    from collections.abc import Iterator

_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made there
_ROOM = 4 << 30
"""Bytes that must be free there: each worker's server takes some hundred megabytes."""
_PREFIX = "vayu-pg-"
VARIABLES = {"plain": None, "apache": "VAYU_TEST_TIMESCALE_URL", "community": "TIMESCALE_TSL_URL"}
"""Tier → the variable that names a server of it; the embedded server needs none."""


def missing(tier: str) -> str | None:
    """Why tests of that tier do not run here; None where they do."""
    variable = VARIABLES[tier]
    return f"{tier} ({variable} is not set)" if variable and not os.environ.get(variable) else None


class TierServers:
    """One server a tier, started or found when it is first asked for; `close` removes what was made there."""

    def __init__(self) -> None:
        self._ends = ExitStack()
        self._urls: dict[str, str] = {}
        self._templates: dict[str, str] = {}

    def url(self, tier: str) -> str:
        """Address with ``{name}`` for the database."""
        if tier not in self._urls:
            variable = VARIABLES[tier]
            self._urls[tier] = self._embedded() if variable is None else _named(os.environ[variable])
        return self._urls[tier]

    def template(self, tier: str) -> str:
        """Name of a migrated database to copy: copying is faster than migrating."""
        if tier not in self._templates:
            server, name = self.url(tier), "template_" + uuid.uuid4().hex[:12]
            admin(server, f"CREATE DATABASE {name}")
            self._ends.callback(admin, server, f"DROP DATABASE {name} WITH (FORCE)")
            with closing(Database(server.format(name=name))) as database:
                migrate(database)
                with database.transaction() as connection:
                    assert recorded(connection) == tier, f"{VARIABLES[tier]} names a server of another tier"
            # TimescaleDB's workers visit every database they may, and one in use cannot be copied.
            admin(
                server,
                f"ALTER DATABASE {name} ALLOW_CONNECTIONS false",
                end_sessions(name),
            )
            self._templates[tier] = name
        return self._templates[tier]

    def programs(self, tier: str) -> Path | None:
        """Folder of the programs of the tier's server, for servers that a test starts itself; None
        where that server is on another machine."""
        if VARIABLES[tier] is None:
            return installed_programs()
        address = self.url(tier).format(name="postgres")
        with closing(Database(address)) as database, database.transaction() as connection:
            [(folder,)] = run(connection, "SELECT setting FROM pg_config WHERE name = 'BINDIR'")
        return Path(folder) if (Path(folder) / "pg_receivewal").exists() else None

    def close(self) -> None:
        self._ends.close()

    def _embedded(self) -> str:
        folder = self._ends.enter_context(
            tempfile.TemporaryDirectory(
                prefix=f"{_PREFIX}{os.getpid()}-", dir=_in_memory(), ignore_cleanup_errors=True
            )
        )
        running = EmbeddedServer(Path(folder))
        address = running.url("postgres")
        self._ends.callback(running.stop)
        # Databases come and go with each test: what is lost when the machine fails may be lost.
        admin(
            address,
            "ALTER SYSTEM SET fsync = off",
            "ALTER SYSTEM SET full_page_writes = off",
            "ALTER SYSTEM SET min_wal_size = '32MB'",
            "ALTER SYSTEM SET max_wal_size = '128MB'",
            "SELECT pg_reload_conf()",
        )
        return address.replace("/postgres?", "/{name}?")


def _in_memory() -> Path | None:
    """Where the files of a server need no disk, if there is room and programs may be run from there: a database is
    550 files, which come and go with each test, and a disk's file system took most of a small test's time for that."""
    if not _MEMORY.is_dir() or os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC:
        return None
    for left in _MEMORY.glob(f"{_PREFIX}*"):  # by a run that was killed: memory is not cleared as disks are
        if not psutil.pid_exists(int(left.name.removeprefix(_PREFIX).partition("-")[0])):
            shutil.rmtree(left, ignore_errors=True)
    return _MEMORY if shutil.disk_usage(_MEMORY).free >= _ROOM else None


def end_sessions(name: str) -> str:
    """The statement that ends all sessions of a database."""
    return f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'"  # noqa: S608


def admin(server: str, *statements: str) -> None:
    """Run statements that stand for themselves, on the server's own database."""
    with closing(Database(server.format(name="postgres"))) as database, database.statements() as connection:
        for statement in statements:
            run(connection, statement)


def name_of(url: str) -> str:
    """Of the database that an address leads to."""
    return str(make_url(url).database)


@contextmanager
def fresh_database(server: str, options: str = "") -> Iterator[str]:
    """Address of a new database, made with `options` of CREATE DATABASE; gone afterwards."""
    name = "t" + uuid.uuid4().hex[:12]
    if "TEMPLATE" in options and str(_MEMORY) in server:
        options += " STRATEGY FILE_COPY"  # without a log of every page, which pays where files cost little
    admin(server, f"CREATE DATABASE {name} {options}")
    try:
        yield server.format(name=name)
    finally:
        admin(server, f"DROP DATABASE {name} WITH (FORCE)")


def run_jobs(database: Database, policy: str) -> int:
    """Have the server do now what it does by itself at times, as in ``policy_compression``; how many jobs."""
    with database.transaction() as connection:
        jobs = run(
            connection,
            "SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = :policy",
            policy=policy,
        )
    with closing(database.patient()) as fresh, fresh.statements() as connection:
        for (job,) in jobs:
            run(connection, "CALL run_job(:job)", job=job)
    return len(jobs)


def done_by_the_servers_workers(database: Database, policy: str) -> int:
    """Have the server's own workers do now what is planned under that name; how many jobs, all of which went well."""
    planned = "FROM timescaledb_information.jobs JOIN timescaledb_information.job_stats USING (job_id) "
    planned += "WHERE proc_name = :policy"
    with database.transaction() as connection:
        before = dict(run(connection, f"SELECT job_id, COALESCE(total_runs, 0) {planned}", policy=policy))
        run(connection, f"SELECT alter_job(job_id, next_start => now()) {planned}", policy=policy)
        # It looks for new databases once a minute, and may miss a job that is added while it reads the others.
        run(connection, "SELECT _timescaledb_functions.restart_background_workers()")

    def done() -> dict[int, str] | None:
        with database.transaction() as connection:
            rows = run(connection, f"SELECT job_id, total_runs, last_run_status {planned}", policy=policy)
        statuses = {job: status for job, total, status in rows if (total or 0) > before[job] and status}
        return statuses if len(statuses) == len(before) else None

    statuses = until(done, seconds=60, what=policy)
    assert set(statuses.values()) == {"Success"}
    return len(statuses)


def _named(url: str) -> str:
    address = make_url(url).set(drivername="postgresql+pg8000", database="{name}")
    return address.render_as_string(hide_password=False).replace("%7Bname%7D", "{name}")
