"""The states of a rule: properties of any series, and the cases that people have asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from common.alerts.rule import Condition, Rule
from common.alerts.state import (
    Phase,
    Signal,
    State,
    Transition,
    advance,
    clear_level,
    fire_level,
    initial,
    replay,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

START = datetime(2025, 11, 5, 10, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
MEASURED = Condition("measured", "aqi", above=300, clear_below=280, dwell=2)
FORECAST = Condition("forecast", "aqi", above=300, clear_below=270, within_hours=24, probability=0.5, dwell=2)


def rule(when: Condition = MEASURED, repeat: int | None = None) -> Rule:
    return Rule(UUID(int=7), UUID(int=1), "Delhi", when, "webhook", repeat_after_hours=repeat)


def hourly(values: Iterable[float | None]) -> list[Signal]:
    return [Signal(START + number * HOUR, value) for number, value in enumerate(values)]


def kinds(values: Iterable[float | None], of: Rule | None = None) -> list[tuple[str, int]]:
    """(kind, number of the hour) of everything that is to be told."""
    _, transitions = replay(of or rule(), initial(START - HOUR), hourly(values))
    return [(item.kind, (item.time - START) // HOUR) for item in transitions]


conditions = st.builds(
    lambda on, above, below, probability, dwell: Condition(
        on, "aqi", above, above * below, 24 if on == "forecast" else None,
        probability if on == "forecast" else None, dwell,
    ),
    st.sampled_from(["measured", "forecast"]),
    st.sampled_from([100.0, 200.0, 300.0]),
    st.floats(0.5, 1.0),
    st.sampled_from([0.25, 0.5, 0.9]),
    st.integers(1, 4),
)  # fmt: skip
levels = st.lists(st.one_of(st.none(), st.floats(0.0, 1.6)), max_size=80)
"""In units of what fires"""


def signals_of(when: Condition, shares: list[float | None]) -> list[Signal]:
    return hourly([None if share is None else share * fire_level(when) for share in shares])


@given(conditions, levels, st.sampled_from([None, 1, 5]))
def test_alerts_and_their_ends_come_in_turns(
    when: Condition, shares: list[float | None], repeat: int | None
) -> None:
    _, transitions = replay(rule(when, repeat), initial(START), signals_of(when, shares))
    turns = [item.kind for item in transitions if item.kind != "repeat"]
    assert turns == ["firing", "clear"] * (len(turns) // 2) + ["firing"] * (len(turns) % 2)
    firing = False
    for item in transitions:
        assert firing == (item.kind != "firing")
        firing = item.kind != "clear"


@given(conditions, levels, st.data())
def test_signals_that_come_again_late_or_corrected_change_nothing(
    when: Condition, shares: list[float | None], data: st.DataObject
) -> None:
    signals = signals_of(when, shares)
    known, told_before = replay(rule(when, 3), initial(START), signals)
    last = max((item.time for item in signals if item.value is not None), default=None)
    again = data.draw(st.lists(st.sampled_from(signals), max_size=20)) if signals else []
    corrected = [
        replace(item, value=data.draw(st.floats(0, 500)))
        for item in again
        if last is not None and item.time <= last
    ]
    state, transitions = replay(rule(when, 3), known, [*again, *corrected])
    assert (state, transitions) == (known, [])
    # The same again from the beginning, in pieces: the same, with the same episodes.
    cut = data.draw(st.integers(0, len(signals)))
    half, first = replay(rule(when, 3), initial(START), signals[:cut])
    whole, second = replay(rule(when, 3), half, signals[:cut] + signals[cut:])
    assert (whole, first + second) == (known, told_before)


@given(st.lists(st.floats(-5, 5), min_size=48, max_size=48), conditions)
def test_a_swing_around_the_threshold_is_one_alert_and_one_end(swings: list[float], when: Condition) -> None:
    """For 48 hours within 5 of the threshold, between hours that are clearly above and clearly below."""
    when = structs.replace(
        when, on="measured", within_hours=None, probability=None, clear_below=when.above - 5.1
    )
    values = [when.above + swing for swing in swings]
    series = [when.above + 20] * when.dwell + values + [when.above - 20] * when.dwell
    assert [kind for kind, _ in kinds(series, rule(when))] == ["firing", "clear"]
    # And without the certain hours at the beginning: never more than one of each.
    alone = [kind for kind, _ in kinds(values + [when.above - 20] * when.dwell, rule(when))]
    assert alone in ([], ["firing", "clear"])


@pytest.mark.parametrize("period", [2, 3, 4, 5, 6, 8, 12, 24])
def test_a_regular_swing_of_five_for_48_hours(period: int) -> None:
    values = [305 if (hour // ((period + 1) // 2)) % 2 == 0 else 295 for hour in range(48)]
    transitions = kinds(values + [250] * 3)
    assert [kind for kind, _ in transitions] == (["firing", "clear"] if period > 2 else [])


def test_a_swing_of_probabilities_is_one_alert_and_one_end() -> None:
    values = [0.55 if hour % 2 else 0.46 for hour in range(48)]
    assert kinds([*values, 0.2, 0.2], rule(FORECAST)) == [("firing", 3), ("clear", 49)]


def test_it_fires_after_consecutive_hours_and_not_before() -> None:
    assert kinds([310, 290, 310, 290, 310, 310]) == [("firing", 5)]
    assert kinds([300, 300]) == [("firing", 1)]
    assert kinds([299.9] * 10) == []


def test_it_is_over_after_consecutive_hours_below_the_lower_threshold() -> None:
    assert kinds([310, 310, 270, 290, 270, 270]) == [("firing", 1), ("clear", 5)]
    assert kinds([310, 310, 280, 280]) == [("firing", 1)]


def test_two_of_the_last_three_issues() -> None:
    assert kinds([0.5, 0.1, 0.5], rule(FORECAST)) == [("firing", 2)]
    assert kinds([0.5, 0.1, 0.1, 0.5], rule(FORECAST)) == []
    assert clear_level(FORECAST) == pytest.approx(0.45)
    assert kinds([0.5, 0.5, 0.44, 0.6, 0.44], rule(FORECAST)) == [("firing", 1), ("clear", 4)]
    assert kinds([0.5, 0.5, 0.46, 0.46, 0.46], rule(FORECAST)) == [("firing", 1)]


def test_missing_hours_neither_count_nor_break_a_count_unless_they_are_many() -> None:
    assert kinds([310, None, None, 310]) == [("firing", 3)]
    assert kinds([310, None, None, None, 310]) == []
    assert kinds([310, 310, 250, None, 250]) == [("firing", 1), ("clear", 4)]
    assert kinds([310, 310, None, None, None, None, None]) == [("firing", 1)]


def test_it_is_repeated_while_it_lasts() -> None:
    transitions = kinds([310] * 20 + [270, 310] + [310] * 4, rule(repeat=6))
    assert transitions == [("firing", 1), ("repeat", 7), ("repeat", 13), ("repeat", 19), ("repeat", 25)]
    assert kinds([310, 310] + [None] * 10, rule(repeat=6)) == [("firing", 1)]


def test_the_states_on_the_way() -> None:
    state, phases = initial(START), []
    for signal in hourly([310, 310, 270, 290, 270, 270]):
        state, _ = advance(rule(), state, signal)
        phases.append((state.phase, (state.since - START) // HOUR))
    assert phases == [
        (Phase.PENDING, 0), (Phase.FIRING, 1), (Phase.CLEARING, 1), (Phase.FIRING, 1), (Phase.CLEARING, 1),
        (Phase.CLEAR, 5),
    ]  # fmt: skip


def test_each_episode_has_an_id_of_its_own() -> None:
    state, episodes = initial(START), []
    for signal in hourly([310, 310, 270, 270, 310, 310, 270, 270]):
        state, transition = advance(rule(), state, signal)
        if transition is not None:
            episodes.append(state.episode)
    assert episodes[0] == episodes[1] != episodes[2] == episodes[3]
    assert len({None, *episodes}) == 3


def test_a_longer_dwell_fires_later() -> None:
    first = [kinds([310] * 30, rule(structs.replace(MEASURED, dwell=dwell))) for dwell in range(1, 25)]
    assert all(earlier[0][1] + 1 == later[0][1] for earlier, later in pairwise(first))


def test_a_state_is_a_value() -> None:
    state = State(Phase.CLEAR, START)
    assert advance(rule(), state, Signal(START, None)) == (state, None)
    fired = advance(rule(structs.replace(MEASURED, dwell=1)), state, Signal(START, 300.0))
    assert fired[1] == Transition("firing", START, 300.0)
    assert fired[0].notified_at == START
