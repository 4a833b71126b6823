"""What live connections promise: how soon events come, how many sockets a process carries, and that no event is lost.

::

    PYTHONPATH=tests:tests/live python -m benchmarks.live [SOCKETS]

`vayu live` as a process over the embedded PostgreSQL, and clients by the library websockets in this process. Ends with
exit status 1 where a bound does not hold.
"""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from fleet import MB, delays, p95, survive
from live_process import LiveProcess, producer_of
from processes import killed_afterwards

from common.adapters.local.embedded_server import EmbeddedServer
from common.store.engine import Database
from common.store.migrate import migrate

SOCKETS = 1000
CLIENT_KILLS, SERVER_KILLS = 90, 10
COMMITS = 100
FLOODS = 10_000
FLOOD = """
import socket, sys, time

started = time.monotonic()
for _ in range(int(sys.argv[2]) // 200):
    sockets = []
    for _ in range(200):  # the kernel completes them, whether or not the server has come to them yet
        opened = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10, source_address=("127.0.0.2", 0))
        sockets.append(opened)
    for opened in sockets:
        try:
            opened.sendall(b"GET /live/ws HTTP/1.1\\r\\n\\r\\n")
            opened.recv(100)
        except OSError:
            pass
        opened.close()
print(time.monotonic() - started)
"""
NOTIFY_S, POLLING_S, RSS = 0.3, 1.5, 150 * MB


def main() -> None:
    """Run it and print the figures."""
    sockets = int(sys.argv[1]) if len(sys.argv) > 1 else SOCKETS
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="vayu-live-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        server = EmbeddedServer(folder / "home")
        try:
            url = server.url("vayu")
            database = Database(url)
            migrate(database)
            database.close()
            holds = [measure_delay(url, folder, way) for way in ("notify", "polling")]
            holds.append(measure_flood(url, folder))
            holds.append(measure_sockets(url, folder, sockets))
        finally:
            server.stop()
    sys.exit(0 if all(holds) else 1)


def measure_delay(url: str, folder: Path, way: str) -> bool:
    """From the commit to a client, in seconds."""
    bound = NOTIFY_S if way == "notify" else POLLING_S
    env = {} if way == "notify" else {"DATABASE_LISTEN_URL": "none"}
    live = LiveProcess(url, folder, **env)
    with killed_afterwards(live), producer_of(url) as producer:
        live.await_health(database="connected", follows_by=way)
        values = delays(live, producer, COMMITS)
    worst = p95(values)
    print(
        f"commit to client, {way}: median {median(values) * 1000:.0f} ms, p95 {worst * 1000:.0f} ms of {COMMITS} "
        f"(bound {bound * 1000:.0f} ms)"
    )
    return worst <= bound


def measure_flood(url: str, folder: Path) -> bool:
    """How soon events come while one address connects as often as it can."""
    live = LiveProcess(url, folder)
    with killed_afterwards(live), producer_of(url) as producer:
        live.await_health(database="connected", follows_by="notify")
        flood = subprocess.Popen(
            [sys.executable, "-c", FLOOD, str(live.port), str(FLOODS)], stdout=subprocess.PIPE, text=True
        )
        try:
            values = []
            while flood.poll() is None:
                values += delays(live, producer, 5)
            seconds = float((flood.stdout and flood.stdout.read()) or 1)
        finally:
            flood.kill()
            flood.wait()
    worst = p95(values)
    print(
        f"commit to client, while another address connects {FLOODS / seconds:.0f} times a second: "
        f"p95 {worst * 1000:.0f} ms of {len(values)} (bound {NOTIFY_S * 1000:.0f} ms)"
    )
    return worst <= NOTIFY_S


def measure_sockets(url: str, folder: Path, sockets: int) -> bool:
    """So many sockets over a hundred kills; `survive` asserts that each got every event once, in order."""
    live = LiveProcess(url, folder, VAYU_LIVE_PER_ADDRESS=str(2 * sockets))
    with killed_afterwards(live), producer_of(url) as producer:
        live.await_health(database="connected", follows_by="notify")
        started, first = time.monotonic(), producer.newest()
        rss = asyncio.run(
            survive(
                live,
                producer,
                size=sockets,
                client_kills=CLIENT_KILLS,
                server_kills=SERVER_KILLS,
                patience_s=300,
            )
        )
        events = producer.newest() - first
    print(
        f"{sockets} sockets: {rss / MB:.0f} MB (bound {RSS / MB:.0f}); {events} events each over {CLIENT_KILLS} kills "
        f"of clients and {SERVER_KILLS} of the server, 0 lost, 0 twice; {time.monotonic() - started:.0f} s"
    )
    return rss <= RSS


if __name__ == "__main__":
    main()
