"""Lambda handlers: recorded events against a handler that records what reaches it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from common.domain.errors import ConfigError, DataError
from common.domain.messages import COLLECT, TRAIN
from common.entry import aws

AT = "2025-11-05T10:30:00Z"

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from common.domain.messages import Handler

    Load = Callable[[str], dict[str, Any]]


def test_a_schedule_returns_what_the_handler_returns(sample: ModuleType, recorded: Load) -> None:
    answer = sample.handler(recorded("aws/schedule"), None)

    assert answer == {"city": "2025-11-05T10:35:00Z", "seen": 1, "at": AT}
    assert sample.seen[0].type == COLLECT


def test_a_direct_call(sample: ModuleType) -> None:
    assert sample.handler({}, None) == {"city": "", "seen": 1, "at": AT}
    assert sample.handler({"type": TRAIN, "subject": "Delhi"}, None) == {"city": "Delhi", "seen": 2, "at": AT}


class Context:
    """What Lambda passes beside the event, as far as it is looked at."""

    def get_remaining_time_in_millis(self) -> int:
        return 12_500


def test_a_message_knows_how_long_its_handling_may_take(sample: ModuleType, recorded: Load) -> None:
    sample.handler(recorded("aws/schedule"), Context())
    sample.handler(recorded("aws/sqs_one"), Context())
    sample.handler(recorded("aws/schedule"), None)
    assert [message.seconds_left for message in sample.seen] == [12.5, 12.5, None]


def test_only_the_bad_one_of_a_batch_comes_back(sample: ModuleType, recorded: Load) -> None:
    answer = sample.handler(recorded("aws/sqs_batch_one_poisoned"), None)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "22222222-87a3-44ab-83d2-661975830a7d"}]}
    assert [(message.subject, message.attempt) for message in sample.seen] == [("Delhi", 1), ("Mumbai", 3)]


def test_a_good_batch_leaves_nothing_behind(sample: ModuleType, recorded: Load) -> None:
    assert sample.handler(recorded("aws/sqs_one"), None) == {"batchItemFailures": []}


def test_failing_and_foreign_messages_come_back_alone(sample: ModuleType, recorded: Load) -> None:
    event = recorded("aws/sqs_batch_one_poisoned")
    bodies = [("broken", TRAIN), ("Delhi", "vayu.unheard-of"), ("Pune", TRAIN)]
    for record, (subject, type_) in zip(event["Records"], bodies, strict=True):
        record["body"] = json.dumps({"type": type_, "subject": subject})

    answer = sample.handler(event, None)

    failed = [failure["itemIdentifier"][:8] for failure in answer["batchItemFailures"]]
    assert failed == ["11111111", "22222222"]
    assert [message.subject for message in sample.seen] == ["Pune"]


def test_a_batch_of_only_bad_messages_is_told_the_same_way(sample: ModuleType, recorded: Load) -> None:
    event = recorded("aws/sqs_one")
    event["Records"][0]["body"] = "{"

    failures = sample.handler(event, None)["batchItemFailures"]

    assert failures == [{"itemIdentifier": "059f36b4-87a3-44ab-83d2-661975830a7d"}]


def test_outside_a_batch_errors_are_lambdas(sample: ModuleType) -> None:
    with pytest.raises(RuntimeError):
        sample.handler({"type": TRAIN, "subject": "broken"}, None)
    with pytest.raises(DataError, match=r"vayu\.other"):
        sample.handler({"type": "vayu.other"}, None)


def test_the_handler_is_built_at_the_first_event_and_once(sample: ModuleType, recorded: Load) -> None:
    assert sample.builds == []
    for _ in range(2):
        sample.handler(recorded("aws/sqs_batch_one_poisoned"), None)
    assert sample.builds == ["handler"]


def test_a_build_that_failed_is_tried_again() -> None:
    tries = []

    def build() -> Handler:
        tries.append(1)
        if len(tries) == 1:
            raise ConfigError("DATABASE_URL is wrong")
        return lambda _: {"ok": True}

    handler = aws.events(build, default_type=COLLECT, accepts={COLLECT})

    with pytest.raises(ConfigError):
        handler({}, None)
    assert handler({}, None) == {"ok": True}


def test_each_message_leaves_one_line_of_json(sample: ModuleType, recorded: Load, logged: Any) -> None:
    event = recorded("aws/sqs_batch_one_poisoned")
    event["Records"][2]["body"] = json.dumps({"type": TRAIN, "subject": "broken"})

    sample.handler(event, None)

    done, unreadable, failed = logged()
    assert (done["level"], done["severity"], done["message"]) == ("INFO", "INFO", "message handled")
    assert (done["type"], done["subject"], done["id"], done["attempt"]) == (TRAIN, "Delhi", "a1", 1)
    assert (done["result"], done["detail"]) == ("done", {"city": "Delhi", "seen": 1, "at": AT})
    assert done["duration_ms"] >= 0
    assert (unreadable["result"], unreadable["id"][:8]) == ("failed", "22222222")
    assert (failed["level"], failed["result"], failed["error"]) == ("ERROR", "failed", "RuntimeError")
    assert failed["attempt"] == 3
    assert "Traceback" in failed["exception"]


def _echo(event: dict[str, Any]) -> dict[str, Any]:
    event["rawPath"] = event["requestContext"]["http"]["path"] = "/api/v1/echo/"
    return event


@pytest.mark.parametrize("name", ["aws/http_post", "aws/http_post_base64"])
def test_a_post_reaches_the_application(sample: ModuleType, recorded: Load, name: str) -> None:
    answer = sample.api_handler(_echo(recorded(name)), None)

    assert answer["statusCode"] == 200
    assert answer["isBase64Encoded"] is False
    message = json.loads(answer["body"])
    assert message["method"] == "POST"
    assert json.loads(message["body"]) == {"cities": ["Delhi", "Mumbai"], "hours_ahead": 24}
    assert (message["remote"], message["agent"]) == ("203.0.113.7", "curl/8.5.0")


def test_a_get_reaches_the_application_and_it_is_made_once(sample: ModuleType, recorded: Load) -> None:
    for _ in range(2):
        answer = sample.api_handler(_echo(recorded("aws/http_get")), None)

    assert json.loads(answer["body"])["query"] == {"hours": "24", "interval": "hour"}
    assert sample.builds == ["app"]


def test_problems_are_text_and_bytes_are_bytes(sample: ModuleType, recorded: Load) -> None:
    event = recorded("aws/http_get")

    problem = sample.api_handler({**event, "rawPath": "/problem"}, None)
    binary = sample.api_handler({**event, "rawPath": "/binary"}, None)

    assert (problem["statusCode"], problem["body"]) == (404, '{"status": 404}')
    assert binary["isBase64Encoded"] is True
    assert len(binary["body"]) == 344


@pytest.mark.parametrize(("stage", "head"), [("$default", ""), ("prod", "/prod")])
def test_the_stage_is_kept_out_of_addresses(
    sample: ModuleType, recorded: Load, stage: str, head: str
) -> None:
    event = recorded("aws/http_get")
    event["requestContext"]["stage"] = stage
    event["rawPath"] = f"{head}/api/v1/echo"

    answer = sample.api_handler(event, None)

    assert answer["statusCode"] == 308
    host = "https://a1b2c3d4e5.execute-api.ap-south-1.amazonaws.com"
    assert answer["headers"]["Location"].partition("?")[0] == f"{host}{head}/api/v1/echo/"


def test_an_event_handler_loads_no_web_stack() -> None:
    code = (
        "import sys\n"
        "from common.entry import aws, gcp\n"
        "aws.events(lambda: lambda m: {}, 'vayu.collect', {'vayu.collect'})({}, None)\n"
        "heavy = {'flask', 'werkzeug', 'serverless_wsgi', 'functions_framework', 'boto3', 'numpy',\n"
        "         'sqlalchemy', 'asyncio', 'aws_xray_sdk', 'aws_lambda_powertools.utilities.batch'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )

    metrics, heavy = loaded.stdout.splitlines()
    assert "CollectionsWithoutData" in metrics
    assert heavy == "[]"
