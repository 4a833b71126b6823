"""A real disk without room under the server's tables: told clearly, nothing lost, whole again once there is room."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from forks import ROOT, STAMPS, Forks, contents, counts
from servers import Server
from tier_servers import admin

from common.adapters.local.unprivileged import server_identity
from common.adapters.postgres.queue import PostgresQueue
from common.api import ApiContext, create_app
from common.domain.messages import COLLECT
from common.store.engine import Database, run
from common.store.errors import FULL
from common.store.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

CITIES = ["Agra", "Delhi", "Pune"]
_DISK = 'mount -t tmpfs -o size=64m,mode=0777 tmpfs "$0" && exec '


def own_disk(at: Path) -> list[str] | None:
    """A command that runs another with a small disk of its own at `at`; None where this machine forbids it."""
    identity = server_identity(at)
    if (
        identity.uid is None
    ):  # a namespace in which we may mount, and in it one in which we are ourselves again
        back = f"unshare --user --map-user={os.getuid()} --map-group={os.getgid()} -- "
        command = [
            "unshare",
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            _DISK + back + '"$@"',
            str(at),
        ]
    else:
        back = f"setpriv --reuid={identity.uid} --regid={identity.gid} --clear-groups "
        command = ["unshare", "--mount", "sh", "-c", _DISK + back + '"$@"', str(at)]
    with suppress(OSError):
        if subprocess.run([*command, "true"], check=False, capture_output=True).returncode == 0:
            return command
    return None


class Disk:
    """The small disk, seen from outside the server's namespace."""

    def __init__(self, server: Server, at: Path) -> None:
        self._ballast = Path(f"/proc/{server.pid}/root{at}/ballast")

    def fill(self) -> None:
        with suppress(OSError), self._ballast.open("wb", buffering=0) as file:
            while file.write(bytes(1 << 16)):
                pass
        with suppress(OSError), self._ballast.open("ab", buffering=0) as file:
            while file.write(bytes(512)):
                pass

    def free(self) -> None:
        self._ballast.unlink()


@pytest.fixture(scope="module")
def crowded() -> Iterator[tuple[Server, Disk]]:
    """A server whose tables may lie on a small disk, as tablespace ``small``."""
    with tempfile.TemporaryDirectory(prefix="vayu-full-") as folder:
        at = Path(folder) / "small"
        at.mkdir()
        Path(folder).chmod(0o755)
        wrap = own_disk(at)
        if wrap is None:
            pytest.skip("disk full (this machine lets nobody mount a small disk)")
        server = Server(Path(folder), wrap=wrap)
        server.settings["fsync"] = "off"
        with server:
            space = Path(f"/proc/{server.pid}/root{at}/space")
            space.mkdir()
            server.give(space).chmod(0o700)
            admin(server.url("{name}"), f"CREATE TABLESPACE small LOCATION '{at}/space'")
            yield server, Disk(server, at)


def test_nothing_is_lost_and_the_reason_is_told(
    crowded: tuple[Server, Disk], forks: Forks, now: datetime, tmp_path: Path
) -> None:
    server, disk = crowded
    admin(server.url("{name}"), "CREATE DATABASE roomy", "CREATE DATABASE crammed TABLESPACE small")
    work = {"task": "work", "cities": CITIES, "models": str(tmp_path)}
    later = {**work, "now": (now + timedelta(minutes=30)).isoformat(), "present": now.isoformat()}
    for name in ("roomy", "crammed"):
        with closing(Database(server.url(name))) as database:
            migrate(database)
            PostgresQueue(database, lambda: now).send(COLLECT, "now", {})

    with closing(Database(server.url("roomy"))) as roomy:
        forks.well(**later, url=roomy.url)
        expected = contents(roomy, STAMPS)
    with closing(Database(server.url("crammed"))) as full:
        before = counts(contents(full))
        disk.fill()
        alone = forks.run(task="collect", url=full.url, now=now.isoformat(), cities=CITIES)
        worker = forks.well(**work, now=now.isoformat(), url=full.url)
        command = _vayu(full.url, tmp_path)
        answer = (
            create_app(ApiContext(full, lambda: now, PostgresQueue(full, lambda: now)))
            .test_client()
            .get("/api/v1/cities")
        )
        left = counts(contents(full))
        with full.transaction() as connection:
            [(state, error)] = run(connection, "SELECT state, error FROM job")
        disk.free()
        forks.well(**later, url=full.url)
        healed = contents(full, STAMPS)

    assert (alone.status, alone.error, alone.message) == (1, "StoreError", FULL)
    assert worker.result == 1
    assert (state, error) == ("queued", FULL), "the message waits for its next attempt"
    assert command.returncode == 1
    assert command.stderr.strip().splitlines()[-1] == f"error: {FULL}"
    assert "INSERT" not in command.stdout + command.stderr
    assert answer.status_code == 200, "what is there can be read"
    assert left.get("city_hour", 0) <= before.get("city_hour", 0)
    assert counts(healed) == counts(expected)
    assert {**healed, "job": []} == {**expected, "job": []}


def _vayu(url: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """`vayu import`, as an operator would try."""
    file = folder / "Delhi.csv"
    rows = (
        f"2025-10-{day:02}T{hour:02}:30:00Z,pm25,{day + hour},µg/m³"
        for day in range(1, 31)
        for hour in range(24)
    )
    file.write_text("\n".join(["time,variable,value,unit", *rows]))
    return subprocess.run(
        [sys.executable, "-m", "common.cli", "import", str(file), "--city", "Delhi"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": url.replace("+pg8000", ""),
            "VAYU_HOME": str(folder),
        },
    )
