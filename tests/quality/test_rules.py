"""QcFlags: what stands still, what leaps, what cannot be; and that true episodes are left alone."""

from __future__ import annotations

import csv
import gzip
import math
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.cities import find_city
from common.domain.observation import HOUR, POLLUTANTS
from common.ingest.files.read import read_file
from common.quality.rules import (
    AFTER,
    BEFORE,
    MEANINGS,
    STUCK_HOURS,
    QcFlag,
    at_once,
    at_scale_end,
    over_time,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from common.domain.observation import Basis
    from common.quality.limits import Values
    from common.quality.rules import QcFlags

DATA = os.environ.get("VAYU_TEST_DATA")
real_data = pytest.mark.skipif(
    DATA is None, reason="needs real measurements: set VAYU_TEST_DATA to a folder that has them"
)
DAY: list[float] = [60 + 25 * math.sin(hour / 3.7) + 0.13 * hour for hour in range(48)]
"""Two days of PM2.5 as they come: no two hours alike, no leap."""


def course(*stretch: float | None, at: int = 20) -> Values:
    """`DAY` with other values put in from hour `at` on."""
    return [*DAY[:at], *stretch, *DAY[at + len(stretch) :]]


def doubts(*stations: dict[str, Values], basis: Basis = "measured") -> list[dict[int, list[str]]]:
    result = over_time(stations, basis)
    return [{hour: [str(doubt) for doubt in each] for hour, each in of.items()} for of in result]


@pytest.mark.parametrize(("hours", "flagged"), [(STUCK_HOURS - 1, False), (STUCK_HOURS, True), (20, True)])
def test_an_instrument_that_stands_still(hours: int, flagged: bool) -> None:
    [result] = doubts({"pm25": course(*[74.25] * hours)})
    assert result == ({hour: ["stuck:pm25!"] for hour in range(20, 20 + hours)} if flagged else {})


@pytest.mark.parametrize("at", range(12))
def test_standing_still_is_seen_wherever_it_begins(at: int) -> None:
    [result] = doubts({"no2": course(*[33.3] * STUCK_HOURS, at=at)})
    assert list(result) == list(range(at, at + STUCK_HOURS))


@pytest.mark.parametrize(
    ("pollutant", "value", "basis", "expected"),
    [
        ("pm25", 4.75, "measured", None),  # where the instrument detects nothing
        ("co", 0.02, "measured", None),
        ("pm25", 60.0, "measured", "stuck:pm25"),  # whole numbers repeat by chance
        ("co", 2.4, "measured", "stuck:co"),
        ("co", 1.1, "measured", None),  # eleven steps
        ("so2", 11.0, "measured", None),
        ("co", 2.43, "measured", "stuck:co!"),
        ("pm25", 985.25, "measured", "stuck:pm25"),  # the end of the range: a night of fireworks
        ("pm10", 999.99, "measured", "stuck:pm10"),
        ("no2", 999.99, "measured", "stuck:no2!"),
        ("pm25", 74.25, "implied", "stuck:pm25"),  # a whole-numbered index stands for a range
        ("pm25", 11.4, "implied", None),
        ("pm25", 74.25, "modelled", None),
    ],
)
def test_what_may_stand_still_for_good_reason_is_counted(
    pollutant: str, value: float, basis: Basis, expected: str | None
) -> None:
    [result] = doubts({pollutant: [value] * 24}, basis=basis)
    assert result == ({hour: [expected] for hour in range(24)} if expected else {})


def test_a_gap_interrupts_standing_still() -> None:
    [result] = doubts({"pm25": course(*[74.25] * 6, None, *[74.25] * 7)})
    assert result == {}


NEIGHBOUR: dict[str, Values] = {"pm25": [value + 3 for value in DAY], "pm10": [2 * value for value in DAY]}


def test_a_lone_peak_that_no_witness_saw_is_not_counted() -> None:
    odd: dict[str, Values] = {"pm25": course(500.0), "pm10": NEIGHBOUR["pm10"]}
    assert doubts(odd, NEIGHBOUR) == [{20: ["spike:pm25!"]}, {}]
    assert doubts({"pm25": course(500.0)}, {"pm25": NEIGHBOUR["pm25"]})[0] == {20: ["spike:pm25!"]}
    assert doubts(odd)[0] == {20: ["spike:pm25!"]}  # PM10 alone is witness enough


@pytest.mark.parametrize(
    "witness",
    [
        [{"pm25": course(500.0)}],  # there is none
        [{"pm25": course(500.0)}, {"pm25": course(None)}],
        [{"pm25": course(500.0), "pm10": [2 * (value or 0) for value in course(400.0)]}],
        [{"pm25": course(500.0)}, {"pm25": course(160.0)}],
        [{"pm25": course(500.0)}, NEIGHBOUR, {"pm25": course(160.0)}],
    ],
    ids=["none", "silent", "PM10", "a station", "one of two stations"],
)
def test_a_lone_peak_is_counted_where_it_is_confirmed_or_nobody_could(
    witness: Sequence[dict[str, Values]],
) -> None:
    assert "spike:pm25" in doubts(*witness)[0][20]
    assert not any(code.endswith("!") for code in doubts(*witness)[0][20])


@pytest.mark.parametrize(
    "stretch",
    [
        (90.0, 400.0, 390.0, 95.0),  # two hours: an episode
        (70.0, 200.0, 500.0, 300.0, 100.0),  # rising and falling, as on the night of Diwali
        (95.0,),  # below the jump
        (1.0,),  # a dip moves a mean little
        (None, 500.0),  # whether it was a lone one is not known
        (500.0, None),
    ],
)
def test_what_is_no_lone_peak(stretch: Sequence[float | None]) -> None:
    assert doubts({"pm25": course(*stretch)}, NEIGHBOUR)[0] == {}


def test_a_peak_is_seen_once_the_next_hour_is_known() -> None:
    series = course(500.0)
    assert doubts({"pm25": series[:21]}, NEIGHBOUR)[0] == {}
    assert doubts({"pm25": series[:22]}, {"pm25": NEIGHBOUR["pm25"][:22]})[0] == {20: ["spike:pm25!"]}


def test_in_unsettled_air_a_peak_is_nothing_special() -> None:
    unsettled = [30.0 if hour % 2 else 200.0 for hour in range(48)]
    unsettled[20] = 400.0
    assert doubts({"pm25": [*unsettled]}, NEIGHBOUR)[0] == {}


VALUES = st.one_of(st.none(), st.sampled_from([20.25, 300.0, 74.25]), st.floats(0, 900, width=16))
STATION = st.fixed_dictionaries(
    {}, optional={name: st.lists(VALUES, min_size=60, max_size=60) for name in ("pm25", "pm10", "co")}
)


@given(st.lists(STATION, min_size=1, max_size=3), st.integers(BEFORE, 59 - AFTER))
def test_an_hour_is_judged_by_those_around_it_alone(stations: list[dict[str, Values]], hour: int) -> None:
    around = slice(hour - BEFORE, hour + AFTER + 1)
    cut = [{name: series[around] for name, series in station.items()} for station in stations]
    whole, part = over_time(stations, "measured"), over_time(cut, "measured")
    assert [of.get(hour, []) for of in whole] == [of.get(BEFORE, []) for of in part]


@pytest.mark.parametrize(
    ("fine", "coarse", "flagged"),
    [(60.0, 50.0, False), (61.0, 50.0, True), (4.0, 0.0, False), (61.0, None, False), (None, 50.0, False)],
)
def test_fine_dust_is_a_part_of_coarse(fine: float | None, coarse: float | None, flagged: bool) -> None:
    [result] = at_once([{"pm25": [fine], "pm10": [coarse]}], "measured", 0)
    assert result == ([QcFlag("pm25>pm10")] if flagged else [])


@pytest.mark.parametrize(
    ("values", "unlike"),
    [
        ([60.0, 65.0, 55.0, 400.0], [3]),
        ([260.0, 265.0, 255.0, 20.0], [3]),
        ([60.0, 65.0, 400.0], []),  # two against one prove nothing
        ([60.0, 65.0, 55.0, 250.0], []),  # not four times
        ([5.0, 4.0, 6.0, 40.0], []),  # clean air
        ([60.0, 65.0, 55.0, None, 400.0], [4]),
        ([60.0, 65.0, 55.0, None], []),
    ],
)
def test_a_station_unlike_the_others(values: Values, unlike: list[int]) -> None:
    result = at_once([{"pm25": [value]} for value in values], "measured", 0)
    assert [number for number, each in enumerate(result) if each] == unlike
    assert {doubt for each in result for doubt in each} <= {QcFlag("outlier", "pm25")}


def test_models_are_not_held_against_each_other() -> None:
    assert at_once([{"pm25": [400.0], "pm10": [5.0]}], "modelled", 0) == [[]]


def test_every_kind_of_doubt_has_a_meaning() -> None:
    for pollutant in POLLUTANTS:
        for kind in ("stuck", "spike", "outlier", "excluded"):
            assert QcFlag(kind, pollutant).flag.partition(":")[0] in MEANINGS
    assert {"pm25>pm10", "gap", "stopped"} <= MEANINGS.keys()


def share(result: Sequence[QcFlags], hours: int, *, grave: bool = False) -> float:
    doubted = sum(any(doubt.grave or not grave for doubt in each) for of in result for each in of.values())
    return doubted / hours


@real_data
def test_real_hours_of_jaipur_and_its_diwali() -> None:
    city, now = find_city("Jaipur"), datetime(2025, 11, 2, 12, tzinfo=UTC)
    first = datetime(2024, 12, 31, 18, 30, tzinfo=UTC)
    stations: list[dict[str, Values]] = []
    hours = 0
    for file in sorted(Path(DATA or "").glob("cpcb_jaipur_2025/*.csv.gz")):
        station: dict[str, Values] = {name: [None] * 24 * 310 for name in POLLUTANTS}
        for reading in read_file(file, city=city, station=None, format=None, now=now).readings:
            for name, value in reading.values.items():
                if name in station:
                    station[name][int((reading.time - first) / HOUR) - 1] = value
                    hours += 1
        stations.append(station)
    result = over_time(stations, "measured")
    assert 0 < share(result, hours) < 0.001
    assert 0 < share(result, hours, grave=True) < 0.0005
    diwali = range(24 * (31 + 28 + 31 + 30 + 31 + 30 + 31 + 31 + 30 + 18), 24 * 298)  # 19 to 25 October
    particles = {
        doubt for of in result for hour in diwali for doubt in of.get(hour, ()) if doubt.pollutant[:2] == "pm"
    }
    assert particles == set()
    assert max(stations[0]["pm25"][hour] or 0 for hour in diwali) > 200


@real_data
def test_four_diwalis_of_delhi_are_left_alone() -> None:
    """PM2.5 of one monitor, 2015 to 2018, up to 999 µg/m³: nothing of it may be left out."""
    course: dict[datetime, float] = {}
    for file in sorted(Path(DATA or "").glob("us_embassy_delhi/*.csv.gz")):
        with gzip.open(file, "rt", encoding="utf-8-sig") as lines:
            for row in csv.DictReader(lines):
                if row["QC Name"] == "Valid" and float(row["Raw Conc."]) >= 0:
                    time = datetime.strptime(row["Date (LT)"], "%Y-%m-%d %I:%M %p").replace(tzinfo=UTC)
                    course[time] = float(row["Raw Conc."])
    first, last = min(course), max(course)
    series = [course.get(first + hour * HOUR) for hour in range(int((last - first) / HOUR) + 1)]
    [result] = over_time([{"pm25": series}], "measured")
    assert share([result], len(course)) < 0.0005
    assert share([result], len(course), grave=True) == 0
    for night in ((2015, 11, 11), (2016, 10, 30), (2017, 10, 19), (2018, 11, 7)):
        noon = int((datetime(*night, 12, tzinfo=UTC) - first) / HOUR)
        assert not any(noon + ahead in result for ahead in range(36))


def test_what_an_index_at_the_end_of_its_scale_implies_is_at_least_so_much() -> None:
    single = 325.3999938964844  # 325.4 as the database keeps it
    american: dict[str, Values] = {"pm25": [single, 325.3, None], "pm10": [100.0, 604.0, None]}
    assert at_scale_end(american, "us-epa", 0) == [QcFlag("at_least", "pm25")]
    assert at_scale_end(american, "us-epa", 1) == [QcFlag("at_least", "pm10")]
    assert at_scale_end(american, "us-epa", 2) == []
    assert at_scale_end(american, "in-naqi", 0) == []
    assert at_scale_end({"pm25": [380.0]}, "in-naqi", 0) == [QcFlag("at_least", "pm25")]
    assert "at_least" in MEANINGS
