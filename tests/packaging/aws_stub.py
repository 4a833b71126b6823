"""AWS on this machine: what template.yaml describes, over moto, run by Lambda's own runtime client."""

from __future__ import annotations

import base64
import json
import re
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import boto3
from lambda_server import Failed, LambdaInstance
from templates import read, sam_function
from whole import UNITS, Answer, Letter, System, body_of

from common.adapters.cloud_event import address

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from common.store.engine import Database

EVENTS = Path(__file__).parents[1] / "events" / "aws"
REGION = "us-east-1"
ACCOUNT = "123456789012"
_NAMES = {
    # What moto plays is the same for all servers of a process: no other test has things of these names.
    "Stage": "whole",
    "SecretName": "vayu/whole",
    "CorsOrigins": "*",
    "DatabaseReadUrl": "",
    "ModelBucket": "whole-models",
    "LiveApi": "a1b2c3d4e5",
    "LiveStage": "live",
    "PublicUrl": "https://air.example.org",
    "AWS::Region": REGION,
    "AWS::StackId": "arn:aws:cloudformation:stack/vayu-whole/51af3dc0",
    "AWS::AccountId": ACCOUNT,
    "AWS::URLSuffix": "amazonaws.com",
}


def recorded(name: str) -> dict[str, Any]:
    """An event as AWS sent it."""
    result: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return result


def batch(**bodies: str) -> dict[str, Any]:
    """An SQS batch of the recorded shape; message ids are the names."""
    [record] = recorded("sqs_one")["Records"]
    return {"Records": [{**record, "messageId": name, "body": body} for name, body in bodies.items()]}


def request(
    path: str, query: str = "", *, method: str = "GET", body: str | None = None, **headers: str
) -> dict[str, Any]:
    """An HTTP API event of the recorded shape."""
    event = recorded("http_get")
    event |= {"rawPath": path, "rawQueryString": query, "body": body}
    event["headers"] = event["headers"] | {name.replace("_", "-"): value for name, value in headers.items()}
    event["requestContext"]["http"] |= {"method": method, "path": path}
    event.pop("queryStringParameters", None)
    return event


def client(service: str, moto: str) -> Any:
    """boto3's client of a service that moto plays."""
    return boto3.client(
        service,
        region_name=REGION,
        endpoint_url=f"http://{moto}",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - of a stand-in
    )


def credentials(moto: str) -> dict[str, str]:
    """What a function's role is to it, and where moto is."""
    return {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": f"http://{moto}",
    }


class AwsHere(System):
    """A deployment of template.yaml; use it as a context."""

    def __init__(
        self,
        database: Database,
        moto: str,
        secret: Mapping[str, str],
        start: Callable[[str, list[str], float, dict[str, str]], LambdaInstance],
    ) -> None:
        """`moto`: its address. `start`: unit, its layers, seconds, environment → its instance."""
        super().__init__(database)
        self._start = start
        self._moto = moto
        self._sqs, self._s3, self._sns = (client(service, moto) for service in ("sqs", "s3", "sns"))
        self._template = read("template.yaml")
        self._functions = {unit: sam_function(unit, self._template) for unit in UNITS}
        self._queues = self._make_queues()
        self._topics = self._make_topics()
        self._s3.create_bucket(Bucket=_NAMES["ModelBucket"])
        client("secretsmanager", moto).create_secret(
            Name=_NAMES["SecretName"], SecretString=json.dumps(secret)
        )
        self._ends = ExitStack()
        self._instances: dict[str, LambdaInstance] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def _make_queues(self) -> dict[str, str]:
        """Name without the stage → address."""
        described = {
            name: resource["Properties"]
            for name, resource in self._template["Resources"].items()
            if resource["Type"] == "AWS::SQS::Queue"
        }
        made: dict[str, str] = {}
        for given in sorted(described.values(), key=lambda given: "RedrivePolicy" in given):
            attributes = {"VisibilityTimeout": str(given.get("VisibilityTimeout", 30))}
            if policy := given.get("RedrivePolicy"):
                target = self._queue_name(policy["deadLetterTargetArn"]["Fn::GetAtt"][0])
                arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{target}"
                attributes["RedrivePolicy"] = json.dumps(policy | {"deadLetterTargetArn": arn})
            name = _text(given["QueueName"])
            made[_short(name)] = self._sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return made

    def _make_topics(self) -> dict[str, str]:
        """Name without the stage → number, of those that messages go to; with the queues that they fill."""
        resources = self._template["Resources"]
        made: dict[str, str] = {}
        for given in (item["Properties"] for item in resources.values()):
            if given.get("Protocol") != "sqs":
                continue
            name = _text(resources[given["TopicArn"]["Ref"]]["Properties"]["TopicName"])
            made[_short(name)] = self._sns.create_topic(Name=name)["TopicArn"]
            queue = self._queue_name(given["Endpoint"]["Fn::GetAtt"][0])
            self._sns.subscribe(
                TopicArn=made[_short(name)],
                Protocol="sqs",
                Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}",
                Attributes={"RawMessageDelivery": str(given["RawMessageDelivery"]).lower()},
            )
        return made

    def _queue_name(self, resource: str) -> str:
        return _text(self._template["Resources"][resource]["Properties"]["QueueName"])

    def _invoke(self, unit: str, event: object) -> Any:
        if unit not in self._instances:
            function = self._functions[unit]
            environment = {name: _text(value) for name, value in function["environment"].items()}
            real = f"sqs://sqs.{REGION}.amazonaws.com/"
            assert environment["QUEUE_URL"].startswith(real)
            environment["QUEUE_URL"] = environment["QUEUE_URL"].replace(real, f"sqs+http://{self._moto}/")
            environment |= credentials(self._moto)
            instance = self._start(unit, function["layers"], function["timeout"], environment)
            self._instances[unit] = self._ends.enter_context(instance)
        return self._instances[unit].invoke(event)

    def schedule(self, unit: str, time: datetime, message: Mapping[str, str] | None = None) -> Any:
        [event] = [
            event
            for event in self._functions[unit]["events"]
            if "schedule" in event and event["input"] == message
        ]
        return self._invoke(
            unit, event["input"] or recorded("schedule") | {"time": f"{time:%Y-%m-%dT%H:%M:%SZ}"}
        )

    def http(self, method: str, path: str, *, token: str | None = None, body: object = None) -> Answer:
        parts = urlsplit(path)
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        text = None if body is None else json.dumps(body)
        if text is not None:
            headers["content_type"] = "application/json"
        event = request("/api/v1" + parts.path, parts.query, method=method, body=text, **headers)
        answer = self._invoke("api", event)
        message = answer["body"]
        message = base64.b64decode(message) if answer.get("isBase64Encoded") else message
        type_ = answer["headers"]["Content-Type"]
        return Answer(answer["statusCode"], type_, body_of(type_, message))

    def send(self, type_: str, text: str) -> None:
        name = address("{type}", type_)
        if name in self._topics:
            self._sns.publish(TopicArn=self._topics[name], Message=text)
        else:
            self._sqs.send_message(QueueUrl=self._queues[name], MessageBody=text)

    def take(self) -> Letter | None:
        for unit, function in self._functions.items():
            for event in function["events"]:
                if "queue" not in event:
                    continue
                topic = _short(self._queue_name(event["queue"]))
                if (result := self._receive(topic)) is not None:
                    return Letter(topic, result["Body"], (unit, result))
        return None

    def _receive(self, topic: str) -> Any:
        got = self._sqs.receive_message(QueueUrl=self._queues[topic], AttributeNames=["All"])
        return next(iter(got.get("Messages", [])), None)

    def hand_over(self, letter: Letter) -> bool:
        unit, message = letter.handle
        [record] = recorded("sqs_one")["Records"]
        record |= {"messageId": message["MessageId"], "receiptHandle": message["ReceiptHandle"]}
        record |= {"body": message["Body"], "attributes": message["Attributes"]}
        try:
            answer = self._invoke(unit, {"Records": [record]})
        except Failed:
            return False
        failed = answer["batchItemFailures"]
        assert failed in ([], [{"itemIdentifier": message["MessageId"]}])
        return not failed

    def remove(self, letter: Letter) -> None:
        _, message = letter.handle
        self._sqs.delete_message(QueueUrl=self._queues[letter.topic], ReceiptHandle=message["ReceiptHandle"])

    def put_back(self, letter: Letter) -> None:
        """SQS counts how often it was received."""
        _, message = letter.handle
        self._sqs.change_message_visibility(
            QueueUrl=self._queues[letter.topic], ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )

    def dead(self) -> list[str]:
        result = []
        while message := self._receive("dead"):
            result.append(message["Body"])
        return sorted(result)

    def models(self) -> dict[str, bytes]:
        bucket = _NAMES["ModelBucket"]
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="models/")
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return {
            key.removeprefix("models/"): self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            for key in keys
        }


def _short(name: str) -> str:
    return name.removeprefix(f"vayu-{_NAMES['Stage']}-")


def _text(value: Any) -> str:
    """A text of the template with what it refers to; of a choice the last, as without a name of one's own."""
    if isinstance(value, dict):
        [(kind, given)] = value.items()
        if kind == "Fn::If":
            return _text(given[1] if given[0] == "HasPublicUrl" else given[2])
        return (
            _NAMES[given] if kind == "Ref" else re.sub(r"\$\{([^}]+)\}", lambda name: _NAMES[name[1]], given)
        )
    return str(value)
