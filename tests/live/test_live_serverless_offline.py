"""The protocol, held against functions/live under serverless-offline: its WebSocket, its 410, its two time-outs."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from live_process import NOW, PATIENCE_S, ROOT, Producer, client
from processes import free_ports, gone, killed_afterwards, temporary_folder, until
from protocol_suite import ProtocolSuite, Target, settled
from tier_servers import fresh_database
from websockets.exceptions import ConnectionClosed

from common.domain.live_protocol import MAX_FRAME
from common.domain.messages import EVENTS_READY
from common.store import jobs
from common.store.engine import Database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from live_process import Client

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (ROOT / ".vayu/osls/node_modules/serverless-offline").exists(),
        reason="serverless-offline is not here: make osls",
    ),
]
UP_WITHIN_S = 180.0
LATENCY_S = 3.0
"""From the commit to the client, where the function has been started already"""


class WakingProducer(Producer):
    """Commits events and wakes the functions, as then_announce does."""

    def commit(self, *cities: str, **given: Any) -> int:
        number = super().commit(*cities, **given)
        self.wake()
        return number

    def commit_many(self, count: int, *cities: str) -> None:
        super().commit_many(count, *cities)
        self.wake()

    def wake(self) -> None:
        with self.database.transaction() as connection:
            jobs.enqueue(connection, EVENTS_READY, f"events {time.monotonic_ns()}", {}, now=NOW)


class Emulation:
    """``make emulate-aws``."""

    def __init__(self, database_url: str, folder: Path, **env: str) -> None:
        self.port = free_ports(4)
        self._log = folder / "log.txt"
        inherited = {
            name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ
        }
        own = {"VAYU_HOME": str(folder / "home"), "PORT": str(self.port), "DATABASE_URL": database_url}
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, ROOT / "scripts" / "emulate.py", "aws"],
                env=inherited | own | {"VAYU_SOURCES": "simulated"} | env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(self._is_ready, UP_WITHIN_S, poll_s=0.2)

    @property
    def websocket(self) -> str:
        return f"ws://127.0.0.1:{self.port + 2}"

    @property
    def log(self) -> str:
        logs = sorted(self._log.parent.glob("home/logs/*.log"))
        return "".join(path.read_text(encoding="utf-8") for path in [self._log, *logs])

    def start_functions(self) -> None:
        """Call the function as often at once as tests do, so that its processes run: each takes seconds to start."""
        url = f"http://127.0.0.1:{self.port + 1}/2015-03-31/functions/vayu-local-live/invocations"

        def call(_: int) -> None:
            httpx.post(url, json={}, timeout=UP_WITHIN_S).raise_for_status()

        with ThreadPoolExecutor() as pool:
            list(pool.map(call, range(3)))

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, self.log
        return "Ready." in self._log.read_text(encoding="utf-8")


@contextmanager
def emulated(database_url: str, **env: str) -> Iterator[Emulation]:
    with temporary_folder("vayu live emulated ") as folder:
        running = Emulation(database_url, folder, **env)
        with killed_afterwards(running):
            yield running
            running.process.send_signal(signal.SIGINT)
            running.process.wait(PATIENCE_S)
        gone(folder, PATIENCE_S)


@pytest.fixture(scope="module")
def target(server: str, template: str) -> Iterator[Target]:
    with fresh_database(server, f"TEMPLATE {template}") as url:
        database = Database(url)
        producer = WakingProducer(database)
        producer.lose_the_oldest()
        with emulated(url) as running:
            running.start_functions()
            made = Target(running.websocket, producer, latency_s=PATIENCE_S)
            settled(made)
            yield made
        database.close()


class TestServerlessOffline(ProtocolSuite):
    """Every test of the suite, but for what API Gateway does before the function is called."""

    def test_a_large_frame_is_read_and_a_larger_one_ends_its_connection(self, target: Target) -> None:
        """API Gateway ends it with 1009; serverless-offline hands it over, and the function refuses it."""
        largest = json.dumps({"type": "hello", "after": None})
        largest += " " * (MAX_FRAME - len(largest))
        newest = settled(target)
        with client(target.websocket) as other, client(target.websocket) as here:
            other.hello(newest)
            here.send(largest)
            assert here.receive()["type"] == "welcome"
            here.send(largest + " ")
            assert here.receive() == {
                "type": "error",
                "detail": "a message has at most 32768 bytes, not 32769",
            }
            number = target.producer.commit("Delhi")
            assert other.events(1) == [number]


def test_from_the_commit_to_the_client(target: Target) -> None:
    """Within three seconds, of which the emulation's own queue takes up to half a second."""
    took = []
    with client(target.websocket) as here:
        here.hello(target.producer.newest())
        for _ in range(40):
            began = time.monotonic()
            number = target.producer.commit("Delhi")
            assert here.events(1) == [number]
            took.append(time.monotonic() - began)
    assert statistics.quantiles(took, n=20)[-1] <= LATENCY_S, took


def test_who_was_cut_off_without_a_word_costs_nobody_anything(target: Target) -> None:
    """The gateway answers 410 for those who are gone; a client that says nothing more is one of them after all."""
    with client(target.websocket) as here:
        here.hello(target.producer.newest())
        with client(target.websocket) as cut_off:
            cut_off.hello(target.producer.newest())
            cut_off.connection.socket.close()
        number = target.producer.commit("Delhi")
        assert here.events(1) == [number]
        later = target.producer.commit("Delhi")
        assert here.events(1) == [later]


def be_busy(here: Client) -> None:
    """Never be idle."""
    while True:
        here.send({"type": "ping"})
        assert here.receive()["type"] == "pong"


def test_both_time_outs_of_api_gateway_are_survived(server: str, template: str) -> None:
    """Idle sockets are closed, and every socket after its time; with its number a client misses nothing."""
    with fresh_database(server, f"TEMPLATE {template}") as url:
        database = Database(url)
        producer = WakingProducer(database)
        options = "--webSocketIdleTimeout 3 --webSocketHardTimeout 12"
        with emulated(url, OFFLINE_OPTIONS=options) as running:
            with client(running.websocket) as idle:
                seen = idle.hello()["seq"]
                with pytest.raises(ConnectionClosed) as closed:
                    idle.receive(seconds=PATIENCE_S)
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == 1001
            missed = producer.commit("Delhi")
            with client(running.websocket) as back:
                back.hello(seen)
                assert back.events(1) == [missed]
                with pytest.raises(ConnectionClosed):
                    be_busy(back)
                assert back.connection.close_code == 1001
        database.close()
