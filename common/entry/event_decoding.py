"""The events of both clouds → messages.

Understood: an EventBridge schedule or custom event, an SQS batch, a Pub/Sub push, a CloudEvent in structured
form (also one that carries a Pub/Sub push), a plain ``{"type", "subject", "data"}``, and ``{}``.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from cloudevents.exceptions import GenericException
from cloudevents.http import from_json
from msgspec import structs

from common.domain.errors import DataError
from common.domain.messages import Message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cloudevents.abstract import CloudEvent

PUBSUB_EVENT = "google.cloud.pubsub.topic.v1.messagePublished"


def decode(event: Mapping[str, Any], default_type: str) -> list[Message]:
    """The messages of an event: any number for an SQS batch, one for anything else.

    Raises:
        DataError: when a message is not JSON or lacks a type; `from_sqs` takes one record at a time, so that
            its neighbours are not lost with it.
    """
    if is_sqs_batch(event):
        return [from_sqs(record, default_type) for record in event["Records"]]
    return [decode_one(event, default_type)]


def decode_one(event: Mapping[str, Any], default_type: str) -> Message:
    """The message of an event that is no batch.

    A schedule becomes a message of `default_type` whose subject is its scheduled time, so that a schedule
    delivered twice is the same message twice; ``{}`` becomes one without a subject.

    Raises:
        DataError: when it is not JSON or lacks a type.
    """
    if is_pubsub_push(event):
        return _from_pubsub(event, default_type)
    return _from_object(event, default_type) if event else Message(default_type)


def from_cloud_event(event: CloudEvent, default_type: str) -> Message:
    """The message of a CloudEvent, also of one that carries a Pub/Sub push.

    Raises:
        DataError: when its data are no JSON object.
    """
    attributes, data = event.get_attributes(), event.get_data()
    if attributes["type"] == PUBSUB_EVENT:
        return _from_pubsub(_mapping(data), default_type)
    return _message(attributes["type"], attributes.get("subject"), data, str(attributes["id"]))


def is_sqs_batch(event: Mapping[str, Any]) -> bool:
    """Whether Lambda was called with records of a queue."""
    return isinstance(event.get("Records"), list)


def is_pubsub_push(event: Mapping[str, Any]) -> bool:
    """Whether this is what Pub/Sub posts to a subscription's endpoint."""
    message = event.get("message")
    return isinstance(message, dict) and ("messageId" in message or "subscription" in event)


def from_sqs(record: Mapping[str, Any], default_type: str) -> Message:
    """One record of an SQS batch.

    Raises:
        DataError: when its body is not a JSON object or lacks a type.
    """
    return _from_object(
        json_object(_mapping(record).get("body")),
        default_type,
        id_=str(record.get("messageId", "")),
        attempt=sqs_attempt(record),
    )


def sqs_attempt(record: Mapping[str, Any]) -> int:
    """How often SQS has delivered a record, this time included."""
    attributes = record.get("attributes")
    return _count(attributes.get("ApproximateReceiveCount")) if isinstance(attributes, dict) else 1


def json_object(text: object) -> dict[str, Any]:
    """The object that a body holds.

    Raises:
        DataError: when it is not JSON, or JSON of another kind.
    """
    try:
        content = json.loads(text) if isinstance(text, str | bytes) else None
    except (ValueError, RecursionError) as error:
        raise DataError("a message's body is not JSON") from error
    return _mapping(content)


def _from_pubsub(push: Mapping[str, Any], default_type: str) -> Message:
    """One pushed message: its data is a whole event, or its attributes ``ce-…`` say what its data is."""
    message = _mapping(push.get("message"))
    attributes = _mapping(message.get("attributes") or {})
    content = json_object(_unbase64(message["data"])) if message.get("data") else {}
    if "ce-type" in attributes and "specversion" not in content:
        content = {
            "type": attributes["ce-type"],
            "subject": attributes.get("ce-subject"),
            "id": attributes.get("ce-id"),
            "data": content,
        }
    return _from_object(
        content,
        default_type,
        id_=str(message.get("messageId", "")),
        attempt=_count(push.get("deliveryAttempt")),
    )


def _from_object(event: Mapping[str, Any], default_type: str, *, id_: str = "", attempt: int = 1) -> Message:
    """A CloudEvent, an EventBridge event, or a plain message."""
    if "specversion" in event:
        return structs.replace(from_cloud_event(_cloud_event(event), default_type), attempt=attempt)
    id_ = str(event.get("id") or id_)
    if event.get("detail-type") == "Scheduled Event":
        return Message(default_type, str(event.get("time", "")), {}, id_, attempt)
    if "detail-type" in event:
        detail = _mapping(event.get("detail"))
        return _message(event["detail-type"], detail.get("subject"), detail.get("data"), id_, attempt)
    return _message(event.get("type"), event.get("subject"), event.get("data"), id_, attempt)


def _cloud_event(event: Mapping[str, Any]) -> CloudEvent:
    try:
        return from_json(json.dumps(event))
    except (GenericException, TypeError, ValueError) as error:
        raise DataError("a message is no CloudEvent") from error


def _message(type_: object, subject: object, data: object, id_: str, attempt: int = 1) -> Message:
    if not isinstance(type_, str) or not type_:
        raise DataError("a message needs a type")
    if not isinstance(subject, str | None):
        raise DataError(f"the subject of this {type_!r} message is not a text")
    return Message(type_, subject or "", _mapping({} if data is None else data), id_, attempt)


def _mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DataError("a JSON object is wanted where a message has something else")
    return value


def _unbase64(text: object) -> bytes:
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (ValueError, binascii.Error) as error:
        raise DataError("a message's data is not base64") from error


def _count(text: object) -> int:
    """How often the message was delivered; 1 where nobody counts."""
    return int(text) if isinstance(text, int | str) and str(text).isdecimal() else 1
