"""`vayu live` where its server, its database or itself ends; how soon events come; how many sockets it carries."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from fleet import MB, delays, p95, survive
from live_process import PATIENCE_S, LiveProcess, Producer, client, producer_of, running_live, sse
from processes import killed_afterwards, temporary_folder, until
from servers import Server
from tier_servers import name_of
from websockets.exceptions import ConnectionClosed

from common.store.engine import Database, run
from common.store.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PGBOUNCER = ROOT / "scripts" / "pgbouncer"


@pytest.fixture(scope="module")
def live(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveProcess]:
    with running_live(url, tmp_path_factory.mktemp("live"), VAYU_LIVE_PER_ADDRESS="500") as running:
        yield running


def test_an_event_comes_at_once(live: LiveProcess, producer: Producer) -> None:
    assert p95(delays(live, producer, 40)) <= 0.3


def test_without_notifications_an_event_comes_within_a_second_or_so(
    url: str, producer: Producer, tmp_path: Path
) -> None:
    live = LiveProcess(url, tmp_path, DATABASE_LISTEN_URL="none")
    with killed_afterwards(live):
        live.await_health(database="connected", follows_by="polling")
        assert p95(delays(live, producer, 6)) <= 1.5


def test_through_pgbouncer_it_looks_and_with_a_way_around_it_listens(
    url: str, producer: Producer, server: str, tmp_path: Path
) -> None:
    installed = os.environ.get("VAYU_TEST_PGBOUNCER")
    if not installed:
        pytest.skip("pgbouncer (VAYU_TEST_PGBOUNCER is not set)")
    with temporary_folder("vayu-pgbouncer-") as folder:
        (folder / "root").symlink_to(Path(installed).absolute() / "root")
        start = [PGBOUNCER, "start", folder, server.format(name="postgres")]
        done = subprocess.run(start, check=True, stdout=subprocess.PIPE, text=True, timeout=60)
        pooled = done.stdout.strip().removesuffix("postgres") + name_of(url)
        try:
            live = LiveProcess(pooled, tmp_path)
            with killed_afterwards(live):
                live.await_health(database="connected", follows_by="polling")
                assert p95(delays(live, producer, 4)) <= 1.5
            with running_live(pooled, tmp_path, DATABASE_LISTEN_URL=url) as around:
                assert p95(delays(around, producer, 10)) <= 0.3
        finally:
            subprocess.run([PGBOUNCER, "stop", folder], check=True, timeout=60)


def test_a_lost_listener_loses_no_event(live: LiveProcess, producer: Producer) -> None:
    with client(live.websocket) as here:
        here.hello(producer.newest())
        for _ in range(3):
            with producer.database.transaction() as connection:
                run(
                    connection,
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()",
                )
            with suppress(Exception):  # the producer's own connections have ended, too
                producer.newest()
            numbers = [producer.commit("Delhi") for _ in range(5)]
            assert here.events(5, 5.0) == numbers
        live.await_health(database="connected", follows_by="notify")
    assert p95(delays(live, producer, 10)) <= 0.3


def passes_the_check_of_the_compose_file(live: LiveProcess) -> bool:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    _, _, option, program = compose["services"]["live"]["healthcheck"]["test"]
    check = [sys.executable, option, program.replace(":8081", f":{live.port}")]
    return subprocess.run(check, check=False, capture_output=True, timeout=60).returncode == 0


def test_while_the_database_is_away_sockets_stay() -> None:
    with temporary_folder("vayu live ") as folder, Server(folder) as own, ExitStack() as stack:
        with closing(Database(own.url())) as database:
            migrate(database)
        producer = stack.enter_context(producer_of(own.url()))
        live = stack.enter_context(running_live(own.url(), folder, VAYU_LIVE_PING="2"))
        with client(live.websocket) as here, sse(live.events) as stream:
            here.hello()
            stream.part()
            own.kill()
            live.await_health(database="unreachable", status="degraded", connections=2)
            assert not passes_the_check_of_the_compose_file(live)
            with client(live.websocket) as meanwhile:
                meanwhile.hello()
                here.send({"type": "ping"})
                assert here.receive() == {"type": "pong"}
            own.start()
            live.await_health(database="connected")
            assert passes_the_check_of_the_compose_file(live)
            numbers = [producer.commit("Delhi") for _ in range(3)]
            assert here.events(3) == numbers
            assert stream.events(3) == numbers
        notes = [line for line in live.log.splitlines() if "events cannot be read" in line]
        assert len(notes) == 1
        assert "events are read again" in live.log
        assert own.url().split(":")[2].split("@")[0] not in live.log


def test_told_to_end_it_says_so_to_all_and_is_soon_gone(url: str, tmp_path: Path) -> None:
    with running_live(url, tmp_path, "--host", "127.0.0.1") as live, ExitStack() as stack:
        clients = [stack.enter_context(client(live.websocket)) for _ in range(20)]
        for each in clients[:-1]:
            each.hello()
        stream = stack.enter_context(sse(live.events))
        stream.part()
        started = time.monotonic()
        live.process.send_signal(signal.SIGTERM)
        for each in clients:
            with pytest.raises(ConnectionClosed) as closed:
                each.receive()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001
        assert stream.response.read() == b""
        assert time.monotonic() - started < 5.0
        assert live.process.wait(PATIENCE_S) == 0
        assert "Traceback" not in live.log


def test_no_event_is_lost_over_kills_and_reconnects(url: str, producer: Producer, tmp_path: Path) -> None:
    """The whole, a thousand sockets and a hundred kills: `python -m benchmarks.live`."""
    with running_live(url, tmp_path, VAYU_LIVE_PER_ADDRESS="1000") as live:
        rss = asyncio.run(survive(live, producer, size=60, client_kills=18, server_kills=2))
        assert rss <= 150 * MB
        assert "Traceback" not in live.log


def test_a_process_as_child_ends_with_its_parent(url: str, tmp_path: Path) -> None:
    live = LiveProcess(url, tmp_path)
    live.process.kill()
    live.process.wait()
    command = [sys.executable, "-m", "common.cli.child_process", "live", "127.0.0.1", str(live.port)]
    with live.log_path.open("ab") as log:
        live.process = subprocess.Popen(
            command, env=live.env, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
        )
    with killed_afterwards(live):
        live.await_health(database="connected")
        assert live.process.stdin is not None
        live.process.stdin.close()
        assert live.process.wait(PATIENCE_S) == 0
        until(lambda: "Traceback" not in live.log, 1)
