"""Answers that several processes share in Redis: what is there, what is believed, and Redis away."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

import pytest
from api_rows import hour, problem_of, put_hours, url
from api_server import CITIES, CURRENT, HISTORY, ON, Counted, Make, Process, Time, token
from processes import until
from redis import Redis
from redis_server import OwnRedis, redis_url
from tier_servers import fresh_database

from common.adapters.redis_memory import SharedMemory
from common.api.context import Policy
from common.api.middleware.rate_limit import Rate
from common.store.engine import Database

pytestmark = pytest.mark.usefixtures("delhi")


@pytest.fixture
def redis() -> Iterator[str]:
    """The Redis of this run, emptied of ours."""
    address = redis_url()
    shared = SharedMemory(address)
    assert shared.alive()
    shared.forget("vayu:")
    yield address
    shared.close()


def test_processes_share_answers(process: Make, redis: str) -> None:
    first, second = (Counted(process(redis_url=redis, **ON)) for _ in range(2))
    answers = [item.client.get(path) for path in (HISTORY, CURRENT) for item in (first, second, second)]
    assert len(first.calls) == 2
    assert second.calls == []
    for three in (answers[:3], answers[3:]):
        assert len({response.data for response in three}) == 1
        assert len({response.headers["ETag"] for response in three}) == 1
        assert len({response.content_type for response in three}) == 1


def test_what_changes_is_not_taken_from_there(
    process: Make, database: Database, time: Time, redis: str
) -> None:
    first, second = (process(redis_url=redis, **ON) for _ in range(2))
    assert first.client.get(CURRENT).json["aqi"] == 187
    put_hours(database, hour("Delhi", time.now, aqi=190, stations=9))
    time.pass_by(1)
    assert second.client.get(CURRENT).json["aqi"] == 190
    assert first.client.get(CURRENT).json["aqi"] == 190


def test_another_databases_answers_are_not_taken(
    process: Make, redis: str, server: str, template: str, time: Time
) -> None:
    assert process(redis_url=redis, **ON).client.get(CURRENT).status_code == 200
    with fresh_database(server, f"TEMPLATE {template}") as address:
        other = Database(address)
        first = Process(other, time, Policy(redis_url=redis, cache_bytes=1 << 20))
        problem_of(first.client.get(CURRENT), 404)
        first.close()
        other.close()


@pytest.mark.parametrize(
    "poison", [b"", b"nonsense", b"\x80\x04\x95", b"x" * (1 << 20), "flipped", "another's", "a list"]
)
def test_what_is_put_there_by_others_is_not_believed(process: Make, redis: str, poison: bytes | str) -> None:
    first = process(redis_url=redis, **ON)
    right = first.client.get(HISTORY)
    other = first.client.get(CITIES)
    client = Redis.from_url(redis)
    names = list(client.scan_iter("vayu:answer:*"))
    assert len(names) == 2
    values = {name: client.get(name) for name in names}
    for name in names:
        value = values[name]
        assert isinstance(value, bytes)
        if poison == "a list":
            client.delete(name)
            client.rpush(name, "x")
        elif poison == "flipped":
            client.set(name, value[:-1] + bytes([value[-1] ^ 1]))
        elif poison == "another's":
            client.set(name, next(values[each] for each in names if each != name))
        else:
            client.set(name, poison)
    second = process(redis_url=redis, **ON).client
    assert second.get(HISTORY).data == right.data
    assert second.get(CITIES).data == other.data
    client.close()


def test_clearing_reaches_every_process_and_redis(
    process: Make, database: Database, time: Time, redis: str
) -> None:
    first, second = (Counted(process(redis_url=redis, **ON)) for _ in range(2))
    for item in (first, second):
        item.client.get(HISTORY)
    headers = {"X-API-Key": token(database, "admin", now=time.now)}
    assert first.client.post(url("/cache/clear"), headers=headers).status_code == 200
    client = Redis.from_url(redis)
    assert list(client.scan_iter("vayu:answer:*")) == []
    client.close()
    time.pass_by(2)
    before = len(second.calls)
    second.client.get(HISTORY)
    assert len(second.calls) == before + 1


def test_redis_away_is_slower_and_nothing_else(process: Make, time: Time) -> None:
    first = Counted(process(redis_url="redis://:secret@127.0.0.1:1/0", **ON))
    for _ in range(3):
        assert first.client.get(HISTORY).status_code == 200
    assert len(first.calls) == 1


def test_a_redis_that_never_answers_costs_little(process: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        first = process(redis_url=address, **ON)
        started = monotonic()
        for path in (HISTORY, CURRENT, CITIES):
            assert first.client.get(path).status_code == 200
        assert monotonic() - started < 1.5
        assert first.context.shared is not None
        assert first.context.shared.failures == 1  # waited for once


def test_redis_killed_in_the_middle_of_requests(process: Make, tmp_path: Path) -> None:
    own = OwnRedis(tmp_path / "redis")
    with ExitStack() as asking:
        asking.callback(own.stop)
        two = [
            process(redis_url=own.url, rates={"anonymous": Rate(1_000_000, 60)}, cache_bytes=4_000)
            for _ in range(2)
        ]
        right = {path: two[0].client.get(path).data for path in (HISTORY, CURRENT, CITIES)}
        wrong: list[object] = []
        requests = 0
        over = threading.Event()

        def ask(item: Process) -> None:
            nonlocal requests
            client = item.app.test_client()
            while not over.is_set():
                for path, body in right.items():
                    answered = client.get(path)
                    requests += 1
                    if answered.status_code != 200 or answered.data != body:
                        wrong.append((path, answered.status_code))

        threads = [threading.Thread(target=ask, args=(item,)) for item in two for _ in range(2)]
        for thread in threads:
            thread.start()
            asking.callback(thread.join, 30)
        asking.callback(over.set)
        for step in (own.kill, own.restart, own.kill):
            before = requests
            until(lambda seen=before: requests > seen + 200, 30)  # type: ignore[misc]
            step()
        before = requests
        until(lambda: requests > before + 200, 30)
        assert wrong == []
        assert all(item.context.shared is not None and item.context.shared.failures for item in two)
