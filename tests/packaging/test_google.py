"""Each folder for Google Cloud, in an environment with its requirements and nothing else, under functions-framework.

Messages go to a stand-in for Pub/Sub, models lie in a folder; the database is real.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import pytest
from gcp_server import Function, installed, pushed
from pubsub_server import Emulator, PubSub, started_pubsub
from synthetic import put_model
from tier_servers import fresh_database

from common.adapters.object_store import UrlObjectStore
from common.domain.forecast import TARGETS
from common.store.engine import Database, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

UNITS = ("collect", "forecast", "retention", "api")


def redis_setting() -> dict[str, str]:
    """The setting of a Redis, where one runs: what only its use imports must be there, too."""
    url = os.environ.get("VAYU_TEST_REDIS_URL")
    return {"REDIS_URL": url} if url else {}


@pytest.fixture(scope="module")
def pubsub() -> Iterator[PubSub | Emulator]:
    with started_pubsub() as running:
        for topic in ("collect", "observations-ready", "train", "forecast-ready"):
            running.create(f"vayu-prod-{topic}")
        yield running


@pytest.fixture(scope="module")
def project(server: str, template: str) -> Iterator[Database]:
    with fresh_database(server, f"TEMPLATE {template}") as url, closing(Database(url)) as database:
        yield database


@pytest.fixture(scope="module")
def start(
    built: Path, project: Database, pubsub: PubSub | Emulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Function]]:
    """Unit → its function, installed and started when first asked for."""
    folder = tmp_path_factory.mktemp("google")
    secrets = folder / "vayu.json"
    secrets.write_text(
        json.dumps({"DATABASE_URL": project.url, "VAYU_SOURCES": "simulated"} | redis_setting())
    )
    environment = {
        "VAYU_SECRETS": secrets.as_uri(),
        "QUEUE_URL": "pubsub://vayu-test/vayu-prod-{type}",
        "PUBSUB_EMULATOR_HOST": pubsub.address,
        "MODEL_STORE_URL": (folder / "models").as_uri(),
    }
    functions: dict[str, Function] = {}
    with ExitStack() as ends:

        def started(unit: str) -> Function:
            if unit not in functions:
                pins = (built / "gcp" / unit / "requirements.txt").read_text().splitlines()
                python = installed(folder / unit, sys.executable, pins)
                source = shutil.copytree(built / "gcp" / unit, folder / f"{unit}-source")
                function = Function(source, python, environment)
                functions[unit] = ends.enter_context(closing(function))
            return functions[unit]

        yield started


@pytest.fixture(scope="module")
def collected(start: Callable[[str], Function], pubsub: PubSub | Emulator) -> dict[str, Any]:
    """The message that the hour's collection sent; Delhi and Pune have three days of history."""
    status, body = start("collect").call("POST", User_Agent="Google-Cloud-Scheduler", X_CloudScheduler="true")
    assert status == 200, body
    assert json.loads(body)["cities"] == 56
    [message] = pubsub.published("vayu-prod-observations-ready")
    backfill = {"type": "vayu.collect", "data": {"cities": ["Delhi", "Pune"], "days": 3}}
    assert start("collect").call("POST", body=pushed(backfill)) == (204, b"")
    return message


@pytest.fixture(scope="module")
def forecast(
    start: Callable[[str], Function],
    collected: dict[str, Any],
    project: Database,
    tmp_path_factory: pytest.TempPathFactory,
) -> list[int]:
    """Status of two deliveries of that message, then of one that nobody can read."""
    folder = tmp_path_factory.getbasetemp() / "google0" / "models"
    for city in ("Delhi", "Pune"):
        for target in TARGETS:
            put_model(project, UrlObjectStore(folder.as_uri()), target, "persistence", city=city)
    push = json.dumps({"message": collected | {"messageId": "1"}, "subscription": "s"}).encode()
    bodies = (push, push, pushed("{ no JSON"))
    return [start("forecast").call("POST", body=body)[0] for body in bodies]


def count(database: Database, table: str) -> int:
    with database.transaction() as connection:
        return int(run(connection, f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608 - ours


def test_the_schedule_collects(collected: dict[str, Any], project: Database) -> None:
    assert count(project, "city_hour") >= 56 * 24


def test_a_message_delivered_twice_issues_once_and_a_broken_one_is_refused(
    forecast: list[int], project: Database, pubsub: PubSub | Emulator
) -> None:
    assert forecast == [204, 204, 400]
    assert count(project, "forecast") == 2 * len(TARGETS)
    assert pubsub.published("vayu-prod-forecast-ready")


@pytest.mark.parametrize(
    "path",
    ["/health", "/cities/", "/aqi/current/Delhi", "/forecast/Delhi", "/openapi.json", "/docs", "/metrics"],
)
def test_the_api_answers(start: Callable[[str], Function], forecast: list[int], path: str) -> None:
    status, body = start("api").call("GET", "/api/v1" + path)
    assert status == 200, body
    assert body


def test_mistakes_are_told_as_problems(start: Callable[[str], Function], forecast: list[int]) -> None:
    status, body = start("api").call("GET", "/api/v1/aqi/current/Nowhere")
    assert (status, json.loads(body)["status"]) == (404, 404)


def test_the_weekly_schedule_does_the_upkeep(start: Callable[[str], Function], forecast: list[int]) -> None:
    status, body = start("retention").call("POST")
    assert status == 200, body
    assert json.loads(body)["model_files"] == 0
