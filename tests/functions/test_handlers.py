"""The deployment units themselves, from recorded events to rows in a real PostgreSQL."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import functions_framework
import pytest

from common.bootstrap import api, container
from common.domain.errors import NotFound
from common.domain.messages import COLLECT, EVENTS_READY, OBSERVATIONS_READY, TRAIN
from common.domain.observation import last_full_hour
from common.store import jobs
from common.store.engine import Database, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from types import ModuleType

    from flask.testing import FlaskClient

    from common.services.resources import Resources

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "tests" / "events"
TABLES = (
    "reading",
    "reading_revision",
    "provider_forecast",
    "city_hour",
    "city_day",
    "forecast",
    "model",
    "job",
)


@pytest.fixture(autouse=True)
def deployed(
    database_url: str, tmp_path: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The settings of a deployment, and a clock that stands still."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    for name in ("QUEUE_URL", "REDIS_URL", "VAYU_RETAIN_RAW"):
        os.environ.pop(name, None)
    os.environ |= {
        "DATABASE_URL": database_url,
        "VAYU_SOURCES": "simulated",
        "MODEL_STORE_URL": (tmp_path / "models").as_uri(),
        "VAYU_HOME": str(tmp_path),
        "VAYU_DASHBOARD": "none",
    }
    opened = []
    real_assemble = container.assemble

    def assemble(**limits: int) -> Resources:
        opened.append(real_assemble(clock=lambda: now, **limits))
        return opened[-1]

    for module in (api, container):
        monkeypatch.setattr(module, "assemble", assemble)
    yield
    for each in opened:
        each.database.close()


def load(name: str) -> ModuleType:
    """The unit `name` as Lambda loads it into a new instance."""
    sys.modules.pop(f"functions.{name}.main", None)
    return importlib.import_module(f"functions.{name}.main")


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., FlaskClient]]:
    """Unit, target and signature type → a client of functions-framework that serves it."""
    monkeypatch.setattr(sys, "path", list(sys.path))

    def start(name: str, target: str = "http", signature: str = "http") -> FlaskClient:
        source = ROOT / "functions" / name / "main.py"
        client: FlaskClient = functions_framework.create_app(target, str(source), signature).test_client()
        return client

    yield start
    sys.modules.pop("main", None)


def recorded(name: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return result


def batch(*messages: dict[str, Any] | str) -> dict[str, Any]:
    """An SQS batch of the recorded shape with these bodies; message ids are ``m0``, ``m1`` …"""
    (record,) = recorded("aws/sqs_one")["Records"]
    bodies = [body if isinstance(body, str) else json.dumps(body) for body in messages]
    return {"Records": [{**record, "messageId": f"m{i}", "body": body} for i, body in enumerate(bodies)]}


def counts(database: Database) -> dict[str, int]:
    with database.transaction() as connection:
        return {
            table: run(connection, f"SELECT count(*) FROM {table}")[0][0]  # noqa: S608 — our tables
            for table in TABLES
        }


def take(database: Database, now: datetime) -> jobs.Job | None:
    with database.transaction() as connection:
        return jobs.lease(connection, now=now, seconds=60)


COLLECT_DELHI = {"type": COLLECT, "subject": "backfill Delhi", "data": {"cities": ["Delhi"], "days": 3}}


def test_collect_by_schedule_fills_the_store_and_the_same_schedule_again_changes_nothing(
    database: Database, now: datetime
) -> None:
    handler = load("collect").handler

    first = handler(recorded("aws/schedule"), None)
    before = counts(database)
    second = handler(recorded("aws/schedule"), None)

    assert first["cities"] == 56
    assert before["reading"] >= 56 * 24
    assert before["city_hour"] >= 56 * 24
    assert second["cities"] == 0
    assert counts(database) == before
    job = take(database, now)
    assert job is not None
    assert (job.type, len(job.payload["cities"])) == (OBSERVATIONS_READY, 56)
    waking = take(database, now)
    assert waking is not None
    assert (waking.type, waking.payload) == (EVENTS_READY, {"after": 0})
    assert take(database, now) is None


def test_collect_by_queue_a_bad_message_blocks_nobody_and_a_repeat_changes_nothing(
    database: Database,
) -> None:
    handler = load("collect").handler
    event = batch(
        COLLECT_DELHI,
        '{"type": "vayu.coll',
        {"type": TRAIN, "subject": "Delhi"},
        {**COLLECT_DELHI, "data": {"cities": ["Atlantis"]}},
        {**COLLECT_DELHI, "data": {"days": "many"}},
        {**COLLECT_DELHI, "subject": "backfill Pune", "data": {"cities": ["Pune"], "days": 2}},
    )

    answer = handler(event, None)
    before = counts(database)
    again = handler(event, None)

    failed = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
    assert failed == ["m1", "m2", "m3", "m4"]
    assert again == answer
    assert counts(database) == before
    with database.transaction() as connection:
        cities = run(connection, "SELECT city, count(*) FROM reading GROUP BY city ORDER BY city")
    # Whole days before today, and the 11 hours of today that are over.
    assert [(city, number) for city, number in cities] == [("Delhi", 72 + 11), ("Pune", 48 + 11)]


def test_collect_is_the_same_on_both_clouds(database: Database, serve: Callable[..., FlaskClient]) -> None:
    on_aws = load("collect").handler(COLLECT_DELHI, None)
    before = counts(database)

    scheduled = serve("collect").post("/", json=COLLECT_DELHI)
    pushed = serve("collect").post("/", json=_push(COLLECT_DELHI))
    poisoned = serve("collect").post("/", json=recorded("gcp/pubsub_push_poisoned"))
    event = serve("collect", "event", "cloudevent").post(
        "/",
        data=json.dumps({"specversion": "1.0", "id": "1", "source": "vayu", **COLLECT_DELHI}),
        content_type="application/cloudevents+json",
    )

    assert [answer.status_code for answer in (scheduled, pushed, poisoned, event)] == [200, 204, 400, 200]
    assert scheduled.json.keys() == on_aws.keys()
    assert on_aws["hours"] > 0
    assert scheduled.json["hours"] == 0
    assert counts(database) == before


def _push(message: dict[str, Any]) -> dict[str, Any]:
    """The recorded push with another message in it."""
    from base64 import b64encode

    push = recorded("gcp/pubsub_push")
    push["message"] |= {"data": b64encode(json.dumps(message).encode()).decode(), "attributes": {}}
    return push


@pytest.mark.parametrize(
    "path",
    ["/api/v1/forecast/%0AV", "/%0A", "/api/v1//cities/", "/static/x", "/favicon.ico", "/robots.txt", "//x"],
)
def test_whatever_the_address_the_api_answers_itself(serve: Callable[..., FlaskClient], path: str) -> None:
    answer = serve("api").get(path)

    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")
    assert {"X-Request-Id", "RateLimit-Limit", "X-Content-Type-Options", "Access-Control-Allow-Origin"} <= {
        name for name, _ in answer.headers
    }


def test_collect_by_cloud_scheduler(database: Database, serve: Callable[..., FlaskClient]) -> None:
    post = recorded("gcp/scheduler_post")

    answer = serve("collect").post(post["path"], headers=post["headers"], data=post["body"])

    assert answer.status_code == 200
    assert answer.json["cities"] == 56
    assert counts(database)["job"] == 2  # forecasts wanted, and word of new events


def test_train_plans_each_due_city_once(database: Database, now: datetime) -> None:
    load("collect").handler({**COLLECT_DELHI, "data": {"cities": ["Delhi", "Pune"], "days": 30}}, None)
    handler = load("train").handler

    first = handler(recorded("aws/schedule"), None)
    before = counts(database)
    second = handler(recorded("aws/schedule"), None)

    assert first["queued"] == dict.fromkeys(("Delhi", "Pune"), "never trained")
    assert (second["queued"], second["queued_before"]) == ({}, first["queued"])
    assert counts(database) == before
    assert before["job"] == 4  # two trainings, forecasts wanted, and word of new events


def test_train_and_forecast_by_queue(database: Database, now: datetime, tmp_path: Path) -> None:
    load("collect").handler({**COLLECT_DELHI, "data": {"cities": ["Delhi"], "days": 30}}, None)
    train, forecast = load("train").handler, load("forecast").handler
    message = {"type": TRAIN, "subject": "Delhi", "data": {"city": "Delhi", "families": ["linear"]}}
    training = batch(message, {**message, "data": {"city": "Atlantis"}}, "{")
    issuing = batch(
        {"type": OBSERVATIONS_READY, "subject": "2025-11-05T09:30Z", "data": {"cities": ["Delhi"]}}
    )

    nothing_yet = forecast(recorded("aws/schedule"), None)
    answer = train(training, None)
    trained = counts(database)
    assert train(training, None) == answer
    assert forecast(issuing, None) == {"batchItemFailures": []}
    issued = counts(database)
    assert forecast(issuing, None) == {"batchItemFailures": []}

    with database.transaction() as connection:
        text = run(connection, "SELECT key, payload FROM job WHERE type = 'vayu.forecast.ready'")
    assert text == [(last_full_hour(now).strftime("%Y-%m-%dT%H:%MZ"), {"cities": ["Delhi"]})]
    assert nothing_yet["issued"] == 0
    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == ["m1", "m2"]
    assert trained["model"] > 0
    assert issued == {**trained, "forecast": 2, "job": trained["job"] + 1}
    assert counts(database) == issued
    with pytest.raises(NotFound):
        train({**message, "data": {"city": "Atlantis"}}, None)
    assert len(list((tmp_path / "models").rglob("*.onnx"))) == trained["model"]


def test_retention_by_schedule_and_again(database: Database, serve: Callable[..., FlaskClient]) -> None:
    os.environ["VAYU_RETAIN_RAW"] = "2 days"
    load("collect").handler(COLLECT_DELHI, None)

    first = load("retention").handler(recorded("aws/schedule"), None)
    before = counts(database)
    post = recorded("gcp/scheduler_post")
    second = serve("retention").post(post["path"], headers=post["headers"], data=post["body"])

    assert first["dropped"]["reading"] == 72 + 11 - 49
    assert before["reading"] == 49
    assert before["city_day"] > 0
    assert second.status_code == 200
    assert second.json["dropped"]["reading"] == 0
    assert counts(database) == before


def test_the_api_is_the_same_on_both_clouds(serve: Callable[..., FlaskClient]) -> None:
    load("collect").handler({**COLLECT_DELHI, "data": {"cities": ["Delhi", "Pune"], "days": 2}}, None)
    handler, client = load("api").handler, serve("api")

    event = recorded("aws/http_get")
    on_aws = handler(event, None)
    on_gcp = client.get(f"{event['rawPath']}?{event['rawQueryString']}")

    assert on_aws["statusCode"] == on_gcp.status_code == 200
    assert json.loads(on_aws["body"]) == on_gcp.json
    assert "Delhi" in on_aws["body"]


def test_a_post_is_the_same_plain_in_base64_and_on_the_other_cloud(
    serve: Callable[..., FlaskClient],
) -> None:
    handler, client = load("api").handler, serve("api")
    plain, encoded = recorded("aws/http_post"), recorded("aws/http_post_base64")

    answers = [handler(event, None) for event in (plain, encoded)]
    posted = client.post(plain["rawPath"], json=json.loads(plain["body"]))

    assert answers[0]["statusCode"] == answers[1]["statusCode"] == posted.status_code
    assert json.loads(answers[0]["body"]) == json.loads(answers[1]["body"]) == posted.json


@pytest.mark.parametrize("name", ["api", "collect", "forecast", "retention", "train"])
def test_a_unit_is_thin_and_binds_both_clouds(name: str) -> None:
    unit = load(name)

    assert len((ROOT / "functions" / name / "main.py").read_text().splitlines()) <= 30
    assert callable(unit.handler)
    assert callable(unit.http)
    assert name == "api" or callable(unit.event)


@pytest.mark.parametrize("name", ["api", "collect", "forecast", "retention", "train"])
def test_a_unit_loads_without_the_other_clouds_libraries_and_does_nothing(name: str) -> None:
    code = (
        "import sys\n"
        "for absent in ('functions_framework', 'serverless_wsgi', 'boto3', 'botocore', 'google'):\n"
        "    sys.modules[absent] = None\n"
        f"import functions.{name}.main\n"
        "heavy = {'numpy', 'onnxruntime', 'obstore', 'sklearn', 'xgboost', 'pandas', 'onnx'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}

    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60, env=environment
    )

    # All that each call needs is loaded before the first, while a new instance has a whole processor.
    assert loaded.stdout.strip() == str(["numpy", "obstore", "onnxruntime"] if name == "forecast" else [])
