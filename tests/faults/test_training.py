"""Trainings by real processes: two of one city never at once; one that is killed is tried again, then given up."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from processes import until
from synthetic import END, hours, put_hours
from webhook import Webhook, served

from common.adapters.object_store import UrlObjectStore
from common.adapters.postgres.queue import PostgresQueue
from common.domain.messages import TRAIN
from common.inference.onnx_session import ModelCache
from common.store.engine import Database, run
from common.store.jobs import counts, dead, release
from common.training.service import train_city

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from forks import Forks

NOW = END + timedelta(minutes=12)
MESSAGE = {"city": "Delhi", "families": ["linear"]}


@pytest.fixture
def order(database: Database, tmp_path: Path) -> dict[str, Any]:
    """Of a worker that finds what there is to do, over a month of Delhi."""
    put_hours(database, "Delhi", hours(30, seed=5))
    return {
        "task": "work",
        "url": database.url,
        "now": NOW.isoformat(),
        "models": str(tmp_path),
        "folder": str(tmp_path),
    }


def lock_holders(database: Database) -> int:
    with database.transaction() as connection:
        [(number,)] = run(
            connection,
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted "
            "AND classid = CAST(CAST(hashtext('training') AS bigint) & 4294967295 AS oid) "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
    return int(number)


def models(database: Database) -> list[tuple[Any, ...]]:
    with database.transaction() as connection:
        rows = run(connection, "SELECT target, status, version FROM model ORDER BY version")
    return [tuple(row) for row in rows]


def send(database: Database, subject: str, now: datetime = NOW) -> None:
    PostgresQueue(database, lambda: now).send(TRAIN, subject, MESSAGE)


def test_two_trainings_of_a_city_come_one_after_the_other(
    trainers: Forks, database: Database, order: dict[str, Any]
) -> None:
    """One is stopped in the middle of it: the other waits, gives the message back, and nothing is done twice."""
    send(database, "Delhi by hand")
    [first] = trainers.start(order)
    until(lambda: lock_holders(database), 60, "the first trains")
    os.kill(first, signal.SIGSTOP)
    send(database, "Delhi by plan")
    second = trainers.well(**order)
    assert second.result == 1
    with database.transaction() as connection:
        [(state, error)] = run(connection, "SELECT state, error FROM job WHERE key = 'Delhi by plan'")
    assert (state, "is being trained by another process" in error) == ("queued", True)
    os.kill(first, signal.SIGCONT)
    [done] = trainers.wait(first)
    assert done.status == 0
    stored = models(database)
    assert [status for _, status, _ in stored].count("champion") == 2
    later = {**order, "now": (NOW + timedelta(minutes=5)).isoformat()}
    trainers.well(**later)  # the message comes back: the same hour, the same models
    assert models(database) == stored
    with database.transaction() as connection:
        assert counts(connection)[TRAIN] == {"done": 2}


def test_trainings_let_go_at_once_leave_what_one_leaves(
    trainers: Forks, database: Database, order: dict[str, Any]
) -> None:
    for number in range(3):
        send(database, f"Delhi {number}")
    outcomes = trainers.wait(*trainers.start(order, order, order))
    assert [outcome.status for outcome in outcomes] == [0, 0, 0], trainers.log.read_text()[-3000:]
    result = models(database)
    assert len(result) == 4
    assert [status for _, status, _ in result].count("champion") == 2


def test_a_training_that_is_killed_each_time_is_given_up_and_the_champion_stays(
    trainers: Forks, database: Database, order: dict[str, Any], tmp_path: Path
) -> None:
    files = UrlObjectStore(tmp_path.as_uri())
    early = NOW - timedelta(days=2)
    train_city(database, ModelCache(files), "Delhi", now=early, families=["linear"])
    before = models(database)
    send(database, "Delhi")
    for attempt in range(1, 6):
        [pid] = trainers.start(order)
        until(lambda: lock_holders(database), 60, "it trains")
        os.kill(pid, signal.SIGKILL)
        assert trainers.wait(pid)[0].status == -signal.SIGKILL
        until(lambda: not lock_holders(database), 60, "its lock is free")
        with database.transaction() as connection:
            assert run(connection, "SELECT state, attempts FROM job") == [("running", attempt)]
            release(connection)  # as when its lease has ended
    assert trainers.well(**order).result == 0
    assert models(database) == before
    with database.transaction() as connection:
        [(about, why)] = dead(connection).items()
    assert about.startswith(f"{TRAIN} Delhi (job ")
    assert why == "given up after 5 attempts: the worker died or took too long"
    assert UrlObjectStore(tmp_path.as_uri()).exists(f"{before[0][2]}/model.onnx")


@pytest.mark.parametrize("promotions", [1, 2])
def test_a_training_that_is_killed_after_a_promotion_has_its_notice_sent_all_the_same(
    trainers: Forks, database: Database, order: dict[str, Any], promotions: int
) -> None:
    """Promotion and notice are kept by one transaction; no moment lies between them."""
    webhook = Webhook()
    with served(webhook.server):
        order = {**order, "settings": {"VAYU_SLACK_WEBHOOK": webhook.url}}
        send(database, "Delhi")
        killed = trainers.run(**order, stop_after=["promoted_at=", promotions])
        assert killed.status == -signal.SIGKILL
        assert webhook.posted == []
        promoted = [(target, version) for target, status, version in models(database) if status == "champion"]
        assert len(promoted) == promotions
        with database.transaction() as connection:
            [(body,)] = run(connection, "SELECT body FROM outbox")
            release(connection)  # as when its lease has ended
        for target, version in promoted:
            assert f"{target}: {version}" in body["text"]
        assert trainers.well(**order).result == 2  # the training, and the forecast that it wakes
        assert trainers.well(**order).result == 0
    champions = {version for _, status, version in models(database) if status == "champion"}
    assert len(champions) == 2
    lines = [line for _, text in webhook.posted for line in text.splitlines() if " – " in line]
    assert sorted(line.partition(" – ")[0].partition(": ")[2] for line in lines) == sorted(champions)
    assert len(webhook.posted) == 3 - promotions
