"""A poisoned message on Amazon's queue: tried as often as the queue says, then kept whole."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3

from common.adapters.aws.sqs_queue import SqsQueue
from common.domain.errors import DataError
from common.domain.messages import TRAIN, Message
from common.entry import aws as entry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NOW = datetime(2025, 11, 5, 10, 30, tzinfo=UTC)


def _deliver(client: Any, url: str, handler: Callable[[dict[str, Any], None], dict[str, Any]]) -> bool:
    """Do once what Lambda's poller does: delete what succeeded, let the rest come back."""
    got = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"])
    if not got.get("Messages"):
        return False
    messages = {message["MessageId"]: message for message in got["Messages"]}
    records = [
        {"messageId": id_, "body": message["Body"], "attributes": message["Attributes"]}
        for id_, message in messages.items()
    ]
    failed = {
        failure["itemIdentifier"] for failure in handler({"Records": records}, None)["batchItemFailures"]
    }
    for id_, message in messages.items():
        if id_ not in failed:
            client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        else:
            client.change_message_visibility(
                QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )
    return True


def test_a_poisoned_message_ends_whole_in_the_dead_letter_queue(aws: str) -> None:
    client = boto3.client("sqs", endpoint_url=f"http://{aws}", region_name="us-east-1")
    dead = client.create_queue(QueueName="vayu-dead")["QueueUrl"]
    arn = client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
    url = client.create_queue(QueueName="vayu-live", Attributes={"RedrivePolicy": policy})["QueueUrl"]
    attempts: list[tuple[str, int]] = []

    def handle(message: Message) -> Mapping[str, object]:
        attempts.append((message.subject, message.attempt))
        if message.subject == "Atlantis":
            raise DataError("no such city")
        return {}

    handler = entry.events(lambda: handle, default_type=TRAIN, accepts={TRAIN})
    queue = SqsQueue(url, lambda: NOW)
    queue.send(TRAIN, "Atlantis", {"city": "Atlantis"})
    queue.send(TRAIN, "Delhi", {"city": "Delhi"})
    client.send_message(QueueUrl=url, MessageBody='{"type": "vayu.tr')

    while _deliver(client, url, handler):
        pass

    assert attempts.count(("Delhi", 1)) == 1
    assert [attempt for subject, attempt in attempts if subject == "Atlantis"] == [1, 2, 3]
    result = client.receive_message(QueueUrl=dead, MaxNumberOfMessages=10)["Messages"]
    bodies = {message["Body"] for message in result}
    assert '{"type": "vayu.tr' in bodies
    (whole,) = (json.loads(body) for body in bodies - {'{"type": "vayu.tr'})
    assert (whole["type"], whole["subject"], whole["data"]) == (TRAIN, "Atlantis", {"city": "Atlantis"})
