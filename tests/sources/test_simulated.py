"""Simulated data: always the same, on the Indian grid, shaped like the seasons, and worth forecasting."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from statistics import correlation, fmean
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.domain.cities import all_cities, find_city
from common.domain.observation import VARIABLES, hour_ending
from common.domain.units import plausible
from common.sources.interface import Request
from common.sources.simulated import SOURCE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from common.domain.observation import Batch

NOW = datetime(2025, 11, 5, 10, 40, tzinfo=UTC)
HOUR = timedelta(hours=1)


def fetch(start: datetime, end: datetime, *cities: str, now: datetime | None = None, ahead: int = 0) -> Batch:
    request = Request([find_city(name) for name in cities], start, end, now or end, ahead, {})
    return SOURCE.fetch(request, None)  # type: ignore[arg-type]


def series(city: str, variable: str, start: datetime, days: int) -> list[float]:
    return [r.values[variable] for r in fetch(start, start + timedelta(days=days), city).readings]


def test_every_hour_of_the_indian_grid_once() -> None:
    batch = fetch(NOW - timedelta(days=3), NOW, "Delhi", "Salem")
    for name in ("Delhi", "Salem"):
        times = [r.time for r in batch.readings if r.city == name]
        assert len(times) == 72
        assert times == [times[0] + i * HOUR for i in range(72)]
        assert all(time == hour_ending(time) for time in times)
        assert times[-1] == datetime(2025, 11, 5, 10, 30, tzinfo=UTC)
    assert all(set(r.values) == set(VARIABLES) for r in batch.readings)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([city.name for city in all_cities()]),
    st.integers(0, 24 * 365),
    st.integers(1, 200),
    st.integers(0, 200),
)
def test_an_hour_is_the_same_in_every_window(city: str, back: int, before: int, after: int) -> None:
    time = datetime(2025, 11, 5, 10, 30, tzinfo=UTC) - back * HOUR
    (alone,) = fetch(time - HOUR, time, city).readings
    among = fetch(time - before * HOUR, time + after * HOUR, city).readings
    assert alone in among
    assert all(plausible(variable, value) for r in among for variable, value in r.values.items())


def test_nothing_after_the_present_is_a_reading() -> None:
    batch = fetch(NOW - 3 * HOUR, NOW + 9 * HOUR, "Delhi", now=NOW, ahead=48)
    assert len(batch.readings) == 3
    assert [f.time for f in batch.forecasts] == [
        datetime(2025, 11, 5, 11, 30, tzinfo=UTC) + i * HOUR for i in range(48)
    ]
    assert {f.issued_at for f in batch.forecasts} == {datetime(2025, 11, 5, 6, tzinfo=UTC)}
    assert all(set(f.values) == SOURCE.provides for f in batch.forecasts)


def test_a_forecast_stays_as_issued_and_changes_with_the_next() -> None:
    def expected(now: datetime) -> Mapping[datetime, Mapping[str, float]]:
        return {f.time: f.values for f in fetch(now, now, "Delhi", now=now, ahead=48).forecasts}

    early, late, next_issue = expected(NOW - 4 * HOUR), expected(NOW), expected(NOW + 3 * HOUR)
    shared = early.keys() & late.keys() & next_issue.keys()
    assert len(shared) > 30
    assert all(early[time] == late[time] for time in shared)
    assert any(late[time] != next_issue[time] for time in shared)


def test_forecast_errors_grow_with_lead_time() -> None:
    near: dict[str, list[float]] = defaultdict(list)
    far: dict[str, list[float]] = defaultdict(list)
    for day in range(40):
        now = NOW + timedelta(days=day)
        truth = {r.time: r.values for r in fetch(now, now + 50 * HOUR, "Delhi").readings}
        for f in fetch(now, now, "Delhi", now=now, ahead=48).forecasts:
            for name in ("wind_speed", "pm25"):
                error = abs(f.values[name] - truth[f.time][name])
                (near if f.time - now < 7 * HOUR else far)[name].append(error)
    for name in ("wind_speed", "pm25"):
        assert 0 < fmean(near[name]) < 0.7 * fmean(far[name])


def test_seasons_and_regions() -> None:
    winter, monsoon = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 7, 15, tzinfo=UTC)
    pm25 = {
        (city, season): fmean(series(city, "pm25", season, 30))
        for city in ("Delhi", "Chennai")
        for season in (winter, monsoon)
    }
    assert 120 < pm25["Delhi", winter] < 280
    assert 25 < pm25["Delhi", monsoon] < 80
    assert pm25["Chennai", winter] < 0.3 * pm25["Delhi", winter]
    assert fmean(series("Delhi", "temperature", winter, 30)) < 19
    assert fmean(series("Delhi", "temperature", monsoon, 30)) > 27
    assert sum(series("Mumbai", "rain", winter, 30)) < 20
    assert sum(series("Mumbai", "rain", monsoon, 30)) > 300


def test_days_have_traffic_and_sun() -> None:
    readings = fetch(NOW - timedelta(days=60), NOW, "Lucknow").readings

    def at(hour: int, variable: str) -> float:
        return fmean(r.values[variable] for r in readings if (r.time + timedelta(hours=5.5)).hour == hour)

    assert at(20, "no2") > 1.5 * at(4, "no2")
    assert at(14, "o3") > 1.3 * at(5, "o3")
    assert at(1, "solar_radiation") == 0
    assert at(12, "solar_radiation") > 300
    assert at(14, "boundary_layer_height") > 2 * at(4, "boundary_layer_height")
    assert at(15, "temperature") > at(5, "temperature") + 5


def test_the_wind_and_its_components_agree() -> None:
    for r in fetch(NOW - timedelta(days=10), NOW, "Salem").readings:
        assert math.hypot(r.values["wind_u"], r.values["wind_v"]) == pytest.approx(
            r.values["wind_speed"], abs=0.02
        )
        assert r.values["dew_point"] <= r.values["temperature"]


def test_weather_drives_pollution_over_days() -> None:
    readings = fetch(NOW, NOW + timedelta(days=90), "Delhi").readings

    def daily(of: Callable[[Mapping[str, float]], float]) -> list[float]:
        return [fmean(of(r.values) for r in readings[i : i + 24]) for i in range(0, len(readings), 24)]

    stillness = daily(lambda v: -math.log((v["wind_speed"] + 0.5) * v["boundary_layer_height"]))
    assert correlation(stillness, daily(lambda v: math.log(v["pm25"]))) > 0.5


def test_neighbours_share_their_weather_more_than_strangers() -> None:
    start = datetime(2025, 11, 1, tzinfo=UTC)
    delhi, near, far = (series(city, "wind_speed", start, 60) for city in ("Delhi", "Faridabad", "Madurai"))
    assert correlation(delhi, near) > 0.6
    assert correlation(delhi, near) > correlation(delhi, far) + 0.2


def test_persistence_can_be_beaten_by_what_history_tells() -> None:
    """A day ahead, drawing back to the mean of the hour beats the last value; both know only the past."""
    values = series("Kanpur", "pm25", datetime(2025, 10, 1, tzinfo=UTC), 120)
    persistence, drawn_back = [], []
    for now in range(24 * 40, len(values) - 31):
        lead = 6 + now % 24
        past = [values[now + lead - 24 * day] for day in range(2, 16)]
        level = fmean(values[now - 23 : now + 1]) / fmean(values[now - 24 * 14 + 1 : now + 1])
        truth = values[now + lead]
        persistence.append(abs(values[now] - truth))
        drawn_back.append(abs(fmean(past) * (1 + 0.6 * (level - 1)) - truth))
    assert fmean(drawn_back) < 0.8 * fmean(persistence)


def test_order_of_asking_does_not_matter() -> None:
    cities = [city.name for city in all_cities()]
    first = {r.city: r for r in fetch(NOW - HOUR, NOW, *cities).readings}
    assert {r.city: r for r in fetch(NOW - HOUR, NOW, *reversed(cities)).readings} == first
    assert len({tuple(r.values.values()) for r in first.values()}) == 56
