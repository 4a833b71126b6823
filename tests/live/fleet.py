"""Many clients at once, what they lose, and how long events take: for the tests and for `benchmarks.live`."""

from __future__ import annotations

import asyncio
import json
import random
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from live_process import client
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from common.store.engine import run

if TYPE_CHECKING:
    from live_process import LiveProcess, Producer

MB = 1_000_000


def p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


def delays(live: LiveProcess, producer: Producer, count: int) -> list[float]:
    """Seconds from each commit to its event at a client."""
    result = []
    with client(live.websocket) as here:
        here.hello(producer.newest())
        for _ in range(count):
            time.sleep(random.uniform(0, 0.05))  # noqa: S311 — so that no poll falls into step
            with producer.database.transaction() as connection:
                run(
                    connection,
                    "INSERT INTO event (kind, cities, time, detail) VALUES ('hours', '{}', now(), '{}')",
                )
            committed = time.monotonic()
            here.events(1)
            result.append(time.monotonic() - committed)
    return result


class Fleet:
    """Many clients that come back after every end, each from where it was, and note what they get."""

    def __init__(self, address: str, size: int, after: int) -> None:
        self._address = address
        self.positions = [after] * size
        self.received: list[list[int]] = [[] for _ in range(size)]
        self.connected = 0
        self.connections: dict[int, Any] = {}

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(len(self.positions)):
                group.create_task(self._keep(number))

    async def _keep(self, number: int) -> None:
        while True:
            with suppress(WebSocketException, OSError, TimeoutError, EOFError):
                await self._follow(number)
            await asyncio.sleep(random.uniform(0.1, 1.0))  # noqa: S311 — as clients do

    async def _follow(self, number: int) -> None:
        async with connect(self._address, compression=None, proxy=None, ping_interval=None) as connection:
            await connection.send(json.dumps({"type": "hello", "after": self.positions[number]}))
            self.connected += 1
            self.connections[number] = connection
            try:
                async for text in connection:
                    message = json.loads(text)
                    assert message["type"] != "reload"
                    if message["type"] == "event":
                        self.positions[number] = message["seq"]
                        self.received[number].append(message["seq"])
            finally:
                self.connected -= 1
                self.connections.pop(number, None)

    def kill(self, number: int) -> None:
        """End a client's connection as a lost network does."""
        connection = self.connections.get(number)
        if connection is not None:
            connection.transport.abort()


async def reached(condition: Any, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 — it is of other tasks and processes
            await asyncio.sleep(0.05)


async def survive(
    live: LiveProcess,
    producer: Producer,
    *,
    size: int,
    client_kills: int,
    server_kills: int,
    patience_s: float = 60.0,
) -> int:
    """Kill clients and the server while events come; bytes that the server took with all connected."""
    first = producer.newest()
    fleet = Fleet(live.websocket, size, first)
    running = asyncio.create_task(fleet.run())
    try:
        await reached(lambda: fleet.connected == size, patience_s)
        rss = live.rss
        kills = ["client"] * client_kills + ["server"] * server_kills
        random.Random(7).shuffle(kills)  # noqa: S311 — an order like any other
        for kill in kills:
            await asyncio.to_thread(producer.commit_many, 3, "Delhi")
            if kill == "server":
                live.process.kill()
                await asyncio.to_thread(live.process.wait)
                live.start()
                await asyncio.to_thread(producer.commit_many, 3, "Delhi")
            else:
                fleet.kill(random.randrange(size))  # noqa: S311 — anyone
        last = producer.newest()
        await reached(lambda: all(position == last for position in fleet.positions), patience_s)
    finally:
        running.cancel()
        await asyncio.wait([running])
    for received in fleet.received:
        assert received == list(range(first + 1, last + 1))
    return max(rss, live.rss)
