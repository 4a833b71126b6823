"""How long hours take on their way, and whose fault it is that they are missed: from rows to numbers."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from factories import air, count, keep, minutes, series
from hypothesis import given
from hypothesis import strategies as st

from common.domain.observation import HOUR
from common.domain.slo import budget_left, verdict
from common.store.engine import run
from common.store.events import append, note_pushes
from common.store.forecasts import IssuedForecast, insert_forecast
from common.store.slo import Delays, SourceDelays, delays, update_delays
from common.store.source_runs import SourceRun, record_run

if TYPE_CHECKING:
    from common.store.engine import Database

DAY = timedelta(hours=24)
TAKES = minutes(3)


def collected(
    database: Database,
    at: datetime,
    *,
    cities: tuple[str, ...] = ("Delhi",),
    source: str = "cpcb",
    hours: int = 1,
    reason: str | None = None,
    rests: timedelta | None = None,
) -> None:
    """A run that begins at `at` and has the last `hours` hours of these cities, or fails."""
    end = at.replace(minute=30, second=0) if at.minute >= 30 else at.replace(minute=30, second=0) - HOUR
    if reason is None:
        keep(
            database,
            [item for city in cities for item in series(end, hours, air(60), city=city, source=source)],
            at,
        )
    with database.transaction() as connection:
        rests_until = None if rests is None else at + rests
        done = SourceRun(source, at, at + TAKES, reason=reason, rests_until=rests_until)
        record_run(connection, done)
        update_delays(connection, at + TAKES)


def of(database: Database, now: datetime, source: str = "cpcb") -> SourceDelays:
    with database.reading() as connection:
        return delays(connection, now, DAY)[source]


def a_day(database: Database, now: datetime, *, but: frozenset[int] = frozenset()) -> None:
    """Hourly runs at xx:37 in the day before `now`, but for those so many hours ago; each has the hour before, too."""
    for ago in reversed(range(25)):
        if ago not in but:
            collected(database, now - ago * HOUR + minutes(7), hours=2)


def test_each_stage_counts_from_the_end_of_the_hour(database: Database, now: datetime) -> None:
    """The hour ends at 10:30; a run at 10:37 has it; a forecast follows at 10:42, and is pushed a minute later."""
    collected(database, now + minutes(7), cities=("Delhi", "Pune"))
    zeros = [1.0] * 48
    forecast = IssuedForecast(
        city="Delhi", target="aqi", mode="live", issued_at=now + minutes(12), origin=now, known_until=now,
        model_version=None, family="linear", inputs_hash="", basis="measured", source="cpcb", y=zeros, lo80=zeros,
        hi80=zeros, lo95=zeros, hi95=zeros, categories=[[1.0] * 6] * 48, persistence=zeros, daily=zeros, mean24=zeros,
        weekly=zeros,
    )  # fmt: skip
    with database.transaction() as connection:
        assert insert_forecast(connection, forecast)
        append(connection, "forecast", ["Delhi"], now=now + minutes(12), detail={"origin": now})
        append(connection, "hours", ["Delhi"], now=now + minutes(12))
    with database.transaction() as connection:
        note_pushes(connection, [1, 2], now=now + minutes(13))
        note_pushes(connection, [1], now=now + minutes(50))
        update_delays(connection, now + minutes(14))
    assert count(database, "event_push") == 1
    assert of(database, now + minutes(20)).stages == {
        "collected": Delays(2, 7 * 60, 7 * 60),
        "committed": Delays(2, 10 * 60, 10 * 60),
        "forecast": Delays(1, 12 * 60, 12 * 60),
        "pushed": Delays(1, 13 * 60, 13 * 60),
    }


def test_a_delay_that_is_known_stays(database: Database, now: datetime) -> None:
    collected(database, now + minutes(7))
    keep(database, series(now, 1, air(99)), now + minutes(70))  # a correction
    with database.transaction() as connection:
        before = run(connection, "SELECT * FROM pipeline_delay")
        update_delays(connection, now + minutes(71))
        update_delays(connection, now + minutes(71))
        assert run(connection, "SELECT * FROM pipeline_delay") == before


def test_what_comes_by_a_backfill_is_late_and_of_no_run(database: Database, now: datetime) -> None:
    keep(database, series(now, 1, air(60)), now + 2 * HOUR)
    with database.transaction() as connection:
        update_delays(connection, now + 2 * HOUR)
        assert run(connection, "SELECT collected, committed FROM pipeline_delay") == [(7200, None)]


def test_percentiles(database: Database, now: datetime) -> None:
    """Of 20 hours, 18 are collected after 7 minutes, one after 67, one after 127: the 19th of 20 is the 95th part."""
    for ago in range(20):
        late = {3: 1, 9: 2}.get(ago, 0)
        end = now - ago * HOUR
        keep(database, series(end, 1, air(60)), end + minutes(7) + late * HOUR)
    with database.transaction() as connection:
        update_delays(connection, now + 3 * HOUR)
    assert of(database, now + 3 * HOUR).stages["collected"] == Delays(20, 7 * 60, 67 * 60)


def test_all_is_well(database: Database, now: datetime) -> None:
    a_day(database, now)
    known = of(database, now + minutes(40))
    assert known.met == known.expected >= 22
    assert verdict(known.expected, known.met, by_source=0, by_us=0) == "fine"
    assert budget_left(known.expected, known.met) == 1


def test_hours_that_nobody_asked_for_are_our_fault(database: Database, now: datetime) -> None:
    a_day(database, now, but=frozenset({5, 6, 7, 8}))
    known = of(database, now + minutes(40))
    assert (known.by_source, known.by_us) == (0, known.expected - known.met)
    assert known.by_us == 3  # the fourth came with the first run after it


def test_hours_that_the_source_did_not_have_are_its_fault(database: Database, now: datetime) -> None:
    """Asked and without an answer, or without the hour; and while it rests because of that."""
    a_day(database, now, but=frozenset(range(3, 12)))
    for ago in (11, 10):
        collected(database, now - ago * HOUR + minutes(7), reason="server_error")
    collected(database, now - 9 * HOUR + minutes(7), reason="server_error", rests=4 * HOUR - minutes(5))
    for ago in (5, 4, 3):  # it answers, and gives what it had before
        collected(database, now - ago * HOUR + minutes(7), cities=())
    known = of(database, now + minutes(40))
    assert known.by_us == 0
    assert known.by_source == known.expected - known.met >= 7


def test_what_fails_through_us_is_our_fault(database: Database, now: datetime) -> None:
    a_day(database, now, but=frozenset(range(3, 8)))
    for ago, reason in zip(range(3, 8), ("spent", "key", "quota", "spent", "request"), strict=True):
        collected(database, now - ago * HOUR + minutes(7), reason=reason)
    known = of(database, now + minutes(40))
    assert known.by_source == 0
    assert known.by_us == known.expected - known.met == 4


def test_where_nobody_can_be_reached_it_is_our_network(database: Database, now: datetime) -> None:
    a_day(database, now, but=frozenset(range(3, 8)))
    for ago in range(3, 8):
        for source, reason in (("cpcb", "dns"), ("iqair", "timeout")):
            collected(database, now - ago * HOUR + minutes(7), reason=reason, source=source)
    assert of(database, now + minutes(40)).by_source == 0
    with database.transaction() as connection:
        run(connection, "UPDATE source_run SET reason = NULL WHERE source = 'iqair'")
    assert of(database, now + minutes(40)).by_us == 0


def test_an_hour_of_few_cities_is_missed(database: Database, now: datetime) -> None:
    four = ("Agra", "Delhi", "Jaipur", "Pune")
    for ago in reversed(range(10)):
        collected(database, now - ago * HOUR + minutes(7), cities={4: four[:1], 5: four[:2]}.get(ago, four))
    known = of(database, now + minutes(40))
    assert known.expected - known.met == 1


def test_hours_before_the_first_run_are_not_due(database: Database, now: datetime) -> None:
    collected(database, now + minutes(7), hours=20)
    known = of(database, now + 4 * HOUR)
    assert known.expected == 2  # those after the run, and due; not the one that it had
    with database.reading() as connection:
        assert delays(connection, now - 9 * HOUR, DAY)["cpcb"].expected == 0


@given(st.integers(0, 800), st.data())
def test_the_budget_and_the_verdict_agree(expected: int, data: st.DataObject) -> None:
    met = data.draw(st.integers(0, expected))
    by_source = data.draw(st.integers(0, expected - met))
    by_us = expected - met - by_source
    left = budget_left(expected, met)
    word = verdict(expected, met, by_source=by_source, by_us=by_us)
    if not expected:
        assert (left, word) == (None, "unknown")
        return
    assert left is not None
    assert (left >= -1e-9) == (word == "fine")
    assert word != "source" or by_source > by_us
    assert (left == 1) == (met == expected)
