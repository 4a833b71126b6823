"""A run of collection over a real database: sources that fail, repeats, corrections, what is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from factories import CLEAN, Clock, air, city_hours, count, series
from msgspec import structs
from providers import open_meteo
from stubs import Stub, refusing

from common.domain.cities import find_city
from common.domain.errors import ConfigError, Permanent, StoreError
from common.domain.observation import HOUR, POLLUTANTS, WEATHER, Batch, ProviderForecast, Reading
from common.ingest.collect import Collector
from common.ingest.report import CollectReport, SourceReport
from common.sources import REGISTRY
from common.sources.http import Http, Timing
from common.store.dataset_kind import dataset
from common.store.engine import Database, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from common.sources.interface import Request, Source

DELHI, PUNE = find_city("Delhi"), find_city("Pune")
TABLES = ("reading", "reading_revision", "provider_forecast", "city_hour", "source_run")
NOTHING = dict.fromkeys(TABLES, 0)


@pytest.fixture(scope="module")
def http() -> Iterator[Http]:
    with Http(Timing(wait_s=0.001)) as client:
        yield client


@pytest.fixture
def collect(database: Database, clock: Clock, http: Http) -> Callable[..., CollectReport]:
    """Run a collector over these sources."""

    def once(*sources: Source, base_urls: dict[str, str] | None = None, **how: Any) -> CollectReport:
        collector = Collector(database, sources, http, clock, base_urls or {}, {"keyed": "secret"})
        return collector.collect(how.pop("cities", [DELHI, PUNE]), **how)

    return once


def source(name: str, fetch: Callable[[Request], Batch], **other: Any) -> Source:
    known = REGISTRY["open-meteo"]
    return replace(known, name=name, fetch=lambda request, _: fetch(request), **other)


def saying(name: str, readings: Sequence[Reading], **other: Any) -> Source:
    """A source that says the same whatever it is asked."""
    return source(name, lambda _: Batch(list(readings)), **other)


def failing(name: str, error: Exception) -> Source:
    def fetch(_: Request) -> Batch:
        raise error

    return source(name, fetch)


def counts(database: Database) -> dict[str, int]:
    return {table: count(database, table) for table in TABLES}


def runs(database: Database) -> list[tuple[Any, ...]]:
    with database.transaction() as connection:
        rows = run(
            connection,
            "SELECT source, readings, rejected, reason, message, latest FROM source_run ORDER BY source",
        )
    return [tuple(row) for row in rows]


def test_readings_become_city_hours(
    collect: Callable[..., CollectReport], database: Database, now: datetime
) -> None:
    report = collect(saying("one", series(now, 24, air(60), source="one")))
    assert (report.hours, report.cities, report.failed) == (24, ["Delhi"], False)
    assert report.sources == {"one": SourceReport(24, 24, 0)}
    assert city_hours(database)[now]["aqi"] == 100
    assert runs(database) == [("one", 24, {}, None, None, now)]


def test_one_failing_source_costs_the_others_nothing(
    collect: Callable[..., CollectReport], database: Database, now: datetime
) -> None:
    report = collect(
        failing("down", Permanent("the key is refused", reason="key")),
        failing("broken", ZeroDivisionError("secret detail")),
        saying("well", series(now, 24, air(60), source="well")),
    )
    assert not report.failed
    assert report.hours == 24
    assert report.sources["down"].failure == "key: the key is refused"
    assert report.sources["broken"].failure == "broken: unexpected answer (ZeroDivisionError)"
    assert [(name, reason) for name, _, _, reason, _, _ in runs(database)] == [
        ("broken", "broken"),
        ("down", "key"),
        ("well", None),
    ]
    assert "secret detail" not in str(runs(database))


def test_all_failing_is_told_and_recorded(collect: Callable[..., CollectReport], database: Database) -> None:
    report = collect(failing("one", Permanent("no", reason="refused")), failing("two", OSError("x")))
    assert report.failed
    assert counts(database) == NOTHING | {"source_run": 2}


def test_no_news_is_no_failure(collect: Callable[..., CollectReport]) -> None:
    assert not collect(saying("silent", [])).failed
    assert collect(saying("silent", []), failing("down", Permanent("no"))).failed


def test_the_same_run_twice_changes_nothing(
    collect: Callable[..., CollectReport], database: Database, clock: Clock, now: datetime
) -> None:
    collect(REGISTRY["simulated"])
    before, hours = counts(database), city_hours(database)
    clock.now += timedelta(minutes=5)
    report = collect(REGISTRY["simulated"], start=now - timedelta(hours=24), end=now)
    assert (report.hours, report.cities) == (0, [])
    assert report.sources["simulated"].new == report.sources["simulated"].changed == 0
    assert counts(database) == before | {"source_run": before["source_run"] + 1}
    assert city_hours(database) == hours


def test_a_late_correction_changes_the_windows_that_hold_it(
    collect: Callable[..., CollectReport], database: Database, clock: Clock, now: datetime
) -> None:
    first = series(now, 24, air(60))
    collect(saying("cpcb", first))
    before = city_hours(database)
    clock.now = now + 30 * HOUR
    corrected = structs.replace(
        first[-1], values={**air(300), "pm10": 400.0}
    )  # PM10 confirms it: no instrument's fault
    report = collect(saying("cpcb", [corrected, *series(clock.now, 30, air(60))]))
    assert (report.sources["cpcb"].new, report.sources["cpcb"].changed) == (30, 1)
    after = city_hours(database)
    assert {time: after[time] for time in before if time < now} == {
        time: row for time, row in before.items() if time < now
    }
    indices = [after[now + ahead * HOUR]["aqi"] for ahead in range(31)]
    assert all(index > 100 for index in indices[:24])
    assert indices[24:] == [100] * 7
    with database.transaction() as connection:
        [(time, replaced_at, was)] = run(connection, "SELECT time, replaced_at, was FROM reading_revision")
    assert (time, replaced_at, was["pm25"]) == (now, clock.now, 60)


def test_a_correction_alone_reaches_the_hours_after_it(
    collect: Callable[..., CollectReport], database: Database, now: datetime
) -> None:
    readings = series(now, 48, air(60))
    collect(saying("cpcb", readings))
    old = now - 38 * HOUR
    worse = {**air(600), "pm10": 700.0}
    report = collect(
        saying(
            "cpcb", [structs.replace(reading, values=worse) for reading in readings if reading.time == old]
        )
    )
    changed = [time for time, row in city_hours(database).items() if row["aqi"] and row["aqi"] > 100]
    assert (changed[0], changed[-1]) == (
        now - 32 * HOUR,
        old + 23 * HOUR,
    )  # the 16th hour, the end of the window
    assert report.hours == 24


def test_an_hour_is_reconciled_once_it_is_over(
    collect: Callable[..., CollectReport], database: Database, clock: Clock, now: datetime
) -> None:
    half_way = saying("model", series(now + timedelta(minutes=30), 2, CLEAN, source="model"))
    clock.now = now + timedelta(minutes=40)
    collect(half_way)
    assert max(city_hours(database)) == now
    clock.now = now + timedelta(minutes=61)
    assert collect(half_way).cities == ["Delhi"]
    assert max(city_hours(database)) == now + HOUR


def test_a_run_that_dies_halfway_is_made_up_by_the_next(
    database: Database, clock: Clock, http: Http, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    statement = [*series(now, 24, air(60)), *series(now, 24, air(90), city="Pune")]
    collector = Collector(database, [saying("cpcb", statement)], http, clock, {}, {})

    def die(*_: object, **__: object) -> int:
        raise StoreError("the server went away")

    with monkeypatch.context() as patched:
        patched.setattr("common.ingest.collect.reconcile_all", die)
        with pytest.raises(StoreError):
            collector.collect([DELHI, PUNE])
    assert count(database, "reading") == 0
    report = collector.collect([DELHI, PUNE])
    assert (report.hours, report.cities) == (48, ["Delhi", "Pune"])


def test_simulated_and_real_sources_never_run_together(
    collect: Callable[..., CollectReport], database: Database, now: datetime
) -> None:
    requests: list[str] = []
    real = source("real", lambda _: requests.append("real") or Batch())  # type: ignore[func-returns-value]
    with pytest.raises(ConfigError, match="VAYU_SOURCES"):
        collect(real, REGISTRY["simulated"])
    assert requests == []
    assert counts(database) == NOTHING


@pytest.mark.parametrize(("first", "second"), [("simulated", "open-meteo"), ("open-meteo", "simulated")])
def test_one_database_never_gets_both(
    collect: Callable[..., CollectReport], database: Database, now: datetime, first: str, second: str
) -> None:
    collect(saying(first, series(now, 24, air(60), source=first)))
    before = counts(database)
    other = saying(second, series(now, 24, air(90), source=second))
    for how in ({}, {"dry_run": True}):
        with pytest.raises(ConfigError, match="must not be mixed"):
            collect(other, **how)
    assert counts(database) == before


def test_a_failing_source_claims_no_database(
    collect: Callable[..., CollectReport], database: Database
) -> None:
    collect(failing("open-meteo", Permanent("no")))
    with database.transaction() as connection:
        assert dataset(connection) is None
    collect(REGISTRY["simulated"])
    with database.transaction() as connection:
        assert dataset(connection) == "simulated"


def test_a_dry_run_writes_nothing(
    collect: Callable[..., CollectReport], database: Database, now: datetime
) -> None:
    report = collect(
        saying("well", series(now, 24, air(60))), failing("down", Permanent("no", reason="key")), dry_run=True
    )
    assert report.sources["well"] == SourceReport(readings=24)
    assert report.sources["down"].failure == "key: no"
    assert counts(database) == NOTHING


def test_what_must_not_be_archived_is_not(
    collect: Callable[..., CollectReport], database: Database, now: datetime
) -> None:
    report = collect(saying("live-only", series(now, 24, air(60)), archivable=False))
    assert report.sources["live-only"] == SourceReport(readings=24)
    assert counts(database) == NOTHING | {"source_run": 1}
    assert runs(database)[0][1] == 24


def test_a_reading_that_comes_twice_is_counted(
    collect: Callable[..., CollectReport], database: Database, now: datetime
) -> None:
    readings = series(now, 24, air(60))
    report = collect(saying("cpcb", [*readings, structs.replace(readings[-1], values=air(90))]))
    assert report.sources["cpcb"].rejected == {"duplicate": 1}
    assert runs(database)[0][2] == {"duplicate": 1}
    assert city_hours(database)[now]["pm25"] == 90


def test_what_is_expected_is_archived_as_received(
    collect: Callable[..., CollectReport], clock: Clock, database: Database, now: datetime
) -> None:
    issued = now - timedelta(hours=4)

    def expecting(warmth: float, issued_at: datetime) -> Source:
        ahead = [
            ProviderForecast(
                "model", "Delhi", issued_at, now + hour * HOUR, {"temperature": warmth, "rain": 0.5}
            )
            for hour in range(1, 49)
        ]
        return source("model", lambda _: Batch(forecasts=list(ahead)))

    collect(expecting(20.0, issued))
    collect(expecting(25.0, issued))
    clock.now += 6 * HOUR
    collect(expecting(30.0, issued + 6 * HOUR))
    with database.transaction() as connection:
        rows = run(
            connection,
            "SELECT issued_at, kind, received_at, first, known, temperature, rain, pm25 FROM provider_forecast "
            "ORDER BY issued_at",
        )
    assert [tuple(row) for row in rows] == [
        (issued, "weather", now, now + HOUR, 96, [20.0] * 48, [0.5] * 48, None),
        (issued + 6 * HOUR, "weather", now + 6 * HOUR, now + HOUR, 96, [30.0] * 48, [0.5] * 48, None),
    ]
    assert count(database, "city_hour") == 0


def test_a_source_gets_its_window_and_only_its_own_key(
    collect: Callable[..., CollectReport], now: datetime
) -> None:
    seen: list[Request] = []

    def fetch(request: Request) -> Batch:
        seen.append(request)
        return Batch()

    collect(source("keyed", fetch))
    collect(source("other", fetch), start=now - 3 * HOUR, end=now - HOUR, forecast_hours=0, cities=[PUNE])
    usual, requested = seen
    assert (usual.start, usual.end, usual.now, usual.key) == (now - timedelta(hours=24), now, now, "secret")
    assert usual.forecast_hours == 72
    assert (requested.start, requested.end, requested.key, requested.forecast_hours) == (
        now - 3 * HOUR,
        now - HOUR,
        None,
        0,
    )
    assert list(requested.cities) == [PUNE]


def test_a_backfill_asks_those_that_keep_a_past(
    collect: Callable[..., CollectReport], database: Database, now: datetime
) -> None:
    past = saying("keeps", series(now, 24, air(60), source="keeps"))
    latest = saying("live", series(now, 1, air(60), source="live"), backfill_days=0)
    assert collect(past, latest, start=now - timedelta(days=2)).sources.keys() == {"keeps"}
    assert collect(past, latest).sources.keys() == {"keeps", "live"}
    assert collect(latest, start=now - timedelta(days=2)).sources.keys() == {"live"}


def test_reports_of_several_runs_add_up() -> None:
    well = CollectReport({"a": SourceReport(5, 4, 1, {"time": 1})}, 3, ["Delhi"])
    ill = CollectReport({"a": SourceReport(failure="key: no")}, 0, [])
    both = ill.plus(well).plus(well)
    assert both == CollectReport({"a": SourceReport(10, 8, 2, {"time": 2}, "key: no")}, 6, ["Delhi"])
    assert not both.failed
    assert ill.plus(ill).failed


def test_real_sources_against_providers_that_answer_and_that_do_not(
    collect: Callable[..., CollectReport], database: Database, clock: Clock, now: datetime
) -> None:
    clock.now = now + timedelta(minutes=7)
    with Stub() as stub, refusing() as closed:
        stub.answer("/air", open_meteo)
        stub.answer("/weather", open_meteo)
        addresses = {
            "OPEN_METEO_AIR_URL": stub.url + "/air",
            "OPEN_METEO_WEATHER_URL": stub.url + "/weather",
            "CPCB_FEED_URL": closed + "/feed",
        }
        report = collect(REGISTRY["cpcb-feed"], REGISTRY["open-meteo"], base_urls=addresses)
    assert report.sources["cpcb-feed"].failure is not None
    assert report.sources["cpcb-feed"].failure.startswith("refused: ")
    assert report.sources["open-meteo"].new == 48
    assert [(name, reason) for name, _, _, reason, _, _ in runs(database)] == [
        ("cpcb-feed", "refused"),
        ("open-meteo", None),
    ]
    row = city_hours(database, "Pune")[now]
    assert (row["source"], row["basis"], row["detail"]["weather"]) == (
        "open-meteo",
        "modelled",
        ["open-meteo"],
    )
    assert row["aqi"] is not None
    given = {name for name in (*POLLUTANTS, *WEATHER) if row[name] is not None}
    assert given == set(REGISTRY["open-meteo"].provides)
    with database.transaction() as connection:
        rows = run(
            connection,
            "SELECT city, kind, received_at, first, known, cardinality(rain), cardinality(pm25) FROM provider_forecast "
            "ORDER BY city, kind",
        )
    first = now.replace(minute=0) + HOUR
    assert [tuple(row) for row in rows] == [
        (city, *message)
        for city in ("Delhi", "Pune")
        for message in (
            ("air", clock.now, first, 6 * 72, None, 72),
            ("weather", clock.now, first, 10 * 72, 72, None),
        )
    ]
