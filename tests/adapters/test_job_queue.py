"""How jobs behave under several workers, failures and deaths, on a real PostgreSQL."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from processes import until

from common.adapters.postgres.queue import PostgresQueue
from common.domain.messages import TRAIN
from common.store import jobs
from common.store.engine import Database, run

MINUTE = timedelta(minutes=1)


def enqueue(database: Database, key: str, payload: dict[str, Any] | None = None, **options: Any) -> int:
    with database.transaction() as connection:
        return jobs.enqueue(connection, TRAIN, key, payload or {}, **options)


def lease(database: Database, now: datetime, seconds: int = 60) -> jobs.Job | None:
    with database.transaction() as connection:
        return jobs.lease(connection, now=now, seconds=seconds)


def leased(database: Database, now: datetime, seconds: int = 60) -> jobs.Job:
    job = lease(database, now, seconds)
    assert job is not None
    return job


def fail(database: Database, job: jobs.Job, now: datetime, error: str = "broken", **options: Any) -> bool:
    with database.transaction() as connection:
        return jobs.fail(connection, job, error, now=now, **options)


def finish(database: Database, job: jobs.Job, now: datetime) -> None:
    with database.transaction() as connection:
        jobs.finish(connection, job, now=now)


def renew(database: Database, job: jobs.Job, seconds: int = 60) -> bool:
    with database.transaction() as connection:
        return jobs.renew(connection, job, seconds=seconds)


def expire(database: Database) -> None:
    """Let all leases end, as if their time had passed."""
    with database.transaction() as connection:
        jobs.release(connection)


def rows(database: Database) -> list[tuple[Any, ...]]:
    """Key, state, attempts, payload and error of each job, in the order they came."""
    with database.transaction() as connection:
        return [
            tuple(row)
            for row in run(
                connection, "SELECT key, state, attempts, payload::text, error FROM job ORDER BY id"
            )
        ]


def test_workers_never_get_the_same_job(database: Database, now: datetime) -> None:
    for number in range(40):
        enqueue(database, f"city-{number}", now=now)
    start = threading.Barrier(4)

    def work() -> list[str]:
        own = Database(database.url, pool_size=1)
        taken = []
        start.wait(10)
        while job := lease(own, now):
            taken.append(job.key)
        own.close()
        return taken

    with ThreadPoolExecutor(4) as pool:
        shares = [future.result() for future in [pool.submit(work) for _ in range(4)]]

    taken = [key for share in shares for key in share]
    assert sorted(taken) == sorted(f"city-{number}" for number in range(40))


def test_a_job_taken_in_an_open_transaction_is_passed_over(database: Database, now: datetime) -> None:
    enqueue(database, "first", now=now)
    enqueue(database, "second", now=now)

    with database.transaction() as connection:
        first = jobs.lease(connection, now=now, seconds=60)
        second = lease(database, now)

    assert (first and first.key, second and second.key) == ("first", "second")


def test_the_job_due_longest_comes_first_and_none_before_its_time(database: Database, now: datetime) -> None:
    enqueue(database, "later", now=now, delay=2 * MINUTE)
    enqueue(database, "sooner", now=now, delay=MINUTE)

    assert lease(database, now) is None
    assert leased(database, now + 3 * MINUTE).key == "sooner"
    assert leased(database, now + 3 * MINUTE).key == "later"


def test_a_worker_may_take_some_types_only(database: Database, now: datetime) -> None:
    queue = PostgresQueue(database, lambda: now)
    queue.send(TRAIN, "Delhi", {})
    queue.send("vayu.collect", "now", {})

    def take(types: list[str]) -> str | None:
        with database.transaction() as connection:
            job = jobs.lease(connection, now=now, seconds=60, types=types)
        return job and job.type

    assert take([]) is None
    assert take(["vayu.collect"]) == "vayu.collect"
    assert take(["vayu.collect"]) is None
    assert take(["vayu.collect", TRAIN]) == TRAIN


def test_the_wait_grows_and_the_last_failure_buries_the_job_whole(database: Database, now: datetime) -> None:
    payload = {"city": "Delhi", "force": True, "note": "µg/m³"}
    enqueue(database, "Delhi", payload, now=now)
    waits = []

    for attempt in range(1, 6):
        job = leased(database, now)
        assert (job.attempt, job.payload) == (attempt, payload)
        dead = fail(database, job, now, f"failure {attempt}")
        if dead:
            break
        waited = 0
        while (due := now + waited * MINUTE) and not _is_due(database, due):
            waited += 1
        waits.append(waited)
        now = due

    assert dead
    assert attempt == 5
    assert waits == [2, 4, 8, 16]
    assert lease(database, now + timedelta(days=30)) is None
    (row,) = rows(database)
    assert row == ("Delhi", "dead", 5, '{"city": "Delhi", "note": "µg/m³", "force": true}', "failure 5")


def _is_due(database: Database, now: datetime) -> bool:
    with database.transaction() as connection:
        return bool(run(connection, "SELECT 1 FROM job WHERE available_at <= :now", now=now))


def test_a_job_beyond_cure_is_buried_at_once(database: Database, now: datetime) -> None:
    enqueue(database, "Delhi", {"city": "Delhi"}, now=now)

    assert fail(database, leased(database, now), now, "no such city", retry=False)

    assert rows(database) == [("Delhi", "dead", 1, '{"city": "Delhi"}', "no such city")]


def test_an_error_text_is_kept_within_bounds(database: Database, now: datetime) -> None:
    enqueue(database, "Delhi", now=now)

    fail(database, leased(database, now), now, "a\0b" + "µ" * 1000)

    assert rows(database)[0][4] == "ab" + "µ" * 498


def test_a_dead_workers_job_goes_to_another_when_the_lease_ends(database: Database, now: datetime) -> None:
    enqueue(database, "Delhi", now=now)
    began = time.monotonic()
    lost = leased(database, now, seconds=2)

    assert lease(database, now) is None
    result = until(lambda: lease(database, now), 60)

    assert time.monotonic() - began > 1.9
    assert (result.id, result.attempt) == (lost.id, 2)


@pytest.mark.parametrize("skew", [timedelta(hours=-1), timedelta(hours=1)])
def test_a_wrong_clock_neither_takes_what_others_have_nor_loses_its_own(
    database: Database, now: datetime, skew: timedelta
) -> None:
    enqueue(database, "Delhi", now=now - timedelta(hours=2))
    held = leased(database, now)
    assert lease(database, now + skew) is None
    finish(database, held, now)

    enqueue(database, "Mumbai", now=now - timedelta(hours=2))
    assert leased(database, now + skew).key == "Mumbai"
    assert lease(database, now) is None


def test_a_lease_that_is_renewed_does_not_end(database: Database, now: datetime) -> None:
    enqueue(database, "Delhi", now=now)
    held = leased(database, now, seconds=3)
    assert renew(database, held, 60)

    ended = time.monotonic() + 3.2
    assert until(lambda: lease(database, now) or time.monotonic() > ended, 60) is True


def test_a_lease_that_was_lost_cannot_be_renewed(database: Database, now: datetime) -> None:
    enqueue(database, "Delhi", now=now)
    late = leased(database, now)
    expire(database)
    owner = leased(database, now)

    assert not renew(database, late)
    assert renew(database, owner)
    finish(database, owner, now)
    assert not renew(database, owner)


def test_a_worker_that_comes_back_too_late_changes_nothing(database: Database, now: datetime) -> None:
    enqueue(database, "Delhi", now=now)
    late = leased(database, now)
    expire(database)
    owner = leased(database, now)

    finish(database, late, now)
    assert rows(database)[0][1] == "running"
    assert not fail(database, late, now, retry=False)
    assert rows(database)[0][1] == "running"
    finish(database, owner, now)
    assert rows(database)[0][1] == "done"


def test_a_job_that_kills_every_worker_is_buried_and_blocks_nobody(database: Database, now: datetime) -> None:
    enqueue(database, "killer", {"n": 1}, now=now, max_attempts=2)
    enqueue(database, "harmless", now=now, delay=5 * MINUTE)
    for _ in range(2):
        leased(database, now)
        expire(database)

    assert leased(database, now + 6 * MINUTE).key == "harmless"
    key, state, attempts, payload, error = rows(database)[0]
    assert (key, state, attempts, payload) == ("killer", "dead", 2, '{"n": 1}')
    assert "died" in error


def test_the_same_message_twice_is_one_job(database: Database, now: datetime) -> None:
    queue = PostgresQueue(database, lambda: now)

    first = queue.send(TRAIN, "Delhi", {"n": 1})
    second = queue.send(TRAIN, "Delhi", {"n": 2})
    other = queue.send("vayu.collect", "Delhi", {"n": 3})

    assert first == second != other
    assert [row[3] for row in rows(database)] == ['{"n": 2}', '{"n": 3}']


def test_the_same_message_from_many_at_once_is_one_job(database: Database, now: datetime) -> None:
    start = threading.Barrier(4)

    def send(number: int) -> str:
        own = Database(database.url, pool_size=1)
        start.wait(10)
        id_ = PostgresQueue(own, lambda: now).send(TRAIN, "Delhi", {"n": number})
        own.close()
        return id_

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(send, range(4)))) == 1
    assert len(rows(database)) == 1


def test_a_message_sent_again_makes_a_waiting_one_due_sooner_never_later(
    database: Database, now: datetime
) -> None:
    enqueue(database, "Delhi", now=now, delay=10 * MINUTE)
    enqueue(database, "Delhi", now=now, delay=20 * MINUTE)
    assert not _is_due(database, now + 9 * MINUTE)
    assert _is_due(database, now + 10 * MINUTE)

    enqueue(database, "Delhi", now=now)

    assert leased(database, now).key == "Delhi"


def test_a_message_sent_while_its_job_runs_runs_again(database: Database, now: datetime) -> None:
    enqueue(database, "Delhi", {"n": 1}, now=now)
    running = leased(database, now)
    enqueue(database, "Delhi", {"n": 2}, now=now)
    finish(database, running, now)

    again = leased(database, now)

    assert again.id != running.id
    assert (again.payload, again.attempt) == ({"n": 2}, 1)


def test_a_failed_job_gives_way_to_the_same_message_sent_meanwhile(database: Database, now: datetime) -> None:
    enqueue(database, "Delhi", {"n": 1}, now=now)
    running = leased(database, now)
    enqueue(database, "Delhi", {"n": 2}, now=now)

    assert not fail(database, running, now)

    assert [(row[1], row[3]) for row in rows(database)] == [("done", '{"n": 1}'), ("queued", '{"n": 2}')]


def test_a_message_sent_in_the_moment_of_failing_stands_for_both(database: Database, now: datetime) -> None:
    enqueue(database, "Delhi", {"n": 1}, now=now)
    running = leased(database, now)
    other = Database(database.url, pool_size=1)

    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as connection:
            jobs.enqueue(connection, TRAIN, "Delhi", {"n": 2}, now=now)
            failing = pool.submit(fail, other, running, now)
            _until_somebody_waits_for_a_lock(database)
        assert failing.result(10) is False
    other.close()

    assert [(row[1], row[3]) for row in rows(database)] == [("done", '{"n": 1}'), ("queued", '{"n": 2}')]


def _until_somebody_waits_for_a_lock(database: Database) -> None:
    for _ in range(2000):
        with database.transaction() as connection:
            if run(connection, "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
                return
    pytest.fail("nobody ever waited")


def test_a_finished_message_may_be_sent_again(database: Database, now: datetime) -> None:
    for _ in range(2):
        enqueue(database, "Delhi", now=now)
        finish(database, leased(database, now), now)

    assert [row[1] for row in rows(database)] == ["done", "done"]
    with database.transaction() as connection:
        assert jobs.counts(connection) == {TRAIN: {"done": 2}}
