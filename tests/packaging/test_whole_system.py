"""The whole system over two hours, on both clouds as they are played here, from the same providers at the same time.

The built functions run under CPython 3.13: on AWS by Lambda's runtime client over moto, on Google Cloud by
functions-framework over stand-ins for Pub/Sub and Cloud Storage. Queues, topics, attempts, schedules, settings are
those of template.yaml and scripts/deploy_gcp. The database is real; every message that goes well is delivered twice.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from aws_stub import AwsHere
from fixed_clock import SetClock
from gcp_server import BUCKET, Function, GcpHere, installed
from lambda_server import LambdaInstance
from moto.server import ThreadedMotoServer
from pubsub_server import started_pubsub
from stand_ins import Bucket, served
from tier_servers import fresh_database
from two_cities import KEY, providers
from whole import PAST_DAYS, POISON, QUICK, comparable, story

from common.store.engine import Database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

    from stubs import Stub
    from whole import Answer

    Answers = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> SetClock:
    return SetClock(tmp_path_factory.mktemp("clock"))


@pytest.fixture(scope="module")
def packages(
    built: Path, build_script: ModuleType, python313: str, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """What the image of the train function installs."""
    target = tmp_path_factory.mktemp("image")
    pins = (built / "aws" / "train" / "requirements.txt").read_text().splitlines()
    build_script._install(target, pins, "x86_64", prune=False)
    return target


@pytest.fixture(scope="module")
def bytecode(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where both train functions keep it: the image has it, and to make it takes ten seconds."""
    return tmp_path_factory.mktemp("bytecode")


@pytest.fixture(scope="module")
def here(clock: SetClock) -> Iterator[tuple[Stub, dict[str, str]]]:
    with providers(clock.now) as playing:
        yield playing


@pytest.fixture(scope="module")
def aws(
    server: str, template: str, built: Path, runtime: Path, packages: Path, bytecode: Path, python313: str,
    clock: SetClock, here: tuple[Stub, dict[str, str]],
) -> Iterator[AwsHere]:  # fmt: skip
    def start(unit: str, layers: list[str], seconds: float, environment: dict[str, str]) -> LambdaInstance:
        if unit == "train":  # a container image
            paths = [built / "aws" / "train", packages, runtime]
            environment |= {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(bytecode)}
        else:
            parts = [built / "aws" / "layers" / layer.lower() / "python" for layer in layers]
            paths = [built / "aws" / "functions" / unit, *parts, runtime]
        handler = f"functions.{unit}.main.handler"
        environment = clock.environment | environment
        return LambdaInstance(python313, handler, paths, environment, seconds=seconds, clock=clock.seconds)

    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    with (
        fresh_database(server, f"TEMPLATE {template}") as url,
        closing(Database(url)) as database,
        AwsHere(database, f"{host}:{port}", _secret(url, here), start) as system,
    ):
        yield system
    moto.stop()


@pytest.fixture(scope="module")
def gcp(
    server: str, template: str, built: Path, packages: Path, bytecode: Path, python313: str,
    clock: SetClock, here: tuple[Stub, dict[str, str]], tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[GcpHere]:  # fmt: skip
    folder = tmp_path_factory.mktemp("gcp")
    pins = {
        pin for each in (built / "gcp").glob("*/requirements.txt") for pin in each.read_text().splitlines()
    }
    # One environment for all, and nothing that the image has is compiled twice; test_google.py has one for each.
    ready = set((built / "aws" / "train" / "requirements.txt").read_text().splitlines())
    python = installed(folder / "environment", python313, sorted(pins - ready), beside=packages)

    def start(unit: str, environment: dict[str, str]) -> Function:
        source = shutil.copytree(built / "gcp" / unit, folder / unit)
        stored = {"PYTHONPYCACHEPREFIX": str(bytecode)}
        return Function(source, python, clock.environment | environment | stored)

    with (
        fresh_database(server, f"TEMPLATE {template}") as url,
        closing(Database(url)) as database,
        started_pubsub() as pubsub,
        served(Bucket(BUCKET)) as bucket,
    ):
        secrets = folder / "vayu.json"
        secrets.write_text(json.dumps(_secret(url, here)))
        with GcpHere(database, pubsub, bucket, secrets, start) as system:
            yield system


def _secret(database_url: str, here: tuple[Stub, dict[str, str]]) -> dict[str, str]:
    return {"DATABASE_URL": database_url, "CPCB_API_KEY": KEY, **here[1]}


@pytest.fixture(scope="module")
def answers(aws: AwsHere, gcp: GcpHere, clock: SetClock) -> Answers:
    """What is seen of each."""
    return {"aws": story(aws, clock), "gcp": story(gcp, clock)}


@pytest.fixture(params=["aws", "gcp"])
def seen(answers: Answers, request: pytest.FixtureRequest) -> dict[str, Any]:
    return answers[request.param]


def champions(seen: dict[str, Any]) -> dict[str, str]:
    """Target → version of Delhi's champion after the training that was asked for."""
    models = seen["models"].body["models"]
    return {model["target"]: model["version"] for model in models if model["status"] == "champion"}


def test_a_schedule_collects_and_the_api_shows_it(
    seen: dict[str, Any], here: tuple[Stub, dict[str, str]]
) -> None:
    assert seen["health before anything"].body["status"] == "starting"
    assert seen["collected"]["cities"] == 2
    assert not [source for source in seen["collected"]["sources"].values() if source["failure"]]
    assert {request.query["api-key"] for request in here[0].seen if request.path == "/data.gov.in"} == {KEY}
    assert (seen["current"].status, seen["current"].body["timestamp"]) == (200, "2025-11-05T10:30:00Z")
    assert seen["current"].body["aqi"] > 0
    assert seen["history"].body["count"] == 12
    assert seen["longer history"].body["count"] == 24 * PAST_DAYS
    assert seen["no forecast yet"].status == 404


def test_the_planner_trains_and_the_first_forecast_is_issued(seen: dict[str, Any]) -> None:
    assert seen["planned"]["queued"] == {"Delhi": "never trained", "Pune": "never trained"}
    check_forecast(seen["first forecast"], "2025-11-05T10:30:00Z")
    assert seen["first forecast"].body["model"]["family"] == "naive"
    assert {model["reason"][:18] for model in seen["first models"].body["models"]} == {"the naive forecast"}
    assert (seen["health"].body["status"], seen["health"].body["models"]) == ("healthy", 4)


def check_forecast(answer: Answer, origin: str) -> None:
    assert answer.status == 200, answer
    assert answer.body["origin"] == answer.body["known_until"] == origin
    points = answer.body["forecast"]
    assert [point["lead_hours"] for point in points] == list(range(1, 49))
    for point in points:
        assert (
            point["lower_95"] <= point["lower_80"] <= point["aqi"] <= point["upper_80"] <= point["upper_95"]
        )
        assert point["lower_95"] < point["upper_95"]


def test_a_training_by_request_needs_the_right_and_is_one_job(seen: dict[str, Any]) -> None:
    assert (seen["without a token"].status, seen["without the right"].status) == (401, 403)
    assert (seen["asked"].status, seen["asked"].body["state"]) == (202, "queued")
    assert seen["asked"].body["families"] == QUICK["families"]
    assert seen["asked again"].body["id"] == seen["asked"].body["id"]
    assert (seen["job"].body["state"], seen["job"].body["attempts"]) == ("done", 1)
    assert seen["job"].body["outcome"]["promoted"] == champions(seen)


def test_an_export_by_request_is_written_and_given_away(seen: dict[str, Any]) -> None:
    assert seen["export asked"] == (202, "queued")
    assert seen["export"] == {"state": "done", "attempts": 1, "rows": 48, "error": None}
    assert seen["exported"] == (200, "text/csv; charset=utf-8", 1 + 48)


def test_the_archive_is_written_by_its_schedule_and_given_away(seen: dict[str, Any]) -> None:
    done, listed = seen["archived"], seen["archive"]
    assert done["files"] == done["written"] == len(listed)
    assert done["left"] == []
    assert {(table, city) for table, city, *_ in listed} >= {
        (table, city) for table in ("observations", "models", "forecasts") for city in ("Delhi", "Pune")
    }
    assert seen["archived again"] == done | {"written": 0}


def test_what_was_trained_is_listed_and_lies_in_the_store(seen: dict[str, Any]) -> None:
    models = {model["version"]: model for model in seen["models"].body["models"]}
    assert {model["family"] for model in models.values()} >= {"naive", *QUICK["families"]}
    for version, model in models.items():
        assert hashlib.sha256(seen["files"][f"{version}/model.onnx"]).hexdigest() == model["checksum"]
        assert json.loads(seen["files"][f"{version}/card.json"])["family"] == model["family"]
    assert set(champions(seen)) == {"aqi", "pm25"}
    assert models[champions(seen)["aqi"]]["family"] != "naive"


def test_the_next_run_forecasts_with_the_new_model(seen: dict[str, Any]) -> None:
    check_forecast(seen["forecast"], "2025-11-05T11:30:00Z")
    new = champions(seen)
    assert (
        seen["forecast"].body["model"]["version"]
        == new["aqi"]
        != seen["first forecast"].body["model"]["version"]
    )
    assert seen["forecast of pm25"].body["model"]["version"] == new["pm25"]
    assert seen["forecast of the other city"].body["model"]["family"] == "naive"
    assert seen["forecast's own schedule"]["issued"] == 0
    assert seen["forecast's own schedule"]["repeated"] == 4
    assert seen["health at the end"].body["status"] == "healthy"


def test_upkeep_leaves_the_files_of_what_is_served(seen: dict[str, Any]) -> None:
    assert {f"{version}/model.onnx" for version in champions(seen).values()} <= set(seen["kept files"])


def test_a_second_delivery_changes_nothing(seen: dict[str, Any]) -> None:
    assert set(seen["handled"]) == {"collect", "observations-ready", "train", "export", "archive"}
    assert seen["changed by repeats"] == {}


def test_poisoned_messages_end_whole_among_the_dead_and_hold_up_none(seen: dict[str, Any]) -> None:
    assert seen["dead"] == sorted(POISON)
    assert seen["forecast"].status == 200  # of the hour in which they came


def test_both_clouds_answer_the_same(answers: Answers) -> None:
    aws, gcp = comparable(answers["aws"]), comparable(answers["gcp"])
    assert list(aws) == list(gcp)
    for name, answer in aws.items():
        assert answer == gcp[name], name
