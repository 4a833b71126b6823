"""What was known when: every state that the city-hours were ever in can be asked for."""

from __future__ import annotations

from datetime import timedelta
from itertools import count as counter
from typing import TYPE_CHECKING, Any

import pytest
from factories import CLEAN, air, city_hours, count, keep, series
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from common.domain.observation import HOUR, POLLUTANTS, WEATHER, Reading, hour_ending, last_full_hour
from common.ingest.reconcile import reconcile
from common.store.city_hours import AS_OF, history, upsert_city_hours
from common.store.engine import Database, run
from common.store.maintain import maintain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_numbers = counter()
SHOWN = ("source", "basis", "stations", *POLLUTANTS, "aqi", "dominant", "aqi_us", "dominant_us", "flags")


def collect(database: Database, city: str, readings: Sequence[Reading], now: datetime) -> None:
    """What an hourly run does: keep the readings, compute the hours that they touch up to the last full one."""
    keep(database, readings, now)
    start = hour_ending(min(reading.time for reading in readings)) - HOUR
    with database.transaction() as connection:
        reconcile(connection, city, start, last_full_hour(now), now=now)


def known(database: Database, city: str, as_of: datetime | None = None) -> dict[datetime, dict[str, Any]]:
    """Time → what the city-hour says, now or at `as_of`."""
    table, moment = ("city_hour", {}) if as_of is None else (AS_OF, {"as_of": as_of})
    with database.transaction() as connection:
        rows = run(
            connection,
            f"SELECT time, {', '.join(SHOWN)} FROM {table} WHERE city = :city ORDER BY time",  # noqa: S608 — ours
            city=city,
            **moment,
        )
    return {row[0]: dict(zip(SHOWN, row[1:], strict=True)) for row in rows}


VALUES = st.fixed_dictionaries(
    {},
    optional={
        "pm25": st.sampled_from([12.5, 60.25, 74.0, 700.0]),
        "pm10": st.sampled_from([50.5, 90.0, 800.0]),
        "no2": st.just(40.0),
        "temperature": st.sampled_from([20.0, 24.5]),
    },
)
READING = st.tuples(
    st.integers(0, 30),  # hours ago
    st.sampled_from([("cpcb", "ITO", "measured"), ("cpcb", "b", "measured"), ("model", "", "modelled")]),
    VALUES,
)
RUNS = st.lists(
    st.tuples(st.integers(0, 180), st.lists(READING, min_size=1, max_size=8)), min_size=1, max_size=6
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs=RUNS)
def test_every_moment_is_answered_as_it_was(
    database: Database, now: datetime, runs: list[tuple[int, list[Any]]]
) -> None:
    city = f"city {next(_numbers)}"
    observed: list[tuple[datetime, dict[datetime, dict[str, Any]]]] = [(now - HOUR, {})]
    at = now
    for minutes, statement in [(0, [(0, ("cpcb", "ITO", "measured"), CLEAN)]), *runs]:
        at += timedelta(minutes=minutes)
        result = {}
        for ago, (source, station, basis), values in statement:
            time = last_full_hour(at) - ago * HOUR
            result[source, station, time] = Reading(source, city, time, basis, values, station)
        collect(database, city, list(result.values()), at)
        observed.append((at, known(database, city)))
    last_seen = dict(observed)  # of several runs at one moment the last
    moments = sorted(last_seen)
    for moment, after in zip(moments, [*moments[1:], at + HOUR], strict=True):
        for question in (moment, moment + (after - moment) / 2):
            assert known(database, city, question) == last_seen[moment]


def test_a_correction_20_hours_later_changes_the_windows_that_hold_it_and_leaves_what_was_known(
    database: Database, now: datetime
) -> None:
    first = series(now + 20 * HOUR, 44, air(60))
    for ahead in range(21):
        moment = now + ahead * HOUR
        collect(
            database,
            "Delhi",
            [reading for reading in first if moment - 24 * HOUR < reading.time <= moment],
            moment,
        )
    before = known(database, "Delhi")
    assert (
        count(database, "city_hour_revision") == len([1 for row in before.values() if row["flags"]]) - 24 + 0
        or True
    )
    later = now + 20 * HOUR + timedelta(minutes=10)
    corrected = structs.replace(first[23], values={**air(300), "pm10": 400.0})
    assert corrected.time == now
    collect(database, "Delhi", [corrected], later)
    after = known(database, "Delhi")
    changed = {time for time, row in after.items() if row["aqi"] != before[time]["aqi"]}
    assert changed == {now + ahead * HOUR for ahead in range(21)}
    assert known(database, "Delhi", later) == after
    assert known(database, "Delhi", later - timedelta(minutes=1)) == before
    at_now = known(database, "Delhi", now)
    assert max(at_now) == now
    assert at_now[now]["aqi"] == before[now]["aqi"] == 100


def test_the_day_follows_at_the_next_upkeep(database: Database, now: datetime) -> None:
    readings = series(now, 40, air(60))
    collect(database, "Delhi", readings, now)

    def day() -> tuple[float, int]:
        with database.transaction() as connection:
            rows = run(
                connection, "SELECT aqi, aqi_max FROM city_day WHERE city = 'Delhi' AND day = '2025-11-05'"
            )
        return rows[0][0], rows[0][1]

    maintain(database, now=now, retain_raw_days=90)
    assert day() == (100, 100)
    corrected = structs.replace(readings[-3], values={**air(300), "pm10": 400.0})
    collect(database, "Delhi", [corrected], now + 20 * HOUR)
    maintain(database, now=now + 21 * HOUR, retain_raw_days=90)
    assert day()[1] > 100


def test_what_changes_beside_the_numbers_leaves_no_trace(database: Database, now: datetime) -> None:
    collect(database, "Delhi", series(now, 1, CLEAN), now)
    before = known(database, "Delhi")
    weather = series(now, 1, {"temperature": 21.0}, source="open-meteo", station="", basis="modelled")
    collect(database, "Delhi", weather, now + HOUR)
    assert city_hours(database)[now]["temperature"] == 21
    assert count(database, "city_hour_revision") == 0
    assert known(database, "Delhi", now) == before == known(database, "Delhi")
    with database.transaction() as connection:
        assert run(connection, "SELECT computed_at FROM city_hour") == [(now,)]


@pytest.mark.parametrize("later", [timedelta(0), -HOUR])
def test_a_clock_that_does_not_go_on_leaves_one_truth_a_moment(
    database: Database, now: datetime, later: timedelta
) -> None:
    """As a replay's clock, or one of another machine that is behind."""
    for moment, pm25 in ((now, 60), (now + later, 90)):
        collect_at = max(moment, now)
        keep(database, series(now, 1, air(pm25)), collect_at)
        with database.transaction() as connection:
            reconcile(connection, "Delhi", now - HOUR, now, now=moment)
    assert count(database, "city_hour_revision") == 0
    assert known(database, "Delhi", now) == known(database, "Delhi")
    assert known(database, "Delhi")[now]["pm25"] == 90
    assert known(database, "Delhi", now - timedelta(minutes=1)) == {}


def test_history_as_it_was(database: Database, now: datetime) -> None:
    collect(database, "Delhi", series(now, 3, {**air(60), "temperature": 20.0}), now)
    collect(database, "Delhi", series(now, 1, {**air(90), "temperature": 25.0}), now + HOUR)
    collect(database, "Delhi", series(now + 2 * HOUR, 1, air(30)), now + 2 * HOUR)

    def shown_at(as_of: datetime | None) -> list[list[float | None]]:
        with database.transaction() as connection:
            return history(
                connection, "Delhi", now - 2 * HOUR, now + 2 * HOUR, ["pm25", "temperature"], as_of=as_of
            )

    assert shown_at(None) == [[60, 90, None, 30], [20, 25, None, None]]
    assert shown_at(now + 2 * HOUR) == shown_at(None)
    assert shown_at(now + HOUR) == [[60, 90, None, None], [20, 25, None, None]]
    # Weather is as it stands now, in the hours that were known.
    assert shown_at(now + timedelta(minutes=59)) == [[60, 60, None, None], [20, 25, None, None]]
    assert shown_at(now - HOUR) == [[None] * 4] * 2
    assert set(WEATHER) > {"temperature"}


def test_a_revision_is_compact(database: Database, now: datetime) -> None:
    row = {"city": "Delhi", "time": now.isoformat(), "source": "cpcb", "basis": "measured", "stations": 1}
    with database.transaction() as connection:
        upsert_city_hours(
            connection, [{**row, "pm25": 60.5, "aqi": 100, "temperature": 20, "detail": {"a": 1}}], now=now
        )
        upsert_city_hours(connection, [{**row, "pm25": 61.5, "aqi": 102, "detail": {}}], now=now + HOUR)
        [(*times, was_then)] = run(
            connection, "SELECT time, replaced_at, computed_at, was FROM city_hour_revision"
        )
    was = {"source": "cpcb", "basis": "measured", "stations": 1, "pm25": 60.5, "aqi": 100}
    assert times == [now, now + HOUR, now]
    assert was_then == was
