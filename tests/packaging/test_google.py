"""Each folder for Google Cloud, in an environment with its requirements and nothing else, under functions-framework.

Messages go to a stand-in for Pub/Sub, models lie in a folder; the database is real.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from contextlib import ExitStack, closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from processes import until
from synthetic import put_model
from tiers_here import fresh_database

from common.adapters.object_store import ObjectStore
from common.domain.forecast import TARGETS
from common.store.engine import Database, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

UNITS = ("collect", "forecast", "retention", "api")


def redis_here() -> dict[str, str]:
    """The setting of a Redis, where one runs: what only its use imports must be there, too."""
    url = os.environ.get("VAYU_TEST_REDIS_URL")
    return {"REDIS_URL": url} if url else {}


class PubSub:
    """Takes what is published, by topic."""

    def __init__(self) -> None:
        self.published: dict[str, list[dict[str, Any]]] = {}
        published = self.published

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                """Say nothing."""

            def do_POST(self) -> None:
                topic = self.path.rpartition("/")[2].partition(":")[0]
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                published.setdefault(topic, []).extend(body["messages"])
                answer = json.dumps(
                    {"messageIds": [str(len(published[topic]))] * len(body["messages"])}
                ).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.address = f"127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Function:
    """A staged folder that is served."""

    def __init__(self, folder: Path, python: Path, environment: dict[str, str]) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._log = (folder / "log.txt").open("w+")
        self._process = subprocess.Popen(
            [
                python.with_name("functions-framework"),
                "--target",
                "http",
                "--host",
                "127.0.0.1",
                "--port",
                str(port),
            ],
            cwd=folder,
            env={"PATH": os.defpath, "PYTHONNOUSERSITE": "1", "THREADS": "2", **environment},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        until(self._answers, 60, "functions-framework")

    def _answers(self) -> bool:
        if self._process.poll() is not None:
            self._log.seek(0)
            raise AssertionError(self._log.read())
        host, port = self.url.removeprefix("http://").split(":")
        with socket.socket() as probe:
            return probe.connect_ex((host, int(port))) == 0

    def call(
        self, method: str, path: str = "/", body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes]:
        """Status and body of an answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, body, named, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, answer.read()

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._log.close()


@pytest.fixture(scope="module")
def pubsub() -> Iterator[PubSub]:
    with closing(PubSub()) as running:
        yield running


@pytest.fixture(scope="module")
def project(server: str, template: str) -> Iterator[Database]:
    with fresh_database(server, f"TEMPLATE {template}") as url, closing(Database(url)) as database:
        yield database


@pytest.fixture(scope="module")
def served(
    built: Path, project: Database, pubsub: PubSub, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Function]]:
    """Unit → its function, installed and started when first asked for."""
    folder = tmp_path_factory.mktemp("google")
    secrets = folder / "vayu.json"
    secrets.write_text(json.dumps({"DATABASE_URL": project.url, "VAYU_SOURCES": "simulated"} | redis_here()))
    environment = {
        "VAYU_SECRETS": secrets.as_uri(),
        "QUEUE_URL": "pubsub://vayu-test/vayu-prod-{type}",
        "PUBSUB_EMULATOR_HOST": pubsub.address,
        "MODEL_STORE_URL": (folder / "models").as_uri(),
    }
    functions: dict[str, Function] = {}
    with ExitStack() as ends:

        def serve(unit: str) -> Function:
            if unit not in functions:
                python = _installed(folder / unit, built / "gcp" / unit / "requirements.txt")
                source = shutil.copytree(built / "gcp" / unit, folder / f"{unit}-source")
                function = Function(source, python, environment)
                functions[unit] = ends.enter_context(closing(function))
            return functions[unit]

        yield serve


def _installed(folder: Path, requirements: Path) -> Path:
    """The interpreter of an environment that has these and nothing else."""
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    python = folder / "bin" / "python"
    install = [
        *uv,
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--python",
        python,
        "--requirement",
        requirements,
    ]
    subprocess.run(install, check=True)
    return python


def pushed(message: dict[str, Any] | str) -> bytes:
    """A push of Pub/Sub with that message."""
    text = message if isinstance(message, str) else json.dumps(message)
    data = base64.b64encode(text.encode()).decode()
    return json.dumps({"message": {"data": data, "messageId": "1"}, "subscription": "projects/p/s"}).encode()


@pytest.fixture(scope="module")
def collected(served: Callable[[str], Function], pubsub: PubSub) -> dict[str, Any]:
    """The message that the hour's collection sent; Delhi and Pune have three days of history."""
    status, body = served("collect").call(
        "POST", User_Agent="Google-Cloud-Scheduler", X_CloudScheduler="true"
    )
    assert status == 200, body
    assert json.loads(body)["cities"] == 56
    [message] = pubsub.published["vayu-prod-observations-ready"]
    backfill = {"type": "vayu.collect", "data": {"cities": ["Delhi", "Pune"], "days": 3}}
    assert served("collect").call("POST", body=pushed(backfill)) == (204, b"")
    return message


@pytest.fixture(scope="module")
def forecast(
    served: Callable[[str], Function],
    collected: dict[str, Any],
    project: Database,
    tmp_path_factory: pytest.TempPathFactory,
) -> list[int]:
    """Status of two deliveries of that message, then of one that nobody can read."""
    folder = tmp_path_factory.getbasetemp() / "google0" / "models"
    for city in ("Delhi", "Pune"):
        for target in TARGETS:
            put_model(project, ObjectStore(folder.as_uri()), target, "persistence", city=city)
    push = json.dumps({"message": collected | {"messageId": "1"}, "subscription": "s"}).encode()
    bodies = (push, push, pushed("{ no JSON"))
    return [served("forecast").call("POST", body=body)[0] for body in bodies]


def count(database: Database, table: str) -> int:
    with database.transaction() as connection:
        return int(run(connection, f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608 - ours


def test_the_schedule_collects(collected: dict[str, Any], project: Database) -> None:
    assert count(project, "city_hour") >= 56 * 24


def test_a_message_delivered_twice_issues_once_and_a_broken_one_is_refused(
    forecast: list[int], project: Database, pubsub: PubSub
) -> None:
    assert forecast == [204, 204, 400]
    assert count(project, "forecast") == 2 * len(TARGETS)
    assert pubsub.published["vayu-prod-forecast-ready"]


@pytest.mark.parametrize(
    "path",
    ["/health", "/cities/", "/aqi/current/Delhi", "/forecast/Delhi", "/openapi.json", "/docs", "/metrics"],
)
def test_the_api_answers(served: Callable[[str], Function], forecast: list[int], path: str) -> None:
    status, body = served("api").call("GET", "/api/v1" + path)
    assert status == 200, body
    assert body


def test_mistakes_are_told_as_problems(served: Callable[[str], Function], forecast: list[int]) -> None:
    status, body = served("api").call("GET", "/api/v1/aqi/current/Nowhere")
    assert (status, json.loads(body)["status"]) == (404, 404)


def test_the_weekly_schedule_does_the_upkeep(served: Callable[[str], Function], forecast: list[int]) -> None:
    status, body = served("retention").call("POST")
    assert status == 200, body
    assert json.loads(body)["model_files"] == 0
