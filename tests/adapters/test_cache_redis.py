"""Redis as something that may be there: right where it is, None where it is not, and never an error."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from redis_server import OwnRedis, redis_url

from common.adapters.redis_memory import LARGEST, REST_S, SharedMemory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from redis import Redis

NOWHERE = "redis://:secret@127.0.0.1:1/0"


class Ticks:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def name() -> str:
    return f"vayu:test:{uuid4().hex}"


@pytest.fixture
def shared() -> Iterator[SharedMemory]:
    made = SharedMemory(redis_url())
    yield made
    made.close()


@pytest.fixture
def client() -> Iterator[Redis]:
    from redis import Redis

    with Redis.from_url(redis_url()) as made:
        yield made


def test_a_value_is_kept_for_its_time(shared: SharedMemory, client: Redis, name: str) -> None:
    assert shared.get(name) is None
    shared.put(name, b"\0\xffx", seconds=50)
    assert shared.get(name) == b"\0\xffx"
    assert 0 < client.ttl(name) <= 50
    shared.put(name, b"again", seconds=50)
    assert shared.get(name) == b"again"


def test_nothing_large_is_kept_or_taken(shared: SharedMemory, client: Redis, name: str) -> None:
    shared.put(name, b"x" * (LARGEST + 1), seconds=50)
    assert not client.exists(name)
    client.set(name, b"x" * (LARGEST + 1), ex=50)
    assert shared.get(name) is None
    assert shared.failures == 0


def test_a_counter_begins_anew(shared: SharedMemory, name: str) -> None:
    assert shared.add(name, 3, seconds=60) == (3, 60)
    other = SharedMemory(redis_url())
    result = other.add(name, 4, seconds=60)
    other.close()
    assert result is not None
    assert result[0] == 7
    assert 58 <= result[1] <= 60


def test_only_what_begins_so_is_forgotten(shared: SharedMemory, name: str) -> None:
    names = [f"{name}:a[1]:x", f"{name}:a1:x", f"{name}:a*:y"]
    for item in names:
        shared.put(item, b"x", seconds=50)
    assert shared.forget(f"{name}:a[1]") == 1
    assert shared.forget(f"{name}:a*") == 1
    assert shared.get(names[1]) == b"x"
    for number in range(1200):
        shared.put(f"{name}:{number}", b"x", seconds=50)
    assert shared.forget(name) == 1201


def test_a_value_of_another_kind_is_no_value(shared: SharedMemory, client: Redis, name: str) -> None:
    client.rpush(name, "x")
    client.expire(name, 50)
    assert shared.get(name) is None
    assert shared.failures == 1


def test_away_it_is_left_alone_for_a_while() -> None:
    ticks = Ticks()
    away = SharedMemory(NOWHERE, tick=ticks)
    assert away.get("x") is None
    assert away.resting
    for _ in range(5):
        assert away.get("x") is None
        assert away.add("x", 1, seconds=60) is None
        assert away.forget("x") is None
        away.put("x", b"x", seconds=1)
    assert away.failures == 1
    ticks.now += REST_S
    assert away.get("x") is None
    assert away.failures == 2
    assert not away.alive()


def test_a_slow_one_costs_its_time_out_once(client: Redis, name: str) -> None:
    slow = SharedMemory(redis_url(), timeout_s=0.2)
    slow.put(name, b"x", seconds=50)
    client.execute_command("CLIENT", "PAUSE", "2000", "ALL")
    started = monotonic()
    for _ in range(10):
        assert slow.get(name) is None
    assert monotonic() - started < 1
    assert slow.failures == 1
    slow.close()
    client.execute_command("CLIENT", "UNPAUSE")


def test_killed_and_back(tmp_path: Path, name: str) -> None:
    own = OwnRedis(tmp_path / "redis")
    ticks = Ticks()
    shared = SharedMemory(own.url, tick=ticks)
    try:
        shared.put(name, b"x", seconds=50)
        assert shared.add("n", 1, seconds=60) == (1, 60)
        assert shared.alive()
        own.kill()
        assert shared.get(name) is None
        ticks.now += REST_S
        assert shared.get(name) is None
        own.restart()
        assert shared.get(name) is None
        ticks.now += REST_S
        assert shared.get(name) is None
        shared.put(name, b"y", seconds=50)
        assert shared.get(name) == b"y"
        assert shared.add("n", 1, seconds=60) == (1, 60)
    finally:
        shared.close()
        own.stop()
