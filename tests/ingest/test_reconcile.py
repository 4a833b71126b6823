"""City-hours: which readings make them, how they tell it, and that the way there does not matter."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from itertools import count as counter
from typing import TYPE_CHECKING, Any

import pytest
from factories import CLEAN, air, city_hours, keep, keep_and_reconcile, minutes, series
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs
from processes import until

from common.domain.aqi import naqi
from common.domain.observation import HOUR, POLLUTANTS, Basis, Reading
from common.ingest.reconcile import reconcile
from common.quality.explanation import unpack
from common.store.engine import Database, run
from common.store.readings import upsert_readings

if TYPE_CHECKING:
    from collections.abc import Sequence

GIVERS: dict[Basis, tuple[str, float]] = {
    "measured": ("cpcb", 60.0),
    "implied": ("cpcb-feed", 90.0),
    "modelled": ("open-meteo", 120.0),
}
_names = counter()


def given_by(basis: Basis, now: datetime, hours: int = 24) -> list[Reading]:
    source, pm25 = GIVERS[basis]
    return series(now, hours, air(pm25), source=source, basis=basis)


def latest(database: Database, now: datetime, city: str = "Delhi") -> dict[str, Any]:
    return city_hours(database, city)[now]


@pytest.mark.parametrize(
    ("there", "wins"),
    [
        (("modelled", "implied", "measured"), "measured"),
        (("modelled", "implied"), "implied"),
        (("modelled",), "modelled"),
        (("measured", "modelled"), "measured"),
    ],
)
def test_measured_before_implied_before_modelled(
    database: Database, now: datetime, there: Sequence[Basis], wins: Basis
) -> None:
    keep_and_reconcile(database, [reading for basis in there for reading in given_by(basis, now)], now)
    row = latest(database, now)
    assert (row["source"], row["pm25"]) == GIVERS[wins]
    assert (row["basis"], row["stations"]) == (wins, 1)
    assert row["aqi"] == {"measured": 100, "implied": 200, "modelled": 300}[wins]


@pytest.mark.parametrize(
    ("source", "pm25", "flags"),
    [
        ("iqair", 325.4, ["at_least:pm25"]),
        ("iqair", 325.3, []),
        ("cpcb-feed", 380.0, ["at_least:pm25"]),
        ("cpcb-feed", 325.4, []),
    ],
)
def test_an_hour_says_where_its_index_was_at_the_end_of_the_scale(
    database: Database, now: datetime, source: str, pm25: float, flags: list[str]
) -> None:
    keep_and_reconcile(database, series(now, 1, {"pm25": pm25}, source=source, basis="implied"), now)
    row = latest(database, now)
    assert [flag for flag in row["flags"] if flag != "gap"] == flags
    assert row["pm25"] == pm25


def test_a_source_with_an_index_comes_before_one_without(database: Database, now: datetime) -> None:
    keep_and_reconcile(database, given_by("modelled", now) + given_by("measured", now, hours=15), now)
    row = latest(database, now)
    assert (row["basis"], row["source"], row["pm25"], row["aqi"]) == ("modelled", "open-meteo", 120.0, 300)


def test_where_none_has_an_index_the_best_basis_tells_what_it_has(database: Database, now: datetime) -> None:
    keep_and_reconcile(database, given_by("modelled", now, hours=3) + given_by("measured", now, hours=2), now)
    rows = city_hours(database)
    assert [row["basis"] for row in rows.values()] == ["modelled", "measured", "measured"]
    assert rows[now]["aqi"] is None
    assert rows[now]["pm25"] == 60.0
    assert "2 of 24 hours" not in str(rows[now]["detail"]["withheld"])
    assert rows[now]["detail"]["withheld"]["in-naqi"].startswith("none of 1 stations has an AQI")


def test_of_two_sources_of_one_basis_the_one_with_more_stations(database: Database, now: datetime) -> None:
    many = [
        reading for name in ("a", "b") for reading in series(now, 24, air(60), source="two", station=name)
    ]
    keep_and_reconcile(database, series(now, 24, air(90), source="one", station="c") + many, now)
    row = latest(database, now)
    assert (row["source"], row["stations"], row["aqi"]) == ("two", 2, 100)


def test_a_source_that_tells_concentrations_comes_before_one_of_indices_alone(
    database: Database, now: datetime
) -> None:
    message = {"aqi": 180, "pm25": 180}
    indices = [
        reading
        for name in "abc"
        for reading in series(now, 24, {}, source="indices", station=name, published=message)
    ]
    keep_and_reconcile(database, indices, now)
    assert (latest(database, now)["source"], latest(database, now)["aqi"]) == ("indices", 180)
    keep_and_reconcile(database, series(now, 24, air(60), source="air"), now)
    row = latest(database, now)
    assert (row["source"], row["aqi"], row["stations"], row["pm25"]) == ("air", 100, 1, 60)


def test_the_citys_index_is_the_mean_of_its_stations(database: Database, now: datetime) -> None:
    stations = {"a": 30.0, "b": 60.0, "c": 90.0}  # indices 50, 100, 200
    readings = [
        reading for name, pm25 in stations.items() for reading in series(now, 24, air(pm25), station=name)
    ]
    keep_and_reconcile(database, readings, now)
    row = latest(database, now)
    assert row["aqi"] == 117  # 350 / 3, and not 127, the index of the mean concentration
    assert naqi({name: [mean] * 24 for name, mean in air(60.0).items()}).value == 100
    assert row["pm25"] == 60.0
    assert (row["stations"], row["dominant"]) == (3, "pm25")


def test_a_station_that_says_nothing_in_an_hour_does_not_count_in_it(
    database: Database, now: datetime
) -> None:
    silent = [reading for reading in series(now, 24, air(90), station="b") if reading.time != now]
    keep_and_reconcile(database, series(now, 24, air(30), station="a") + silent, now)
    rows = city_hours(database)
    assert (rows[now - HOUR]["stations"], rows[now - HOUR]["aqi"]) == (2, 125)
    assert (rows[now]["stations"], rows[now]["aqi"]) == (1, 50)


def test_a_published_index_wins_over_the_computed(database: Database, now: datetime) -> None:
    message = {"aqi": 321, "pm25": 321, "no2": 40}
    keep_and_reconcile(
        database,
        series(now, 24, air(60), station="tells", published=message)
        + series(now, 24, air(60), station="does not"),
        now,
    )
    row = latest(database, now)
    assert row["aqi"] == 211  # (321 + 100) / 2, rounded half up
    assert row["dominant"] == "pm25"
    explained = unpack(row["detail"], "in-naqi").pollutants["pm25"]
    assert "as published" in explained.window


def test_published_sub_indices_without_an_index_follow_the_rule_of_three(
    database: Database, now: datetime
) -> None:
    two, three = {"pm25": 120, "no2": 60}, {"pm25": 120, "no2": 60, "o3": 90}
    keep_and_reconcile(
        database,
        series(now, 1, {}, city="Delhi", published=two) + series(now, 1, {}, city="Pune", published=three),
        now,
    )
    withheld, message = latest(database, now), latest(database, now, "Pune")
    assert (withheld["aqi"], message["aqi"], message["dominant"]) == (None, 120, "pm25")
    assert "at least 3" in withheld["detail"]["withheld"]["in-naqi"]


def test_a_gap_stays_a_gap(database: Database, now: datetime) -> None:
    gap = {now - 3 * HOUR, now - 4 * HOUR}
    readings = [reading for reading in series(now, 30, air(60)) if reading.time not in gap]
    assert keep_and_reconcile(database, readings, now) == 28
    assert city_hours(database).keys() == {reading.time for reading in readings}


@pytest.mark.parametrize(("hours", "index"), [(15, None), (16, 100), (24, 100)])
def test_an_index_needs_16_of_24_hours(
    database: Database, now: datetime, hours: int, index: int | None
) -> None:
    window = series(now, 24, air(60))
    keep_and_reconcile(database, window[: hours - 1] + window[-1:], now)
    row = latest(database, now)
    assert row["aqi"] == index
    part = unpack(row["detail"], "in-naqi").pollutants["pm25"]
    assert (part.index, part.hours_present, part.hours_required) == (index, hours, 16)
    assert part.withheld == (None if index else "15 of 24 hours present, 16 needed")


def test_what_lies_before_the_window_does_not_count(database: Database, now: datetime) -> None:
    before = series(now - 24 * HOUR, 24, air(400))
    keep_and_reconcile(database, before + series(now, 24, air(60)), now)
    assert latest(database, now)["aqi"] == 100
    assert city_hours(database)[now - HOUR]["aqi"] > 100


def test_the_us_index_stands_beside_the_indian(database: Database, now: datetime) -> None:
    keep_and_reconcile(database, series(now, 24, air(60)), now)
    row = latest(database, now)
    assert (row["aqi_us"], row["dominant_us"]) == (154, "pm25")
    assert unpack(row["detail"], "us-epa").pollutants["pm25"].index == 154


def test_detail_explains_the_index_as_the_rule_itself_does(database: Database, now: datetime) -> None:
    values = {**air(78.53), "co": 1.204, "o3": 61.07}
    readings = [  # a little up and down: what stands still to the second decimal is not counted
        structs.replace(reading, values={name: value + 0.5 * (number % 2) for name, value in values.items()})
        for number, reading in enumerate(series(now, 24, values))
    ]
    keep_and_reconcile(database, readings, now)
    row = latest(database, now)
    expected = naqi({name: [reading.values[name] for reading in readings] for name in values})
    result = unpack(row["detail"], "in-naqi").pollutants
    assert result.keys() == values.keys()
    for name, part in result.items():
        rule = expected.pollutants[name]
        assert (part.index, part.window, part.hours_present) == (rule.index, rule.window, rule.hours_present)
        assert part.concentration == pytest.approx(rule.concentration, abs=0.005)
    assert row["aqi"] == expected.value


def test_weather_is_filled_from_other_sources_and_they_are_named(database: Database, now: datetime) -> None:
    model = {**CLEAN, "temperature": 20.0, "wind_speed": 3.5}
    keep_and_reconcile(
        database,
        series(now, 24, {**air(60), "temperature": 24.0})
        + series(now, 24, model, source="open-meteo", station="", basis="modelled"),
        now,
    )
    row = latest(database, now)
    assert (row["basis"], row["source"]) == ("measured", "cpcb")
    assert (row["temperature"], row["wind_speed"], row["humidity"]) == (24.0, 3.5, None)
    assert row["detail"]["weather"] == ["cpcb", "open-meteo"]


def test_weather_alone_makes_an_hour_without_air(database: Database, now: datetime) -> None:
    keep_and_reconcile(
        database, series(now, 1, {"temperature": 20.0}, source="open-meteo", basis="modelled"), now
    )
    row = latest(database, now)
    assert (row["source"], row["basis"], row["stations"], row["aqi"]) == (None, None, 0, None)
    assert all(row[name] is None for name in POLLUTANTS)
    assert (row["temperature"], row["detail"]) == (20.0, {"weather": ["open-meteo"]})


def test_several_readings_in_an_hour_are_averaged_and_rain_summed(database: Database, now: datetime) -> None:
    first = series(now - minutes(59), 1, {"pm25": 10.0, "rain": 1.0})
    second = series(now - minutes(15), 1, {"pm25": 20.0, "rain": 0.5})
    other_hour = series(now - minutes(60), 1, {"pm25": 99.0})
    keep_and_reconcile(database, first + second + other_hour, now)
    rows = city_hours(database)
    assert (rows[now]["pm25"], rows[now]["rain"]) == (15.0, 1.5)
    assert rows[now - HOUR]["pm25"] == 99.0


def test_reconciling_again_changes_nothing(database: Database, now: datetime) -> None:
    readings = series(now, 30, air(60))
    assert keep_and_reconcile(database, readings, now) == 30
    with database.transaction() as connection:
        assert reconcile(connection, "Delhi", now - 30 * HOUR, now, now=now + HOUR) == 0
        assert run(connection, "SELECT DISTINCT computed_at FROM city_hour") == [(now,)]


def test_a_long_stretch_has_no_seams(database: Database, now: datetime) -> None:
    keep_and_reconcile(database, series(now, 24 * 65, air(60)), now)
    indices = [row["aqi"] for row in city_hours(database).values()]
    assert indices == [None] * 15 + [100] * (24 * 65 - 15)


def test_an_hour_whose_readings_were_dropped_is_not_made_poorer(database: Database, now: datetime) -> None:
    keep_and_reconcile(database, series(now, 24, air(60)), now)
    before = city_hours(database)
    with database.transaction() as connection:
        run(connection, "DELETE FROM reading WHERE time < :limit", limit=now - 2 * HOUR)
    model = series(now, 40, air(120), source="open-meteo", station="", basis="modelled")
    assert keep_and_reconcile(database, model, now) == 16 + 15  # new ones, and those that had no index
    after = city_hours(database)
    assert {time: row for time, row in after.items() if row["basis"] == "measured"} == {
        time: row for time, row in before.items() if row["aqi"] is not None
    }


VALUES = st.fixed_dictionaries(
    {},
    optional={name: st.integers(1, 400).map(float) for name in ("pm25", "pm10", "no2", "o3", "temperature")},
)
READING = st.tuples(
    st.integers(0, 39),  # hours ago
    st.sampled_from([0, 20, 45]),  # and minutes
    st.sampled_from(["a", "b", ""]),
    st.sampled_from(sorted(GIVERS)),
    VALUES,
    st.sampled_from([{}, {}, {"aqi": 180, "pm25": 180}]),
)
FULL = st.lists(st.sampled_from(range(40)), max_size=12, unique=True)


def made(city: str, now: datetime, gaps: Sequence[int], odd: Sequence[Any]) -> list[Reading]:
    """A station with gaps that stands still at first, and odd readings of others; of two with one key the last."""
    result = {}
    for ago, reading in enumerate(reversed(series(now, 40, air(60.25), city=city))):
        lively = air(60.25 + 1.5 * (ago % 7)) if ago < 20 else reading.values
        result[reading.source, reading.station, reading.time] = structs.replace(reading, values=lively)
    for ago in gaps:
        result.pop(("cpcb", "ITO", now - ago * HOUR), None)
    for ago, minute, station, basis, values, published in odd:
        time = now - ago * HOUR - minutes(minute)
        source = GIVERS[basis][0]
        result[source, station, time] = Reading(source, city, time, basis, values, station, published)
    return list(result.values())


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    gaps=FULL, odd=st.lists(READING, max_size=12), steps=st.lists(st.integers(1, 12), min_size=1, max_size=6)
)
def test_at_once_or_step_by_step_as_the_readings_come_in(
    database: Database, now: datetime, gaps: list[int], odd: list[Any], steps: list[int]
) -> None:
    number = next(_names)
    whole, stepwise = f"whole {number}", f"stepwise {number}"
    first = now - 41 * HOUR
    keep(database, made(whole, now, gaps, odd), now)
    with database.transaction() as connection:
        reconcile(connection, whole, first, now, now=now)

    coming = made(stepwise, now, gaps, odd)
    until = first
    for step in [*steps, 41]:
        start, until = until, min(until + timedelta(hours=step), now)
        keep(database, [reading for reading in coming if start < reading.time <= until], now)
        with database.transaction() as connection:
            reconcile(connection, stepwise, start, until, now=now)

    assert city_hours(database, stepwise) == city_hours(database, whole)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(odd=st.lists(READING, max_size=12), ago=st.integers(1, 20))
def test_only_readings_up_to_now_matter(database: Database, now: datetime, odd: list[Any], ago: int) -> None:
    number = next(_names)
    knowing, ignorant = f"knowing {number}", f"ignorant {number}"
    end = now - ago * HOUR
    keep(database, made(knowing, now, [], odd), now)
    keep(database, [reading for reading in made(ignorant, now, [], odd) if reading.time <= end], now)
    with database.transaction() as connection:
        for city in (knowing, ignorant):
            reconcile(connection, city, now - 41 * HOUR, end, now=end)
    assert city_hours(database, knowing) == city_hours(database, ignorant)
    assert max(city_hours(database, knowing)) <= end


def test_two_runs_at_once_do_not_lose_each_others_readings(database: Database, now: datetime) -> None:
    """Neither sees what the other has not committed; the later must wait for the earlier."""
    second = Database(database.url)

    def other() -> None:
        with second.transaction() as connection:
            upsert_readings(connection, series(now, 24, air(90), station="b"), now=now)
            reconcile(connection, "Delhi", now - HOUR, now, now=now)

    thread = threading.Thread(target=other)
    with database.transaction() as connection:
        upsert_readings(connection, series(now, 24, air(30), station="a"), now=now)
        reconcile(connection, "Delhi", now - HOUR, now, now=now)
        thread.start()
        waiting = (
            "SELECT 1 FROM pg_locks JOIN pg_database d ON d.oid = database "
            "WHERE datname = current_database() AND NOT granted"
        )
        until(lambda: run(connection, waiting) or not thread.is_alive(), 60)
    thread.join()
    second.close()
    row = latest(database, now)
    assert (row["stations"], row["aqi"]) == (2, 125)
