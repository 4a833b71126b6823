"""Trainings by request: one job while it waits, its state until it is done, whichever queue carries it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from api_rows import IdleQueue, context_of, problem_of, put_models, trained, url
from werkzeug.test import Client, TestResponse

from common.adapters.postgres.queue import PostgresQueue
from common.api import ApiContext, create_app
from common.domain.errors import DataError, ModelError, StoreError
from common.domain.forecast import TARGETS
from common.domain.messages import TRAIN, Message
from common.entry.tracked_jobs import tracked
from common.entry.worker import work_once
from common.ports import Queue
from common.store.engine import Database, run

RETRAIN = "/models/retrain/{}"
DONE = {
    "city": "Delhi",
    "promoted": {"aqi": "delhi-aqi-linear-1"},
    "reasons": {"aqi": "it is better"},
    "switched": {},
    "kept": {"pm25": "the champion did better"},
    "failed": {},
    "metrics": {"aqi": {"linear": {"mae": 20.5}}},
    "left_out": {"lstm": "torch is not installed"},
}


class Asking:
    """A client with a token that may have cities trained, where one is needed."""

    def __init__(self, client: Client, headers: Mapping[str, str]) -> None:
        self._client = client
        self._headers = headers

    def retrain(self, city: str = "Delhi", key: str | None = None, **given: Any) -> TestResponse:
        headers = {**self._headers, **({} if key is None else {"Idempotency-Key": key})}
        return self._client.post(url(RETRAIN.format(city)), headers=headers, **given)

    def job(self, id_: int) -> Any:
        response = self._client.get(url(f"/models/jobs/{id_}"))
        assert response.status_code == 200, response.text
        return response.json


@pytest.fixture
def headers(database: Database, now: datetime) -> Mapping[str, str]:
    from api_rows import token_for

    return {"Authorization": f"Bearer {token_for(database, now, 'retrain')}"}


@contextmanager
def asking(database: Database, now: datetime, queue: Queue, headers: Mapping[str, str]) -> Iterator[Asking]:
    context: ApiContext = replace(context_of(database, now), queue=queue)
    yield Asking(create_app(context).test_client(), headers)
    context.probe.close()


@pytest.fixture
def local(database: Database, now: datetime, headers: Mapping[str, str]) -> Iterator[Asking]:
    """Over the queue in the database."""
    with asking(database, now, PostgresQueue(database, lambda: now), headers) as made:
        yield made


@pytest.fixture
def sent() -> IdleQueue:
    return IdleQueue()


@pytest.fixture
def remote(
    database: Database, now: datetime, headers: Mapping[str, str], sent: IdleQueue
) -> Iterator[Asking]:
    """Over a queue elsewhere."""
    with asking(database, now, sent, headers) as made:
        yield made


def work(database: Database, now: datetime, outcome: Any) -> bool:
    """Let the local worker do one job; it tells this, or fails so."""
    return work_once(database, lambda: now, {TRAIN: _handler(outcome)})


def _handler(outcome: Any) -> Callable[[Message], Mapping[str, object]]:
    def handle(_: Message) -> Mapping[str, object]:
        if isinstance(outcome, Exception):
            raise outcome
        return dict(outcome)

    return handle


def test_it_is_accepted_and_followed_until_done(local: Asking, database: Database, now: datetime) -> None:
    response = local.retrain("new delhi", json={"families": ["linear"], "force": False})
    assert response.status_code == 202
    body = response.json
    assert response.headers["Location"] == url(f"/models/jobs/{body['id']}")
    assert body == local.job(body["id"]) == {
        "id": body["id"], "city": "Delhi", "state": "queued", "attempts": 0, "max_attempts": 5,
        "created_at": "2025-11-05T10:30:00Z", "started_at": None, "finished_at": None, "retry_at": None,
        "families": ["linear"], "force": False, "error": None, "outcome": None,
    }  # fmt: skip
    later = now + timedelta(seconds=7)
    assert work(database, later, DONE)
    done = local.job(body["id"])
    assert (done["state"], done["attempts"], done["outcome"]) == ("done", 1, DONE)
    assert (done["started_at"], done["finished_at"]) == ("2025-11-05T10:30:07Z", "2025-11-05T10:30:07Z")


def test_while_it_is_done_it_is_running(local: Asking, database: Database, now: datetime) -> None:
    id_ = local.retrain().json["id"]
    seen: list[str] = []

    def handle(_: Message) -> Mapping[str, object]:
        seen.append(local.job(id_)["state"])
        return DONE

    assert work_once(database, lambda: now, {TRAIN: handle})
    assert seen == ["running"]


def test_the_same_city_twice_while_queued_is_one_job(
    local: Asking, database: Database, now: datetime
) -> None:
    first = local.retrain().json["id"]
    assert local.retrain("delhi", json={}).json["id"] == first
    assert local.retrain("Mumbai").json["id"] != first
    assert work(database, now, DONE)
    assert local.retrain().json["id"] != first


def test_an_idempotency_key_gives_the_same_job_even_when_it_is_done(
    local: Asking, database: Database, now: datetime
) -> None:
    first = local.retrain(key="k-1", json={"force": True}).json["id"]
    assert work(database, now, DONE)
    again = local.retrain(key="k-1")  # what is left out is what is said by default
    assert (again.status_code, again.json["id"], again.json["state"]) == (202, first, "done")
    assert local.retrain(key="k-2").json["id"] != first


def test_a_key_for_another_request_is_refused(local: Asking) -> None:
    local.retrain(key="k-1")
    for other in (local.retrain("Mumbai", key="k-1"), local.retrain(key="k-1", json={"force": False})):
        problem = problem_of(other, 409)
        assert problem["errors"] == [
            {
                "header": "Idempotency-Key",
                "given": "k-1",
                "allowed": "a key that was not used for another request",
            }
        ]


@pytest.mark.parametrize("key", ["a b", "x" * 201])
def test_a_key_that_is_none(local: Asking, key: str) -> None:
    [fault] = problem_of(local.retrain(key=key), 400)["errors"]
    assert fault["header"] == "Idempotency-Key"


def test_an_attempt_that_failed_and_the_last_one(local: Asking, database: Database, now: datetime) -> None:
    id_ = local.retrain().json["id"]
    assert work(database, now, ModelError("Delhi: too few hours"))
    failed = local.job(id_)
    assert (failed["state"], failed["error"]) == ("failed", "Delhi: too few hours")
    assert (failed["retry_at"], failed["finished_at"]) == ("2025-11-05T10:32:00Z", None)
    for attempt in range(4):
        assert work(database, now + timedelta(days=attempt + 1), RuntimeError("postgresql://me:secret@x"))
    dead = local.job(id_)
    assert (dead["state"], dead["attempts"], dead["error"]) == ("dead", 5, "RuntimeError")
    assert dead["finished_at"] is not None


def test_what_no_attempt_cures_is_dead_at_once(local: Asking, database: Database, now: datetime) -> None:
    id_ = local.retrain().json["id"]
    assert work(database, now, DataError("no such thing"))
    assert (local.job(id_)["state"], local.job(id_)["attempts"]) == ("dead", 1)


def test_a_worker_that_fell_silent_has_failed(local: Asking, database: Database, now: datetime) -> None:
    from common.store import jobs

    id_ = local.retrain().json["id"]
    with database.transaction() as connection:
        assert jobs.lease(connection, now=now, seconds=60)
        jobs.release(connection)
    result = local.job(id_)
    assert (result["state"], result["error"]) == ("failed", "the worker died or took too long")


@pytest.mark.parametrize("id_", ["0", "999", "-1", "x", "1e3", "9" * 30, "%00"])
def test_no_such_job(local: Asking, client: Client, id_: str) -> None:
    problem = problem_of(client.get(url(f"/models/jobs/{id_}")), 404)
    assert problem["errors"][0]["parameter"] == "job"


def test_other_jobs_are_nobodys_business(client: Client, database: Database, now: datetime) -> None:
    queue = PostgresQueue(database, lambda: now)
    for id_ in (queue.send("vayu.collect", "x", {"city": "Delhi"}), queue.send(TRAIN, "2025-11-05", {})):
        problem_of(client.get(url(f"/models/jobs/{id_}")), 404)


def test_bad_cities_and_bodies(local: Asking, database: Database) -> None:
    assert problem_of(local.retrain("Dehli"), 404)["nearest"] == ["Delhi"]
    [fault] = problem_of(local.retrain(json={"families": ["linear", "magic"]}), 400)["errors"]
    assert (fault["pointer"], fault["given"]) == ("/families/1", '"magic"')
    assert fault["allowed"] == "one of linear, lstm, random_forest, xgboost"
    problem_of(local.retrain(data="{}", content_type="text/plain"), 415)
    with database.transaction() as connection:
        assert run(connection, "SELECT count(*) FROM job")[0][0] == 0


def test_a_queue_elsewhere_carries_the_message_and_the_row_tells_the_state(
    remote: Asking, sent: IdleQueue, database: Database, now: datetime
) -> None:
    id_ = remote.retrain(json={"families": ["linear"]}).json["id"]
    [message] = sent.sent
    assert (message.type, message.subject) == (TRAIN, "Delhi")
    assert message.data == {"city": "Delhi", "families": ["linear"], "force": True, "job": id_}
    assert not work(database, now + timedelta(days=900), DONE), "a local worker must leave it alone"
    assert remote.job(id_)["state"] == "queued"
    assert tracked(_handler(DONE), database, lambda: now)(message) == DONE
    assert (remote.job(id_)["state"], remote.job(id_)["outcome"]) == ("done", DONE)
    again = tracked(_handler(AssertionError()), database, lambda: now)(message)
    assert again == {"job": id_, "left": "it is done already"}


def test_elsewhere_too_the_same_city_twice_is_one_job(remote: Asking, sent: IdleQueue) -> None:
    first = remote.retrain().json["id"]
    assert remote.retrain().json["id"] == first
    # Who sent the first may have died before it; a message too many changes nothing.
    assert [message.data["job"] for message in sent.sent] == [first, first]


def test_elsewhere_a_failed_attempt_is_told_and_another_may_follow(
    remote: Asking, sent: IdleQueue, database: Database, now: datetime
) -> None:
    id_ = remote.retrain().json["id"]
    [message] = sent.sent
    with pytest.raises(ModelError):
        tracked(_handler(ModelError("Delhi: too few hours")), database, lambda: now)(message)
    failed = remote.job(id_)
    assert (failed["state"], failed["error"], failed["retry_at"]) == ("failed", "Delhi: too few hours", None)
    assert not work(database, now + timedelta(days=900), DONE)
    for _ in range(4):
        with pytest.raises(ModelError):
            tracked(_handler(ModelError("again")), database, lambda: now)(message)
    assert (remote.job(id_)["state"], remote.job(id_)["attempts"]) == ("dead", 5)
    tracked(_handler(DONE), database, lambda: now)(message)  # sent again by hand, from the dead letters
    assert remote.job(id_)["state"] == "done"


def test_elsewhere_two_deliveries_at_once_train_once(
    remote: Asking, sent: IdleQueue, database: Database, now: datetime
) -> None:
    remote.retrain()
    [message] = sent.sent

    def handle(_: Message) -> Mapping[str, object]:
        with pytest.raises(StoreError, match="in the hands of another"):
            tracked(_handler(AssertionError()), database, lambda: now)(message)
        return DONE

    assert tracked(handle, database, lambda: now)(message) == DONE


def test_a_queue_that_is_away_is_told_and_asking_again_sends_it(
    database: Database, now: datetime, headers: Mapping[str, str], sent: IdleQueue
) -> None:
    class Away(IdleQueue):
        in_database = False

        def send(self, *_: Any, **__: Any) -> str:
            raise StoreError("the queue did not take a message")

    with asking(database, now, Away(), headers) as away:
        problem_of(away.retrain(key="k"), 503)
    with asking(database, now, sent, headers) as back:
        id_ = back.retrain(key="k").json["id"]
    assert [message.data["job"] for message in sent.sent] == [id_]


def test_the_function_that_trains_tells_the_row(
    remote: Asking, sent: IdleQueue, database: Database, now: datetime
) -> None:
    from common.bootstrap.container import resources_of
    from common.config import from_mapping
    from common.services.train import handler

    put_models(
        database, *(trained(f"delhi-{target}-1", now, target=target, status="champion") for target in TARGETS)
    )
    id_ = remote.retrain(json={"force": False}).json["id"]
    [message] = sent.sent
    handler(resources_of(from_mapping({}), database, sent, lambda: now))(message)
    job = remote.job(id_)
    assert job["state"] == "done"
    assert job["outcome"]["city"] == "Delhi"
    assert job["outcome"]["left"]
