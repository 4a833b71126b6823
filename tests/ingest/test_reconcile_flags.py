"""Doubtful readings: flagged, left out where it is grave, told by the hour, and judged again when more is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from factories import air, city_hours, keep, keep_and_reconcile, series
from msgspec import structs

from common.domain.observation import HOUR, Reading
from common.ingest.reconcile import TOUCHED, reconcile
from common.quality.explanation import explain_readings, unpack
from common.quality.rules import STUCK_HOURS
from common.store.engine import Database, run

if TYPE_CHECKING:
    from datetime import datetime


def lively(now: datetime, hours: int, **given: Any) -> list[Reading]:
    """Air at 60 µg/m³ of PM2.5 that swings by a few, with as much PM10 as goes with it."""
    return [
        structs.replace(
            reading, values={"pm25": 57.25 + 1.5 * (ago % 5), "pm10": 90.5 + ago % 7, "no2": 30.5 + ago % 6}
        )
        for ago, reading in zip(reversed(range(hours)), series(now, hours, {}, **given), strict=True)
    ]


def changed(readings: list[Reading], time: datetime, **values: float) -> list[Reading]:
    return [
        structs.replace(reading, values={**reading.values, **values}) if reading.time == time else reading
        for reading in readings
    ]


def flags(database: Database, city: str = "Delhi") -> dict[datetime, list[str]]:
    return {time: row["flags"] for time, row in city_hours(database, city).items() if row["flags"] != ["gap"]}


def explained(row: dict[str, Any]) -> dict[str, Any]:
    return explain_readings(row["detail"], source=row["source"], basis=row["basis"], flags=row["flags"])


def step(database: Database, readings: list[Reading], start: datetime, end: datetime) -> int:
    """What an hourly run does with the hours in (start, end]."""
    keep(database, [reading for reading in readings if start < reading.time <= end], end)
    with database.transaction() as connection:
        return reconcile(connection, "Delhi", start, end, now=end)


def test_nothing_is_doubtful_in_lively_air(database: Database, now: datetime) -> None:
    keep_and_reconcile(database, lively(now, 60) + lively(now, 60, station="R K Puram"), now)
    assert flags(database) == {now - ago * HOUR: [] for ago in reversed(range(37))}


def test_a_lone_peak_is_taken_back_when_the_next_hour_is_known(database: Database, now: datetime) -> None:
    readings = changed(lively(now + 30 * HOUR, 60), now, pm25=700.0)
    step(database, readings, now - 30 * HOUR, now)
    before = city_hours(database)[now]
    assert (before["pm25"], before["flags"], before["aqi"]) == (700, ["pm25>pm10"], 190)
    step(database, readings, now, now + HOUR)
    after = city_hours(database)
    assert after[now]["flags"] == ["excluded:pm25", "pm25>pm10", "spike:pm25"]
    assert (after[now]["pm25"], after[now]["pm10"]) == (None, before["pm10"])
    assert (after[now]["aqi"], after[now + HOUR]["aqi"]) == (101, 101)
    assert after[now]["stations"] == 1
    part = unpack(after[now]["detail"], "in-naqi").pollutants["pm25"]
    assert (part.hours_present, part.index) == (23, 101)
    step(database, readings, now + HOUR, now + 30 * HOUR)
    result = flags(database)
    assert result[now] == ["excluded:pm25", "pm25>pm10", "spike:pm25"]
    assert [result[now + ahead * HOUR] for ahead in range(1, 27)] == [["excluded:pm25"]] * 23 + [[]] * 3


def test_what_is_left_out_is_named(database: Database, now: datetime) -> None:
    readings = changed(lively(now, 30), now - HOUR, pm25=700.0) + lively(now, 30, station="R K Puram")
    keep_and_reconcile(database, readings, now)
    rows = city_hours(database)
    message = explained(rows[now - HOUR])
    assert set(message["flags"]) == {"excluded:pm25", "pm25>pm10", "spike:pm25"}
    ito, puram = message["readings"]
    assert ito == {
        "source": "cpcb",
        "basis": "measured",
        "station": "ITO",
        "used": True,
        "naqi": 101,
        "flags": ["spike:pm25", "pm25>pm10"],
        "excluded": {"pm25": 1},
    }
    assert (puram["station"], puram["flags"], puram["excluded"]) == ("R K Puram", [], {})
    assert rows[now - HOUR]["pm25"] == next(
        reading.values["pm25"]
        for reading in readings
        if reading.station == "R K Puram" and reading.time == now - HOUR
    )
    ito, _ = explained(rows[now])["readings"]
    assert (ito["flags"], ito["excluded"]) == ([], {"pm25": 1})


def test_a_peak_that_others_saw_is_told_and_counted(database: Database, now: datetime) -> None:
    both = [
        reading
        for name in ("ITO", "R K Puram")
        for reading in changed(lively(now, 30, station=name), now - HOUR, pm25=700.0)
    ]
    keep_and_reconcile(database, both, now)
    row = city_hours(database)[now - HOUR]
    assert (row["pm25"], row["flags"]) == (700, ["pm25>pm10", "spike:pm25"])
    assert explained(row)["readings"][0]["excluded"] == {}


def test_standing_still_is_known_after_hours_and_holds_for_all_of_them(
    database: Database, now: datetime
) -> None:
    start = now - 10 * HOUR
    readings = lively(now, 40)
    for ahead in range(1, STUCK_HOURS + 1):
        readings = changed(readings, start + ahead * HOUR, pm25=88.75)
    step(database, readings, now - 40 * HOUR, start)
    for ahead in range(STUCK_HOURS - 1):
        step(database, readings, start + ahead * HOUR, start + (ahead + 1) * HOUR)
        assert not any("stuck:pm25" in each for each in flags(database).values())
    step(database, readings, start + (STUCK_HOURS - 1) * HOUR, start + STUCK_HOURS * HOUR)
    step(database, readings, start + STUCK_HOURS * HOUR, now)
    stuck = [time for time, each in flags(database).items() if "stuck:pm25" in each]
    assert stuck == [start + ahead * HOUR for ahead in range(1, STUCK_HOURS + 1)]
    rows = city_hours(database)
    assert {rows[time]["pm25"] for time in stuck} == {None}
    assert unpack(rows[now]["detail"], "in-naqi").pollutants["pm25"].hours_present == 24 - STUCK_HOURS


def test_a_correction_clears_the_hours_before_it(database: Database, now: datetime) -> None:
    readings = lively(now, 40)
    for ago in range(4, 16):
        readings = changed(readings, now - ago * HOUR, pm25=88.75)
    keep_and_reconcile(database, readings, now)
    assert sum("stuck:pm25" in each for each in flags(database).values()) == 12
    corrected = now - 9 * HOUR
    keep(
        database,
        [reading for reading in changed(readings, corrected, pm25=60.0) if reading.time == corrected],
        now,
    )
    with database.transaction() as connection:
        reconcile(connection, "Delhi", corrected - HOUR, now, now=now)
    assert not any(each for each in flags(database).values())
    assert city_hours(database)[now - 15 * HOUR]["pm25"] == 88.75


def test_the_hours_that_a_reading_touches(database: Database, now: datetime) -> None:
    """An import into the middle of the past computes just these again."""
    readings = lively(now, 80)
    keep_and_reconcile(database, [reading for reading in readings if reading.time != now - 50 * HOUR], now)
    late = now - 50 * HOUR
    keep(database, [reading for reading in readings if reading.time == late], now)
    with database.transaction() as connection:
        reconcile(connection, "Delhi", late - HOUR, late + TOUCHED * HOUR, now=now)
        assert reconcile(connection, "Delhi", now - 79 * HOUR, now, now=now) == 0


def test_a_station_that_is_left_out_whole_still_tells_its_hour(database: Database, now: datetime) -> None:
    readings = series(now, 30, {"pm25": 88.75})
    keep_and_reconcile(database, readings, now)
    row = city_hours(database)[now]
    assert (row["source"], row["basis"], row["stations"]) == ("cpcb", "measured", 1)
    assert (row["pm25"], row["aqi"], row["aqi_us"]) == (None, None, None)
    assert row["flags"] == ["excluded:pm25", "stuck:pm25"]


def test_what_is_left_out_may_let_a_lesser_basis_speak_and_the_hour_says_why(
    database: Database, now: datetime
) -> None:
    model = lively(now, 40, source="open-meteo", station="", basis="modelled")
    readings = lively(now, 40)
    keep_and_reconcile(database, readings[:-20] + model, now)
    stuck = [
        structs.replace(reading, values={"pm25": 88.75, "pm10": 150.25, "no2": 41.5})
        for reading in readings[-20:]
    ]
    first = stuck[0].time - HOUR
    for ahead in range(20):  # as they come in: the hours that were measured must become modelled ones
        step(database, stuck, first + ahead * HOUR, first + (ahead + 1) * HOUR)
    row = city_hours(database)[now]
    assert (row["source"], row["basis"], row["aqi"]) == ("open-meteo", "modelled", 100)
    assert {"excluded:pm25", "stuck:no2", "stuck:pm10", "stuck:pm25"} <= set(row["flags"])
    [model_used, cpcb] = explained(row)["readings"]
    assert (model_used["basis"], model_used["used"]) == ("modelled", True)
    assert (cpcb["source"], cpcb["used"], cpcb["why"]) == ("cpcb", False, "it gives no index for this hour")
    assert cpcb["doubtful"]["ITO"]["excluded"]["pm25"] == 20
    with database.transaction() as connection:
        run(connection, "DELETE FROM reading WHERE time < :limit", limit=now - 3 * HOUR)
        reconcile(connection, "Delhi", now - 10 * HOUR, now, now=now)
    assert city_hours(database)[now - 5 * HOUR]["aqi"] is not None


def test_sources_that_do_not_speak_are_told_with_the_reason(database: Database, now: datetime) -> None:
    keep_and_reconcile(
        database,
        lively(now, 30)
        + lively(now, 30, station="R K Puram")
        + lively(now, 30, source="openaq")
        + lively(now, 30, source="cpcb-feed", basis="implied")
        + lively(now, 3, source="a-new-one"),
        now,
    )
    message = {
        reading["source"]: reading
        for reading in explained(city_hours(database)[now])["readings"]
        if not reading["used"]
    }
    assert {
        source: (metric["stations"], metric["reason"], metric["why"]) for source, metric in message.items()
    } == {
        "openaq": (1, "stations", "the other source has more stations"),
        "cpcb-feed": (1, "basis", "a better basis comes first: measured, implied, modelled"),
        "a-new-one": (1, "index", "it gives no index for this hour"),
    }


def test_doubts_about_a_source_that_does_not_speak_do_not_mark_the_hour(
    database: Database, now: datetime
) -> None:
    feed = [
        structs.replace(reading, values={"pm25": 88.8})
        for reading in lively(now, 30, source="cpcb-feed", basis="implied")
    ]
    keep_and_reconcile(database, lively(now, 30) + feed, now)
    row = city_hours(database)[now]
    assert row["flags"] == []
    assert row["detail"]["doubts"] == {"cpcb-feed": {"ITO": ["stuck:pm25"]}}


def test_gaps_and_stations_that_stopped_are_told(database: Database, now: datetime) -> None:
    steady = [reading for reading in lively(now, 60) if reading.time not in (now - 5 * HOUR, now - 6 * HOUR)]
    stopped = [reading for reading in lively(now, 60, station="R K Puram") if reading.time <= now - 7 * HOUR]
    keep_and_reconcile(database, steady + stopped, now)
    rows = city_hours(database)
    assert rows[now]["flags"] == ["gap", "stopped"]
    message = explained(rows[now])
    assert (message["hours_without_data"], message["silent_stations"]) == (2, {"R K Puram": 7})
    assert rows[now - 4 * HOUR]["flags"] == ["gap", "stopped"]
    assert rows[now - 7 * HOUR]["flags"] == []


@pytest.mark.parametrize(("late", "stopped"), [(2, False), (3, True), (23, True), (24, False)])
def test_a_station_has_stopped_after_three_hours_until_it_is_forgotten(
    database: Database, now: datetime, late: int, stopped: bool
) -> None:
    other = [reading for reading in lively(now, 60, station="R K Puram") if reading.time <= now - late * HOUR]
    keep_and_reconcile(database, lively(now, 60) + other, now)
    assert ("stopped" in city_hours(database)[now]["flags"]) is stopped


def test_a_station_unlike_the_others_is_told_and_counted(database: Database, now: datetime) -> None:
    readings = [reading for name in "abc" for reading in lively(now, 30, station=name)]
    odd = [
        structs.replace(reading, values={**reading.values, "no2": 400.5 + number})
        for number, reading in enumerate(lively(now, 30, station="d"))
    ]
    keep_and_reconcile(database, readings + odd, now)
    row = city_hours(database)[now]
    assert row["flags"] == ["outlier:no2"]
    assert row["no2"] > 100
    assert [reading["flags"] for reading in explained(row)["readings"]] == [[], [], [], ["outlier:no2"]]


def test_a_model_is_not_judged(database: Database, now: datetime) -> None:
    model = series(now, 30, air(88.75), source="open-meteo", station="", basis="modelled")
    keep_and_reconcile(database, changed(model, now - 3 * HOUR, pm10=900.0), now)
    assert city_hours(database)[now]["flags"] == []
