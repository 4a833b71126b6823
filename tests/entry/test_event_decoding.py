"""Events of both clouds → messages."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.adapters.cloud_event import structured
from common.domain.errors import DataError
from common.domain.messages import COLLECT, TRAIN, Message
from common.entry.event_decoding import decode, decode_one, from_sqs

if TYPE_CHECKING:
    from collections.abc import Callable

DELHI = {"city": "Delhi"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "aws/schedule",
            Message(COLLECT, "2025-11-05T10:35:00Z", {}, "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa"),
        ),
        ("aws/schedule_constant_input", Message(COLLECT, "", {"days": 2})),
        (
            "aws/custom_event",
            Message(TRAIN, "Delhi", {**DELHI, "force": True}, "7bf73129-1428-4cd3-a780-95db273d1602"),
        ),
        ("aws/sqs_one", Message(COLLECT, "2025-11-03", {"days": 2}, "b1", attempt=2)),
        ("gcp/pubsub_push", Message(TRAIN, "Delhi", DELHI, "a1", attempt=2)),
        ("gcp/cloud_event_pubsub", Message(TRAIN, "Delhi", DELHI, "a1")),
        ("gcp/cloud_event", Message(TRAIN, "Delhi", DELHI, "a1")),
    ],
)
def test_a_recorded_event(recorded: Callable[[str], dict[str, Any]], name: str, message: Message) -> None:
    assert decode(recorded(name), COLLECT) == [message]


def test_a_direct_call_without_anything_is_the_functions_own_work() -> None:
    assert decode({}, COLLECT) == [Message(COLLECT)]


def test_a_schedule_that_went_through_a_queue_is_still_a_schedule(
    recorded: Callable[[str], dict[str, Any]],
) -> None:
    schedule = recorded("aws/schedule")

    message = from_sqs({"messageId": "m1", "body": json.dumps(schedule), "attributes": {}}, COLLECT)

    assert (message.type, message.subject) == (COLLECT, "2025-11-05T10:35:00Z")


def test_attributes_name_what_plain_pubsub_data_is() -> None:
    push = {
        "message": {
            "messageId": "77",
            "attributes": {"ce-type": TRAIN, "ce-subject": "Pune"},
            "data": base64.b64encode(b'{"force": true}').decode(),
        },
        "subscription": "projects/p/subscriptions/s",
    }

    assert decode_one(push, COLLECT) == Message(TRAIN, "Pune", {"force": True}, "77")
    del push["message"]["data"]  # type: ignore[attr-defined]
    assert decode_one(push, COLLECT) == Message(TRAIN, "Pune", {}, "77")


def test_a_cloud_event_may_carry_its_data_in_base64() -> None:
    event = {"specversion": "1.0", "id": "1", "source": "x", "type": TRAIN}

    message = decode_one({**event, "data_base64": base64.b64encode(b'{"city": "Delhi"}').decode()}, COLLECT)

    assert message == Message(TRAIN, "", DELHI, "1")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "not JSON",
        "[1, 2]",
        "null",
        '"text"',
        "{}",
        '{"data": {}}',
        '{"type": ""}',
        '{"type": 7}',
        '{"type": "vayu.train", "data": [1]}',
        '{"type": "vayu.train", "data": "x"}',
        '{"type": "vayu.train", "subject": 7}',
        '{"detail-type": "vayu.train", "detail": "x"}',
        '{"specversion": "1.0"}',
        "[" * 100_000,
    ],
    ids=lambda body: body[:40],
)
def test_a_body_that_is_no_message_is_a_data_error_and_nothing_else(body: str) -> None:
    pushed = {
        "message": {"messageId": "1", "data": base64.b64encode(body.encode()).decode()},
        "subscription": "s",
    }
    with pytest.raises(DataError):
        from_sqs({"messageId": "m1", "body": body}, COLLECT)
    with pytest.raises(DataError):
        decode_one(pushed, COLLECT)


@pytest.mark.parametrize("data", ["%%%", "YWJ", 7, "eyJ0eXBlIjogMX0=", "ÿ"])
def test_data_that_is_no_base64_of_a_message_is_a_data_error(data: object) -> None:
    with pytest.raises(DataError):
        decode_one({"message": {"messageId": "1", "data": data}}, COLLECT)


def test_an_event_of_another_cloud_service_is_refused() -> None:
    with pytest.raises(DataError):
        decode_one({"bucket": "models", "name": "x.onnx"}, COLLECT)


_texts = st.text(max_size=8) | st.sampled_from(["vayu.train", "Scheduled Event", "e30="])
_names = st.sampled_from(
    [
        "Records",
        "body",
        "message",
        "messageId",
        "subscription",
        "data",
        "attributes",
        "type",
        "subject",
        "id",
        "specversion",
        "detail-type",
        "detail",
        "time",
        "data_base64",
        "deliveryAttempt",
        "ce-type",
        "ce-subject",
    ]
)
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=4),
    max_leaves=12,
)


@given(event=st.dictionaries(_names, _values, max_size=5))
def test_any_json_object_is_messages_or_a_data_error(event: dict[str, Any]) -> None:
    try:
        messages = decode(event, COLLECT)
    except DataError:
        return
    for message in messages:
        assert message.type
        assert isinstance(message.subject, str)
        assert isinstance(message.data, dict)
        assert message.attempt >= 0


@given(type_=st.text(min_size=1), subject=st.text(), data=st.dictionaries(st.text(), _values), id_=st.uuids())
def test_what_the_queues_write_is_read_back(
    type_: str, subject: str, data: dict[str, Any], id_: object
) -> None:
    now = datetime(2025, 11, 5, 10, 30, tzinfo=UTC)
    body = structured(str(id_), type_, subject, data, now=now)

    assert from_sqs({"body": body}, COLLECT) == Message(type_, subject, data, str(id_))
