"""The whole system as its operator and its users see it, wherever it runs; and a day of its life."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from common.domain.messages import ARCHIVE, COLLECT, OBSERVATIONS_READY
from common.domain.observation import HOUR
from common.store.api_keys import create_key
from common.store.engine import Database, run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fixed_clock import SetClock

UNITS = ("collect", "forecast", "train", "retention", "api")
MORNING = datetime(2025, 11, 5, 10, 37, tzinfo=UTC)
"""When the schedule comes, so that no hour ends while a test runs."""
FEW_DAYS, PAST_DAYS = 4, 26
"""Too few for anything but the naive forecast, and enough for a training"""
QUICK = {"families": ["linear", "xgboost"]}
"""Random forests take most of the time of a training."""
POISON = ("{ no JSON", json.dumps({"type": OBSERVATIONS_READY, "data": {"cities": ["Atlantis"]}}))
_VOLATILE = {"request_id", "training_seconds", "age_minutes", "lag_minutes", "oldest_minutes", "taken_at"}
"""`taken_at` goes by the clock of the database, which nobody sets: its hour may turn between two stories."""
_TIME = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d):\d\d(:\d\d(\.\d+)?)?")
"""Of which the hour counts"""
_CLOCKS = ("alembic_version", "version", "version_due")
"""Tables that tell how far something has come, and grow with each look at it"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API answered."""

    status: int
    type: str
    body: Any


def body_of(type_: str, content: str | bytes) -> Any:
    """What an answer says: JSON as such, else its text."""
    return (
        json.loads(content) if "json" in type_ else content if isinstance(content, str) else content.decode()
    )


@dataclass(slots=True)
class Letter:
    """A message that a queue hands out."""

    topic: str
    text: str
    handle: Any


@dataclass
class System(ABC):
    """One deployment."""

    database: Database
    handled: Counter[tuple[str, bool]] = field(default_factory=Counter)
    """(topic, whether it went well) → how many messages were handed over, repeats not counted"""
    changed: dict[str, list[str]] = field(default_factory=dict)
    """Message → tables that its second delivery changed"""

    @abstractmethod
    def schedule(self, unit: str, time: datetime, message: Mapping[str, str] | None = None) -> Any:
        """What the function answers when its schedule comes, or the one of its schedules that sends this message."""

    @abstractmethod
    def http(self, method: str, path: str, *, token: str | None = None, body: object = None) -> Answer:
        """What the API answers."""

    @abstractmethod
    def send(self, type_: str, text: str) -> None:
        """Send a message, right or wrong, to the queue of a type, as an operator may."""

    @abstractmethod
    def take(self) -> Letter | None:
        """The next message that waits for one of the functions."""

    @abstractmethod
    def hand_over(self, letter: Letter) -> bool:
        """Deliver a message; whether it is done with."""

    @abstractmethod
    def remove(self, letter: Letter) -> None:
        """It is done with."""

    @abstractmethod
    def put_back(self, letter: Letter) -> None:
        """It failed: it comes again, or has come often enough."""

    @abstractmethod
    def dead(self) -> list[str]:
        """The messages that were given up."""

    @abstractmethod
    def models(self) -> dict[str, bytes]:
        """Key → file in the place for models."""

    def deliver(self) -> None:
        """Deliver what waits and what comes of it; each message that goes well twice, as queues may do."""
        while (letter := self.take()) is not None:
            well = self.hand_over(letter)
            self.handled[letter.topic, well] += 1
            if not well:
                self.put_back(letter)
                continue
            before = contents(self.database)
            assert self.hand_over(letter), letter
            after = contents(self.database)
            if changed := [table for table in after if after[table] != before[table]]:
                self.changed[letter.text] = changed
            self.remove(letter)


def contents(database: Database) -> dict[str, str]:
    """Table → a checksum of its rows."""
    with database.transaction() as connection:
        tables = run(connection, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        return {
            table: run(
                connection,
                f"SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {table} AS t",  # noqa: S608 - ours
            )[0][0]
            for (table,) in tables
            if table not in _CLOCKS
        }


def _fill(system: System, *, days: int) -> None:
    message = {"type": COLLECT, "data": {"cities": ["Delhi", "Pune"], "days": days}}
    system.send(COLLECT, json.dumps(message))
    system.deliver()


def _export(system: System) -> dict[str, Any]:
    """What is seen of an export, from the request to its file."""
    start = f"{MORNING - 2 * 24 * HOUR:%Y-%m-%dT%H:%M:%SZ}"
    order = {"tables": ["observations"], "cities": ["Delhi"], "start": start, "format": "csv"}
    answer = system.http("POST", "/exports", body=order)
    system.deliver()
    state = system.http("GET", f"/exports/{answer.body['id']}").body
    file = system.http("GET", state["files"][0]["url"].removeprefix("/api/v1"))
    return {
        "export asked": (answer.status, answer.body["state"]),
        "export": {name: state[name] for name in ("state", "attempts", "rows", "error")},
        "exported": (file.status, file.type, len(file.body.splitlines())),
    }


def _archive(system: System) -> dict[str, Any]:
    """What is seen of the archive, but for bytes and hashes: models say how long their training took."""

    def written() -> dict[str, Any]:
        done = system.schedule("train", MORNING, {"type": ARCHIVE})
        return {name: done[name] for name in ("files", "written", "rows", "left")}

    first = written()
    manifest = system.http("GET", "/archive/manifest.json").body
    names = ("table", "city", "year", "rows")
    second = written()
    system.send(ARCHIVE, json.dumps({"type": ARCHIVE, "data": {"cities": ["Pune"]}}))
    system.deliver()
    return {
        "archived": first,
        "archive": [tuple(entry[name] for name in names) for entry in manifest["files"]],
        "archived again": second,
    }


def story(system: System, clock: SetClock) -> dict[str, Any]:
    """What is seen of it from its first schedule to the second hour, by name."""
    message: dict[str, Any] = {}

    def ask(name: str, path: str) -> None:
        message[name] = system.http("GET", path)

    clock.set(MORNING)
    ask("health before anything", "/health")
    message["collected"] = system.schedule("collect", MORNING)
    system.deliver()
    ask("current", "/aqi/current/Delhi")
    ask("history", "/aqi/history/Delhi?hours=12")
    ask("no forecast yet", "/forecast/Delhi")

    _fill(system, days=FEW_DAYS)
    message["planned"] = system.schedule("train", MORNING)
    system.deliver()
    ask("first forecast", "/forecast/Delhi")
    ask("first models", "/models/list?city=Delhi&status=champion")
    ask("health", "/health")

    _fill(system, days=PAST_DAYS)
    ask("longer history", f"/aqi/history/Delhi?hours={24 * PAST_DAYS}")

    with system.database.transaction() as connection:
        reader, *_ = create_key(connection, "a reader", ("read",), now=clock.now())
        trainer, *_ = create_key(connection, "a trainer", ("retrain",), now=clock.now())
    path = "/models/retrain/Delhi"
    message["without a token"] = system.http("POST", path)
    message["without the right"] = system.http("POST", path, token=reader)
    message["asked"] = system.http("POST", path, token=trainer, body=QUICK)
    message["asked again"] = system.http("POST", path, token=trainer, body=QUICK)
    job = f"/models/jobs/{message['asked'].body['id']}"
    system.deliver()
    ask("job", job)
    ask("models", "/models/list?city=Delhi&per_page=100")
    message["files"] = system.models()

    message |= _export(system)
    message |= _archive(system)

    clock.set(MORNING + HOUR)
    for text in POISON:
        system.send(OBSERVATIONS_READY, text)
    message["collected later"] = system.schedule("collect", MORNING + HOUR)
    system.deliver()
    message["dead"] = system.dead()
    ask("forecast", "/forecast/Delhi")
    ask("forecast of pm25", "/forecast/Delhi?target=pm25&hours=6")
    ask("forecast of the other city", "/forecast/Pune")
    message["forecast's own schedule"] = system.schedule("forecast", MORNING + HOUR)
    message["upkeep"] = system.schedule("retention", MORNING + HOUR)
    ask("health at the end", "/health")
    message["kept files"] = system.models()
    message["handled"] = {topic: number for (topic, well), number in system.handled.items() if well}
    message["changed by repeats"] = system.changed
    return message


def comparable(message: Any) -> Any:
    """What is seen, without what differs from run to run: the minute, how long it took, numbers of requests."""
    if isinstance(message, Answer):
        return message.status, message.type, comparable(message.body)
    if isinstance(message, dict):
        return {name: comparable(value) for name, value in message.items() if name not in _VOLATILE}
    if isinstance(message, list):
        return [comparable(value) for value in message]
    if isinstance(message, bytes) and message.startswith(
        (b"{", b"# ")
    ):  # a model's card, and the same for people
        return comparable(json.loads(message) if message.startswith(b"{") else message.decode())
    if isinstance(message, str):
        return _TIME.sub(r"\1", message)
    return message
