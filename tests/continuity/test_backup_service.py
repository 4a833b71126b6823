"""The service `backup` of docker-compose.yml, as processes, at a server that lets in whom its own does."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from factories import air, keep_and_reconcile, series
from processes import of_folder, temporary_folder, until
from servers import PASSWORD, Server, give

from common.adapters.local.unprivileged import server_identity
from common.store.continuity import backup_state
from common.store.databases import create_database
from common.store.engine import Database, run
from common.store.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from common.store.continuity import BackupState

ROOT = Path(__file__).parents[2]
SECRET = r"a:word\with marks"  # noqa: S105
"""What libpq's file of passwords would take for something else."""


class Service:
    """The scripts with all that they find in their container, run by the user of the server."""

    def __init__(self, folder: Path, server: Server, programs: Path, tools: str | None = None) -> None:
        """`tools`: a PATH in place of this machine's, on which bash is, and an sh."""
        self.backups = folder / "backups"
        self.secrets = folder / "secrets"
        for path in (self.backups, self.secrets, folder / "state"):
            path.mkdir()
        (self.secrets / "database_superuser").write_text(PASSWORD + "\n")
        (self.secrets / "database_backup").write_text(SECRET + "\n")
        for name in (
            "containers/backup.sh",
            "containers/backup-role.sh",
            "containers/former-data.sh",
            "scripts/backup",
        ):
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
            (folder / name).chmod(0o755)
        self._identity = server_identity(folder)
        for path in (self.backups, self.secrets, folder / "state"):
            give(self._identity, path)
        self._folder = folder
        self._environment = {
            "PATH": f"{programs}{os.pathsep}{tools or os.environ['PATH']}",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(server.port),
            "FOLDER": str(self.backups),
            "SECRETS": str(self.secrets),
            "STATE": str(folder / "state"),
            "CHECK_EVERY_S": "1",
        }

    def run(self, script: str, *arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        """One script of the service, with `more` in its environment."""
        return subprocess.run(
            [*self._command(script), *arguments],
            check=False, capture_output=True, text=True, timeout=120, cwd="/",
            env=self._environment | more, **self._identity.popen(),
        )  # fmt: skip

    def _command(self, script: str) -> list[str]:
        """By the interpreter that the PATH has."""
        path = self._folder / "containers" / script
        with path.open() as lines:
            return [re.split("[/ ]", next(lines).strip())[-1], str(path)]

    @contextmanager
    def working(self) -> Iterator[subprocess.Popen[bytes]]:
        log = self._folder / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                self._command("backup.sh"),
                stdout=out, stderr=out, cwd="/", env=self._environment, **self._identity.popen(),
            )  # fmt: skip
        try:
            yield process
        except AssertionError as error:
            error.add_note(self.log())
            raise
        finally:
            process.terminate()
            assert process.wait(30) == 0, log.read_text()

    def log(self) -> str:
        return (self._folder / "log").read_text()

    def bases(self) -> list[str]:
        return sorted(path.name for path in self.backups.glob("base/[0-9]*"))


def state(database: Database) -> BackupState:
    with database.transaction() as connection:
        return backup_state(connection)


@pytest.fixture
def server(tier: str, programs: Path) -> Iterator[Server]:
    """As docker-compose.yml starts it, but for its address."""
    plain = tier == "plain"
    with temporary_folder("vayu-service-") as folder:
        server = Server(
            folder, programs=None if plain else programs, auth="scram-sha-256", timescale=not plain
        )
        shutil.copy(ROOT / "containers/pg_hba.conf", folder / "pg_hba.conf")
        server.settings["hba_file"] = str(server.give(folder / "pg_hba.conf"))
        with server:
            yield server


@pytest.mark.slow
@pytest.mark.tiers("plain", "apache", "community")
def test_it_keeps_backups_and_brings_a_lost_database_back(
    server: Server, programs: Path, now: datetime
) -> None:
    keeps_backups_and_brings_a_lost_database_back(server, programs, now)


@pytest.fixture
def busybox() -> Iterator[str]:
    """A PATH with busybox's tools and bash, as in images of Alpine Linux."""
    installed = os.environ.get("VAYU_TEST_BUSYBOX")
    if not installed:
        pytest.skip("busybox (VAYU_TEST_BUSYBOX is not set; see scripts/busybox)")
    bash = shutil.which("bash")
    assert bash is not None
    with temporary_folder("vayu-tools-") as folder:
        folder.chmod(0o755)
        (folder / "bash").symlink_to(bash)
        yield f"{Path(installed).absolute() / 'tools'}{os.pathsep}{folder}"


@pytest.mark.slow
@pytest.mark.tiers("plain")
def test_the_tools_of_alpine_linux_are_enough_for_it(
    server: Server, programs: Path, now: datetime, busybox: str
) -> None:
    keeps_backups_and_brings_a_lost_database_back(server, programs, now, busybox)


def keeps_backups_and_brings_a_lost_database_back(
    server: Server, programs: Path, now: datetime, tools: str | None = None
) -> None:
    with closing(Database(server.url())) as admin:
        create_database(admin, "vayu")
    with closing(Database(server.url("vayu"))) as database, temporary_folder("vayu-service-") as folder:
        migrate(database)
        keep_and_reconcile(database, series(now, 48, air(80)), now)
        service = Service(folder, server, programs, tools)
        for _ in range(2):
            made = service.run("backup-role.sh")
            assert made.returncode == 0, made.stderr
        assert service.run("backup.sh", "healthy").returncode != 0
        with service.working() as process:
            until(lambda: state(database).drill_at is not None, 120)
            until(lambda: not list(service.backups.glob("tmp.*")), 30)
            first = state(database)
            assert first.base_at is not None
            assert first.streaming is True
            assert service.run("backup.sh", "healthy").returncode == 0
            assert process.poll() is None
            running = service.run("backup.sh", "restore", server.data.parent)
            assert running.returncode == 1
            assert running.stderr == "error: the service database runs; stop it first. Nothing was changed\n"
            assert server.data.exists()
        assert not [line for line in of_folder(service.backups) if "postgres" in line]
        assert SECRET not in service.log()
        [base] = service.bases()

        server.kill()
        server.data.rename(server.data.with_name("pgdata"))
        give(server_identity(server.data.parent), server.data.parent)
        restored = service.run("backup.sh", "restore", server.data.parent)
        assert restored.returncode == 0, restored.stderr
        assert "what was there before is in pgdata.2" in restored.stdout
        [aside] = server.data.parent.glob("pgdata.2*")
        # Another moment is chosen before a server has started: what is set aside is still the database that was lost.
        again = service.run("backup.sh", "restore", server.data.parent)
        assert again.returncode == 0, again.stderr
        assert "what was there before had been restored and never started; it is removed" in again.stdout
        assert list(server.data.parent.glob("pgdata.2*")) == [aside]
        assert (aside / "PG_VERSION").exists()
        server.data.with_name("pgdata").rename(server.data)
        server.start()
        with database.transaction() as connection:
            assert run(connection, "SELECT count(*) FROM city_hour")[0][0] >= 24
        # The server writes another history now: the log of the former one is set aside, and a new beginning made.
        with service.working():
            until(lambda: service.bases() not in ([], [base]), 60)
            until(lambda: service.run("backup.sh", "healthy").returncode == 0, 30)
        [former] = service.backups.glob("former-*")
        assert [path.name for path in (former / "base").iterdir()] == [base]
        pruned = service.run("backup.sh", "prune", "1")
        assert f"deleted {former.name}, " in pruned.stdout, pruned.stderr
        assert not former.exists()


@pytest.mark.tiers("plain")
def test_a_wrong_secret_is_said_and_nothing_is_written(server: Server, programs: Path) -> None:
    with closing(Database(server.url())) as admin:
        create_database(admin, "vayu")
    with closing(Database(server.url("vayu"))) as database, temporary_folder("vayu-service-") as folder:
        migrate(database)
        service = Service(folder, server, programs)
        assert service.run("backup-role.sh").returncode == 0
        (service.secrets / "database_backup").write_text("another\n")
        result = service.run("backup.sh")
        assert result.returncode == 1
        assert "error: the server does not answer, or not to this user" in result.stderr
        assert 'password authentication failed for user "vayu_backup"' in result.stderr
        assert "another" not in result.stderr
        assert list(service.backups.iterdir()) == []
        (service.secrets / "database_superuser").write_text("another\n")
        refused = service.run("backup-role.sh")
        assert refused.returncode != 0
        assert "password authentication failed" in refused.stderr


@pytest.fixture(params=["of this machine", "busybox"])
def tools(request: pytest.FixtureRequest) -> str | None:
    """None: this machine's."""
    return request.getfixturevalue("busybox") if request.param == "busybox" else None


@pytest.mark.tiers("plain")
def test_former_data_go_when_the_restored_server_takes_writes(
    server: Server, programs: Path, tools: str | None
) -> None:
    with closing(Database(server.url())) as admin:
        create_database(admin, "vayu")
    with closing(Database(server.url("vayu"))) as database, temporary_folder("vayu-service-") as folder:
        migrate(database)
        service = Service(folder, server, programs, tools)
        former = [
            server.data.with_name(f"data.{day}T101500Z") for day in ("20250903", "20251001", "20251105")
        ]
        for path in former:
            path.mkdir()
            (path / "PG_VERSION").write_bytes(bytes(2 << 20))
            give(server_identity(folder), path)
        beside = server.data.with_name("data.of-somebody")
        beside.mkdir()
        give(server_identity(folder), server.data.parent)

        def remove(keep: int) -> subprocess.CompletedProcess[str]:
            """As `exec` in the container of the database does it, whose socket lets everybody in."""
            return service.run(
                "former-data.sh",
                str(keep),
                PGDATA=str(server.data),
                PGPASSWORD=PASSWORD,
                PGCONNECT_TIMEOUT="5",
            )

        server.stop()
        (server.data / "standby.signal").touch()
        for state in ("stopped", "recovering"):
            if state == "recovering":
                server.start()
            refused = remove(1)
            assert refused.returncode == 1, state
            assert "error: the server does not take writes; no former data were removed" in refused.stderr
            assert all((path / "PG_VERSION").exists() for path in former)
        with database.statements() as connection:
            run(connection, "SELECT pg_promote()")
        nothing = remove(3)
        assert (nothing.returncode, nothing.stdout) == (0, "")
        assert all((path / "PG_VERSION").exists() for path in former)
        removed = remove(2)
        assert removed.stdout.splitlines() == [
            "former data removed: data.20250903T101500Z, 2 MB are free again",
            "former data kept: data.20251001T101500Z",
            "former data kept: data.20251105T101500Z",
        ]
        assert remove(1).returncode == 0
        assert [path for path in former if path.exists()] == former[-1:]
        assert beside.exists()
        assert (server.data / "PG_VERSION").exists()
