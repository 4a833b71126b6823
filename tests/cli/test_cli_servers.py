"""`vayu serve`, `vayu work` and `vayu schedule`, as containers run them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from processes import free_port, killed_afterwards, until

from common.domain.messages import COLLECT
from common.store import jobs
from common.store.engine import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from common.store.engine import Database

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0


class Command:
    """A running `vayu` command."""

    def __init__(self, folder: Path, *words: str, **env: str) -> None:
        self.log = folder / f"{'-'.join(words[:1])}-{free_port()}.log"
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "common.cli", *words],
                cwd=ROOT,
                env=inherited | {"VAYU_HOME": str(folder), "MODEL_STORE_URL": folder.as_uri()} | env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8")


@contextmanager
def running(folder: Path, *words: str, **env: str) -> Iterator[Command]:
    command = Command(folder, *words, **env)
    with killed_afterwards(command):
        yield command


def status_of(port: int) -> int | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/health", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return None


def test_the_api_is_served_and_ends_when_asked(database_url: str, tmp_path: Path) -> None:
    port = free_port()
    words = ("serve", "--port", str(port), "--workers", "1")
    with running(tmp_path, *words, DATABASE_URL=database_url) as server:
        until(lambda: status_of(port) == 200 or server.process.poll(), PATIENCE_S, "the API")
        assert server.process.poll() is None, server.output
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE_S) == 0


def test_a_port_that_is_taken_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with running(
            tmp_path, "serve", "--port", str(port), DATABASE_URL="postgresql://x@127.0.0.1:1/x"
        ) as server:
            assert server.process.wait(PATIENCE_S) == 1
    assert server.output.startswith(f"error: port {port} of 127.0.0.1 is taken; choose another")


@pytest.mark.parametrize(
    "words", [("serve",), ("work",), ("schedule",), ("live", "--no-migrate")], ids=lambda words: words[0]
)
def test_a_secret_that_cannot_be_read_is_refused_with_a_sentence(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    secret = tmp_path / "vayu.json"
    secret.write_text("hunter2 is no JSON", encoding="utf-8")
    with running(tmp_path, *words, VAYU_SECRETS=secret.as_uri()) as command:
        assert command.process.wait(PATIENCE_S) == 2
    assert command.output.startswith("error: the secret of VAYU_SECRETS must be a JSON object of texts")
    assert "hunter2" not in command.output
    assert "Traceback" not in command.output


def test_of_two_schedulers_one_works_and_the_other_takes_over(database: Database, tmp_path: Path) -> None:
    def holders() -> list[Command]:
        return [each for each in schedulers if "This is the scheduler." in each.output]

    with (
        running(tmp_path, "schedule", DATABASE_URL=database.url) as first,
        running(tmp_path, "schedule", DATABASE_URL=database.url) as second,
    ):
        schedulers = [first, second]
        until(lambda: len(holders()) == 1, PATIENCE_S, "one scheduler")
        [holder] = holders()
        until(lambda: collections(database) >= 1, PATIENCE_S, "a collection")
        assert len(holders()) == 1
        holder.process.kill()
        until(lambda: len(holders()) == 2, PATIENCE_S, "the other scheduler")
        [heir] = [each for each in schedulers if each is not holder]
        heir.process.send_signal(signal.SIGTERM)
        assert heir.process.wait(PATIENCE_S) == 0


def collections(database: Database) -> int:
    with database.transaction() as connection:
        return len(run(connection, "SELECT 1 FROM job WHERE type = :type", type=COLLECT))


def test_a_worker_takes_jobs_until_it_is_asked_to_end(
    database: Database, now: datetime, tmp_path: Path
) -> None:
    with database.transaction() as connection:
        jobs.enqueue(connection, "vayu.alerts", "schedule", {}, now=now)
    with running(tmp_path, "work", "vayu.alerts", DATABASE_URL=database.url) as worker:

        def done() -> bool:
            with database.transaction() as connection:
                return not run(connection, "SELECT 1 FROM job WHERE finished_at IS NULL")

        until(done, PATIENCE_S, "the job")
        worker.process.send_signal(signal.SIGTERM)
        assert worker.process.wait(PATIENCE_S) == 0
