"""What came of alerts: which rules are to be judged, their outcomes, and the scores of many."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from common.alerts.rule import Basis, Condition, Target
from common.alerts.scoring import Alert
from common.store import sql
from common.store.api_keys import names_in_force
from common.store.engine import run
from common.store.schema import alert_episode, alert_judged, alert_outcome

if TYPE_CHECKING:
    from common.alerts.scoring import Judgement
    from common.store.engine import Connection

FEWEST_OWNERS = 5
"""Outcomes of fewer private owners than this are not added up for everybody: they might tell of a single one."""


class RuleToJudge(msgspec.Struct, frozen=True):
    """A rule whose alerts are to be held against the hours that came."""

    id: UUID
    owner: UUID
    public: bool
    city: str
    when: Condition
    active: bool
    """Whether it is evaluated: its owner is in force, too"""
    created_at: datetime
    judged_condition: str | None
    """The condition when it was judged last; None: never"""
    since: datetime | None
    """Since when that is in force"""

    @property
    def condition(self) -> str:
        """Its condition as text, by which a change is seen; empty while it rests."""
        return repr(self.when) if self.active else ""


class OutcomeCounts(msgspec.Struct, frozen=True):
    """How many of each outcome there are, and the warnings of the hits."""

    hits: int
    false_alarms: int
    misses: int
    warning_hours: tuple[float, ...]


class CellCounts(msgspec.Struct, frozen=True):
    """Outcomes of one city, basis and target."""

    city: str
    on: Basis
    target: Target
    public: bool
    counts: OutcomeCounts


class Outcome(msgspec.Struct, frozen=True):
    """An exceedance or an alert of a rule, and what came of it."""

    outcome: str
    time: datetime
    until: datetime | None
    peak: float | None
    warned_at: datetime | None
    warning_hours: float | None


_OUTCOME = ("outcome", "time", "until", "peak", "warned_at", "warning_hours")


def rules_to_judge(
    connection: Connection, *, before: datetime, most: int, now: datetime
) -> list[RuleToJudge]:
    """Rules that were judged before `before`, or never; those that wait longest first."""
    keys = sql.text_array(names_in_force(connection, now))
    rows = run(connection, sql.load("alert_rules_to_judge"), before=before, most=most, keys=keys)
    return [
        RuleToJudge(id_, owner, public, city, Condition(*when), active, created_at, judged, since)
        for id_, owner, public, city, *when, active, created_at, judged, since in rows
    ]


def alerts_given(connection: Connection, rule: RuleToJudge, *, since: datetime) -> list[Alert]:
    """The alerts of a rule under its present condition that began or went on after `since`, oldest first."""
    c, when = alert_episode.c, rule.when
    same = [
        c[name].is_not_distinct_from(getattr(when, name)) for name in ("above", "within_hours", "probability")
    ]
    rows = run(
        connection,
        select(c.began_at, c.ended_at)
        .where(
            c.rule == rule.id,
            c.basis == when.on,
            c.target == when.target,
            *same,
            func.coalesce(c.ended_at, since) >= since,
        )
        .order_by(c.began_at),
    )
    return [Alert(began, ended) for began, ended in rows]


def write_outcomes(
    connection: Connection, rule: RuleToJudge, judgement: Judgement, *, since: datetime, counted: bool = True
) -> None:
    """Put what is judged now in the place of all outcomes of a rule after `since`.

    `counted`: whether they are added up for everybody, too; else only the rule's owner sees them.
    """
    rows = [
        {
            "outcome": each.outcome, "time": each.start, "until": each.end, "peak": each.peak,
            "warned_at": each.warned_at, "warning_hours": each.warning_hours,
        }
        for each in judgement.exceedances
        if each.outcome is not None and each.start > since
    ]  # fmt: skip
    rows += [
        dict.fromkeys(_OUTCOME) | {"outcome": each.outcome, "time": each.alert.fired}
        for each in judgement.alerts
        if each.outcome in ("false alarm", "late") and each.alert.fired > since
    ]
    old = (alert_outcome.c.rule == rule.id) & (alert_outcome.c.time > since)
    run(connection, delete(alert_outcome).where(old))
    shared = {
        "rule": rule.id,
        "owner": rule.owner if counted else None,
        "public": rule.public,
        "city": rule.city,
        "basis": rule.when.on,
        "target": rule.when.target,
    }
    if rows:
        run(connection, insert(alert_outcome).values([shared | row for row in rows]))


def note_judged(connection: Connection, rule: RuleToJudge, *, since: datetime, now: datetime) -> None:
    """Remember that a rule was judged, and since when its condition is in force."""
    new = insert(alert_judged).values(rule=rule.id, condition=rule.condition, since=since, judged_at=now)
    changed = {name: new.excluded[name] for name in ("condition", "since", "judged_at")}
    run(connection, new.on_conflict_do_update(index_elements=["rule"], set_=changed))


def scores(connection: Connection) -> list[CellCounts]:
    """Outcomes by city, basis and target: of the public rules, and of at least `FEWEST_OWNERS` private owners."""
    rows = run(connection, sql.load("alert_scores"), fewest=FEWEST_OWNERS)
    return [
        CellCounts(
            city, basis, target, public, OutcomeCounts(hits, false_alarms, misses, tuple(warnings or ()))
        )
        for city, basis, target, public, hits, false_alarms, misses, warnings in rows
    ]


def outcomes_of(connection: Connection, rule: UUID) -> list[Outcome]:
    """The outcomes of a rule, the newest first."""
    c = alert_outcome.c
    rows = run(
        connection,
        select(*(c[name] for name in _OUTCOME)).where(c.rule == rule).order_by(c.time.desc(), c.id),
    )
    return [Outcome(*row) for row in rows]
