"""The events of both clouds → messages.

Understood: an EventBridge schedule or custom event, an SQS batch, a Pub/Sub push, a CloudEvent in structured
form (also one that carries a Pub/Sub push), a plain ``{"type", "subject", "data"}``, and ``{}``.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from common.adapters.queue import Message
from common.domain.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

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
        attempt=_count(_mapping(record.get("attributes", {})).get("ApproximateReceiveCount")),
    )


def json_object(text: object) -> dict[str, Any]:
    """The object that a body holds.

    Raises:
        DataError: when it is not JSON, or JSON of another kind.
    """
    try:
        found = json.loads(text) if isinstance(text, str | bytes) else None
    except (ValueError, RecursionError) as error:
        raise DataError("a message's body is not JSON") from error
    return _mapping(found)


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
    """An EventBridge event, a CloudEvent, or a plain message."""
    id_ = str(event.get("id") or id_)
    type_, subject, data = event.get("type"), event.get("subject"), event.get("data")
    if event.get("detail-type") == "Scheduled Event":
        return Message(default_type, str(event.get("time", "")), {}, id_, attempt)
    if "detail-type" in event:
        detail = _mapping(event.get("detail"))
        type_, subject, data = event["detail-type"], detail.get("subject"), detail.get("data")
    elif type_ == PUBSUB_EVENT:
        return _from_pubsub(_mapping(data), default_type)
    elif "data_base64" in event:
        data = json_object(_unbase64(event["data_base64"]))
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
