"""The function ``alerts``: what rules say of new hours and new forecasts, and their messages on the way.

Woken by events it reads those after the last that it has seen, and evaluates the rules of their cities; on its schedule
it also evaluates what was missed, and forgets what is past its time. Where rules stand, what happened and what is to
be sent is written in one transaction for a few cities; messages go out after it: `common.services.alert_sending`.
"""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING

from common.alerts.due import cities_due
from common.alerts.probability import Exceedances
from common.alerts.quiet import quiet_until
from common.alerts.state import FRESH, Signal, advance
from common.domain.messages import ALERTS
from common.services.alert_scores import judge_due
from common.services.alert_sending import send_due
from common.services.events import then_announce
from common.store.alert_deliveries import DELIVERIES_KEPT
from common.store.alert_states import (
    Change,
    Course,
    fresh_hours,
    fresh_issues,
    newest_signals,
    rules_to_evaluate,
    signals_seen,
    write_changes,
    write_courses,
    write_states,
)
from common.store.alerts import forget_old, lock_alerts
from common.store.dataset_kind import dataset
from common.store.events import advance_cursor, cursor, events_after
from common.store.public_alerts import PUBLIC_OWNER, keep_public_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from common.alerts.rule import Rule, Target
    from common.alerts.state import State
    from common.domain.forecast import Mode
    from common.domain.messages import Handler, Message
    from common.services.resources import Resources
    from common.store.alert_states import Issue
    from common.store.engine import Connection

CONSUMER = "alerts"
_TOGETHER = 8
"""Cities of one transaction"""
_EVENTS_AT_ONCE = 500
_LONGEST_S = 240.0
"""How long messages are sent where the platform says nothing; the next run goes on."""
_A_STEP_S = 60.0
"""How long messages are sent after one step of a replay"""
_LEFT_S = 30.0
"""What is left of the platform's time for those that are on their way"""


def handler(resources: Resources, *, pause: Callable[[float], None] = time.sleep) -> Handler:
    """The handler of `ALERTS`, EVENTS_READY and FORECAST_READY; `pause` waits for a first retry."""

    def handle(message: Message) -> Mapping[str, object]:
        if message.type == ALERTS:
            with resources.database.transaction() as connection:
                keep_public_rules(connection, wanted=resources.settings.public_alerts, now=resources.clock())
        evaluated = evaluate_events(resources)
        if message.type == ALERTS:
            evaluated += evaluate_missed(resources)
            with resources.database.transaction() as connection:
                forget_old(connection, now=resources.clock(), deliveries_kept=DELIVERIES_KEPT)
        left = _LONGEST_S if message.seconds_left is None else max(0.0, message.seconds_left - _LEFT_S)
        result = {"evaluated": evaluated} | send_due(resources, seconds=left, pause=pause)
        return result | {"judged": judge_due(resources)} if message.type == ALERTS else result

    return then_announce(resources, handle)


def evaluate_events(resources: Resources) -> int:
    """Evaluate the rules of the cities that events tell of, and move the cursor after it; how many rules.

    Whoever dies before the cursor is moved has the same cities evaluated again, which changes nothing.
    """
    evaluated = 0
    while True:
        with resources.database.transaction() as connection:
            after = cursor(connection, CONSUMER)
            page = events_after(connection, after, kinds=("hours", "forecast"), limit=_EVENTS_AT_ONCE)
            everywhere = page.reload or any(not event.cities for event in page.events)
            cities = {city for event in page.events for city in event.cities}
            if everywhere:
                cities |= set(_cities_due(connection, resources.clock()))
        evaluated += evaluate(resources, sorted(cities))
        if page.next > after:
            with resources.database.transaction() as connection:
                advance_cursor(connection, CONSUMER, page.next)
        if len(page.events) < _EVENTS_AT_ONCE:
            return evaluated


def evaluate_missed(resources: Resources) -> int:
    """Evaluate the rules of the cities with signals that no event led to; how many rules."""
    with resources.database.reading() as connection:
        cities = _cities_due(connection, resources.clock())
    return evaluate(resources, cities)


def _cities_due(connection: Connection, now: datetime) -> list[str]:
    return cities_due(signals_seen(connection), newest_signals(connection, mode="live", now=now))


def alert_in_replay(resources: Resources, cities: Sequence[str], now: datetime) -> None:
    """What the rules of these cities say of the hours and the replayed forecasts of `now`, sent at once.

    Hours that a rule has seen before, in another replay or live, say nothing again. Public rules say nothing at all:
    what is over must not be published as if it were now.
    """
    at_that_time = replace(resources, clock=lambda: now)
    evaluate(at_that_time, cities, mode="replay")
    send_due(at_that_time, seconds=_A_STEP_S, stamp=resources.clock)


def evaluate(resources: Resources, cities: Sequence[str], *, mode: Mode = "live") -> int:
    """Let the rules of these cities look at what is new for them; how many rules there are.

    Raises:
        StoreError: when the database cannot be reached; cities that were done stay done.
    """
    evaluated = 0
    for first in range(0, len(cities), _TOGETHER):
        with resources.database.transaction() as connection:
            evaluated += _evaluate(
                connection, cities[first : first + _TOGETHER], mode=mode, now=resources.clock()
            )
    return evaluated


def _evaluate(connection: Connection, cities: Sequence[str], *, mode: Mode, now: datetime) -> int:
    lock_alerts(connection, cities)
    rules = [
        (rule, state)
        for rule, state in rules_to_evaluate(connection, cities, now=now)
        if mode == "live" or rule.owner != PUBLIC_OWNER
    ]
    if not rules:
        return 0
    signals = _Signals(
        connection, cities, [item for item in rules if item[0].when.on == "forecast"], mode, now
    )
    states: list[tuple[UUID, State]] = []
    changes: list[list[Change]] = []
    courses: list[Course] = []
    for rule, before in rules:
        state, changed, course = _follow(rule, before, signals.of(rule), now)
        if state != before:
            states.append((rule.id, state))
        if changed:
            changes.append(changed)
        courses += course
    write_states(connection, states)
    simulated = dataset(connection) == "simulated"
    for each in zip_longest(*changes):  # of one rule one after the other
        write_changes(connection, [change for change in each if change], simulated=simulated, now=now)
    write_courses(connection, courses)
    return len(rules)


def _follow(
    rule: Rule, state: State, signals: Sequence[Signal], now: datetime
) -> tuple[State, list[Change], list[Course]]:
    """A rule's way through its new signals: where it stands, what is to be told, and how its episodes went on."""
    changes: list[Change] = []
    courses: dict[UUID, Course] = {}
    for signal in signals:
        episode_before = state.episode if state.firing else None
        since = state.since
        seen = state.signal_time
        state, transition = advance(rule, state, signal)
        if state.signal_time == seen or signal.value is None:
            continue
        episode = episode_before or (state.episode if state.firing else None)
        if episode is not None and episode_before is not None:  # what begins is written with its first value
            peak = max(signal.value, courses[episode].peak if episode in courses else signal.value)
            courses[episode] = Course(episode, signal.time, signal.value, peak, over=not state.firing)
        if transition is not None and episode is not None:
            until = quiet_until(rule.quiet_hours, now)
            if transition.kind == "firing":
                since = transition.time
                state = replace(state, held=until is not None)
            changes.append(Change(rule, transition, episode, since, signal.value, until))
    return state, changes, list(courses.values())


class _Signals:
    """What is new for the rules of some cities; probabilities are computed once for all that want the same."""

    def __init__(
        self,
        connection: Connection,
        cities: Sequence[str],
        on_forecasts: Sequence[tuple[Rule, State]],
        mode: Mode,
        now: datetime,
    ) -> None:
        self._hours = fresh_hours(connection, cities, now=now)
        issues: dict[tuple[str, Target], list[Issue]] = {}
        if on_forecasts:
            stale = now - FRESH
            after = min(state.signal_time or stale for _, state in on_forecasts)
            issues = fresh_issues(connection, cities, mode=mode, after=after, now=now)
        self._issues = {
            about: [(issue.origin, Exceedances(issue)) for issue in each] for about, each in issues.items()
        }
        self._probabilities: dict[tuple[str, Target, float, int], list[Signal]] = {}

    def of(self, rule: Rule) -> Sequence[Signal]:
        """The signals of a rule, oldest first; those that it has seen may be among them."""
        when = rule.when
        if when.on == "measured" or when.within_hours is None:
            return self._hours.get((rule.city, when.target), ())
        wanted = (rule.city, when.target, when.above, when.within_hours)
        if wanted not in self._probabilities:
            self._probabilities[wanted] = list(self._read(rule, when.within_hours))
        return self._probabilities[wanted]

    def _read(self, rule: Rule, within_hours: int) -> Iterator[Signal]:
        for origin, exceedances in self._issues.get((rule.city, rule.when.target), ()):
            yield Signal(origin, exceedances.within(rule.when.above, within_hours))
