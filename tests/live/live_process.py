"""`vayu live` as a process, and its clients."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psutil
from processes import free_port, killed_afterwards, until
from websockets.sync.client import ClientConnection, connect

from common.store.engine import Database
from common.store.events import append, drop_old_events, newest_seq, seq_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from http.client import HTTPResponse

ROOT = Path(__file__).parents[2]
NOW = datetime(2025, 11, 5, 10, 30, tzinfo=UTC)
PATIENCE_S = 20.0


START_S = 60.0
"""How long a process may take to begin, on a machine that does much else."""
_SERVE = """
import sys
from common.bootstrap.container import environment_settings, system_clock
from common.bootstrap.live_process import run_live

run_live(environment_settings(), system_clock, host="127.0.0.1", port=int(sys.argv[1]))
"""
"""What ``vayu live`` comes to, without what all its other commands need to start."""


class LiveProcess:
    """A running ``vayu live``; the command itself where it has `arguments`."""

    def __init__(self, database_url: str, folder: Path, *arguments: str, **env: str) -> None:
        self.port = free_port()
        self.log_path = folder / f"live-{self.port}.log"
        if arguments:
            options = ("--verbose", "live", "--port", str(self.port), *arguments)
            self.command = [sys.executable, "-m", "common.cli", *options]
        else:
            self.command = [sys.executable, "-c", _SERVE, str(self.port)]
        inherited = {
            name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ
        }
        self.env = inherited | {"DATABASE_URL": database_url, "VAYU_HOME": str(folder)} | env
        self.start()

    def start(self) -> None:
        """Start it, again perhaps, and do not wait."""
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def await_health(self, **expected: object) -> dict[str, Any]:
        """Wait until /health says what is expected."""

        def state() -> dict[str, Any] | None:
            assert self.process.poll() is None, self.log
            try:
                health = self.health()
            except OSError:
                return None
            return health if expected.items() <= health.items() else None

        return until(state, START_S, f"{expected}: {self.log_path}", poll_s=0.1)

    @property
    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8")

    @property
    def websocket(self) -> str:
        return f"ws://127.0.0.1:{self.port}/live/ws"

    @property
    def events(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v1/events"

    @property
    def rss(self) -> int:
        """Bytes in memory."""
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def health(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5) as answer:
            state: dict[str, Any] = json.loads(answer.read())
        return state


@contextmanager
def running_live(database_url: str, folder: Path, *arguments: str, **env: str) -> Iterator[LiveProcess]:
    """``vayu live`` over a database, following its events; killed at the end, if it still runs."""
    running = LiveProcess(database_url, folder, *arguments, **env)
    with killed_afterwards(running):
        running.await_health(database="connected", follows_by="notify")
        yield running


class Producer:
    """Commits events, as the functions do."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def commit(
        self, *cities: str, kind: str = "hours", detail: Mapping[str, Any] | None = None, at: datetime = NOW
    ) -> int:
        """The number of the event."""
        with self.database.transaction() as connection:
            id_ = append(connection, kind, cities, now=at, detail=detail)
        with self.database.transaction() as connection:
            seq = seq_of(connection, id_)
        assert seq is not None
        return seq

    def commit_many(self, count: int, *cities: str) -> None:
        """So many events, in one transaction."""
        with self.database.transaction() as connection:
            for _ in range(count):
                append(connection, "hours", cities, now=NOW)

    def newest(self) -> int:
        with self.database.transaction() as connection:
            return newest_seq(connection)

    def lose_the_oldest(self) -> None:
        """Let there be events that are no longer kept."""
        for _ in range(3):
            self.commit("Delhi", at=NOW - timedelta(days=3))
        self.commit("Delhi")
        with self.database.transaction() as connection:
            assert drop_old_events(connection, now=NOW) == 3


@contextmanager
def producer_of(database_url: str) -> Iterator[Producer]:
    with closing(Database(database_url)) as database:
        yield Producer(database)


@dataclass
class Client:
    """A client of the WebSocket."""

    connection: ClientConnection
    received: list[dict[str, Any]] = field(default_factory=list)

    def send(self, message: object) -> None:
        self.connection.send(message if isinstance(message, str | bytes) else json.dumps(message))

    def hello(self, after: int | None = None, **filters: object) -> dict[str, Any]:
        """Say hello; the welcome."""
        self.send({"type": "hello", "after": after} | filters)
        answer = self.receive()
        assert answer["type"] == "welcome", answer
        return answer

    def receive(self, seconds: float = PATIENCE_S) -> dict[str, Any]:
        """The next message that is no ping."""
        while True:
            message: dict[str, Any] = json.loads(self.connection.recv(timeout=seconds))
            if message != {"type": "ping"}:
                self.received.append(message)
                return message

    def events(self, count: int, seconds: float = PATIENCE_S) -> list[int]:
        """The numbers of the next events."""
        messages = [self.receive(seconds) for _ in range(count)]
        assert all(message["type"] == "event" for message in messages), messages
        return [message["seq"] for message in messages]


@contextmanager
def client(address: str, **options: Any) -> Iterator[Client]:
    """Connect; `options` are those of websockets' own client."""
    with connect(address, compression=None, proxy=None, open_timeout=PATIENCE_S, **options) as connection:
        yield Client(connection)


@dataclass
class Sse:
    """A client of the stream: its parts between blank lines, as name → text."""

    response: HTTPResponse

    def part(self) -> dict[str, str]:
        """The next part that is no sign of life."""
        while True:
            fields: dict[str, str] = {}
            while line := self.response.readline().decode().rstrip("\n"):
                name, _, text = line.partition(":")
                fields[name] = text.removeprefix(" ")
            if not self.response.isclosed() and "" in fields:
                continue
            return fields

    def events(self, count: int) -> list[int]:
        return [int(self.part()["id"]) for _ in range(count)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.response.close()


def sse(address: str, headers: Mapping[str, str] | None = None) -> Sse:
    """Connect to a stream."""
    request = urllib.request.Request(address, headers={"Accept": "text/event-stream", **(headers or {})})
    return Sse(urllib.request.urlopen(request, timeout=PATIENCE_S))


def refusal(address: str, headers: Mapping[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    """Status and problem document of what is refused."""
    try:
        sse(address, headers).response.close()
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, json.loads(answer.read())
    raise AssertionError(f"{address} was answered")


def numbers(parts: Sequence[Mapping[str, str]]) -> list[int]:
    return [int(part["id"]) for part in parts]
