"""Jobs in the hands of real workers that are slow, are killed, or freeze: done by one, and done."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from processes import until

from common.adapters.postgres.queue import PostgresQueue
from common.store.engine import Database, run

if TYPE_CHECKING:
    from datetime import datetime

    from forks import Forks

SLOW = "vayu.slow"


@pytest.fixture
def order(database: Database, now: datetime, tmp_path: Path) -> dict[str, Any]:
    """Of a worker that finds one job, which takes until the test ends it; its lease is a second."""
    PostgresQueue(database, lambda: now).send(SLOW, "Delhi", {})
    return {
        "task": "work",
        "url": database.url,
        "now": now.isoformat(),
        "folder": str(tmp_path),
        "lease": 1,
        "models": str(tmp_path),
    }


def begun(order: dict[str, Any]) -> list[str]:
    """Each time the job was begun: its subject and the number of the attempt."""
    path = Path(order["folder"]) / "begun"
    return path.read_text().splitlines() if path.exists() else []


def job(database: Database) -> tuple[str, int]:
    with database.transaction() as connection:
        [(state, attempts)] = run(connection, "SELECT state, attempts FROM job")
    return state, attempts


def renewals(database: Database) -> Any:
    """When the lease ends: later and later while it is renewed."""
    with database.transaction() as connection:
        return run(connection, "SELECT leased_until FROM job")[0][0]


def test_one_who_is_slow_keeps_the_job(forks: Forks, database: Database, order: dict[str, Any]) -> None:
    [slow] = forks.start(order)
    until(lambda: begun(order), 60)
    seen = {renewals(database)}
    while len(seen) < 6:  # more than a lease's length, renewed three times in one
        assert forks.well(**order).result == 0, "another worker finds nothing to do"
        seen.add(renewals(database))
    (Path(order["folder"]) / "end").touch()
    [outcome] = forks.wait(slow)

    assert (outcome.status, outcome.result) == (0, 1)
    assert begun(order) == ["Delhi 1"]
    assert job(database) == ("done", 1)


def test_one_who_is_killed_loses_it_to_the_next(
    forks: Forks, database: Database, order: dict[str, Any]
) -> None:
    [first] = forks.start(order)
    until(lambda: begun(order), 60)
    os.kill(first, signal.SIGKILL)
    assert forks.wait(first)[0].status == -signal.SIGKILL
    (Path(order["folder"]) / "end").touch()
    until(lambda: forks.well(**order).result == 1, 60)

    assert begun(order) == ["Delhi 1", "Delhi 2"]
    assert job(database) == ("done", 2)


def test_one_who_was_frozen_changes_nothing_any_more(
    forks: Forks, database: Database, order: dict[str, Any]
) -> None:
    [first] = forks.start(order)
    until(lambda: begun(order), 60)
    os.kill(first, signal.SIGSTOP)
    until(lambda: psutil.Process(first).status() == psutil.STATUS_STOPPED, 60)
    [second] = until(lambda: taken_over(forks, order), 60)
    os.kill(first, signal.SIGCONT)
    (Path(order["folder"]) / "end").touch()
    late, owner = forks.wait(first, second)

    assert (late.status, owner.status, owner.result) == (0, 0, 1)
    assert begun(order) == ["Delhi 1", "Delhi 2"]
    assert job(database) == ("done", 2)


def taken_over(forks: Forks, order: dict[str, Any]) -> list[int]:
    """The process that took the job; none where its lease has not ended."""
    [pid] = forks.start(order)
    until(lambda: len(begun(order)) == 2 or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, 60)
    if len(begun(order)) == 2:
        return [pid]
    forks.wait(pid)
    return []
