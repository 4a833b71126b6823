"""Alerts held against the hours that came: every rule, some times a day, over the last days.

Hours come late and are corrected, so what was judged in the last `AGAIN` is judged anew; older verdicts stay. What
began before a rule, or its present condition, was in force counts for nobody.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from common.alerts.scoring import judge
from common.domain.observation import HOUR
from common.store.alert_outcomes import alerts_given, note_judged, rules_to_judge, write_outcomes
from common.store.reads.alert_record import hours_between, origins_between

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from common.domain.forecast import Mode
    from common.services.resources import Resources
    from common.store.alert_outcomes import RuleToJudge
    from common.store.engine import Connection

EVERY = timedelta(hours=6)
"""A rule is judged so often."""
AGAIN = timedelta(days=10)
BEFORE = timedelta(days=4)
"""So much earlier hours are looked at, too: so it is known what had begun already. More than an alert looks ahead."""
MOST = 500
"""Rules of one run; the next goes on."""
MOST_REPLAYED = 10_000
"""Rules that are judged after a replay"""


def judge_due(resources: Resources, *, most: int = MOST) -> int:
    """Judge the rules that are due; how many.

    Raises:
        StoreError: when the database cannot be reached; rules that were judged stay so.
    """
    now = resources.clock()
    with resources.database.reading() as connection:
        due = rules_to_judge(connection, before=now - EVERY, most=most, now=now)
    for _, rules in groupby(sorted(due, key=_series), key=lambda rule: rule.city):
        with resources.database.transaction() as connection:
            for _, alike in groupby(rules, key=_series):
                _judge(connection, list(alike), now=now)
    return len(due)


def judge_replayed(resources: Resources, cities: Collection[str], *, start: datetime, end: datetime) -> int:
    """Judge what the private rules of these cities said in a replay of these hours; how many rules.

    Only their owners see the outcomes: a replay is no part of how alerts really did.
    """
    with resources.database.reading() as connection:
        rules = rules_to_judge(
            connection, before=resources.clock(), most=MOST_REPLAYED, now=resources.clock()
        )
    replayed = [rule for rule in rules if rule.active and not rule.public and rule.city in cities]
    for _, alike in groupby(sorted(replayed, key=_series), key=_series):
        with resources.database.transaction() as connection:
            group = list(alike)
            hours, issues = _record(connection, group[0], "replay", start=start - BEFORE, end=end)
            for rule in group:
                alerts = alerts_given(connection, rule, since=start)
                judgement = judge(rule.when, hours, alerts, until=end, issues=issues)
                write_outcomes(connection, rule, judgement, since=start, counted=False)
    return len(replayed)


def _series(rule: RuleToJudge) -> tuple[str, str, str]:
    return rule.city, rule.when.target, rule.when.on


def _judge(connection: Connection, rules: Sequence[RuleToJudge], *, now: datetime) -> None:
    """Judge rules of one city, target and basis: they share the hours."""
    start = now - AGAIN - BEFORE
    hours, issues = _record(connection, rules[0], "live", start=start, end=now)
    for rule in rules:
        since = _in_force_since(rule, now)
        if rule.active:
            alerts = alerts_given(connection, rule, since=start)
            judgement = judge(rule.when, hours, alerts, until=now, issues=issues)
            # Nothing can fire before it has seen as many signals as it needs.
            earliest = max(since + rule.when.dwell * HOUR, now - AGAIN)
            write_outcomes(connection, rule, judgement, since=earliest)
        note_judged(connection, rule, since=since, now=now)


def _record(
    connection: Connection, rule: RuleToJudge, mode: Mode, *, start: datetime, end: datetime
) -> tuple[dict[datetime, float], list[datetime] | None]:
    """The hours that a rule is held against, and for rules on forecasts the origins of those that there were."""
    target = rule.when.target
    hours = hours_between(connection, rule.city, target, start=start, until=end)
    if rule.when.on == "measured":
        return hours, None
    return hours, origins_between(connection, rule.city, target, mode, start=start, until=end)


def _in_force_since(rule: RuleToJudge, now: datetime) -> datetime:
    if rule.since is None:
        return rule.created_at
    return rule.since if rule.judged_condition == rule.condition else now
