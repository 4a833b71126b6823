"""Readings: merged, corrected with a trace, never erased."""

from __future__ import annotations

from itertools import count as counter
from typing import TYPE_CHECKING, Any

import pytest
from factories import keep, series
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from common.domain.observation import HOUR, POLLUTANTS, VARIABLES, Reading
from common.store.engine import Database, run
from common.store.readings import (
    Written,
    cities_with_readings,
    readings_between,
)

if TYPE_CHECKING:
    from datetime import datetime

_numbers = counter()


def stored(database: Database) -> dict[str, Any]:
    """The one reading there is, without what is missing."""
    with database.transaction() as connection:
        [(row,)] = run(connection, "SELECT jsonb_strip_nulls(to_jsonb(reading)) FROM reading")
    return dict(row)


def revisions(database: Database) -> list[dict[str, Any]]:
    with database.transaction() as connection:
        rows = run(connection, "SELECT was FROM reading_revision ORDER BY replaced_at")
    return [was for (was,) in rows]


@pytest.fixture
def reading(now: datetime) -> Reading:
    return Reading(
        "cpcb", "Delhi", now, "measured", {"pm25": 78.5, "co": 1.2}, "ITO", {"aqi": 161, "pm25": 161}
    )


def test_the_same_again_changes_nothing(database: Database, now: datetime, reading: Reading) -> None:
    assert keep(database, [reading], now) == Written(1, 0, now, now)
    before = stored(database)
    assert keep(database, [reading], now + HOUR) == Written()
    assert stored(database) == before
    assert revisions(database) == []


def test_a_missing_value_erases_nothing(database: Database, now: datetime, reading: Reading) -> None:
    keep(database, [reading], now)
    assert keep(database, [structs.replace(reading, values={}, published={})], now + HOUR) == Written()
    assert (
        keep(database, [structs.replace(reading, values={"co": 1.2}, published={"aqi": 161})], now)
        == Written()
    )
    assert (stored(database)["pm25"], stored(database)["published"]) == (78.5, {"aqi": 161, "pm25": 161})


def test_what_was_missing_is_filled_and_replaces_nothing(
    database: Database, now: datetime, reading: Reading
) -> None:
    keep(database, [reading], now)
    fuller = structs.replace(reading, values={"no2": 40.0}, published={"no2": 50})
    assert keep(database, [fuller], now + HOUR) == Written(0, 1, now, now)
    row = stored(database)
    assert (row["pm25"], row["co"], row["no2"]) == (78.5, 1.2, 40)
    assert row["published"] == {"aqi": 161, "pm25": 161, "no2": 50}
    assert revisions(database) == []


@pytest.mark.parametrize(
    ("change", "was"),
    [
        ({"values": {"pm25": 80.0}}, ("pm25", 78.5)),
        ({"published": {"aqi": 170}}, ("published", {"aqi": 161, "pm25": 161})),
        ({"basis": "implied"}, ("basis", "measured")),
    ],
)
def test_a_correction_keeps_what_it_replaced(
    database: Database, now: datetime, reading: Reading, change: dict[str, Any], was: tuple[str, Any]
) -> None:
    keep(database, [reading], now)
    assert keep(database, [structs.replace(reading, **change)], now + HOUR).changed == 1
    [old] = revisions(database)
    assert old[was[0]] == was[1]
    assert stored(database)["co"] == 1.2
    assert keep(database, [structs.replace(reading, **change)], now + 2 * HOUR) == Written()


def test_each_correction_leaves_its_own_trace(database: Database, now: datetime, reading: Reading) -> None:
    for later, value in enumerate((78.5, 80.0, 82.0)):
        keep(database, [structs.replace(reading, values={"pm25": value})], now + later * HOUR)
    assert [was["pm25"] for was in revisions(database)] == [78.5, 80]


def test_what_tells_readings_apart(database: Database, now: datetime, reading: Reading) -> None:
    other = [
        structs.replace(reading, station="R K Puram"),
        structs.replace(reading, source="waqi"),
        structs.replace(reading, city="Pune"),
        structs.replace(reading, time=now - HOUR),
    ]
    assert keep(database, [reading, *other], now) == Written(5, 0, now - HOUR, now)


def test_more_than_one_batch(database: Database, now: datetime) -> None:
    many = series(now, 4100, {"pm25": 60.0})
    assert keep(database, iter(many), now) == Written(4100, 0, many[0].time, now)
    assert keep(database, many, now) == Written()


def test_a_station_name_that_the_database_cannot_hold(
    database: Database, now: datetime, reading: Reading
) -> None:
    odd = "'; DROP TABLE reading; --\0 \N{WORLD MAP} {name} :x %s \\u0000"
    keep(database, [structs.replace(reading, station=odd)], now)
    assert stored(database)["station"] == odd.replace("\0", "")


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.dictionaries(st.sampled_from(VARIABLES), st.floats(-1e4, 1e4, width=32), min_size=1))
def test_every_variable_comes_back_as_it_was_kept(
    database: Database, now: datetime, values: dict[str, float]
) -> None:
    city = f"city {next(_numbers)}"
    reading = Reading("made", city, now, "modelled", values)
    keep(database, [reading], now)
    assert keep(database, [reading], now) == Written()
    with database.transaction() as connection:
        [station] = readings_between(connection, city, now - HOUR, now)
    assert (station.source, station.station, station.basis) == ("made", "", "modelled")
    assert (station.times, station.published) == ([now.timestamp()], [])
    assert station.air == [any(name in POLLUTANTS for name in values)]
    assert {name: value for name, [value] in station.values.items()} == pytest.approx(
        values, rel=1e-6, abs=1e-6
    )


def test_readings_between_leaves_out_the_start(database: Database, now: datetime) -> None:
    keep(database, series(now, 5, {"pm25": 60.0}), now)
    with database.transaction() as connection:
        [station] = readings_between(connection, "Delhi", now - 2 * HOUR, now - HOUR)
        assert station.times == [(now - HOUR).timestamp()]
        assert readings_between(connection, "Pune", now - 9 * HOUR, now) == []
        assert cities_with_readings(connection, now - HOUR, now) == ["Delhi"]
        assert cities_with_readings(connection, now, now + HOUR) == []


def test_readings_between_tells_station_by_station_what_each_said(
    database: Database, now: datetime, reading: Reading
) -> None:
    late = structs.replace(reading, time=now + HOUR, values={"temperature": 20.0}, published={})
    other = structs.replace(reading, station="R K Puram", values={"no2": 40.0}, published={})
    keep(database, [late, reading, other], now)
    with database.transaction() as connection:
        ito, puram = readings_between(connection, "Delhi", now - HOUR, now + HOUR)
    assert (ito.station, ito.times) == ("ITO", [now.timestamp(), (now + HOUR).timestamp()])
    assert ito.values == {"pm25": [78.5, None], "co": [1.2, None], "temperature": [None, 20]}
    assert (ito.air, ito.published) == ([True, False], [{"aqi": 161, "pm25": 161}, {}])
    assert (puram.station, puram.air, puram.published) == ("R K Puram", [True], [])
