"""A rule replayed on the record: what it would have said, and how quickly that is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from common.alerts.preview import Issue, preview
from common.alerts.probability import Exceedances, exceedance
from common.alerts.rule import Condition

BEGIN = datetime(2025, 11, 1, 0, 30, tzinfo=UTC)


def at(hour: float) -> datetime:
    return BEGIN + timedelta(hours=hour)


def issue(hour: int, chances: list[float], target: str = "aqi") -> Issue:
    """A forecast whose hours exceed 300 with these probabilities."""
    y = [200 + 200 * chance for chance in chances]
    bounds = [[value + shift for value in y] for shift in (-40, 40, -80, 80)]
    return Issue(at(hour), target, y, *bounds, [[0, 0, 1 - chance, 0, chance, 0] for chance in chances])


def test_a_measured_rule_on_its_hours() -> None:
    values = [100.0] * 20 + [310.0] * 12 + [100.0] * 40
    hours = {at(hour): value for hour, value in enumerate(values)}
    when = Condition("measured", "aqi", 300, 280, dwell=2)
    result = preview(when, hours, [], start=at(-1), until=at(71))
    assert [(each.alert.fired, each.alert.cleared) for each in result.alerts] == [(at(21), at(33))]
    assert (result.warnings.hits, result.warnings.false_alarms, result.warnings.misses) == (1, 0, 0)
    assert result.median_warning_hours == 10


def test_a_forecast_rule_on_what_was_issued() -> None:
    hours = {at(hour): 320.0 if 60 <= hour < 70 else 100.0 for hour in range(110)}
    issues = [
        issue(hour, [0.7 if 60 <= hour + lead < 70 else 0.1 for lead in range(1, 49)]) for hour in range(100)
    ]
    when = Condition("forecast", "aqi", 300, 280, within_hours=24, probability=0.5, dwell=2)
    result = preview(when, hours, issues, start=at(0), until=at(109))
    [alert] = result.alerts
    assert alert.alert.fired == at(37)  # the second issue whose next 24 hours reach it
    assert (result.warnings.hits, result.warnings.false_alarms, result.warnings.misses) == (1, 0, 0)
    assert result.median_warning_hours == 23


def test_swings_around_the_threshold_are_one_alert() -> None:
    hours = {at(hour): 300.0 + (5 if hour % 2 else -5) for hour in range(48)} | {
        at(hour): 200.0 for hour in range(48, 60)
    }
    when = Condition("measured", "aqi", 300, 280, dwell=1)
    result = preview(when, hours, [], start=at(-1), until=at(59))
    assert len(result.alerts) == len(result.exceedances) == 1


def test_nothing_on_record_is_nothing_to_judge() -> None:
    for on in ("measured", "forecast"):
        when = Condition(on, "pm25", 100, 90, within_hours=24, probability=0.5)
        result = preview(when, {}, [], start=at(0), until=at(100))
        assert (result.hours, result.alerts, result.exceedances) == (0, (), ())
        assert (result.warnings.pod, result.warnings.far, result.warnings.csi) == (None, None, None)


SHARES = st.lists(st.floats(0, 1), min_size=6, max_size=6).filter(sum)


@st.composite
def forecasts(draw: st.DrawFn) -> Issue:
    target = draw(st.sampled_from(["aqi", "pm25"]))
    size = draw(st.integers(1, 8))
    rows = [sorted(draw(st.lists(st.floats(0, 600, width=32), min_size=5, max_size=5))) for _ in range(size)]
    lo95, lo80, y, hi80, hi95 = ([row[place] for row in rows] for place in range(5))
    shares = [draw(SHARES) for _ in range(size)] if target == "aqi" else []
    categories = [[share / sum(row) for share in row] for row in shares]
    return Issue(BEGIN, target, y, lo80, hi80, lo95, hi95, categories)


def cut(issued: Issue, lead: int) -> Issue:
    parts = [
        getattr(issued, name)[lead : lead + 1] for name in ("y", "lo80", "hi80", "lo95", "hi95", "categories")
    ]
    return Issue(issued.origin, issued.target, *parts)


@given(forecasts(), st.floats(1, 600), st.integers(1, 48))
def test_the_probability_is_that_of_the_likeliest_hour(issued: Issue, above: float, within: int) -> None:
    hours = [exceedance(cut(issued, lead), above, 1) for lead in range(min(within, len(issued.y)))]
    assert exceedance(issued, above, within) == pytest.approx(max(hours), abs=1e-12)
    assert Exceedances(issued).within(above, within) == pytest.approx(max(hours), abs=1e-12)


def test_92_days_of_forecasts_take_less_than_two_seconds() -> None:
    shape = [0.05 + 0.9 * ((7 * lead) % 13) / 13 for lead in range(48)]
    days = [issue(0, [(chance + day / 92) / 2 for chance in shape]) for day in range(92)]
    issues = [structs.replace(days[hour // 24], origin=at(hour)) for hour in range(92 * 24)]
    hours = {at(hour): 250.0 + 100 * ((hour // 30) % 2) for hour in range(92 * 24)}
    when = Condition("forecast", "aqi", 270, 250, within_hours=48, probability=0.5)
    began = process_time()
    result = preview(when, hours, issues, start=at(0), until=at(92 * 24))
    assert process_time() - began < 2
    assert result.alerts
