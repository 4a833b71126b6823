"""Evaluation of alerts: what rules look at, where they stand, and what follows, in sets rather than rule by rule."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import msgspec
from sqlalchemy import ARRAY, Text, cast, func, select

from common.alerts.due import Series
from common.alerts.state import FRESH, Signal
from common.store import sql
from common.store.alerts import RULE_COLUMNS, STATE_COLUMNS, rule_of, state_of
from common.store.api_keys import names_in_force
from common.store.engine import run
from common.store.schema import alert_rule, alert_state, city_hour, forecast

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import ColumnElement

    from common.alerts.rule import Rule, Target
    from common.alerts.state import State, Transition
    from common.domain.forecast import Mode
    from common.store.engine import Connection

OVER = "it began and ended within quiet hours"
OVERTAKEN = "a later message within the same quiet hours took its place"

_TO_EVALUATE = sql.load(
    "alert_rules_to_evaluate",
    columns=", ".join(
        [f"rule.{name}" for name in RULE_COLUMNS] + [f"state.{name}" for name in STATE_COLUMNS]
    ),
)
_PARTS = ("y", "lo80", "hi80", "lo95", "hi95", "categories")


@dataclass(frozen=True, slots=True)
class Issue:
    """What rules need of a forecast as issued: see `common.alerts.probability.Issued`."""

    target: Target
    origin: datetime
    y: Sequence[float]
    lo80: Sequence[float]
    hi80: Sequence[float]
    lo95: Sequence[float]
    hi95: Sequence[float]
    categories: Sequence[Sequence[float]]


class Change(NamedTuple):
    """Something that is to be told of a rule."""

    rule: Rule
    transition: Transition
    episode: UUID
    since: datetime
    """When its episode began"""
    peak: float
    """Highest value of the episode's signals that are new"""
    hold_until: datetime | None
    """End of the quiet hours that it falls into"""


class Course(NamedTuple):
    """How an episode went on."""

    episode: UUID
    time: datetime
    value: float
    peak: float
    over: bool


def signals_seen(connection: Connection) -> dict[Series, datetime | None]:
    """What active rules look at → time of the last signal that the one furthest behind has seen; None: of none."""
    rule, state = alert_rule.c, alert_state.c
    looked_at = (rule.city, rule.basis, rule.target)
    rows = run(
        connection,
        select(*looked_at, func.min(state.signal_time), func.bool_or(state.signal_time.is_(None)))
        .join_from(alert_rule, alert_state, state.rule == rule.id)
        .where(rule.state == "active")
        .group_by(*looked_at),
    )
    return {
        Series(city, basis, target): None if one_has_none else last
        for city, basis, target, last, one_has_none in rows
    }


def newest_signals(connection: Connection, *, mode: Mode, now: datetime) -> dict[Series, datetime]:
    """What rules can look at → time of its newest signal that has a value and is not stale."""
    hour, issue = city_hour.c, forecast.c
    newest: dict[Series, datetime] = {}
    hours = select(
        hour.city,
        func.max(hour.time).filter(hour.aqi.is_not(None)),
        func.max(hour.time).filter(hour.pm25.is_not(None)),
    )
    for city, aqi, pm25 in run(connection, hours.where(_fresh(hour.time, now)).group_by(hour.city)):
        newest |= {Series(city, "measured", "aqi"): aqi} if aqi else {}
        newest |= {Series(city, "measured", "pm25"): pm25} if pm25 else {}
    issues = select(issue.city, issue.target, func.max(issue.origin)).where(
        issue.mode == mode, _fresh(issue.origin, now)
    )
    for city, target, origin in run(connection, issues.group_by(issue.city, issue.target)):
        newest[Series(city, "forecast", target)] = origin
    return newest


def rules_to_evaluate(
    connection: Connection, cities: Sequence[str], *, now: datetime
) -> list[tuple[Rule, State]]:
    """The active rules of these cities, and where each stands."""
    split = len(RULE_COLUMNS)
    keys = sql.text_array(names_in_force(connection, now))
    rows = run(connection, _TO_EVALUATE, cities=sql.text_array(tuple(cities)), keys=keys)
    return [(rule_of(row[:split]), state_of(row[split:])) for row in rows]


def fresh_hours(
    connection: Connection, cities: Sequence[str], *, now: datetime
) -> dict[tuple[str, Target], list[Signal]]:
    """(city, target) → its hours that are not stale, oldest first."""
    c = city_hour.c
    rows = run(
        connection,
        select(c.city, c.time, c.aqi, c.pm25)
        .where(c.city == func.any(cast(list(cities), ARRAY(Text))), _fresh(c.time, now))
        .order_by(c.time),
    )
    signals: dict[tuple[str, Target], list[Signal]] = defaultdict(list)
    for city, time, aqi, pm25 in rows:
        signals[city, "aqi"].append(Signal(time, None if aqi is None else float(aqi)))
        signals[city, "pm25"].append(Signal(time, pm25))
    return signals


def fresh_issues(
    connection: Connection, cities: Sequence[str], *, mode: Mode, after: datetime, now: datetime
) -> dict[tuple[str, Target], list[Issue]]:
    """(city, target) → forecasts with origins after `after` that are not stale, oldest first."""
    c = forecast.c
    rows = run(
        connection,
        select(c.city, c.target, c.origin, *(func.to_json(c[name]).cast(Text) for name in _PARTS))
        .where(
            c.city == func.any(cast(list(cities), ARRAY(Text))),
            c.mode == mode,
            c.origin > after,
            _fresh(c.origin, now),
        )
        .order_by(c.origin),
    )
    issues: dict[tuple[str, Target], list[Issue]] = defaultdict(list)
    for city, target, origin, *parts in rows:
        issues[city, target].append(Issue(target, origin, *map(msgspec.json.decode, parts)))
    return issues


def _fresh(time: ColumnElement[datetime], now: datetime) -> ColumnElement[bool]:
    """Of an hour's end, or an issue's origin: not stale, and not of the future."""
    return (time > now - FRESH) & (time <= now)


def write_states(connection: Connection, states: Iterable[tuple[UUID, State]]) -> None:
    """Replace where rules stand."""
    rows = [
        {"rule": rule, **{name: getattr(state, name) for name in STATE_COLUMNS}} for rule, state in states
    ]
    if rows:
        run(connection, sql.load("alert_states_written"), states=_json(rows))


def write_changes(
    connection: Connection, changes: Sequence[Change], *, simulated: bool, now: datetime
) -> None:
    """Add events, episodes and messages; at most one change a rule."""
    rows = [
        {
            "number": number,
            "delivery": uuid4(),
            "rule": change.rule.id,
            "kind": change.transition.kind,
            "episode": change.episode,
            "city": change.rule.city,
            "time": change.transition.time,
            "value": change.transition.value,
            "peak": change.peak,
            "since": change.since,
            "hold_until": change.hold_until,
        }
        for number, change in enumerate(changes)
    ]
    if rows:
        run(
            connection,
            sql.load("alert_transitions_written"),
            transitions=_json(rows),
            simulated=simulated,
            now=now,
            over=OVER,
            overtaken=OVERTAKEN,
        )


def write_courses(connection: Connection, courses: Iterable[Course]) -> None:
    """Note how episodes went on."""
    rows = [
        {"id": item.episode, "time": item.time, "value": item.value, "peak": item.peak, "over": item.over}
        for item in courses
    ]
    if rows:
        run(connection, sql.load("alert_episodes_updated"), episodes=_json(rows))


def _json(rows: list[dict[str, Any]]) -> str:
    return msgspec.json.encode(rows).decode()
