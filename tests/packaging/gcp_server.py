"""Google Cloud on this machine: what scripts/deploy_gcp would make, run by functions-framework."""

from __future__ import annotations

import base64
import json
import os
import shlex
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from processes import free_port, listens, until
from pubsub_server import PROJECT, Emulator, PubSub
from whole import UNITS, Answer, Letter, System, body_of

from common.adapters.cloud_event import address

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from stand_ins import Bucket

    from common.store.engine import Database

SCRIPT = Path(__file__).parents[2] / "scripts" / "deploy_gcp"
STAGE = "vayu-prod-"
BUCKET = f"{PROJECT}-vayu-prod-models"


class Function:
    """A staged folder that is served."""

    def __init__(self, folder: Path, python: Path, environment: dict[str, str]) -> None:
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._log = (folder / "log.txt").open("w+")
        self._process = subprocess.Popen(
            [
                python.with_name("functions-framework"),
                "--target",
                "http",
                "--host",
                "127.0.0.1",
                "--port",
                str(self._port),
            ],
            cwd=folder,
            env={"PATH": os.defpath, "PYTHONNOUSERSITE": "1", "THREADS": "2", **environment},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        until(self._answers, 60, "functions-framework")

    @property
    def log(self) -> str:
        self._log.seek(0)
        return self._log.read()

    def _answers(self) -> bool:
        assert self._process.poll() is None, self.log
        return listens(self._port)

    def ask(
        self, method: str, path: str = "/", body: bytes | None = None, **headers: str
    ) -> tuple[int, str, bytes]:
        """Status, type and body of an answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, body, named, method=method)
        try:
            with urllib.request.urlopen(request, timeout=600) as answer:
                return answer.status, answer.headers.get("Content-Type", ""), answer.read()
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, answer.headers.get("Content-Type", ""), answer.read()

    def call(
        self, method: str, path: str = "/", body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes]:
        """Status and body of an answer."""
        status, _, message = self.ask(method, path, body, **headers)
        return status, message

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._log.close()


def installed(folder: Path, python: str, pins: list[str], beside: Path | None = None) -> Path:
    """The interpreter of an environment that has these and nothing else, but for the packages `beside` it."""
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--python", python, folder], check=True)
    made = folder / "bin" / "python"
    subprocess.run(
        [*uv, "pip", "install", "--quiet", "--no-deps", "--python", made, "--requirement", "-"],
        input="\n".join(pins), text=True, check=True,
    )  # fmt: skip
    if beside is not None:
        [packages] = folder.glob("lib/python*/site-packages")
        (packages / "beside.pth").write_text(f"{beside}\n")
    return made


def pushed(message: dict[str, Any] | str) -> bytes:
    """A push of Pub/Sub with that message."""
    text = message if isinstance(message, str) else json.dumps(message)
    data = base64.b64encode(text.encode()).decode()
    return json.dumps({"message": {"data": data, "messageId": "1"}, "subscription": "projects/p/s"}).encode()


class GcpHere(System):
    """A deployment of scripts/deploy_gcp; use it as a context."""

    def __init__(
        self,
        database: Database,
        pubsub: PubSub | Emulator,
        bucket: Bucket,
        secrets: Path,
        start: Callable[[str, dict[str, str]], Function],
    ) -> None:
        """`bucket`: of the name `BUCKET`. `secrets`: the file. `start`: unit, environment → its function."""
        super().__init__(database)
        self._pubsub, self._bucket, self._secrets, self._start = pubsub, bucket, secrets, start
        script = subprocess.run(
            [SCRIPT, PROJECT, "asia-south1", "--dry-run"], capture_output=True, check=True
        )
        self._commands = [shlex.split(line) for line in script.stdout.decode().splitlines()]
        for line in self._of("pubsub", "topics", "create"):
            pubsub.create(line[7])
        endpoints = set(map(_endpoint, UNITS))
        self._subscriptions = [
            line
            for line in self._of("pubsub", "subscriptions", "create")
            if "--push-endpoint" in line and _after(line, "--push-endpoint") in endpoints
        ]
        self._seen: dict[str, int] = {}
        self._waiting: list[Letter] = []
        self._ends = ExitStack()
        self._functions: dict[str, Function] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def _of(self, *words: str) -> list[list[str]]:
        """The commands of gcloud that begin so."""
        return [line for line in self._commands if tuple(line[4 : 4 + len(words)]) == words]

    def _function(self, unit: str) -> Function:
        if unit not in self._functions:
            [line] = self._of("functions", "deploy", STAGE + unit)
            settings = dict(setting.split("=", 1) for setting in _after(line, "--set-env-vars").split(","))
            mounted, _ = _after(line, "--set-secrets").split("=")
            assert settings["VAYU_SECRETS"] == f"file://{mounted}"
            settings |= {"VAYU_SECRETS": self._secrets.as_uri(), "PUBSUB_EMULATOR_HOST": self._pubsub.address}
            function = self._start(unit, settings | self._bucket.environment)
            self._functions[unit] = self._ends.enter_context(closing(function))
        return self._functions[unit]

    def schedule(self, unit: str, time: datetime, message: Mapping[str, str] | None = None) -> Any:
        jobs = {
            _after(line, "--message-body") if "--message-body" in line else None: line
            for line in self._of("scheduler", "jobs", "create", "http")
            if _after(line, "--uri") == _endpoint(unit)
        }
        text = None if message is None else json.dumps(message)
        status, body = self._function(unit).call(
            _after(jobs[text], "--http-method"),
            body=text.encode() if text else None,
            User_Agent="Google-Cloud-Scheduler",
            X_CloudScheduler="true",
            X_CloudScheduler_ScheduleTime=f"{time:%Y-%m-%dT%H:%M:%SZ}",
        )
        assert status == 200, body
        return json.loads(body)

    def http(self, method: str, path: str, *, token: str | None = None, body: object = None) -> Answer:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        text = None if body is None else json.dumps(body).encode()
        if text is not None:
            headers["Content_Type"] = "application/json"
        status, type_, message = self._function("api").ask(method, "/api/v1" + path, text, **headers)
        return Answer(status, type_, body_of(type_, message))

    def send(self, type_: str, text: str) -> None:
        data = base64.b64encode(text.encode()).decode()
        self._pubsub.publish(STAGE + address("{type}", type_), {"data": data})

    def take(self) -> Letter | None:
        for line in self._subscriptions:
            topic = _after(line, "--topic").removeprefix(STAGE)
            published = self._pubsub.published(STAGE + topic)
            for message in published[self._seen.get(topic, 0) :]:
                push = {"message": message, "subscription": line[7], "deliveryAttempt": 1}
                self._waiting.append(Letter(topic, _text(message), push))
            self._seen[topic] = len(published)
            for place, letter in enumerate(self._waiting):
                if letter.topic == topic:
                    return self._waiting.pop(place)
        return None

    def hand_over(self, letter: Letter) -> bool:
        line = self._subscription(letter)
        [unit] = [unit for unit in UNITS if _endpoint(unit) == _after(line, "--push-endpoint")]
        body = json.dumps(letter.handle).encode()
        status, _ = self._function(unit).call("POST", body=body, Content_Type="application/json")
        return 200 <= status < 300

    def remove(self, letter: Letter) -> None:
        """Whoever answered 2xx need not be told."""

    def put_back(self, letter: Letter) -> None:
        line = self._subscription(letter)
        if letter.handle["deliveryAttempt"] < int(_after(line, "--max-delivery-attempts")):
            letter.handle["deliveryAttempt"] += 1
            self._waiting.append(letter)
        else:
            self._pubsub.publish(_after(line, "--dead-letter-topic"), letter.handle["message"])

    def _subscription(self, letter: Letter) -> list[str]:
        [line] = [line for line in self._subscriptions if _after(line, "--topic") == STAGE + letter.topic]
        return line

    def dead(self) -> list[str]:
        return sorted(map(_text, self._pubsub.published(STAGE + "dead")))

    def models(self) -> dict[str, bytes]:
        objects = self._bucket.objects.items()
        return {key.removeprefix("models/"): data for key, data in objects if key.startswith("models/")}


def _after(line: list[str], option: str) -> str:
    """What an option of a command is given."""
    return line[line.index(option) + 1]


def _endpoint(unit: str) -> str:
    return f"https://{STAGE}{unit}.example"


def _text(message: dict[str, Any]) -> str:
    return base64.b64decode(message["data"]).decode()
