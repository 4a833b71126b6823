"""Collection when sources hang, fall behind, or keep failing: time budgets, partial answers, the circuit breaker."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import providers
import pytest
from factories import Clock, air, count, series
from stubs import Answer, Stub

from common.api.metrics_view import source_state
from common.domain.cities import all_cities, find_city
from common.domain.errors import Permanent, QuotaExhausted, SourceError, StoreError, Transient
from common.domain.observation import HOUR, Batch, Reading
from common.ingest import collect
from common.ingest.collect import Collector
from common.sources import REGISTRY
from common.sources.http import Http, Timing
from common.store.engine import Database, run
from common.store.reads.service import service_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from common.ingest.report import CollectReport
    from common.sources.interface import Request, Source

DELHI = find_city("Delhi")
ROOT = Path(__file__).parents[2]


@dataclass
class Scripted:
    """A source that answers as told, and remembers when it was asked."""

    clock: Clock
    answer: Batch | Exception | None = None
    """None: a reading of the present hour."""
    questions: list[datetime] = field(default_factory=list)

    def __call__(self, *_: object) -> Batch:
        self.questions.append(self.clock.now)
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer is not None:
            return self.answer
        return Batch([Reading("one", "Delhi", self.clock.now, "modelled", {"pm25": 60.0})])


@pytest.fixture(scope="module")
def http() -> Iterator[Http]:
    with Http(Timing(wait_s=0.001, minute_s=0)) as client:
        yield client


def source(fetch: Callable[[Request, Http], Batch], name: str = "one", **other: Any) -> Source:
    return replace(REGISTRY["open-meteo"], name=name, fetch=fetch, **other)


def well(now: datetime, name: str = "well") -> Source:
    return source(lambda *_: Batch(series(now, 24, air(60), source=name)), name)


@pytest.fixture
def collector(database: Database, clock: Clock, http: Http) -> Callable[..., Collector]:
    def made(*sources: Source, **addresses: str) -> Collector:
        return Collector(database, sources, http, clock, addresses, {"openweather": "k3y"})

    return made


def hourly(collector: Collector, clock: Clock, hours: int) -> list[CollectReport]:
    """Runs of a schedule, one an hour."""
    reports = []
    for _ in range(hours):
        reports.append(collector.collect([DELHI]))
        clock.now += HOUR
    return reports


def state_of(database: Database, now: datetime, name: str = "one") -> dict[str, Any]:
    with database.transaction() as connection:
        return source_state(service_state(connection, now, fresh=timedelta(hours=3)).sources[name], now)


def test_a_source_that_hangs_costs_the_others_nothing_and_the_run_no_more_than_its_time(
    collector: Callable[..., Collector], database: Database, clock: Clock, now: datetime
) -> None:
    release, hanging = threading.Event(), Scripted(clock)

    def hang(request: Request, http: Http) -> Batch:
        batch = hanging(request, http)
        release.wait(30)
        return batch

    ready = collector(source(hang), well(now))
    began = time.monotonic()
    report = ready.collect([DELHI], budget_s=0.3)
    assert time.monotonic() - began < 10
    assert report.sources["one"].failure is not None
    assert report.sources["one"].failure.startswith("timeout: out of time")
    assert report.sources["well"].new == report.hours == 24
    assert (state_of(database, now)["state"], state_of(database, now)["reason"]) == ("failing", "timeout")

    clock.now += HOUR
    again = ready.collect([DELHI], budget_s=0.3)  # its thread still hangs: there is no second one
    assert again.sources["one"].failure is not None
    assert len(hanging.questions) == 1
    release.set()
    [thread] = [each for each in threading.enumerate() if each.name == "source-one"]
    thread.join(10)
    clock.now += HOUR
    assert ready.collect([DELHI]).sources["one"].new == 1
    assert len(hanging.questions) == 2


def test_a_source_that_hangs_does_not_keep_the_process() -> None:
    code = """
import threading, time
from dataclasses import replace
from common.ingest.concurrent_fetch import ConcurrentFetcher
from common.sources import REGISTRY

hang = replace(REGISTRY["simulated"], name="hang")
[answer] = ConcurrentFetcher().fetch_all([hang], lambda _: threading.Event().wait(), end=time.monotonic() + 0.1)
print(answer.error.reason)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.stdout, done.returncode) == ("timeout\n", 0), done.stderr


def test_what_came_before_the_time_was_over_is_kept_and_the_next_run_begins_with_other_cities(
    database: Database, clock: Clock
) -> None:
    cities = all_cities()[:12]
    got: list[set[str]] = []
    with Stub() as stub, Http(Timing(wait_s=0.001, minute_s=3.0)) as paced:
        for path in ("air_pollution", "air_pollution/forecast", "weather", "forecast"):
            stub.answer(f"/{path}", lambda seen: Answer(body=providers.openweather(seen, clock.now)))
        addresses = {"OPENWEATHER_BASE_URL": stub.url}
        ready = Collector(
            database, [REGISTRY["openweather"]], paced, clock, addresses, {"openweather": "k3y"}
        )
        for _ in range(2):
            began = time.monotonic()
            report = ready.collect(cities, budget_s=1.0)  # at 20 calls a second, some 6 cities
            assert time.monotonic() - began < 6
            first = report.sources["openweather"]
            assert first.failure is None
            assert 0 < first.readings < 12
            assert first.rejected == {"out_of_time": first.rejected["out_of_time"]}
            assert first.readings <= 12 - first.rejected["out_of_time"] + 1  # one may have been in hand
            got.append(set(report.cities))
            clock.now += HOUR
    assert got[1] - got[0]
    state = state_of(database, clock.now, "openweather")
    assert (state["state"], state["reason"]) == ("ok", None)


def test_nothing_before_the_time_was_over_is_a_failure(
    database: Database, clock: Clock, now: datetime
) -> None:
    with Stub() as stub, Http(Timing(wait_s=0.001)) as usual:
        stub.answer("/feed", Answer(hang=True))
        addresses = {"CPCB_FEED_URL": stub.url + "/feed"}
        ready = Collector(database, [REGISTRY["cpcb-feed"], well(now)], usual, clock, addresses, {})
        report = ready.collect([DELHI], budget_s=0.5)
        assert len(stub.seen) == 1  # the rest of the time was no use to ask again
    assert report.sources["cpcb-feed"].failure is not None
    assert report.sources["cpcb-feed"].failure.startswith("timeout: out of time: ")
    assert report.sources["well"].new == 24


def test_a_source_that_keeps_failing_is_left_alone_ever_longer_and_tried_in_between(
    collector: Callable[..., Collector], database: Database, clock: Clock, now: datetime
) -> None:
    down = Scripted(clock, Transient("no", reason="server_error"))
    ready = collector(source(down), well(now))
    reports = hourly(ready, clock, 33)
    requested = [int((time_ - now) / HOUR) for time_ in down.questions]
    assert requested == [0, 1, 2, 4, 8, 16, 32]
    for hour, report in enumerate(reports):
        first = report.sources["one"]
        assert (first.failure is not None) == (hour in requested)
        assert (first.resting_until is not None) == (hour not in requested)
        assert not report.failed  # the other gives its part
        assert report.sources["well"].readings == 24
    assert count(database, "source_run") == 33 + len(requested)  # being left alone is no run
    state = state_of(database, clock.now)
    assert state["state"] == "resting"
    assert state["resting_until"] == f"{now + 56 * HOUR - timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ}"
    assert state["failures_24h"] == {"server_error": 2}

    down.answer = None
    reports = hourly(ready, clock, 25)
    assert [int((time_ - now) / HOUR) for time_ in down.questions[7:]] == [56, 57]
    assert state_of(database, clock.now)["state"] == "ok"


def test_another_process_leaves_it_alone_too(
    collector: Callable[..., Collector], clock: Clock, now: datetime
) -> None:
    refused = Scripted(clock, Permanent("the key is refused", reason="key"))
    collector(source(refused)).collect([DELHI])
    clock.now += HOUR
    report = collector(source(refused)).collect([DELHI])
    assert report.sources["one"].resting_until == now + timedelta(hours=1, minutes=55)
    assert report.failed  # nothing was given, and that is no good news
    clock.now += HOUR
    collector(source(refused)).collect([DELHI])
    assert refused.questions == [now, now + 2 * HOUR]


def test_asked_by_hand_it_is_asked_all_the_same_and_works_again_once_it_goes_well(
    collector: Callable[..., Collector], database: Database, clock: Clock, now: datetime
) -> None:
    refused = Scripted(clock, Permanent("the key is refused", reason="key"))
    ready = collector(source(refused))
    ready.collect([DELHI])
    clock.now += timedelta(minutes=1)
    refused.answer = None
    assert ready.collect([DELHI]).sources["one"].resting_until is not None
    report = ready.collect([DELHI], insist=True)
    assert (report.sources["one"].new, report.sources["one"].resting_until) == (1, None)
    clock.now += timedelta(minutes=1)
    assert ready.collect([DELHI]).sources["one"].new == 1
    assert state_of(database, clock.now)["failures_24h"] == {"key": 1}


@pytest.mark.parametrize("part", [False, True], ids=["nothing came", "a part came"])
def test_retry_after_holds_over_runs(
    collector: Callable[..., Collector], database: Database, clock: Clock, now: datetime, part: bool
) -> None:
    wait_s = 2.5 * 3600
    answer = Batch([Reading("one", "Delhi", now, "modelled", {"pm25": 60.0})], retry_after=wait_s)
    limited = Scripted(clock, answer if part else QuotaExhausted("enough", retry_after=wait_s))
    hourly(collector(source(limited)), clock, 4)
    assert limited.questions == [now, now + 3 * HOUR]
    with database.transaction() as connection:
        reasons = run(connection, "SELECT DISTINCT reason FROM source_run")
    assert [reason for (reason,) in reasons] == [None if part else "quota"]
    assert state_of(database, now)["state"] == "resting"


def test_where_only_the_past_was_asked_for_a_rest_holds_too(
    collector: Callable[..., Collector], clock: Clock, now: datetime
) -> None:
    limited = Scripted(clock, QuotaExhausted("enough", retry_after=7200.0))
    ready = collector(source(limited))
    ready.collect([DELHI])
    report = ready.collect([DELHI], start=now - timedelta(days=2))
    assert report.sources["one"].resting_until == now + 2 * HOUR
    assert len(limited.questions) == 1


def test_an_answer_of_which_nothing_can_be_used_is_a_failure(
    collector: Callable[..., Collector], database: Database, clock: Clock, now: datetime
) -> None:
    stale = Scripted(clock, Batch())
    assert isinstance(stale.answer, Batch)
    stale.answer.rejected.update({"stale": 480, "elsewhere": 3})
    report = collector(source(stale)).collect([DELHI])
    assert report.sources["one"].failure == "unusable: nothing it told could be used: 480 stale"
    assert report.sources["one"].rejected == {"stale": 480, "elsewhere": 3}
    assert state_of(database, now)["reason"] == "unusable"
    stale.answer = Batch()
    stale.answer.rejected["neighbour"] = 1
    assert collector(source(stale)).collect([DELHI]).sources["one"].failure is None


def test_a_source_whose_calls_cannot_be_counted_fails_alone(
    collector: Callable[..., Collector], clock: Clock, now: datetime
) -> None:
    uncounted = Scripted(clock, StoreError("the database took too long to answer"))
    report = collector(source(uncounted), well(now)).collect([DELHI])
    assert report.sources["one"].failure is not None
    assert report.sources["one"].failure.startswith("store: ")
    assert report.sources["well"].new == 24


def test_text_that_no_database_takes_costs_nothing(
    collector: Callable[..., Collector], database: Database, clock: Clock, now: datetime
) -> None:
    names = ("St\ud800ation", "St\0ation", "Station")
    odd = [Reading("one", "Delhi", now, "measured", {"pm25": 60.0}, name) for name in names]
    rude = Scripted(clock, SourceError("no: \ud800\0", reason="odd"))
    report = collector(source(lambda *_: Batch(odd)), source(rude, "two"), well(now)).collect([DELHI])
    assert (report.sources["one"].new, report.sources["well"].new) == (2, 24)
    assert report.sources["one"].rejected == {"duplicate": 1}
    with database.transaction() as connection:
        stations = run(connection, "SELECT station FROM reading WHERE source = 'one' ORDER BY station")
    assert [station for (station,) in stations] == ["St?ation", "Station"]


def test_a_city_that_cannot_be_stored_costs_no_other(
    collector: Callable[..., Collector], database: Database, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    cities = ("Agra", "Delhi", "Pune")
    statement = [reading for city in cities for reading in series(now, 24, air(60), city=city, source="one")]
    real = collect.reconcile_all

    def break_(connection: Any, spans: list[tuple[str, datetime, datetime]], **how: Any) -> dict[str, int]:
        if any(city == "Delhi" for city, *_ in spans):
            raise ZeroDivisionError("as nobody expected")
        return real(connection, spans, **how)

    monkeypatch.setattr("common.ingest.collect.reconcile_all", break_)
    with pytest.raises(ZeroDivisionError):
        collector(source(lambda *_: Batch(statement))).collect([find_city(city) for city in cities])
    assert (count(database, "reading"), count(database, "city_hour"), count(database, "source_run")) == (
        48, 48, 1,
    )  # fmt: skip


def test_errors_of_the_record_never_carry_more_than_its_reason_and_text(
    collector: Callable[..., Collector], database: Database, clock: Clock
) -> None:
    collector(source(Scripted(clock, SourceError("x" * 5000, reason="odd")))).collect([DELHI])
    with database.transaction() as connection:
        [(reason, message)] = run(connection, "SELECT reason, message FROM source_run")
    assert (reason, message) == ("odd", "x" * 300)
