"""The built functions, and nothing else, under Lambda's runtime client: events in, rows out.

Secrets come from a stand-in for Secrets Manager, messages go to one for SQS, models lie in one for S3; the database is
real. The train function is a container image and not among them.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import pytest
from api_gateway import Gateway
from aws_stub import REGION, batch, client, credentials, recorded, request
from lambda_server import Failed, LambdaInstance
from moto.server import ThreadedMotoServer
from stand_ins import served
from synthetic import put_model
from tier_servers import fresh_database

from common.adapters.object_store import UrlObjectStore
from common.api.routes import ENDPOINTS
from common.bootstrap.container import system_clock
from common.domain.forecast import TARGETS
from common.store.api_keys import create_key
from common.store.engine import Database, run
from common.store.events import append

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LAYERS = {
    "collect": ["base"],
    "forecast": ["base", "inference"],
    "retention": ["base"],
    "alerts": ["base"],
    "live": ["base"],
    "api": ["base"],
}
QUEUES = ("collect", "observations-ready", "train", "events-alerts", "events-live")
TOPICS = {"forecast-ready": ("events-alerts",), "events-ready": ("events-alerts", "events-live")}


def redis_setting() -> dict[str, str]:
    """The setting of a Redis, where one runs: what only its use imports must be there, too."""
    url = os.environ.get("VAYU_TEST_REDIS_URL")
    return {"REDIS_URL": url} if url else {}


class Account:
    """An account with a database of its own: what the templates make, as far as functions see it."""

    def __init__(self, address: str, database: Database, gateway: Gateway) -> None:
        self.database = database
        self.gateway = gateway
        self.environment = credentials(address)
        self._sqs = client("sqs", address)
        for name in QUEUES:
            self._sqs.create_queue(QueueName=f"vayu-{name}")
        sns = client("sns", address)
        for topic, queues in TOPICS.items():
            arn = sns.create_topic(Name=f"vayu-{topic}")["TopicArn"]
            for name in queues:
                sns.subscribe(
                    TopicArn=arn,
                    Protocol="sqs",
                    Endpoint=f"arn:aws:sqs:{REGION}:123456789012:vayu-{name}",
                    Attributes={"RawMessageDelivery": "true"},
                )
        client("dynamodb", address).create_table(
            TableName="vayu-live",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        client("s3", address).create_bucket(Bucket="models")
        secret = {"DATABASE_URL": database.url, "VAYU_SOURCES": "simulated"} | redis_setting()
        client("secretsmanager", address).create_secret(Name="vayu/prod", SecretString=json.dumps(secret))
        self.settings = {
            "VAYU_SECRETS": f"secretsmanager://{REGION}/vayu/prod",
            "QUEUE_URL": f"sqs+http://{address}/123456789012/vayu-{{type}}",
            "TOPIC_URL": f"sns://{REGION}/123456789012/vayu-{{type}}",
            "VAYU_LIVE_TABLE": f"dynamodb://{REGION}/vayu-live",
            "VAYU_LIVE_POST_URL": f"http://{gateway.address}/prod",
            "MODEL_STORE_URL": "s3://models/models",
            "VAYU_DATABASE_CONNECTIONS": "2",
        }

    def received(self, name: str) -> list[str]:
        """The bodies of the messages in a queue, taken out of it."""
        url = self._sqs.get_queue_url(QueueName=f"vayu-{name}")["QueueUrl"]
        result = self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for item in result:
            self._sqs.delete_message(QueueUrl=url, ReceiptHandle=item["ReceiptHandle"])
        return [item["Body"] for item in result]

    def count(self, table: str) -> int:
        with self.database.transaction() as connection:
            return int(run(connection, f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608 - ours


@pytest.fixture(scope="module")
def account(server: str, template: str) -> Iterator[Account]:
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    with (
        fresh_database(server, f"TEMPLATE {template}") as url,
        closing(Database(url)) as database,
        served(Gateway()) as gateway,
    ):
        yield Account(f"{host}:{port}", database, gateway)
    moto.stop()


@pytest.fixture(scope="module")
def started(
    account: Account, built: Path, runtime: Path, python313: str
) -> Iterator[Callable[[str], LambdaInstance]]:
    """Unit → its one instance, started when first asked for."""
    with ExitStack() as ends:
        instances: dict[str, LambdaInstance] = {}

        def start(unit: str) -> LambdaInstance:
            if unit not in instances:
                aws = built / "aws"
                paths = [
                    aws / "functions" / unit,
                    *(aws / "layers" / name / "python" for name in LAYERS[unit]),
                    runtime,
                ]
                environment = account.environment | account.settings
                instance = LambdaInstance(python313, f"functions.{unit}.main.handler", paths, environment)
                instances[unit] = ends.enter_context(instance)
            return instances[unit]

        yield start


@pytest.fixture(scope="module")
def collected(account: Account, started: Callable[[str], LambdaInstance]) -> tuple[dict[str, Any], str]:
    """What the hourly schedule answered, and the message that it sent."""
    done = started("collect").invoke(recorded("schedule"))
    [message] = account.received("observations-ready")
    return done, message


@pytest.fixture(scope="module")
def forecast(
    account: Account, started: Callable[[str], LambdaInstance], collected: tuple[dict[str, Any], str]
) -> list[dict[str, Any]]:
    """What two deliveries of a message came to, beside one that nobody can read; Delhi and Pune have models."""
    backfill = {"type": "vayu.collect", "data": {"cities": ["Delhi", "Pune"], "days": 3}}
    assert started("collect").invoke(batch(backfill=json.dumps(backfill))) == {"batchItemFailures": []}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in account.environment.items():
            patch.setenv(name, value)
        files = UrlObjectStore(account.settings["MODEL_STORE_URL"])
        for city in ("Delhi", "Pune"):
            for target in TARGETS:
                put_model(account.database, files, target, "persistence", city=city)
    return [started("forecast").invoke(batch(good=collected[1], bad="{ no JSON")) for _ in range(2)]


def test_the_hourly_schedule_collects_and_wakes_the_forecast(
    account: Account, collected: tuple[dict[str, Any], str]
) -> None:
    done, message = collected
    assert done["cities"] == 56
    assert account.count("city_hour") >= 56 * 24
    assert json.loads(message)["type"] == "vayu.observations.ready"


def test_the_same_schedule_again_changes_nothing(
    account: Account, collected: tuple[dict[str, Any], str], started: Callable[[str], LambdaInstance]
) -> None:
    before = account.count("reading")
    assert started("collect").invoke(recorded("schedule"))["cities"] == 0
    assert account.count("reading") == before


def test_of_a_batch_only_the_poisoned_message_comes_back(forecast: list[dict[str, Any]]) -> None:
    assert forecast == [{"batchItemFailures": [{"itemIdentifier": "bad"}]}] * 2


def test_a_message_delivered_twice_issues_its_forecasts_once(
    account: Account, forecast: list[dict[str, Any]]
) -> None:
    assert account.count("forecast") == 2 * len(TARGETS)
    woken = [json.loads(body)["type"] for body in account.received("events-alerts")]
    assert {"vayu.forecast.ready", "vayu.events.ready"} == set(woken)


def test_whoever_is_connected_hears_of_it(
    account: Account, forecast: list[dict[str, Any]], started: Callable[[str], LambdaInstance]
) -> None:
    id_ = recorded("websocket_message")["requestContext"]["connectionId"]
    live = started("live")
    assert live.invoke(recorded("websocket_connect")) == {"statusCode": 200}
    assert live.invoke(recorded("websocket_message")) == {"statusCode": 200}
    assert [message["type"] for message in account.gateway.sent[id_]] == ["welcome"]
    with account.database.transaction() as connection:
        append(connection, "forecast", ["Delhi"], now=system_clock())
    woken = json.dumps({"type": "vayu.events.ready"})
    assert live.invoke(batch(events=woken)) == {"batchItemFailures": []}
    assert len(account.gateway.seqs(id_)) == 1
    assert live.invoke(recorded("websocket_disconnect")) == {"statusCode": 200}
    assert live.invoke(recorded("schedule")) == {}


def test_alerts_are_looked_at_by_message_and_by_schedule(
    forecast: list[dict[str, Any]], started: Callable[[str], LambdaInstance]
) -> None:
    woken = json.dumps({"type": "vayu.events.ready"})
    assert started("alerts").invoke(batch(events=woken)) == {"batchItemFailures": []}
    assert "evaluated" in started("alerts").invoke(recorded("schedule"))


READS = sorted(
    endpoint.path
    for endpoint in ENDPOINTS
    if endpoint.method == "GET"
    and not {"{job}", "{file}", "{sha256}", "{part}", "{seq}.xml", "{id}", "{token}"}
    & {*endpoint.path.split("/")}
    and endpoint.scope != "alerts"
    and endpoint.path != "/archive/manifest.json"  # there is no archive here
)
QUERIES = {"/cities/compare": "cities=Delhi,Pune"}


@pytest.mark.parametrize("path", READS)
def test_every_route_answers(
    forecast: list[dict[str, Any]], started: Callable[[str], LambdaInstance], path: str
) -> None:
    api = started("api")
    query = QUERIES.get(path, "")
    if path == "/record/plume/{city}":  # of an hour that a forecast was issued for
        issued = json.loads(api.invoke(request("/api/v1/forecast/Delhi"))["body"])
        query = f"time={issued['forecast'][0]['time']}"
    answer = api.invoke(request("/api/v1" + path.replace("{city}", "Delhi"), query))
    assert answer["statusCode"] == 200, answer
    assert answer["headers"]["X-Request-Id"]
    assert "city" not in path or "Delhi" in answer["body"] or answer["isBase64Encoded"]


def test_each_part_of_a_forecast_is_given_away_as_it_was_hashed(
    forecast: list[dict[str, Any]], started: Callable[[str], LambdaInstance]
) -> None:
    api = started("api")
    listing = json.loads(api.invoke(request("/api/v1/forecast/Delhi/reproduce"))["body"])
    assert {part["name"] for part in listing["parts"]} == {"model", "matrix", "recipe"}
    for part in listing["parts"]:
        path, _, query = part["url"].partition("?")
        answer = api.invoke(request(path, query))
        assert answer["statusCode"] == 200, answer
        body = answer["body"]
        content = base64.b64decode(body) if answer["isBase64Encoded"] else body.encode()
        if answer["headers"].get("Content-Encoding") == "gzip":
            content = gzip.decompress(content)
        assert hashlib.sha256(content).hexdigest() == part["sha256"]


def test_a_post_and_a_mistake(
    forecast: list[dict[str, Any]], started: Callable[[str], LambdaInstance]
) -> None:
    body = json.dumps({"cities": ["Delhi", "Nowhere"], "hours_ahead": 6})
    event = request("/api/v1/forecast/batch", method="POST", body=body, content_type="application/json")
    answer = started("api").invoke(event)
    assert answer["statusCode"] == 200, answer
    assert "Nowhere" in answer["body"]
    wrong = started("api").invoke(request("/api/v1/aqi/current/Nowhere"))
    assert wrong["statusCode"] == 404
    assert wrong["headers"]["Content-Type"] == "application/problem+json"
    assert json.loads(wrong["body"])["status"] == 404


def test_a_retraining_that_is_asked_for_is_queued(
    account: Account, forecast: list[dict[str, Any]], started: Callable[[str], LambdaInstance]
) -> None:
    with account.database.transaction() as connection:
        token, *_ = create_key(connection, "a test", ("retrain",), now=system_clock())
    event = request("/api/v1/models/retrain/Delhi", method="POST", authorization=f"Bearer {token}")
    answer = started("api").invoke(event)
    assert answer["statusCode"] == 202, answer
    [message] = account.received("train")
    assert json.loads(message)["type"] == "vayu.train"
    assert json.loads(message)["data"]["city"] == "Delhi"


def test_the_weekly_schedule_does_the_upkeep(
    forecast: list[dict[str, Any]], started: Callable[[str], LambdaInstance]
) -> None:
    assert started("retention").invoke(recorded("schedule"))["model_files"] == 0


def test_a_function_without_its_database_says_so_and_tells_no_secret(
    built: Path, runtime: Path, python313: str
) -> None:
    aws = built / "aws"
    paths = [aws / "functions" / "collect", aws / "layers" / "base" / "python", runtime]
    environment = {
        "DATABASE_URL": "postgresql://vayu:very-secret@127.0.0.1:1/vayu",
        "VAYU_SOURCES": "simulated",
    }
    with LambdaInstance(python313, "functions.collect.main.handler", paths, environment) as instance:
        with pytest.raises(Failed, match="cannot be reached") as caught:
            instance.invoke(recorded("schedule"))
        assert "very-secret" not in str(caught.value) + "".join(instance.log)
    assert os.environ.get("DATABASE_URL") != environment["DATABASE_URL"]
