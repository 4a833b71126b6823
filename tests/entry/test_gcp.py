"""Google Cloud functions, served by functions-framework itself."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from common.domain.messages import COLLECT, TRAIN, Message

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient

    Load = Callable[[str], dict[str, Any]]
    Serve = Callable[..., FlaskClient]


def seen() -> list[Message]:
    result: list[Message] = sys.modules["main"].seen
    return result


def test_a_schedule_is_answered_with_the_result(framework: Serve, recorded: Load) -> None:
    post = recorded("gcp/scheduler_post")

    answer = framework("http").post(post["path"], headers=post["headers"], data=post["body"])

    assert answer.status_code == 200
    assert answer.json == {
        "city": "2025-11-05T16:05:00+05:30",
        "seen": 1,
        "at": "2025-11-05T10:30:00Z",
    }
    assert seen()[0].type == COLLECT


def test_a_scheduled_message(framework: Serve) -> None:
    answer = framework("http").post("/", json={"type": COLLECT, "data": {"days": 2}})

    assert answer.status_code == 200
    assert seen() == [Message(COLLECT, "", {"days": 2})]


def test_a_push_is_acknowledged(framework: Serve, recorded: Load) -> None:
    answer = framework("http").post("/", json=recorded("gcp/pubsub_push"))

    assert (answer.status_code, answer.data) == (204, b"")
    assert seen() == [Message(TRAIN, "Delhi", {"city": "Delhi"}, "a1", 2)]


def test_a_poisoned_push_is_never_acknowledged_and_blocks_nobody(framework: Serve, recorded: Load) -> None:
    client = framework("http")

    answer = client.post("/", json=recorded("gcp/pubsub_push_poisoned"))

    assert answer.status_code == 400
    assert answer.content_type == "application/problem+json"
    assert client.post("/", json=recorded("gcp/pubsub_push")).status_code == 204


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"{", 400, "a message's body is not JSON"),
        (b"[1]", 400, "a JSON object is wanted where a message has something else"),
        (b'{"Records": []}', 400, "a message needs a type"),
        (b'{"type": "vayu.other"}', 400, "a message of type 'vayu.other' is not for this function"),
        (b'{"type": "vayu.train", "subject": "hopeless"}', 400, "there is no city 'hopeless'"),
        (b'{"type": "vayu.train", "subject": "broken"}', 500, None),
        (b'{"type": "vayu.train", "subject": "store"}', 500, None),
    ],
)
def test_failures_are_problems_and_tell_nothing_of_the_inside(
    framework: Serve, logged: Any, body: bytes, status: int, detail: str | None
) -> None:
    answer = framework("http").post("/", data=body)

    assert answer.status_code == status
    assert json.loads(answer.data).get("detail") == detail
    assert "hunter2" not in answer.get_data(as_text=True)
    (line,) = logged()
    assert (line["severity"], line["result"]) == ("ERROR", "failed")
    assert "Traceback" in line["exception"]


def test_only_a_post_does_anything(framework: Serve) -> None:
    assert framework("http").get("/").status_code == 405
    assert seen() == []


@pytest.mark.parametrize("name", ["gcp/cloud_event", "gcp/cloud_event_pubsub"])
def test_a_structured_cloud_event(framework: Serve, recorded: Load, name: str) -> None:
    answer = framework("event", "cloudevent").post(
        "/", data=json.dumps(recorded(name)), content_type="application/cloudevents+json"
    )

    assert answer.status_code == 200
    assert seen() == [Message(TRAIN, "Delhi", {"city": "Delhi"}, "a1", 1)]


def test_a_binary_cloud_event(framework: Serve) -> None:
    headers = {"ce-specversion": "1.0", "ce-id": "a1", "ce-source": "vayu", "ce-subject": "Delhi"}

    answer = framework("event", "cloudevent").post("/", headers={**headers, "ce-type": TRAIN}, json={"n": 1})

    assert answer.status_code == 200
    assert seen() == [Message(TRAIN, "Delhi", {"n": 1}, "a1", 1)]


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")  # functions-framework's own
def test_a_push_that_the_framework_makes_a_cloud_event_of(framework: Serve, recorded: Load) -> None:
    answer = framework("event", "cloudevent").post(
        "/projects/vayu-prod/topics/vayu-jobs?pubsub_trigger=true", json=recorded("gcp/pubsub_push")
    )

    assert answer.status_code == 200
    assert seen()[0].subject == "Delhi"


def test_a_failed_cloud_event_is_delivered_again_and_tells_nothing(framework: Serve) -> None:
    event = {"specversion": "1.0", "id": "1", "source": "vayu", "type": TRAIN, "subject": "broken"}

    answer = framework("event", "cloudevent").post(
        "/", data=json.dumps(event), content_type="application/cloudevents+json"
    )

    assert answer.status_code == 500
    assert "hunter2" not in answer.get_data(as_text=True)


def test_the_application_gets_the_whole_request(framework: Serve) -> None:
    client = framework("api")

    got = client.get("/api/v1/echo/?window=24h&limit=3", headers={"User-Agent": "curl/8.5.0"})
    posted = client.post("/api/v1/echo/", json={"cities": ["Delhi"]})

    assert got.json["query"] == {"window": "24h", "limit": "3"}
    assert got.json["agent"] == "curl/8.5.0"
    assert json.loads(posted.json["body"]) == {"cities": ["Delhi"]}
    assert sys.modules["main"].builds == ["app"]


def test_the_applications_status_type_and_bytes_come_back(framework: Serve) -> None:
    client = framework("api")

    problem = client.get("/problem")
    binary = client.get("/binary")

    assert (problem.status_code, problem.content_type) == (404, "application/problem+json")
    assert (binary.data, binary.content_type) == (bytes(range(256)), "application/octet-stream")
    assert client.get("/old").headers["Location"] == "/api/v1/echo/"
    assert client.get("/nothing").status_code == 404
