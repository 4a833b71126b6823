"""Google Pub/Sub on this machine: the emulator of Google's SDK where that is installed, else a stand-in."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from processes import free_port, killed_afterwards, listens, until
from stand_ins import Request, StandIn, served

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = "vayu-test"


def emulator_here() -> Path | None:
    """The emulator's program; None without Google's SDK, that part of it, or Java."""
    gcloud = shutil.which("gcloud")
    if gcloud is None or shutil.which("java") is None:
        return None
    sdk = Path(gcloud).resolve().parents[1]
    return next(sdk.glob("platform/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar"), None)


class PubSub(StandIn):
    """The stand-in takes what is published, by topic; nobody has to create one."""

    def __init__(self) -> None:
        super().__init__()
        self._published: dict[str, list[dict[str, Any]]] = {}

    def reply(self, request: Request) -> tuple[int, bytes]:
        topic = request.path.rpartition("/")[2].partition(":")[0]
        ids = [self.publish(topic, message) for message in request.json()["messages"]]
        return 200, json.dumps({"messageIds": ids}).encode()

    def create(self, topic: str) -> None:
        """Nothing has to be done."""

    def publish(self, topic: str, message: dict[str, Any]) -> str:
        """Keep a message; its id."""
        stored = self._published.setdefault(topic, [])
        stored.append(message | {"messageId": str(len(stored) + 1)})
        return str(len(stored))

    def published(self, topic: str) -> list[dict[str, Any]]:
        """What came, in its order, as it is pushed."""
        return self._published.get(topic, [])


class Emulator:
    """The same by Google's emulator: of each topic that is created a subscription keeps what comes."""

    def __init__(self, program: Path, folder: Path) -> None:
        self._port = free_port()
        self.address = f"127.0.0.1:{self._port}"
        self._published: dict[str, list[dict[str, Any]]] = {}
        with (folder / "log.txt").open("wb") as log:
            self.process = subprocess.Popen(
                ["java", "-jar", program, "--host=127.0.0.1", f"--port={self._port}"],
                cwd=folder,
                stdout=log,
                stderr=log,
            )

    def answers(self) -> bool:
        """Whether it is up."""
        assert self.process.poll() is None, "the emulator has ended"
        return listens(self._port)

    def create(self, topic: str) -> None:
        """Make a topic, and a subscription of its name."""
        self._ask("PUT", f"topics/{topic}", {})
        self._ask("PUT", f"subscriptions/{topic}", {"topic": f"projects/{PROJECT}/topics/{topic}"})
        self._published[topic] = []

    def publish(self, topic: str, message: dict[str, Any]) -> str:
        """Publish a message; its id."""
        given = {name: message[name] for name in ("data", "attributes") if name in message}
        [id_] = self._ask("POST", f"topics/{topic}:publish", {"messages": [given]})["messageIds"]
        return str(id_)

    def published(self, topic: str) -> list[dict[str, Any]]:
        """What came, in its order, as it is pushed."""
        stored = self._published.get(topic, [])
        requested = {"maxMessages": 1000, "returnImmediately": True}
        while result := self._ask("POST", f"subscriptions/{topic}:pull", requested).get("receivedMessages"):
            stored += sorted((item["message"] for item in result), key=lambda item: int(item["messageId"]))
            ids = [item["ackId"] for item in result]
            self._ask("POST", f"subscriptions/{topic}:acknowledge", {"ackIds": ids})
        return stored

    def _ask(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(
            f"http://{self.address}/v1/projects/{PROJECT}/{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            result: dict[str, Any] = json.load(answer)
        return result


@contextmanager
def emulated(program: Path) -> Iterator[Emulator]:
    """The emulator while it runs."""
    with tempfile.TemporaryDirectory(prefix="vayu-pubsub-") as folder:
        running = Emulator(program, Path(folder))
        with killed_afterwards(running):
            until(running.answers, 60, "the emulator of Pub/Sub")
            yield running


@contextmanager
def started_pubsub() -> Iterator[PubSub | Emulator]:
    """The better one that there is."""
    program = emulator_here()
    if program is None:
        with served(PubSub()) as running:
            yield running
    else:
        with emulated(program) as emulator:
            yield emulator
