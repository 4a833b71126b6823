"""Messages for several functions: each of a topic's queues gets all of them, as whole events."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from stubs import refusing

from common.adapters.aws.sns_topic import SnsTopics
from common.adapters.queues import queue_from_url
from common.bootstrap.container import assemble
from common.config import from_mapping
from common.domain.errors import ConfigError, StoreError
from common.domain.messages import BROADCAST, EVENTS_READY, FORECAST_READY, TRAIN, Message
from common.entry.event_decoding import decode
from common.store import jobs
from common.store.engine import Database

if TYPE_CHECKING:
    from common.ports import Queue

NOW = datetime(2025, 11, 5, 10, 30, tzinfo=UTC)
NOWHERE = "postgresql+pg8000://nobody@127.0.0.1:1/none"
ACCOUNT = "123456789012"


def clock() -> datetime:
    return NOW


class Account:
    """A stand-in's topics and queues, under a prefix of their own."""

    def __init__(self, address: str) -> None:
        self.prefix = "vayu-" + uuid.uuid4().hex[:8]
        self.sqs = boto3.client("sqs")
        self.sns = boto3.client("sns")
        self.queue_url = f"sqs+http://{address}/{ACCOUNT}/{self.prefix}-{{type}}"
        self.topic_url = f"sns://us-east-1/{ACCOUNT}/{self.prefix}-{{type}}"

    def topic(self, name: str, *queues: str) -> None:
        """A topic, and the queues that get what it gets."""
        arn = self.sns.create_topic(Name=f"{self.prefix}-{name}")["TopicArn"]
        for queue in queues:
            url = self.queue(queue)
            target = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
            self.sns.subscribe(
                TopicArn=arn,
                Protocol="sqs",
                Endpoint=target["Attributes"]["QueueArn"],
                Attributes={"RawMessageDelivery": "true"},
            )

    def queue(self, name: str) -> str:
        url: str = self.sqs.create_queue(QueueName=f"{self.prefix}-{name}")["QueueUrl"]
        return url

    def received(self, name: str) -> list[Message]:
        """What a function would be handed from a queue."""
        got = self.sqs.receive_message(
            QueueUrl=self.queue(name), MaxNumberOfMessages=10, AttributeNames=["All"]
        )
        records = [
            {"messageId": each["MessageId"], "body": each["Body"], "attributes": each["Attributes"]}
            for each in got.get("Messages", [])
        ]
        return decode({"Records": records}, "unused")

    def sender(self, queue_url: str | None = None, database: Database | None = None) -> Queue:
        return queue_from_url(
            queue_url or self.queue_url, database or Database(NOWHERE), clock, topics=self.topic_url
        )

    def close(self) -> None:
        self.sqs.close()
        self.sns.close()


@pytest.fixture
def account(aws: str) -> Any:
    made = Account(aws)
    yield made
    made.close()


def test_each_of_a_topics_queues_gets_the_whole_message(account: Account) -> None:
    account.topic("events-ready", "events-alerts", "events-live")
    data = {"after": 7, "name": "दिल्ली"}

    id_ = account.sender().send(EVENTS_READY, "after 7", data, delay=timedelta(hours=1))

    for name in ("events-alerts", "events-live"):
        assert account.received(name) == [Message(EVENTS_READY, "after 7", data, id_, 1)]


def test_types_keep_apart_and_what_one_function_wants_goes_to_its_queue(account: Account) -> None:
    account.topic("events-ready", "of-events")
    account.topic("forecast-ready", "of-forecasts")
    account.queue("train")
    sender = account.sender()

    for type_ in (EVENTS_READY, FORECAST_READY, TRAIN):
        sender.send(type_, "", {})

    for name, type_ in {"of-events": EVENTS_READY, "of-forecasts": FORECAST_READY, "train": TRAIN}.items():
        assert [message.type for message in account.received(name)] == [type_]
    assert not sender.in_database
    assert frozenset({EVENTS_READY, FORECAST_READY}) == BROADCAST


def test_topics_stand_beside_a_queue_in_the_database(account: Account, database: Database) -> None:
    account.topic("forecast-ready", "of-forecasts")
    sender = account.sender("postgres:", database)

    sender.send(TRAIN, "Delhi", {})
    sender.send(FORECAST_READY, "", {})

    assert sender.in_database
    with database.transaction() as connection:
        job = jobs.lease(connection, now=NOW, seconds=60)
        assert job is not None
        assert job.type == TRAIN
        assert jobs.lease(connection, now=NOW, seconds=60) is None
    assert len(account.received("of-forecasts")) == 1


def test_the_settings_lead_there(account: Account, database_url: str) -> None:
    account.topic("forecast-ready", "of-forecasts")
    settings = from_mapping({"DATABASE_URL": database_url, "TOPIC_URL": account.topic_url})
    resources = assemble(settings, clock=clock)

    resources.queue.send(FORECAST_READY, "", {})

    resources.database.close()
    assert len(account.received("of-forecasts")) == 1


def test_sns_is_tried_again_when_it_is_busy(aws: str, stand_in: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", f"http://{stand_in.address}")
    throttled = (
        b"<ErrorResponse><Error><Code>Throttling</Code><Message>Slow</Message></Error></ErrorResponse>"
    )
    taken = b"<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>"
    stand_in.routes["POST", "/"] = [(400, throttled), (200, taken)]

    SnsTopics("us-east-1", ACCOUNT, "vayu-{type}", clock).publish(EVENTS_READY, "", {"after": 1})

    assert len(stand_in.requests) == 2
    assert (
        f"arn%3Aaws%3Asns%3Aus-east-1%3A{ACCOUNT}%3Avayu-events-ready" in stand_in.requests[0].body.decode()
    )


def test_a_refusal_is_told_by_its_name_alone(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoreError, match=r"^the topic vayu-[0-9a-f]+-events-ready did not .*: NotFound\w*$"):
        account.sender().send(EVENTS_READY, "", {})
    with refusing() as nowhere:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", nowhere)
        with pytest.raises(StoreError, match=r"EndpointConnectionError$"):
            account.sender().send(EVENTS_READY, "", {})


@pytest.mark.parametrize(
    "url",
    ["sns://", "sns://us-east-1/vayu", "sns://us-east-1/1/vayu", "sqs://h/1/q", "pubsub://p/t", "arn:aws:sns:x:1:y"],
)  # fmt: skip
def test_another_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"TOPIC_URL must be 'sns://region/account/vayu-\{type\}'"):
        queue_from_url("postgres:", Database(NOWHERE), clock, topics=url)
