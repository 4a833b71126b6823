"""The function `live` as Lambda loads it: API Gateway's events, batches of its queue, its schedule."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from common.adapters.cloud_event import structured
from common.domain.messages import EVENTS_READY
from common.store.events import append

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from api_gateway import Gateway

    from common.store.engine import Database

    Handler = Callable[[dict[str, Any], Any], dict[str, Any]]

ROOT = Path(__file__).parents[2]
ID = "TzUlCf5ZBcwCGFQ="


def recorded(name: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((ROOT / "tests" / "events" / "aws" / f"{name}.json").read_text())
    return result


@pytest.fixture
def environment(
    database_url: str, table: str, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """What a deployment sets."""
    own = {
        "DATABASE_URL": database_url,
        "VAYU_LIVE_TABLE": f"dynamodb://ap-south-1/{table}",
        "VAYU_LIVE_POST_URL": f"http://{gateway.address}/prod",
        "VAYU_CORS_ORIGINS": "https://air.example.org",
    }
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    return own


@pytest.fixture
def handler(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Handler]:
    module = importlib.import_module("functions.live.main")
    module = importlib.reload(module)
    opened: list[Database] = []
    bootstrap = importlib.import_module("common.bootstrap.live")
    real = bootstrap.assemble

    def assemble(*arguments: Any, **limits: Any) -> Any:
        resources = real(*arguments, **limits)
        opened.append(resources.database)
        return resources

    monkeypatch.setattr(bootstrap, "assemble", assemble)
    yield module.handler
    for each in opened:
        each.close()


def batch(now: datetime, *bodies: str) -> dict[str, Any]:
    [record] = recorded("sqs_one")["Records"]
    texts = bodies or (structured("1", EVENTS_READY, "after 0", {"after": 0}, now=now),)
    return {"Records": [{**record, "messageId": f"m{n}", "body": body} for n, body in enumerate(texts)]}


def test_a_connection_from_its_beginning_to_its_end(
    handler: Handler, gateway: Gateway, database: Database, now: datetime
) -> None:
    assert handler(recorded("websocket_connect"), None) == {"statusCode": 200}
    assert gateway.requests == []  # nothing can be posted before the connection stands

    assert handler(recorded("websocket_message"), None) == {"statusCode": 200}
    assert gateway.sent[ID] == [{"type": "welcome", "seq": 0}]
    with database.transaction() as connection:
        append(connection, "hours", ["Delhi"], now=now)
        append(connection, "hours", ["Mumbai"], now=now)

    assert handler(batch(now), None) == {"batchItemFailures": []}
    assert gateway.seqs(ID) == [1]

    assert handler(recorded("websocket_disconnect"), None) == {"statusCode": 200}
    with database.transaction() as connection:
        append(connection, "hours", ["Delhi"], now=now)
    assert handler(recorded("schedule"), None) == {"events": 1, "messages": 0}
    assert gateway.seqs(ID) == [1]


def test_a_page_of_another_origin_is_not_let_in(handler: Handler) -> None:
    event = recorded("websocket_connect")
    event["headers"]["Origin"] = "https://evil.example"
    assert handler(event, None) == {"statusCode": 403}
    del event["headers"]["Origin"]  # no browser
    assert handler(event, None) == {"statusCode": 200}


def test_a_client_cannot_choose_what_its_message_is(handler: Handler, gateway: Gateway) -> None:
    event = recorded("websocket_message")
    event["requestContext"]["routeKey"] = "$disconnect"
    assert handler(event, None) == {"statusCode": 200}
    assert gateway.of(ID, "welcome")


@pytest.mark.parametrize(
    "change",
    [{"body": None}, {"body": ""}, {"body": {"type": "Buffer"}}, {"body": "/w==", "isBase64Encoded": True}],
)
def test_what_is_no_text_gets_an_error(handler: Handler, gateway: Gateway, change: dict[str, Any]) -> None:
    assert handler({**recorded("websocket_message"), **change}, None) == {"statusCode": 200}
    [error] = gateway.sent[ID]
    assert error["type"] == "error"


def test_a_bad_message_of_the_queue_blocks_no_other(handler: Handler, now: datetime) -> None:
    good = structured("1", EVENTS_READY, "", {}, now=now)
    other = structured("2", "vayu.train", "Delhi", {}, now=now)

    failed = handler(batch(now, '{"type": "vay', good, other), None)["batchItemFailures"]

    assert [each["itemIdentifier"] for each in failed] == ["m0", "m2"]


def test_where_the_store_is_away_the_client_is_sent_away(
    handler: Handler, gateway: Gateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://vayu:secret@127.0.0.1:1/none")

    assert handler(recorded("websocket_message"), None) == {"statusCode": 503}

    assert gateway.closed == [ID]
    log = capsys.readouterr().err
    assert json.loads(log.splitlines()[-1])["message"] == "live message failed"
    assert "secret" not in log


def test_it_loads_nothing_heavy() -> None:
    code = (
        "import sys, functions.live.main\n"
        "heavy = {'numpy', 'pandas', 'onnxruntime', 'flask', 'pydantic', 'boto3', 'httpx', 'redis'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.stdout.strip() == "[]"
