"""The past in units: everything that is missing, nothing twice, the newest first."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from common.domain.cities import all_cities
from common.ingest.backfill_units import Unit, split
from common.sources import REGISTRY

CITIES = all_cities()[:5]
TODAY = date(2026, 11, 22)
DAY = timedelta(days=1)


def ago(days: int) -> date:
    return TODAY - days * DAY


def shapes(units: list[Unit]) -> list[tuple[int, int, int]]:
    """First and last day, in days ago, and number of cities."""
    return [((TODAY - unit.first).days, (TODAY - unit.last).days, len(unit.cities)) for unit in units]


def test_open_meteo_takes_14_cities_and_31_days_and_the_days_that_change_by_themselves() -> None:
    units = split(REGISTRY["open-meteo"], all_cities(), ago(92), TODAY, {}, today=TODAY)
    assert shapes(units) == [
        (first, last, 14) for first, last in ((2, 0), (33, 3), (64, 34), (92, 65)) for _ in range(4)
    ]


def test_only_gaps_are_asked_for() -> None:
    delhi, pune = CITIES[:2]
    source = replace(REGISTRY["open-meteo"], settles_days=0)
    done = {delhi.name: {ago(day) for day in (1, 2, 5)}, pune.name: {ago(day) for day in range(11)}}
    units = split(source, [delhi, pune], ago(10), TODAY, done, today=TODAY)
    assert [unit.cities for unit in units] == [(delhi,)] * 3
    assert shapes(units) == [(0, 0, 1), (4, 3, 1), (10, 6, 1)]


@given(
    days=st.integers(0, 200),
    unit_days=st.integers(1, 50),
    unit_cities=st.integers(1, 6),
    settles=st.integers(0, 9),
    done=st.dictionaries(st.sampled_from([city.name for city in CITIES]), st.sets(st.integers(0, 200))),
)
def test_all_that_is_missing_comes_once(
    days: int, unit_days: int, unit_cities: int, settles: int, done: dict[str, set[int]]
) -> None:
    source = replace(
        REGISTRY["open-meteo"], unit_days=unit_days, unit_cities=unit_cities, settles_days=settles
    )
    known = {name: {ago(day) for day in item} for name, item in done.items()}
    units = split(source, CITIES, ago(days), TODAY, known, today=TODAY)
    requests = Counter((city.name, day) for unit in units for city in unit.cities for day in unit.days)
    missing = {
        (city.name, ago(day))
        for city in CITIES
        for day in range(days + 1)
        if day not in done.get(city.name, ())
    }
    assert requests == dict.fromkeys(missing, 1)
    assert sum(unit.city_days for unit in units) == len(missing)
    assert [unit.last for unit in units] == sorted((unit.last for unit in units), reverse=True)
    for unit in units:
        assert 1 <= len(unit.cities) <= unit_cities
        assert 1 <= len(unit.days) <= unit_days
        assert not unit.first < ago(settles) <= unit.last  # all can still change, or none
        # What is left of a unit is that unit.
        assert split(source, unit.cities, unit.first, unit.last, known, today=TODAY) == [unit]
