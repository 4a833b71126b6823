"""Alerts held against the hours that came: by example, and by an oracle that counts hour by hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from common.alerts.rule import Condition
from common.alerts.scoring import GAP_HOURS, Alert, Judgement, judge

BEGIN = datetime(2025, 11, 1, 0, 30, tzinfo=UTC)
FORECAST = Condition("forecast", "aqi", 300, 280, within_hours=24, probability=0.5)
MEASURED = Condition("measured", "aqi", 300, 280)


def at(hour: float) -> datetime:
    return BEGIN + timedelta(hours=hour)


def series(*runs: tuple[int, int, float | None], length: int = 120) -> dict[datetime, float]:
    """Hours of 100, but for runs (first, last, value); None: not measured."""
    values: dict[int, float | None] = dict.fromkeys(range(length), 100.0)
    for first, last, value in runs:
        values.update(dict.fromkeys(range(first, last + 1), value))
    return {at(hour): value for hour, value in values.items() if value is not None}


def judged(
    when: Condition, hours: dict[datetime, float], *alerts: tuple[float, float | None], until: float = 119
) -> Judgement:
    made = [Alert(at(fired), None if cleared is None else at(cleared)) for fired, cleared in alerts]
    return judge(when, hours, made, until=at(until))


def counts(judgement: Judgement) -> tuple[int, int, int]:
    warnings = judgement.warnings
    return warnings.hits, warnings.misses, warnings.false_alarms


def test_a_forecast_alert_before_the_exceedance_is_a_hit_with_its_warning() -> None:
    result = judged(FORECAST, series((50, 60, 320)), (38, 62))
    assert counts(result) == (1, 0, 0)
    assert result.median_warning_hours == 12
    assert [(each.start, each.end, each.peak) for each in result.exceedances] == [(at(50), at(60), 320)]


def test_an_exceedance_without_an_alert_is_a_miss_and_an_alert_without_one_is_false() -> None:
    result = judged(FORECAST, series((50, 60, 320)), (80, 90))
    assert counts(result) == (0, 1, 1)
    assert result.median_warning_hours is None


def test_an_alert_while_it_goes_on_is_late_and_the_exceedance_a_miss() -> None:
    result = judged(FORECAST, series((50, 60, 320)), (52, 62))
    assert counts(result) == (0, 1, 0)
    assert [each.outcome for each in result.alerts] == ["late"]


def test_short_gaps_join_and_longer_ones_do_not() -> None:
    joined = judged(FORECAST, series((50, 52, 320), (53 + GAP_HOURS - 1, 60, 310)))
    parted = judged(FORECAST, series((50, 52, 320), (53 + GAP_HOURS, 60, 310)))
    assert (len(joined.exceedances), len(parted.exceedances)) == (1, 2)


def test_an_alert_that_still_stands_when_it_begins_has_warned() -> None:
    assert counts(judged(FORECAST, series((50, 60, 320)), (20, 62))) == (1, 0, 0)
    assert counts(judged(FORECAST, series((50, 60, 320)), (20, 40))) == (0, 1, 1)


def test_of_two_claims_the_later_counts() -> None:
    result = judged(FORECAST, series((50, 60, 320)), (30, 33), (44, 62))
    assert counts(result) == (1, 0, 0)
    assert result.median_warning_hours == 6


def test_the_alert_of_a_measured_rule_is_a_hit_where_it_goes_on() -> None:
    result = judged(MEASURED, series((50, 60, 320)), (51, 63))
    assert counts(result) == (1, 0, 0)
    assert result.median_warning_hours == 9


def test_the_alert_of_a_measured_rule_that_is_over_at_once_is_false_and_has_missed() -> None:
    assert counts(judged(MEASURED, series((50, 51, 320)), (51, 53))) == (0, 1, 1)


def test_what_goes_on_at_the_end_is_not_missed_yet() -> None:
    assert counts(judged(MEASURED, series((110, 119, 320)))) == (0, 0, 0)
    assert judged(MEASURED, series((110, 119, 320)), (111, None)).median_warning_hours is None


def test_what_was_not_measured_counts_for_nobody() -> None:
    unmeasured_before = series((40, 49, None), (50, 60, 320))
    assert counts(judged(FORECAST, unmeasured_before)) == (0, 0, 0)
    unmeasured_after = series((81, 100, None))
    result = judged(FORECAST, unmeasured_after, (80, 90))
    assert counts(result) == (0, 0, 0)
    assert result.hours == 100


def test_what_no_forecast_could_foresee_is_no_miss() -> None:
    hours = series((50, 60, 320))
    issued_later = judge(FORECAST, hours, [], until=at(119), issues=[at(51)])
    issued_before = judge(FORECAST, hours, [], until=at(119), issues=[at(26), at(51)])
    assert (issued_later.warnings.misses, issued_before.warnings.misses) == (0, 1)


def test_a_claim_whose_hours_are_not_over_is_not_judged() -> None:
    assert counts(judged(FORECAST, series(), (100, 104))) == (0, 0, 0)
    assert counts(judged(FORECAST, series(length=140), (100, 104), until=124)) == (0, 0, 1)


VALUES = st.lists(st.sampled_from([None, 100.0, 300.0, 301.0, 420.0]), min_size=1, max_size=90)
ALERTS = st.lists(st.tuples(st.integers(-5, 95), st.integers(1, 30)), max_size=5)


@given(VALUES, ALERTS, st.integers(1, 48))
def test_it_agrees_with_counting_hour_by_hour(
    values: list[float | None], given_alerts: list[tuple[int, int]], within: int
) -> None:
    when = Condition("forecast", "aqi", 300, 280, within_hours=within, probability=0.5)
    hours = {at(hour): value for hour, value in enumerate(values) if value is not None}
    alerts = [(fired, fired + lasted) for fired, lasted in given_alerts]
    until = len(values) - 1
    result = judged(when, hours, *alerts, until=until)

    bad = [hour for hour, value in enumerate(values) if value is not None and value > 300]
    onsets = [hour for hour in bad if not any(hour - GAP_HOURS <= other < hour for other in bad)]
    known = [
        hour
        for hour in onsets
        if any(values[before] is not None for before in range(max(hour - GAP_HOURS, 0), hour))
    ]
    claimed = {
        (fired, cleared): range(fired + 1, max(fired + within, cleared) + 1) for fired, cleared in alerts
    }
    hits = [hour for hour in onsets if any(hour in claim for claim in claimed.values())]
    assert result.warnings.hits == len(hits)
    assert result.warnings.misses == len(set(known) - set(hits))
    false_alarms = 0
    for pair in alerts:
        claim = claimed[pair]
        measured = [hour for hour in claim if 0 <= hour <= until and values[hour] is not None]
        whole = claim[-1] <= until and len(measured) >= 0.75 * len(claim)
        false_alarms += whole and not set(measured) & set(bad)
    assert result.warnings.false_alarms == false_alarms


@given(VALUES, ALERTS, st.sampled_from([FORECAST, MEASURED]))
def test_later_hours_never_take_a_verdict_back(
    values: list[float | None], given_alerts: list[tuple[int, int]], when: Condition
) -> None:
    hours = {at(hour): value for hour, value in enumerate(values) if value is not None}
    alerts = [(fired, fired + lasted) for fired, lasted in given_alerts]
    early = judged(when, hours, *alerts, until=len(values) / 2)
    late = judged(when, hours, *alerts, until=len(values) - 1)
    before = {each.start: each.outcome for each in early.exceedances if each.outcome}
    after = {each.start: each.outcome for each in late.exceedances}
    assert before.items() <= after.items()
    for first, second in zip(early.alerts, late.alerts, strict=True):
        assert first.outcome in (None, second.outcome)
