"""The local worker over a real PostgreSQL."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from processes import killed_afterwards

from common.adapters.postgres.queue import PostgresQueue
from common.domain.errors import DataError, NotFound, Permanent, StoreError, Transient
from common.domain.messages import COLLECT, EXPORT, TRAIN, Message
from common.entry.worker import work_forever, work_once
from common.store.engine import Database, run
from common.store.jobs import give_back, lease, release

if TYPE_CHECKING:
    from collections.abc import Mapping

AT_WORK = """
import signal, sys, threading
from datetime import UTC, datetime
from common.domain.messages import TRAIN
from common.entry.worker import InHand, leave_when_stopped, work_forever
from common.store.engine import Database

def handle(message):
    print(message.attempt, flush=True)
    if sys.argv[2] == "for ever":
        threading.Event().wait()
    stop.wait()
    return {}

database, stop, in_hand = Database(sys.argv[1]), threading.Event(), InHand()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
leave_when_stopped(database, in_hand, stop=stop, grace_s=float(sys.argv[3]))
work_forever(database, lambda: datetime.now(UTC), {TRAIN: handle}, stop=stop, in_hand=in_hand)
"""
"""A worker whose job ends never, or when the worker is told to stop"""


class Worker:
    def __init__(self, database: Database, takes: str, grace_s: float) -> None:
        command = [sys.executable, "-c", AT_WORK, database.url, takes, str(grace_s)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def attempt(self) -> str:
        """Wait until it has a job in hand."""
        assert self.process.stdout is not None
        with self.process.stdout as output:
            return output.readline().strip()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def rows(database: Database) -> list[tuple[Any, ...]]:
    """Key, state, attempts and error of each job, in the order they came."""
    with database.transaction() as connection:
        result = run(connection, "SELECT key, state, attempts, error FROM job ORDER BY id")
        return [tuple(row) for row in result]


def test_a_message_reaches_the_handler_of_its_type(database: Database, now: datetime) -> None:
    seen: list[Message] = []

    def train(message: Message) -> Mapping[str, object]:
        seen.append(message)
        return {}

    def collect(_: Message) -> Mapping[str, object]:
        raise AssertionError

    id_ = PostgresQueue(database, lambda: now).send(TRAIN, "Delhi", {"force": True})
    handlers = {TRAIN: train, COLLECT: collect}

    assert work_once(database, lambda: now, handlers)
    assert not work_once(database, lambda: now, handlers)
    assert seen == [Message(TRAIN, "Delhi", {"force": True}, id_, 1)]
    assert rows(database) == [("Delhi", "done", 1, None)]


@pytest.mark.parametrize("error", [DataError("no"), NotFound("no"), Permanent("no")])
def test_what_no_attempt_cures_is_buried_at_once(database: Database, now: datetime, error: Exception) -> None:
    def handle(_: Message) -> Mapping[str, object]:
        raise error

    PostgresQueue(database, lambda: now).send(TRAIN, "Delhi", {})

    assert work_once(database, lambda: now, {TRAIN: handle})
    assert rows(database) == [("Delhi", "dead", 1, "no")]


def test_a_message_nobody_handles_is_buried_at_once(database: Database, now: datetime) -> None:
    PostgresQueue(database, lambda: now).send("vayu.unheard-of", "x", {})

    assert work_once(database, lambda: now, {})
    assert rows(database) == [
        ("x", "dead", 1, "a message of type 'vayu.unheard-of' is not for this function")
    ]


def test_a_worker_leaves_other_types_to_others(database: Database, now: datetime) -> None:
    PostgresQueue(database, lambda: now).send(TRAIN, "Delhi", {})

    assert not work_once(database, lambda: now, {}, types=[COLLECT])
    assert rows(database) == [("Delhi", "queued", 0, None)]


def test_an_export_goes_before_trainings_that_have_waited_longer(database: Database, now: datetime) -> None:
    order: list[str] = []

    def handle(message: Message) -> Mapping[str, object]:
        order.append(message.subject)
        return {}

    for type_, key, waited in ((TRAIN, "Delhi", 60), (TRAIN, "Pune", 30), (EXPORT, "1", 0), (EXPORT, "2", 1)):
        PostgresQueue(database, lambda waited=waited: now - timedelta(minutes=waited)).send(type_, key, {})
    while work_once(database, lambda: now, {TRAIN: handle, EXPORT: handle}):
        pass
    assert order == ["2", "1", "Delhi", "Pune"]


def test_a_failing_message_is_tried_again_and_blocks_nobody(
    database: Database, now: datetime, logged: Any
) -> None:
    done = []
    time = [now]

    def handle(message: Message) -> Mapping[str, object]:
        if message.subject == "broken":
            raise Transient("the provider is away")
        done.append(message.subject)
        return {}

    queue = PostgresQueue(database, lambda: time[0])
    for subject in ("broken", "Delhi", "Mumbai"):
        queue.send(TRAIN, subject, {"keep": subject})
    for _ in range(40):
        while work_once(database, lambda: time[0], {TRAIN: handle}):
            pass
        time[0] += timedelta(minutes=1)

    assert done == ["Delhi", "Mumbai"]
    assert rows(database)[0] == ("broken", "dead", 5, "the provider is away")
    lines = logged()
    assert [line["attempt"] for line in lines if line.get("error")] == [1, 2, 3, 4, 5]
    assert lines[-1]["message"] == "message buried"


def test_a_foreign_errors_text_stays_in_the_log(database: Database, now: datetime, logged: Any) -> None:
    def handle(_: Message) -> Mapping[str, object]:
        raise RuntimeError("password=hunter2")

    PostgresQueue(database, lambda: now).send(TRAIN, "Delhi", {})
    work_once(database, lambda: now, {TRAIN: handle})

    assert rows(database) == [("Delhi", "queued", 1, "RuntimeError")]
    assert "hunter2" in logged()[0]["exception"]


def test_a_worker_killed_halfway_leaves_the_job_to_the_next(database: Database, now: datetime) -> None:
    def killed(_: Message) -> Mapping[str, object]:
        raise KeyboardInterrupt

    PostgresQueue(database, lambda: now).send(TRAIN, "Delhi", {})
    with pytest.raises(KeyboardInterrupt):
        work_once(database, lambda: now, {TRAIN: killed}, lease_seconds=60)

    def fine(_: Message) -> Mapping[str, object]:
        return {}

    assert not work_once(database, lambda: now, {TRAIN: fine})
    with database.transaction() as connection:
        release(connection)  # as when its time has passed
    assert work_once(database, lambda: now, {TRAIN: fine})
    assert rows(database) == [("Delhi", "done", 2, None)]


def test_a_database_that_is_away_is_told(now: datetime) -> None:
    away = Database("postgresql+pg8000://nobody@127.0.0.1:1/none")

    with pytest.raises(StoreError):
        work_once(away, lambda: now, {})


def test_the_worker_works_until_it_is_stopped(database: Database, now: datetime) -> None:
    done, stop = [], threading.Event()
    all_done = threading.Event()

    def handle(message: Message) -> Mapping[str, object]:
        done.append(message.subject)
        if len(done) == 3:
            all_done.set()
        return {}

    queue = PostgresQueue(database, lambda: now)
    queue.send(TRAIN, "Delhi", {})
    own = Database(database.url, pool_size=1)
    worker = threading.Thread(
        target=work_forever,
        args=(own, lambda: now, {TRAIN: handle}, 60),
        kwargs={"stop": stop, "poll_seconds": 0.01},
    )
    worker.start()
    queue.send(TRAIN, "Mumbai", {})
    queue.send(TRAIN, "Pune", {})
    assert all_done.wait(20)
    stop.set()
    worker.join(20)
    own.close()

    assert not worker.is_alive()
    assert sorted(done) == ["Delhi", "Mumbai", "Pune"]


def test_the_worker_outlives_a_database_that_is_away(logged: Any, now: datetime) -> None:
    stop = threading.Event()
    looks = []

    class Away(Database):
        def transaction(self) -> Any:
            looks.append(1)
            if len(looks) == 3:
                stop.set()
            return super().transaction()

    away = Away("postgresql+pg8000://nobody@127.0.0.1:1/none")
    work_forever(away, lambda: now, {}, stop=stop, poll_seconds=0.01)

    assert len(looks) == 3
    assert {line["message"] for line in logged()} == {"the worker waits for the database"}


def test_a_worker_that_is_stopped_gives_a_long_job_back_uncounted(database: Database, now: datetime) -> None:
    PostgresQueue(database, lambda: now).send(TRAIN, "Delhi", {})
    for _ in range(2):
        with killed_afterwards(Worker(database, "for ever", 0.1)) as worker:
            assert worker.attempt() == "1"
            assert worker.stop() == 0
    assert rows(database) == [("Delhi", "running", 0, None)]

    assert work_once(database, lambda: now, {TRAIN: lambda _: {}})
    assert rows(database) == [("Delhi", "done", 1, None)]


def test_a_worker_that_is_stopped_finishes_a_short_job(database: Database, now: datetime) -> None:
    PostgresQueue(database, lambda: now).send(TRAIN, "Delhi", {})
    with killed_afterwards(Worker(database, "until told to stop", 60)) as worker:
        assert worker.attempt() == "1"
        assert worker.stop() == 0
    assert rows(database) == [("Delhi", "done", 1, None)]


def test_what_another_worker_has_taken_over_is_not_given_back(database: Database, now: datetime) -> None:
    PostgresQueue(database, lambda: now).send(TRAIN, "Delhi", {})
    with database.transaction() as connection:
        ours = lease(connection, now=now, seconds=0)
        assert ours is not None
        assert lease(connection, now=now, seconds=60) is not None
        give_back(connection, ours)
    assert rows(database) == [("Delhi", "running", 2, None)]
