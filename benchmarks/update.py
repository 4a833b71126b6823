"""A release replaced by the next under load: requests that failed, events that a WebSocket missed.

python -m benchmarks.update [--requests 20000] [--clients 8] [--json FILE]

The steps of `deploy.sh update`, with processes in place of containers: two copies of `vayu serve` and one of `vayu
live` behind the real nginx with the repository's nginx.conf, and a resolver of names as a container network has one.
As many new copies are started, awaited and made known; three seconds later the old ones are told to end, and their
names go when they have ended, as Docker does it. Meanwhile clients read and write, and events are committed to a
client by WebSocket, which connects again where it is hung up on. The exit status tells whether nothing failed.

Needs nginx in VAYU_TEST_NGINX (scripts/nginx install FOLDER).
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING

import dns.message
import dns.rrset
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from common.adapters.local.embedded_server import EmbeddedServer
from common.bootstrap.container import system_clock
from common.store.engine import Database
from common.store.events import append, newest_seq
from common.store.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PATIENCE_S = 90.0
RESOLVED_FOR_S = 2.0
"""As nginx.conf has it: so long it knows what it has looked up."""
CALLS = (
    ("GET", "/api/v1/health", None),
    ("GET", "/api/v1/cities/", None),
    ("GET", "/api/v1/slo", None),
    ("POST", "/api/v1/forecast/batch", '{"cities": ["Delhi", "Mumbai"]}'),
)
_PER_CONNECTION = 100
"""Requests from one address, which is less than the proxy takes at once."""


@dataclass(slots=True)
class Outcome:
    """What was seen from outside."""

    requests: int = 0
    failed: list[str] = field(default_factory=list)
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    longest_ms: float = 0.0
    seconds: float = 0.0
    events_committed: int = 0
    events_received: int = 0
    events_lost: int = 0
    connections: int = 0
    """Of the WebSocket's client"""


class Names:
    """A resolver for the names of services, which changes as copies come and go."""

    def __init__(self) -> None:
        self.addresses: dict[str, list[str]] = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        threading.Thread(target=self._answer, daemon=True, name="names").start()

    def close(self) -> None:
        self._socket.close()

    def _answer(self) -> None:
        while True:
            try:
                wire, peer = self._socket.recvfrom(4096)
            except OSError:
                return
            query = dns.message.from_wire(wire)
            reply = dns.message.make_response(query)
            name = query.question[0].name
            if addresses := self.addresses.get(name.to_text(omit_final_dot=True)):
                reply.answer.append(dns.rrset.from_text(name, 1, "IN", "A", *addresses))
            with suppress(OSError):
                self._socket.sendto(reply.to_wire(), peer)


class Copy:
    """A running copy of a service, at an address of its own."""

    _numbers = count(2)

    def __init__(self, service: str, port: int, folder: Path, env: dict[str, str]) -> None:
        number = next(self._numbers)
        self.service = service
        self.address = f"127.{os.getpid() % 200 + 20}.0.{number}"
        path = "/health" if service == "live" else "/api/v1/health"
        self.health = f"http://{self.address}:{port}{path}"
        words = ["live", "--no-migrate"] if service == "live" else ["serve", "--workers", "1"]
        self.log = folder / f"{service}-{number}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "common.cli", *words, "--host", self.address, "--port", str(port)],
                cwd=ROOT,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def await_health(self) -> None:
        end = time.monotonic() + PATIENCE_S
        while True:
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{self.service} does not become well: {self.log.read_text()}")
            with suppress(OSError), urllib.request.urlopen(self.health, timeout=5) as answer:  # noqa: S310
                if answer.status == 200:
                    return
            time.sleep(0.1)

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE_S)


class Site:
    """Copies of the services behind nginx."""

    def __init__(self, database_url: str, folder: Path, names: Names, **settings: str) -> None:
        self.names = names
        self.folder = folder
        self.ports = {"api": _free_port(), "live": _free_port(), "proxy": _free_port()}
        self.running: list[Copy] = []
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.env = inherited | {
            "DATABASE_URL": database_url,
            "VAYU_HOME": str(folder),
            "VAYU_TRUSTED_PROXIES": "1",
            "VAYU_RATE_ANONYMOUS": "unlimited",
            "VAYU_DASHBOARD": "none",
            "POWERTOOLS_LOG_LEVEL": "ERROR",
        }
        self.env |= settings

    def start(self, api: int = 2, live: int = 1) -> list[Copy]:
        """Start copies, wait until they are well, and make them known."""
        services = ["api"] * api + ["live"] * live
        copies = [Copy(service, self.ports[service], self.folder, self.env) for service in services]
        self.running += copies
        for copy in copies:
            copy.await_health()
        for copy in copies:
            self.names.addresses.setdefault(copy.service, []).append(copy.address)
        return copies

    def update(self, old: list[Copy]) -> list[Copy]:
        """The steps of ``deploy.sh update``."""
        fresh = self.start()
        time.sleep(RESOLVED_FOR_S + 1)
        for copy in old:
            copy.end()
            self.names.addresses[copy.service].remove(copy.address)
        return fresh

    def configuration(self) -> Path:
        """nginx.conf with our resolver, ports and folder."""
        text = (ROOT / "nginx.conf").read_text(encoding="utf-8")
        text = text.replace("pid /tmp/nginx.pid;", "").replace("error_log stderr warn;", "")
        text = text.replace("/tmp/", f"{self.folder}/").replace("/dev/stdout", f"{self.folder}/access.log")  # noqa: S108
        text = text.replace("worker_processes auto", "worker_processes 1").replace(
            "worker_rlimit_nofile 16384;", ""
        )
        text = text.replace("listen 8080", f"listen 127.0.0.1:{self.ports['proxy']}")
        text = text.replace("api:8080", f"api:{self.ports['api']}").replace(
            "live:8081", f"live:{self.ports['live']}"
        )
        (self.folder / "resolver.conf").write_text(
            f"resolver 127.0.0.1:{self.names.port} valid={RESOLVED_FOR_S:.0f}s ipv6=off;\n", encoding="utf-8"
        )
        path = self.folder / "nginx.conf"
        path.write_text(text, encoding="utf-8")
        return path


@contextmanager
def serving(
    database_url: str, folder: Path, nginx: str, **settings: str
) -> Iterator[tuple[Site, list[Copy]]]:
    """A site with two copies of the API and one of live connections; all are ended."""
    with closing(Names()) as names:
        site = Site(database_url, folder, names, **settings)
        script = ROOT / "scripts" / "nginx"
        (folder / "root").symlink_to(Path(nginx).absolute() / "root")
        try:
            copies = site.start()
            subprocess.run([script, "start", folder, site.configuration()], check=True, timeout=60)
            yield site, copies
        finally:
            subprocess.run([script, "stop", folder], check=False, timeout=60)
            for copy in site.running:
                copy.process.kill()
                copy.process.wait()


def measure(database_url: str, folder: Path, nginx: str, *, requests: int, clients: int) -> Outcome:
    """Replace all copies under load: at least so many requests, and as many as come until the update is over."""
    outcome = Outcome()
    with serving(database_url, folder, nginx) as (site, copies):
        with closing(_connection(site, 0)) as connection:
            usual = {call[:2]: _request(connection, call)[0] for call in CALLS}
        over = threading.Event()
        load = _Load(site, requests, over, usual)
        follower = _Follower(site, database_url)
        begun = time.monotonic()
        threads = [threading.Thread(target=load.run, args=[number]) for number in range(clients)]
        threads += [threading.Thread(target=each) for each in (follower.receive, follower.commit)]
        for thread in threads:
            thread.start()
        try:
            time.sleep(1.0)
            site.update(copies)
        finally:
            over.set()
            for thread in threads[:clients]:
                thread.join()
            outcome.seconds = time.monotonic() - begun
            follower.finish()
            for thread in threads[clients:]:
                thread.join()
    outcome.requests, outcome.failed = len(load.times), load.failed
    centiles = quantiles(load.times, n=100)
    outcome.p50_ms, outcome.p99_ms = 1000 * centiles[49], 1000 * centiles[98]
    outcome.longest_ms = 1000 * max(load.times)
    outcome.events_committed, outcome.events_received = len(follower.committed), len(follower.received)
    outcome.events_lost = len(set(follower.committed) - set(follower.received))
    outcome.connections = follower.connections
    return outcome


class _Load:
    def __init__(
        self, site: Site, requests: int, over: threading.Event, usual: dict[tuple[str, str], int]
    ) -> None:
        self._site = site
        self._wanted = requests
        self._over = over
        self._usual = usual
        self.times: list[float] = []
        self.failed: list[str] = []

    def run(self, number: int) -> None:
        """Send requests, one after the other, until there are enough and the update is over."""
        for round_ in count():
            with closing(_connection(self._site, 1 + number * 5_000 + round_)) as connection:
                for turn in range(_PER_CONNECTION):
                    if len(self.times) >= self._wanted and self._over.is_set():
                        return
                    self._send(connection, CALLS[(turn + number) % len(CALLS)])

    def _send(self, connection: http.client.HTTPConnection, call: tuple[str, str, str | None]) -> None:
        begun = time.monotonic()
        try:
            status, body = _request(connection, call)
            if status != self._usual[call[:2]]:
                self.failed.append(f"{call[0]} {call[1]}: {status} {body[:200]!r}")
        except (OSError, http.client.HTTPException) as error:
            self.failed.append(f"{call[0]} {call[1]}: {error!r}")
            connection.close()
        self.times.append(time.monotonic() - begun)


class _Follower:
    """A client by WebSocket, and what commits the events that it is to get."""

    def __init__(self, site: Site, database_url: str) -> None:
        self._url = f"ws://127.0.0.1:{site.ports['proxy']}/live/ws"
        self._database_url = database_url
        self._finished = threading.Event()
        self._ready = threading.Event()
        self._last: int | None = None
        self.committed: list[int] = []
        self.received: list[int] = []
        self.connections = 0

    def commit(self) -> None:
        """Commit an event twenty times a second."""
        self._ready.wait(PATIENCE_S)
        with closing(Database(self._database_url, pool_size=1)) as database:
            while not self._finished.wait(0.05):
                with database.transaction() as connection:
                    append(connection, "source", [], now=system_clock(), detail={"source": "cpcb"})
                with database.transaction() as connection:
                    self.committed.append(newest_seq(connection))

    def receive(self) -> None:
        """Take events, connecting again after the last one where the server hangs up."""
        while not self._done():
            with suppress(OSError, WebSocketException, EOFError):
                self._session()
            time.sleep(0.05)

    def finish(self) -> None:
        """Commit no more; what was committed may come within some seconds."""
        self._finished.set()
        self._deadline = time.monotonic() + 20.0

    def _session(self) -> None:
        with connect(self._url, open_timeout=10) as socket_:
            self.connections += 1
            socket_.send(
                json.dumps({"type": "hello", "after": self._last, "cities": None, "kinds": ["source"]})
            )
            while not self._done():
                with suppress(TimeoutError):
                    message = json.loads(socket_.recv(timeout=0.5))
                    if message["type"] == "welcome":
                        if self._last is None:
                            self._last = message["seq"]
                        self._ready.set()
                    elif message["type"] == "event":
                        self._last = message["seq"]
                        self.received.append(message["seq"])

    def _done(self) -> bool:
        if not self._finished.is_set():
            return False
        return set(self.committed) <= set(self.received) or time.monotonic() > self._deadline


def _connection(site: Site, number: int) -> http.client.HTTPConnection:
    """A connection from an address of its own: the proxy counts requests by address."""
    address = f"127.{100 + number // 60_000}.{number // 240 % 250}.{1 + number % 240}"
    return http.client.HTTPConnection(
        "127.0.0.1", site.ports["proxy"], timeout=30, source_address=(address, 0)
    )


def _request(connection: http.client.HTTPConnection, call: tuple[str, str, str | None]) -> tuple[int, bytes]:
    method, path, body = call
    headers = {"Content-Type": "application/json"} if body else {}
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    """Measure, print, and fail where anything failed or was lost."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--json", type=Path, default=Path("build/benchmarks/update.json"), metavar="FILE")
    options = parser.parse_args()
    nginx = os.environ.get("VAYU_TEST_NGINX")
    if not nginx:
        sys.exit("VAYU_TEST_NGINX must name the folder of an nginx: scripts/nginx install .vayu/nginx")
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        home.chmod(0o711)
        server = EmbeddedServer(home)
        stack.callback(server.stop)
        url = server.url("vayu")
        with closing(Database(url)) as database:
            migrate(database)
        folder = home / "site"
        folder.mkdir()
        outcome = measure(url, folder, nginx, requests=options.requests, clients=options.clients)
    shown = asdict(outcome) | {"failed": len(outcome.failed)}
    for name, number in shown.items():
        print(f"{name:18} {number:.1f}" if isinstance(number, float) else f"{name:18} {number}")
    for text in outcome.failed[:5]:
        print(text)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(shown, indent=2))
    sys.exit(1 if outcome.failed or outcome.events_lost else 0)


if __name__ == "__main__":
    main()
