"""How many connections a process keeps: as few as it needs, and never more than it may."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from processes import until
from warm import COLLECT, Instance, Watcher

from common.domain.errors import StoreError
from common.store.engine import Database, run
from common.store.errors import BUSY

if TYPE_CHECKING:
    from collections.abc import Callable

EVENTS = Path(__file__).parents[1] / "events" / "aws"


def recorded(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return event


def test_calls_of_a_warm_instance_share_one_connection(
    database_url: str, watcher: Watcher, warm: Callable[..., Instance]
) -> None:
    instance = warm(database_url)

    answers = [instance.call("collect", COLLECT)]
    first = watcher.sessions()
    answers += [instance.call("collect", COLLECT) for _ in range(9)]

    assert len(first) == 1
    assert watcher.sessions() == first
    assert [answer["hours"] > 0 for answer in answers] == [True] + [False] * 9


def test_upkeep_closes_what_it_opened(
    database_url: str, watcher: Watcher, warm: Callable[..., Instance]
) -> None:
    instance = warm(database_url)
    for _ in range(3):
        assert "dropped" in instance.call("retention", recorded("schedule"))
        until(lambda: len(watcher.sessions()) <= 1, 60)


def test_requests_to_a_warm_api_share_two_connections(
    database_url: str, watcher: Watcher, warm: Callable[..., Instance]
) -> None:
    """One reads the data, the other what must not wait for them: the state of the service, the versions."""
    instance = warm(database_url)
    statuses = [instance.call("api", recorded("http_get"))["statusCode"] for _ in range(5)]
    assert statuses == [200] * 5
    assert len(watcher.sessions()) == 2


def test_many_at_once_share_what_a_process_may_have(database_url: str, watcher: Watcher) -> None:
    database = Database(database_url, pool_size=3)
    seen: list[int] = []
    lock = threading.Lock()

    def work(_: int) -> int:
        with database.transaction() as connection:
            [(pid,)] = run(connection, "SELECT pg_backend_pid()")
            with lock:
                seen.append(len(watcher.sessions()))
            return int(pid)

    with ThreadPoolExecutor(12) as pool:
        pids = list(pool.map(work, range(48)))
    database.close()

    assert len(set(pids)) == max(seen) == 3


def test_who_finds_all_in_use_is_told_so_in_time(database_url: str) -> None:
    database = Database(database_url, pool_size=1, connect_timeout_s=1)
    with database.transaction(), pytest.raises(StoreError, match=BUSY[:20]), database.transaction():
        pass
    with database.transaction() as connection:
        assert run(connection, "SELECT 1") == [(1,)]
    database.close()


def test_closing_ends_the_connections_and_the_next_use_opens_new_ones(
    database_url: str, watcher: Watcher
) -> None:
    database = Database(database_url)
    for _ in range(2):
        with database.transaction() as connection:
            run(connection, "SELECT 1")
        assert len(watcher.sessions()) == 1
        database.close()
        until(lambda: not watcher.sessions(), 60)


def test_the_servers_lists_tell_who_it_is_unless_the_address_does(database_url: str) -> None:
    names = []
    for query in ("", "application_name=night%20shift"):
        database = Database(database_url + ("&" if "?" in database_url else "?") * bool(query) + query)
        with database.transaction() as connection:
            names.append(run(connection, "SHOW application_name")[0][0])
        database.close()
    assert names == ["vayu", "night shift"]
