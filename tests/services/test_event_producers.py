"""Every change of hours, forecasts, models and sources makes an event, in its transaction; whoever waits is woken."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from factories import air, keep, series
from synthetic import END, hours, put_hours, put_model

from common.adapters.object_store import UrlObjectStore
from common.domain.cities import find_city
from common.domain.errors import QuotaExhausted, StoreError, Transient
from common.domain.messages import EVENTS_READY, Message
from common.domain.observation import HOUR, Batch
from common.inference.issue import issue_forecasts
from common.inference.onnx_session import ModelCache
from common.ingest.collect import Collector
from common.ingest.reconcile import reconcile_all
from common.services.events import announce_events, then_announce
from common.services.model_registry import promote_version, roll_back_city
from common.sources import REGISTRY
from common.sources.http import Http
from common.store.engine import run
from common.store.events import Event, append, events_after

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from factories import Clock

    from common.services.resources import Resources
    from common.store.engine import Database

ROOT = Path(__file__).parents[2]
DELHI = find_city("Delhi")


def events_of(database: Database, kind: str | None = None) -> list[Event]:
    with database.reading() as connection:
        page = events_after(connection, None, kinds=None if kind is None else [kind])
    return list(page.events)


class TestHours:
    def test_cities_that_really_changed_with_the_hours_that_did(self, parts: Resources, time: Clock) -> None:
        database, now = parts.database, time()
        spans = [(city, END - 6 * HOUR, END) for city in ("Delhi", "Pune")]
        for city in ("Delhi", "Pune"):
            keep(database, series(END, 6, air(60), city=city), now)
        with database.transaction() as connection:
            reconcile_all(connection, spans, now=now)
        keep(database, series(END, 1, air(90), city="Pune"), now)
        with database.transaction() as connection:
            reconcile_all(connection, spans, now=now)
            reconcile_all(connection, spans, now=now)  # nothing is left to change
        first, second = events_of(database)
        assert (first.kind, first.cities, first.detail["hours"]) == ("hours", ("Delhi", "Pune"), 12)
        assert (first.detail["first"], first.detail["last"]) == (
            "2025-11-05T05:30:00Z",
            "2025-11-05T10:30:00Z",
        )
        assert (second.cities, second.detail["last"], second.detail["hours"]) == (
            ("Pune",), "2025-11-05T10:30:00Z", 1,
        )  # fmt: skip
        assert first.data_version is not None
        assert second.data_version is not None
        assert first.data_version < second.data_version

    def test_what_is_undone_makes_none(self, parts: Resources, time: Clock) -> None:
        keep(parts.database, series(END, 6, air(60)), time())
        with suppress(ZeroDivisionError), parts.database.transaction() as connection:
            assert reconcile_all(connection, [("Delhi", END - 6 * HOUR, END)], now=time())["Delhi"] == 6
            raise ZeroDivisionError
        assert events_of(parts.database) == []

    def test_a_replay_makes_none(self, parts: Resources, time: Clock) -> None:
        keep(parts.database, series(END, 6, air(60)), time())
        with parts.database.transaction() as connection:
            changed = reconcile_all(connection, [("Delhi", END - 6 * HOUR, END)], now=time(), live=False)
        assert changed == {"Delhi": 6}
        assert events_of(parts.database) == []


class TestForecastsAndModels:
    def test_a_forecast_that_is_issued_but_not_one_that_was_before_nor_one_of_a_replay(
        self, parts: Resources, tmp_path: Path
    ) -> None:
        files, database = UrlObjectStore(tmp_path.as_uri()), parts.database
        put_hours(database, "Delhi", hours(30))
        for mode in ("live", "replay"):
            put_model(database, files, "pm25", "persistence", city="Delhi", mode=mode)  # type: ignore[arg-type]
        models = ModelCache(files)
        for mode in ("live", "live", "replay"):
            issue_forecasts(database, models, ["Delhi"], now=END + timedelta(minutes=12), mode=mode)  # type: ignore[arg-type]
        [event] = events_of(database, "forecast")
        assert event.cities == ("Delhi",)
        assert event.detail == {"origin": "2025-11-05T10:30:00Z", "targets": ["pm25"]}
        assert event.data_version is not None

    def test_promotion_and_roll_back_and_a_choice_by_hand(self, parts: Resources) -> None:
        files, database = parts.open_object_store(), parts.database
        for version in ("v1", "v2"):
            put_model(database, files, "aqi", "persistence", city="Delhi", version=version)  # type: ignore[arg-type]
        put_model(database, files, "aqi", "persistence", city="Delhi", mode="replay", version="r")  # type: ignore[arg-type]
        roll_back_city(parts, "Delhi", ["aqi"])
        promote_version(parts, "v2")
        promote_version(parts, "v2")  # it is served already
        changes = [
            (event.detail["before"], event.detail["version"]) for event in events_of(database, "model")
        ]
        assert changes == [(None, "v1"), ("v1", "v2"), ("v2", "v1"), ("v1", "v2")]
        assert {event.cities for event in events_of(database, "model")} == {("Delhi",)}


@dataclass
class Scripted:
    """A source that answers with what is to come next."""

    answers: list[Exception | None] = field(default_factory=list)

    def __call__(self, *_: object) -> Batch:
        answer = self.answers.pop(0)
        if answer is not None:
            raise answer
        return Batch(series(END, 1, air(60), source="scripted"))


def states_of(parts: Resources, time: Clock, *answers: Exception | None) -> list[tuple[str, str | None]]:
    """(state, reason) of the events of a source that answers so, in runs 10 minutes apart, some days later."""
    script = Scripted(list(answers))
    source = replace(REGISTRY["open-meteo"], name="scripted", fetch=script)
    with Http() as http:
        collector = Collector(parts.database, [source], http, time, {}, {})
        for _ in answers:
            collector.collect([DELHI], insist=True)
            time.now += timedelta(minutes=10)
    shown = [event.detail for event in events_of(parts.database, "source")]
    assert {detail["source"] for detail in shown} <= {"scripted"}
    return [(detail["state"], detail.get("reason")) for detail in shown]


DOWN = Transient("down", reason="server_error")


class TestSources:
    """By the circuit breaker's own rule: failing is what makes a source rest, back is the first run that goes well."""

    def test_the_third_failure_begins_it_and_the_first_success_ends_it(
        self, parts: Resources, time: Clock
    ) -> None:
        states = states_of(parts, time, None, DOWN, DOWN, None, DOWN, DOWN, DOWN, DOWN, None, None)
        assert states == [("failing", "server_error"), ("back", None)]

    def test_our_own_count_of_calls_says_nothing(self, parts: Resources, time: Clock) -> None:
        spent = QuotaExhausted("spent", reason="spent", retry_after=3600)
        assert states_of(parts, time, spent, spent, spent, spent, None) == []

    def test_what_the_provider_asks_for_begins_it_at_once(self, parts: Resources, time: Clock) -> None:
        states = states_of(parts, time, QuotaExhausted("enough", retry_after=3600), None)
        assert states == [("failing", "quota"), ("back", None)]


@dataclass
class Remembering:
    """A queue that remembers, or that cannot be reached."""

    in_database = False
    sent: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    away: bool = False

    def send(
        self, type_: str, _subject: str, data: Mapping[str, Any], *, delay: timedelta = timedelta(0)
    ) -> str:
        assert not delay
        if self.away:
            raise StoreError("the queue cannot be reached")
        self.sent.append((type_, data))
        return "id"


@pytest.fixture
def queue() -> Remembering:
    return Remembering()


@pytest.fixture
def queued(parts: Resources, queue: Remembering) -> Iterator[Resources]:
    return replace(parts, queue=queue)


def put_event(parts: Resources, time: Clock) -> None:
    with parts.database.transaction() as connection:
        append(connection, "hours", ["Delhi"], now=time())


class TestAnnouncing:
    def test_once_after_each_run_that_added_events(
        self, queued: Resources, queue: Remembering, time: Clock
    ) -> None:
        def work(message: Message) -> Mapping[str, object]:
            for _ in range(message.data["events"]):
                put_event(queued, time)
            return {"done": True}

        handle = then_announce(queued, work)
        for number in (2, 0, 1):
            assert handle(Message("any", data={"events": number})) == {"done": True}
        assert queue.sent == [(EVENTS_READY, {"after": 0}), (EVENTS_READY, {"after": 2})]

    def test_also_where_the_run_fails_after_it_added_some(
        self, queued: Resources, queue: Remembering, time: Clock
    ) -> None:
        def work(_: Message) -> Mapping[str, object]:
            put_event(queued, time)
            raise Transient("no source gave anything")

        with pytest.raises(Transient):
            then_announce(queued, work)(Message("any"))
        assert queue.sent == [(EVENTS_READY, {"after": 0})]

    def test_a_queue_that_is_away_fails_no_run_and_the_next_announces(
        self, queued: Resources, queue: Remembering, time: Clock
    ) -> None:
        def work(_: Message) -> Mapping[str, object]:
            return {}

        put_event(queued, time)
        queue.away = True
        assert then_announce(queued, work)(Message("any")) == {}
        queue.away = False
        then_announce(queued, work)(Message("any"))
        then_announce(queued, work)(Message("any"))
        assert queue.sent == [(EVENTS_READY, {"after": 0})]

    def test_in_the_databases_own_queue_one_message_stands_for_all_that_wait(
        self, parts: Resources, time: Clock
    ) -> None:
        for _ in range(2):
            put_event(parts, time)
            assert announce_events(parts)
        with parts.database.reading() as connection:
            assert run(connection, "SELECT type, key FROM job") == [(EVENTS_READY, "events")]


CHILD = """
import os, signal
from dataclasses import replace
from datetime import datetime
from common.bootstrap.container import assemble
from common.config import from_mapping
from common.domain.messages import Message
from common.services.events import then_announce
from common.store.events import append

now = datetime.fromisoformat(os.environ["NOW"])

class Deadly:
    in_database = False
    def send(self, *_, **__):
        os.kill(os.getpid(), signal.SIGKILL)

parts = replace(assemble(from_mapping(os.environ), clock=lambda: now), queue=Deadly())

def work(_):
    with parts.database.transaction() as connection:
        append(connection, "hours", ["Delhi"], now=now)
    return {}

then_announce(parts, work)(Message("any"))
"""


def test_a_producer_that_dies_between_commit_and_send_loses_nothing(
    queued: Resources, queue: Remembering, settings: dict[str, str], time: Clock
) -> None:
    """Its event is there for whoever reads the table; the next run, of whatever function, wakes them."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CHILD)],
        env=os.environ | settings | {"NOW": time().isoformat(), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert [event.seq for event in events_of(queued.database)] == [1]
    then_announce(queued, lambda _: {})(Message("any"))
    assert queue.sent == [(EVENTS_READY, {"after": 0})]
