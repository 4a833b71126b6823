"""What every queue must do, the same tests over all; the clouds' queues are real HTTP servers here."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.oauth2.credentials import Credentials
from pubsub_server import PROJECT, Emulator, emulated, emulator_here

from common.adapters.aws.sqs_queue import SqsQueue
from common.adapters.gcp.pubsub_queue import PubSubQueue
from common.adapters.queues import queue_from_url
from common.domain.errors import ConfigError, StoreError
from common.domain.messages import OBSERVATIONS_READY, TRAIN, Message
from common.entry.event_decoding import decode
from common.store import jobs
from common.store.engine import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from common.ports import Queue

NOW = datetime(2025, 11, 5, 10, 30, tzinfo=UTC)
NOWHERE = "postgresql+pg8000://nobody@127.0.0.1:1/none"
TOPIC = "/v1/projects/vayu-test/topics/vayu-jobs"
NOBODY = AnonymousCredentials()


@dataclass
class Harness:
    """A queue, what a function receives from it at some time, and whether it knows delays."""

    queue: Queue
    received: Callable[[datetime], list[Message]]
    delays: bool = True


def clock() -> datetime:
    return NOW


def _postgres(request: pytest.FixtureRequest) -> Harness:
    database: Database = request.getfixturevalue("database")

    def received(now: datetime) -> list[Message]:
        result = []
        with database.transaction() as connection:
            while job := jobs.lease(connection, now=now, seconds=60):
                result.append(Message(job.type, job.key, job.payload, str(job.id), job.attempt))
        return result

    return Harness(queue_from_url("postgres:", database, clock), received)


def _sqs_client(address: str) -> Any:
    import boto3

    return boto3.client("sqs", endpoint_url=f"http://{address}", region_name="us-east-1")


def _sqs(request: pytest.FixtureRequest) -> Harness:
    address: str = request.getfixturevalue("aws")
    client = _sqs_client(address)
    name = "vayu-" + uuid.uuid4().hex[:8]
    url = client.create_queue(QueueName=name)["QueueUrl"]
    account = url.rsplit("/", 2)[1]

    def received(_: datetime) -> list[Message]:
        got = client.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"], WaitTimeSeconds=0
        )
        records = [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
                "eventSource": "aws:sqs",
            }
            for message in got.get("Messages", [])
        ]
        return decode({"Records": records}, "unused")

    database = Database(NOWHERE)
    return Harness(queue_from_url(f"sqs+http://{address}/{account}/{name}", database, clock), received)


def _pubsub(request: pytest.FixtureRequest) -> Harness:
    server = request.getfixturevalue("stand_in")
    server.answer("POST", TOPIC + ":publish", (200, {"messageIds": ["11"]}))

    def received(_: datetime) -> list[Message]:
        result = []
        for call in server.requests:
            for message in call.json()["messages"]:
                push = {
                    "message": {**message, "messageId": "11"},
                    "subscription": "projects/p/subscriptions/s",
                }
                result += decode(push, "unused")
        return result

    database = Database(NOWHERE)
    environment = {"PUBSUB_EMULATOR_HOST": server.address}
    queue = queue_from_url("pubsub://vayu-test/vayu-jobs", database, clock, environment=environment)
    return Harness(queue, received, delays=False)


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    program = emulator_here()
    if program is None:
        pytest.skip("Google's emulator of Pub/Sub is not installed")
    with emulated(program) as running:
        yield running


def _pubsub_emulated(request: pytest.FixtureRequest) -> Harness:
    server: Emulator = request.getfixturevalue("emulator")
    topic = "vayu-" + uuid.uuid4().hex[:8]
    server.create(topic)

    def received(_: datetime) -> list[Message]:
        pushes = [{"message": item, "subscription": "s"} for item in server.published(topic)]
        return [message for push in pushes for message in decode(push, "unused")]

    environment = {"PUBSUB_EMULATOR_HOST": server.address}
    queue = queue_from_url(f"pubsub://{PROJECT}/{topic}", Database(NOWHERE), clock, environment=environment)
    return Harness(queue, received, delays=False)


@pytest.fixture(
    params=[_postgres, _sqs, _pubsub, _pubsub_emulated], ids=["postgres", "sqs", "pubsub", "pubsub emulated"]
)
def harness(request: pytest.FixtureRequest) -> Harness:
    made: Harness = request.param(request)
    return made


def test_what_is_sent_is_what_a_function_receives(harness: Harness) -> None:
    data = {"city": "Delhi", "name": "दिल्ली – µg/m³", "hours": [1, 2.5, None], "deep": {"force": True}}

    id_ = harness.queue.send(TRAIN, "Delhi", data)

    assert harness.received(NOW) == [Message(TRAIN, "Delhi", data, id_, 1)]


def test_messages_keep_apart_and_may_lack_a_subject_and_data(harness: Harness) -> None:
    ids = {
        harness.queue.send(TRAIN, "Delhi", {"n": 1}),
        harness.queue.send(TRAIN, "Mumbai", {"n": 2}),
        harness.queue.send(OBSERVATIONS_READY, "", {}),
    }

    received = harness.received(NOW)

    assert len(ids) == 3
    assert {(message.type, message.subject, str(message.data)) for message in received} == {
        (TRAIN, "Delhi", "{'n': 1}"),
        (TRAIN, "Mumbai", "{'n': 2}"),
        (OBSERVATIONS_READY, "", "{}"),
    }
    assert {message.id for message in received} == ids


def test_a_delayed_message_is_not_there_yet(harness: Harness) -> None:
    harness.queue.send(TRAIN, "Delhi", {}, delay=timedelta(minutes=10))

    assert len(harness.received(NOW)) == (0 if harness.delays else 1)


def test_sqs_cuts_a_delay_to_what_it_allows(aws: str) -> None:
    client = _sqs_client(aws)
    url = client.create_queue(QueueName="long-delay")["QueueUrl"]

    SqsQueue(url, clock).send(TRAIN, "Delhi", {}, delay=timedelta(days=2))

    attributes = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes["ApproximateNumberOfMessagesDelayed"] == "1"


def test_each_type_may_have_a_queue_of_its_own(aws: str, stand_in: Any) -> None:
    client = _sqs_client(aws)
    url = client.create_queue(QueueName="own-observations-ready")["QueueUrl"]
    client.create_queue(QueueName="own-train")
    stand_in.answer("POST", TOPIC.replace("jobs", "observations-ready") + ":publish", (200, {}))
    emulator = {"PUBSUB_EMULATOR_HOST": stand_in.address}
    nowhere = Database(NOWHERE)

    pattern = url.replace("http://", "sqs+http://").replace("observations-ready", "{type}")
    queue_from_url(pattern, nowhere, clock).send(OBSERVATIONS_READY, "", {})
    queue_from_url("pubsub://vayu-test/vayu-{type}", nowhere, clock, environment=emulator).send(
        OBSERVATIONS_READY, "", {}
    )

    (message,) = client.receive_message(QueueUrl=url)["Messages"]
    assert json.loads(message["Body"])["type"] == OBSERVATIONS_READY
    assert len(stand_in.requests) == 1


def test_the_clouds_get_a_whole_cloud_event(stand_in: Any) -> None:
    stand_in.answer("POST", TOPIC + ":publish", (200, {"messageIds": ["11"]}))
    queue = PubSubQueue(
        "vayu-test", "vayu-jobs", clock, endpoint=f"http://{stand_in.address}", credentials=NOBODY
    )

    id_ = queue.send(TRAIN, "Delhi", {"force": True})

    (message,) = stand_in.requests[0].json()["messages"]
    assert message["attributes"] == {"ce-id": id_, "ce-type": TRAIN, "ce-subject": "Delhi"}
    assert json.loads(base64.b64decode(message["data"])) == {
        "specversion": "1.0",
        "id": id_,
        "source": "vayu",
        "type": TRAIN,
        "subject": "Delhi",
        "time": "2025-11-05T10:30:00Z",
        "datacontenttype": "application/json",
        "data": {"force": True},
    }


def test_pubsub_is_told_who_publishes(stand_in: Any) -> None:
    stand_in.answer("POST", TOPIC + ":publish", (200, {"messageIds": ["11"]}))
    address, token = f"http://{stand_in.address}", Credentials("of-a-service-account")

    PubSubQueue("vayu-test", "vayu-jobs", clock, endpoint=address, credentials=token).send(TRAIN, "", {})

    assert stand_in.requests[0].headers["authorization"] == "Bearer of-a-service-account"


def test_pubsub_finds_the_service_account_of_its_function(stand_in: Any) -> None:
    account = "/computeMetadata/v1/instance/service-accounts/default/"
    stand_in.answer("GET", "/", (200, {}))
    stand_in.answer("GET", "/computeMetadata/v1/project/project-id", (200, "vayu-test"))
    stand_in.answer("GET", "/computeMetadata/v1/universe/universe-domain", (200, "googleapis.com"))
    stand_in.answer("GET", account, (200, {"email": "vayu@example.org", "scopes": []}))
    stand_in.answer("GET", account + "token", (200, {"access_token": "its-token", "expires_in": 3599}))
    stand_in.answer("POST", TOPIC + ":publish", (200, {"messageIds": ["11"]}))
    code = (
        "from datetime import UTC, datetime\n"
        "from common.adapters.gcp.pubsub_queue import PubSubQueue\n"
        f"queue = PubSubQueue('vayu-test', 'vayu-jobs', lambda: datetime(2025, 1, 1, tzinfo=UTC), "
        f"endpoint='http://{stand_in.address}')\n"
        "for _ in range(2): queue.send('vayu.train', 'Delhi', {})\n"
    )
    named = {"GCE_METADATA_HOST": stand_in.address, "GCE_METADATA_IP": stand_in.address}
    elsewhere = {"HOME": "/nonexistent", "PATH": os.defpath, "PYTHONPATH": str(Path(__file__).parents[2])}

    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env=elsewhere | named)

    sent = [call.headers.get("authorization") for call in stand_in.requests if call.method == "POST"]
    assert sent == ["Bearer its-token"] * 2
    requested = [call for call in stand_in.requests if call.path.startswith(account + "token")]
    assert len(requested) == 1


def test_pubsub_tries_again_what_may_pass(stand_in: Any) -> None:
    stand_in.answer("POST", TOPIC + ":publish", (503, {}), (200, {"messageIds": ["11"]}))

    PubSubQueue(
        "vayu-test", "vayu-jobs", clock, endpoint=f"http://{stand_in.address}", credentials=NOBODY
    ).send(TRAIN, "", {})

    assert len(stand_in.requests) == 2


def test_sqs_tries_again_when_it_is_asked_too_often(aws: str, stand_in: Any) -> None:
    too_often = {"__type": "com.amazonaws.sqs#ThrottlingException", "message": "Rate exceeded"}
    stand_in.answer("POST", "/", (400, too_often), (200, {"MessageId": "1"}))

    SqsQueue(f"http://{stand_in.address}/123456789012/vayu", clock).send(TRAIN, "", {})

    assert len(stand_in.requests) == 2


def test_sqs_tells_a_refusal_by_its_name_alone(aws: str, stand_in: Any) -> None:
    refused = {"__type": "com.amazonaws.sqs#AccessDenied", "message": "of user 987654321098"}
    stand_in.answer("POST", "/", (400, refused))

    with pytest.raises(StoreError, match=r"a message: AccessDenied$"):
        SqsQueue(f"http://{stand_in.address}/123456789012/vayu", clock).send(TRAIN, "", {})

    assert len(stand_in.requests) == 1


@pytest.mark.parametrize("status", [403, 404])
def test_pubsub_does_not_insist_where_it_is_refused(stand_in: Any, status: int) -> None:
    stand_in.answer("POST", TOPIC + ":publish", (status, {}))
    queue = PubSubQueue(
        "vayu-test", "vayu-jobs", clock, endpoint=f"http://{stand_in.address}", credentials=NOBODY
    )

    with pytest.raises(StoreError, match=f"{status} for projects/vayu-test/topics/vayu-jobs"):
        queue.send(TRAIN, "", {})

    assert len(stand_in.requests) == 1


def test_a_queue_that_is_not_there_is_a_store_error(
    aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    nowhere = "http://127.0.0.1:1"
    for queue in (
        SqsQueue(f"http://{aws}/123456789012/absent", clock),
        SqsQueue(f"{nowhere}/123456789012/vayu", clock),
        PubSubQueue("p-1", "topic", clock, endpoint=nowhere, credentials=NOBODY),
        PubSubQueue("p-1", "topic", clock),  # nobody's credentials are found
        queue_from_url("postgres:", Database(NOWHERE), clock),
    ):
        with pytest.raises(StoreError):
            queue.send(TRAIN, "Delhi", {})


@pytest.mark.parametrize(
    "url",
    ["redis://localhost", "sqs://host/only", "sqs://", "pubsub://p", "pubsub://p/t/x", "postgres:x", ""],
)
def test_another_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="QUEUE_URL"):
        queue_from_url(url, Database(NOWHERE), clock)
