"""What a rule does signal by signal: ``clear → pending → firing → clearing → clear``.

A rule on measured values fires after `dwell` hours at or above `above`, one after the other, and is over after `dwell`
hours below `clear_below`. A rule on forecasts looks at the issued probability: it fires when that reached `probability`
in `dwell` of the last ``dwell + 1`` issues, and is over when it was below `probability` × `clear_below` / `above` in as
many: two thresholds here too, which lie as far apart as the owner's levels. What is between the thresholds changes
nothing, so that a value that swings around one of them fires once.

A signal without a value, or no later than the last, changes nothing: late, corrected and repeated hours cannot fire
twice. Hours that are missing neither count nor break a count, unless more than `GAP` lies between two signals: then
counting begins anew. Nobody who takes signals from here knows the time of day: quiet hours decide about messages, not
about states.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Literal
from uuid import uuid5

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    from common.alerts.rule import Condition, Rule

GAP = timedelta(hours=3)
"""Signals further apart than this do not follow one another."""
FRESH = timedelta(hours=3)
"""An hour that ended longer ago than this, or an issue so old, says nothing about the present: it is stale."""

TransitionKind = Literal["firing", "repeat", "clear"]


class Phase(StrEnum):
    """Where a rule stands."""

    CLEAR = "clear"
    PENDING = "pending"
    """Some signals speak for an alert, not yet enough"""
    FIRING = "firing"
    CLEARING = "clearing"
    """It fires, and some signals speak for its end, not yet enough"""


@dataclass(frozen=True, slots=True)
class State:
    """Where a rule stands after its last signal."""

    phase: Phase
    since: datetime
    """Time of the signal by which it came there"""
    streak: int = 0
    """The last signals as bits, the latest lowest: 1 where it spoke for the next phase"""
    signal_time: datetime | None = None
    """Of the last signal that had a value; earlier ones are over"""
    episode: UUID | None = None
    """Of what fires, or fired last"""
    notified_at: datetime | None = None
    """Time of the signal by which it fired, or was repeated last"""
    held: bool = False
    """Whether nobody has been notified yet, because of quiet hours. Here it is only carried along and reset."""

    @property
    def firing(self) -> bool:
        """Whether an episode goes on."""
        return self.phase in (Phase.FIRING, Phase.CLEARING)


@dataclass(frozen=True, slots=True)
class Signal:
    """What a rule looks at: an hour, or an issue of the forecast."""

    time: datetime
    """End of the hour; of an issue, its origin"""
    value: float | None
    """AQI or µg/m³ of the hour; of an issue, the probability from 0 to 1. None: missing or stale."""


@dataclass(frozen=True, slots=True)
class Transition:
    """What is to be told, at the time of its signal."""

    kind: TransitionKind
    time: datetime
    value: float


def initial(since: datetime) -> State:
    """The state of a rule that has seen nothing yet."""
    return State(Phase.CLEAR, since)


def clear_level(when: Condition) -> float:
    """What a signal must be below to speak for the end: in the unit of the signal."""
    if when.on == "measured" or when.probability is None:
        return when.clear_below
    return when.probability * when.clear_below / when.above


def fire_level(when: Condition) -> float:
    """What a signal must reach to speak for an alert: in the unit of the signal."""
    return when.above if when.on == "measured" or when.probability is None else when.probability


def window(when: Condition) -> int:
    """Of how many signals `dwell` must agree."""
    return when.dwell if when.on == "measured" else when.dwell + 1


def is_new(time: datetime, seen: datetime | None) -> bool:
    """Whether a signal of that time comes after the last that was `seen`; late, corrected and repeated ones do not."""
    return seen is None or time > seen


def advance(rule: Rule, state: State, signal: Signal) -> tuple[State, Transition | None]:
    """The state after a signal, and what is to be told, if anything is."""
    if signal.value is None or not is_new(signal.time, state.signal_time):
        return state, None
    streak = _streak(rule.when, state, signal)
    state = replace(state, signal_time=signal.time, streak=streak)
    if streak.bit_count() >= rule.when.dwell:
        return _turn(rule, state, signal.time, signal.value)
    if state.firing:
        state = _in(state, Phase.CLEARING if streak else Phase.FIRING, signal.time)
        return _repeat(rule, state, signal.time, signal.value)
    return _in(state, Phase.PENDING if streak else Phase.CLEAR, signal.time), None


def replay(rule: Rule, state: State, signals: Iterable[Signal]) -> tuple[State, list[Transition]]:
    """The state after all signals, and everything that is to be told, in order."""
    transitions = []
    for signal in signals:
        state, transition = advance(rule, state, signal)
        if transition is not None:
            transitions.append(transition)
    return state, transitions


def _streak(when: Condition, state: State, signal: Signal) -> int:
    """The last signals as bits, this one included."""
    assert signal.value is not None  # noqa: S101 — `advance` has looked
    speaks = signal.value < clear_level(when) if state.firing else signal.value >= fire_level(when)
    follows = state.signal_time is not None and signal.time - state.signal_time <= GAP
    before = state.streak if follows else 0
    if when.on == "measured" and not speaks:
        return 0
    return ((before << 1) | speaks) & ((1 << window(when)) - 1)


def _turn(rule: Rule, state: State, time: datetime, value: float) -> tuple[State, Transition]:
    if state.firing:
        over = replace(state, phase=Phase.CLEAR, since=time, streak=0, held=False)
        return over, Transition("clear", time, value)
    episode = uuid5(rule.id, time.isoformat())
    fires = replace(
        state, phase=Phase.FIRING, since=time, streak=0, episode=episode, notified_at=time, held=False
    )
    return fires, Transition("firing", time, value)


def _in(state: State, phase: Phase, time: datetime) -> State:
    if state.phase == phase:
        return state
    # What is firing again after a moment below has been firing since it began.
    return replace(state, phase=phase, since=state.since if state.firing else time)


def _repeat(rule: Rule, state: State, time: datetime, value: float) -> tuple[State, Transition | None]:
    """While it fires for sure, it is repeated where its owner wants that."""
    hours, last = rule.repeat_after_hours, state.notified_at
    if (
        hours is None
        or last is None
        or state.phase is not Phase.FIRING
        or time - last < timedelta(hours=hours)
    ):
        return state, None
    return replace(state, notified_at=time), Transition("repeat", time, value)
