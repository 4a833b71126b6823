"""A backfill over a real database and a stand-in: what is asked, noted, left, and when it goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from threading import Condition
from typing import TYPE_CHECKING

import pytest
from factories import Clock, count
from open_meteo_stub import Past, past, rows, weight_of
from stubs import Answer, Seen

from common.domain.cities import City, all_cities, find_city
from common.domain.errors import ConfigError, Permanent, QuotaExhausted
from common.domain.observation import Batch, Reading
from common.ingest.backfill import Backfill, BackfillReport
from common.ingest.collect import Collector
from common.ingest.quota import BACKFILL, SCHEDULE, Meter
from common.sources import REGISTRY
from common.sources.http import Http, Timing
from common.sources.interface import Quota
from common.store.engine import Database, run

if TYPE_CHECKING:
    from common.sources.interface import Request, Source

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DELHI, PUNE = find_city("Delhi"), find_city("Pune")
OPEN_METEO = replace(REGISTRY["open-meteo"], unit_cities=2, unit_days=10)


@pytest.fixture
def provider() -> Iterator[Past]:
    with past() as running:
        yield running


Filling = Callable[..., Backfill]


@pytest.fixture
def filling(clock: Clock, database: Database, provider: Past) -> Iterator[Filling]:
    """Sources → a backfill from them."""
    with ExitStack() as stack:

        def make(*sources: Source, store: Database = database) -> Backfill:
            meter = Meter(store, clock, BACKFILL)
            http = stack.enter_context(Http(Timing(wait_s=0.001, minute_s=0), meter=meter, sleep=clock.sleep))
            collector = Collector(store, sources, http, clock, provider.urls, {})
            return Backfill(collector, meter, sleep=clock.sleep)

        yield make


def source(name: str, fetch: Callable[[Request], Batch], **other: object) -> Source:
    return replace(OPEN_METEO, name=name, fetch=lambda request, _: fetch(request), **other)  # type: ignore[arg-type]


def noted(database: Database) -> set[tuple[str, str, date]]:
    with database.transaction() as connection:
        return {tuple(row) for row in run(connection, "SELECT source, city, day FROM backfilled")}


def test_whole_days_are_asked_for_once_the_newest_first(
    filling: Filling, provider: Past, database: Database, clock: Clock, now: datetime
) -> None:
    report = filling(OPEN_METEO).run([DELHI, PUNE], 30)
    fill = report.sources["open-meteo"]
    assert (fill.filled, fill.left, fill.failures, fill.again_at) == (62, 0, {}, None)
    hours_of_today = now.hour + 1
    assert fill.readings == fill.new == count(database, "reading") == 2 * (30 * 24 + hours_of_today)
    assert report.cities == ["Delhi", "Pune"]
    assert len(noted(database)) == 62
    days = [(first, last) for path, _, first, last in provider.questions if path == "/air"]
    assert days == [
        ("2025-11-03", "2025-11-05"),
        ("2025-10-24", "2025-11-02"),
        ("2025-10-14", "2025-10-23"),
        ("2025-10-06", "2025-10-13"),
    ]
    assert set(provider.questions.values()) == {1}
    assert count(database, "source_run") == 0


def test_again_asks_only_for_the_days_that_can_have_changed(
    filling: Filling, provider: Past, database: Database, clock: Clock
) -> None:
    filling(OPEN_METEO).run([DELHI, PUNE], 30)
    before = provider.calls
    assert filling(OPEN_METEO).run([DELHI, PUNE], 30).filled == 0
    assert provider.calls == before
    clock.now += 4 * HOUR
    assert filling(OPEN_METEO).run([DELHI, PUNE], 30).filled == 2 * 3
    assert provider.calls == before + 2
    clock.now += 3 * DAY
    report = filling(OPEN_METEO).run([DELHI, PUNE], 30)
    assert report.filled == 2 * (3 + 3)  # three that had not settled, three that are new
    assert report.sources["open-meteo"].changed == 0
    assert filling(OPEN_METEO).run([DELHI, find_city("Agra")], 30).filled == 31


def test_no_further_back_than_the_source_goes(filling: Filling, clock: Clock) -> None:
    assert filling(replace(OPEN_METEO, backfill_days=5)).run([DELHI], 3650).filled == 6


def test_the_same_rows_in_whatever_pieces(filling: Filling, database: Database, clock: Clock) -> None:
    filling(OPEN_METEO).run([DELHI, PUNE], 12)
    newest_first = rows(database, clock.now)
    with database.transaction() as connection:
        run(connection, "TRUNCATE reading, city_hour, backfilled")
    filling(replace(OPEN_METEO, unit_days=31, settles_days=0)).run([DELHI, PUNE], 12)
    assert rows(database, clock.now) == newest_first
    assert len(newest_first["city_hour"]) > 2 * 12 * 24


def test_what_failed_in_part_is_listed_and_asked_for_again(
    filling: Filling, provider: Past, database: Database
) -> None:
    def ill(seen: Seen) -> Answer | None:
        return Answer(status=500) if (seen.path, seen.query["end_date"]) == ("/air", "2025-10-23") else None

    provider.before = ill
    report = filling(OPEN_METEO).run([DELHI, PUNE], 30)
    fill = report.sources["open-meteo"]
    assert (fill.filled, fill.left, fill.failed) == (42, 20, 20)
    assert fill.failures == report.failures == {"server_error": 20}
    assert date(2025, 10, 23) not in {day for _, _, day in noted(database)}
    provider.before = lambda _: None
    before = provider.questions
    assert filling(OPEN_METEO).run([DELHI, PUNE], 30).filled == 20
    assert {question[2:] for question in provider.questions - before} == {("2025-10-14", "2025-10-23")}


def test_a_source_that_keeps_failing_is_left_and_the_others_go_on(filling: Filling, provider: Past) -> None:
    provider.before = lambda _: Answer(status=503)
    well = source("well", lambda _: Batch())
    report = filling(OPEN_METEO, well).run([DELHI, PUNE], 60)
    assert provider.calls == 3 * 2 * 3
    assert report.sources["open-meteo"].failed == report.sources["open-meteo"].left == 122
    assert report.sources["open-meteo"].failures == {"server_error": 46}
    assert report.sources["well"].filled == 122


def test_a_refused_key_is_not_tried_again(filling: Filling) -> None:
    requests: list[Request] = []

    def refuse(request: Request) -> Batch:
        requests.append(request)
        raise Permanent("the key is refused", reason="key")

    report = filling(source("keyed", refuse)).run([DELHI, PUNE], 60)
    assert len(requests) == 1
    assert report.left == 122
    assert report.sources["keyed"].failure == "key: the key is refused"


def test_an_instrument_that_nobody_answers_for_fails_nothing(filling: Filling) -> None:
    def fetch(request: Request) -> Batch:
        batch = Batch([Reading("openaq", "Delhi", request.end - HOUR, "measured", {"pm25": 9.0}, "ITO")])
        batch.rejected["sensor:refused"] = 2
        batch.rejected["implausible"] = 1
        return batch

    report = filling(source("openaq", fetch)).run([DELHI], 9)
    assert (report.left, report.sources["openaq"].rejected) == (0, {"sensor:refused": 4, "implausible": 2})
    late = source("late", lambda _: Batch(rejected=Counter(["out_of_time"])))
    assert filling(late).run([DELHI], 5).sources["late"].failures == {"timeout": 6}


def test_invented_and_real_data_are_not_mixed(filling: Filling, database: Database) -> None:
    with pytest.raises(ConfigError):
        filling(OPEN_METEO, REGISTRY["simulated"]).run([DELHI], 5)
    filling(OPEN_METEO).run([DELHI], 5)
    with pytest.raises(ConfigError):
        filling(REGISTRY["simulated"]).run([DELHI], 5)


def test_no_unit_is_begun_after_its_time(filling: Filling, provider: Past, clock: Clock) -> None:
    provider.before = lambda _: clock.sleep(100)
    report = filling(OPEN_METEO).run([DELHI, PUNE], 30, until=clock.now + timedelta(seconds=300))
    assert provider.calls == 4
    assert (report.filled, report.left, report.again_at) == (26, 36, None)


def city_days(provider: Past) -> Counter[tuple[str, str, date]]:
    """How often each endpoint was asked for each day at each latitude."""
    result: Counter[tuple[str, str, date]] = Counter()
    for (path, latitudes, first, last), times in provider.questions.items():
        begin, end = date.fromisoformat(first), date.fromisoformat(last)
        for latitude in latitudes.split(","):
            for number in range((end - begin).days + 1):
                result[path, latitude, begin + number * DAY] += times
    return result


# ---- quotas


SMALL = replace(OPEN_METEO, quota=Quota(minute=9, hour=18, day=36))
"""A unit of two cities and ten days weighs 4: a backfill may ask for two a minute, three an hour, six a day."""


def keeps_to(quota: Quota, calls: Sequence[tuple[datetime, float]]) -> None:
    """No minute, hour or day, wherever it begins, holds more calls than the quota allows."""
    windows = {timedelta(minutes=1): quota.minute, HOUR: quota.hour, DAY: quota.day}
    for window, most in windows.items():
        for begin, _ in calls:
            within = sum(weight for time, weight in calls if begin <= time < begin + window)
            assert most is None or within <= most


def watched(provider: Past, clock: Clock) -> list[tuple[datetime, float]]:
    """When which weight is called for, from now on; each call takes a second."""
    calls: list[tuple[datetime, float]] = []

    def before(seen: Seen) -> None:
        calls.append((clock.now, weight_of(seen)))
        clock.sleep(1)

    provider.before = before
    return calls


def test_a_used_up_quota_ends_it_with_when_to_go_on(
    filling: Filling, provider: Past, clock: Clock, database: Database
) -> None:
    calls = watched(provider, clock)
    cities = all_cities()[:4]
    report = filling(SMALL).run(cities, 30)
    fill = report.sources["open-meteo"]
    assert fill.filled > 0
    assert fill.filled + fill.left == 4 * 31
    assert fill.failed == 0
    assert report.again_at is not None
    assert clock.now + timedelta(minutes=50) < report.again_at <= clock.now + timedelta(minutes=61)
    assert sum(weight for _, weight in calls) <= 18 * 2 / 3
    assert filling(SMALL).run(cities, 30).filled == 0
    assert len(calls) == provider.calls
    runs = 1
    while report.left:
        assert report.again_at is not None
        clock.now = report.again_at
        report = filling(SMALL).run(cities, 30)
        assert report.filled
        runs += 1
    assert runs > 2
    keeps_to(SMALL.quota, calls)
    assert set(provider.questions.values()) == {1}


def test_it_waits_where_told_to(filling: Filling, provider: Past, clock: Clock) -> None:
    calls = watched(provider, clock)
    report = filling(SMALL).run(all_cities()[:4], 30, wait=True)
    assert (report.filled, report.left, report.failures) == (4 * 31, 0, {})
    keeps_to(SMALL.quota, calls)
    assert clock.now > calls[0][0] + DAY


def test_a_backfill_leaves_the_schedule_its_part(filling: Filling, clock: Clock, database: Database) -> None:
    filling(SMALL).run(all_cities()[:4], 30)
    assert SMALL.quota.hour is not None
    with pytest.raises(QuotaExhausted):
        Meter(database, clock, BACKFILL).take(SMALL, 8)
    schedule = Meter(database, clock, SCHEDULE)
    clock.now += timedelta(minutes=2)
    assert schedule.take(SMALL, SMALL.quota.hour / 3) == 0


def test_the_schedule_needs_less_than_what_is_left_to_it() -> None:
    """56 cities each hour: air of two days, weather of five."""
    from common.sources.open_meteo import AIR, WEATHER, weight

    hourly = weight(56, len(AIR), 2) + weight(56, len(WEATHER) + 1, 5)
    quota = REGISTRY["open-meteo"].quota
    for limit, hours in ((quota.hour, 1), (quota.day, 25), (quota.month, 31 * 24 + 1)):
        assert limit is not None
        assert hourly * hours < limit * (1 - BACKFILL[1])


def test_a_provider_that_wants_a_rest_is_given_it(filling: Filling, provider: Past, clock: Clock) -> None:
    limit = Answer(status=429, body={"error": True, "reason": "Hourly API request limit exceeded."})
    provider.before = lambda _: limit
    report = filling(OPEN_METEO).run([DELHI, PUNE], 30)
    assert provider.calls == 2
    assert report.again_at == clock.now.replace(minute=0) + HOUR
    assert (report.filled, report.left, report.failures) == (0, 62, {})
    other = source("other", lambda _: Batch(rejected=Counter(["city:quota"])))
    assert filling(other).run([DELHI], 5).again_at == clock.now + HOUR


def test_a_source_that_rests_is_left_alone(filling: Filling, database: Database, clock: Clock) -> None:
    with database.transaction() as connection:
        run(
            connection,
            "INSERT INTO source_run (source, started_at, finished_at, readings, rejected, reason, rests_until) "
            "VALUES ('open-meteo', :now, :now, 0, '{}', 'key', :until)",
            now=clock.now,
            until=clock.now + HOUR,
        )
    report = filling(OPEN_METEO).run([DELHI], 5)
    assert (report.filled, report.left, report.again_at) == (0, 6, clock.now + HOUR)


class SharedClock(Clock):
    """A clock of several who work at once: it goes on only while all of them wait by it, as time would for them.

    One that polls while another works would otherwise bring forward the calls that the other has had counted.
    """

    def __init__(self, now: datetime, workers: int) -> None:
        super().__init__(now)
        self._workers = workers
        self._wakes: list[datetime] = []
        self._turn = Condition()

    def sleep(self, seconds: float) -> None:
        with self._turn:
            wake = self.now + timedelta(seconds=seconds)
            self._wakes.append(wake)
            self._go_on()
            assert self._turn.wait_for(lambda: self.now >= wake, timeout=60)
            self._wakes.remove(wake)

    def leave(self) -> None:
        """One of those who work has ended."""
        with self._turn:
            self._workers -= 1
            self._go_on()

    def _go_on(self) -> None:
        if self._wakes and len(self._wakes) >= self._workers:
            self.now = max(self.now, min(self._wakes))
            self._turn.notify_all()


@pytest.mark.parametrize("clock", [SharedClock(datetime(2025, 11, 5, 10, 30, tzinfo=UTC), 2)], ids=["shared"])
def test_two_at_once_double_nothing_and_keep_to_the_quota(
    filling: Filling, provider: Past, clock: SharedClock, database_url: str
) -> None:
    # Done within three hours: after those the newest days, which can still change, are rightly asked for again.
    quick = replace(SMALL, quota=Quota(minute=9, hour=36))
    calls = watched(provider, clock)
    cities: list[Sequence[City]] = [all_cities()[:4], all_cities()[2:6]]
    databases = [Database(database_url) for _ in cities]

    def fill(number: int) -> BackfillReport:
        try:
            return filling(quick, store=databases[number]).run(cities[number], 30, wait=True)
        finally:
            clock.leave()

    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(fill, range(2)))
    assert [report.left for report in reports] == [0, 0]
    assert sum(report.filled for report in reports) == 6 * 31
    assert city_days(provider) == dict.fromkeys(city_days(provider), 1)
    assert len(city_days(provider)) == 2 * 6 * 31
    assert clock.now > calls[0][0] + HOUR
    keeps_to(quick.quota, calls)
    for each in databases:
        each.close()
