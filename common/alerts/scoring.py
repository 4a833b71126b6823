"""How alerts did: hits, misses, false alarms and warning, from the alerts of a rule and the hours that came.

An *exceedance* is what a rule is there for: the hours at or above its threshold, above it for forecast rules, whose
probability is that of a higher value. They are joined over gaps of less than `GAP_HOURS`. It is judged where its
beginning is known: at least one of the `GAP_HOURS` hours before it was measured.

Each alert makes a claim for some hours after the moment at which it fired:

* of a forecast rule, that the threshold is reached within `within_hours`, or before the alert is over where that is
  later, since the issues in between have repeated the claim. An exceedance that begins in these hours is a hit, and so
  many hours were its warning. Where several alerts claimed it, the last counts: the others were withdrawn.
* of a measured rule, that it goes on: at least one further hour of it within `GAP_HOURS`. An exceedance with such an
  alert is a hit. Its warning is how long it still lasted after the first of them.

An exceedance without such an alert is a miss. A false alarm is an alert after which nothing came, where at least
`ENOUGH` of the claimed hours were measured. An alert that a forecast rule gives while the exceedance goes on already is
neither: it is late. What was not measured counts for nobody.

POD, FAR and CSI: Wilks, *Statistical Methods in the Atmospheric Sciences*, ch. 8.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING, Literal

import msgspec

from common.alerts.rule import Condition
from common.domain.observation import HOUR
from common.verification.scores import Warnings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


GAP_HOURS = 6
"""Hours below the threshold, or unmeasured, that end an exceedance."""
ENOUGH = 0.75
"""Share of the claimed hours that must be measured before an alert is a false alarm."""

_GAP = timedelta(hours=GAP_HOURS)


class Alert(msgspec.Struct, frozen=True):
    """An alert of a rule, from its first message to the one that it is over."""

    fired: datetime
    """The hour, or the origin of the forecast, that it fired on"""
    cleared: datetime | None = None
    """None: it goes on"""


class Exceedance(msgspec.Struct, frozen=True):
    """Hours of what the rule is there for, and whether the alerts said so in time."""

    start: datetime
    """End of its first hour"""
    end: datetime
    """End of its last hour"""
    peak: float
    outcome: Literal["hit", "miss"] | None
    """None: it cannot be judged, or not yet"""
    warned_at: datetime | None = None
    warning_hours: float | None = None
    """None also for a measured rule while it goes on"""


class JudgedAlert(msgspec.Struct, frozen=True):
    """An alert and what came of it."""

    alert: Alert
    outcome: Literal["hit", "late", "false alarm"] | None
    """None: it cannot be judged, or not yet"""


class Judgement(msgspec.Struct, frozen=True):
    """How the alerts of one rule did over one stretch of time."""

    hours: int
    """Those that were measured"""
    exceedances: tuple[Exceedance, ...]
    alerts: tuple[JudgedAlert, ...]

    @property
    def warnings(self) -> Warnings:
        """Hits and misses are exceedances, false alarms are alerts."""
        return Warnings(
            hits=sum(each.outcome == "hit" for each in self.exceedances),
            misses=sum(each.outcome == "miss" for each in self.exceedances),
            false_alarms=sum(each.outcome == "false alarm" for each in self.alerts),
        )

    @property
    def median_warning_hours(self) -> float | None:
        """Over the hits; None where there is none."""
        return median_or_none(each.warning_hours for each in self.exceedances)


def median_or_none(hours: Iterable[float | None]) -> float | None:
    """The median of what is known; None of nothing."""
    known = [value for value in hours if value is not None]
    return float(median(known)) if known else None


def judge(
    when: Condition,
    hours: Mapping[datetime, float],
    alerts: Sequence[Alert],
    *,
    until: datetime,
    issues: Sequence[datetime] | None = None,
) -> Judgement:
    """Hold the alerts of a rule against the hours that came.

    `hours`: end of the hour → the target's value, measured hours only; what is later than `until` is not looked at.
    `issues`: origins of the forecasts that were there to warn, for forecast rules: an exceedance that none of them
    could have foreseen is no miss. None: there were always some.
    """
    times = sorted(time for time in hours if time <= until)
    record = _Record(when, times, [hours[time] for time in times], until)
    ordered = sorted(alerts, key=lambda alert: alert.fired)
    spans = record.exceedances()
    judge_each = record.measured if when.on == "measured" else record.forecast
    origins = None if issues is None else sorted(issues)
    return Judgement(
        hours=len(times),
        exceedances=tuple(judge_each(span, ordered, origins) for span in spans),
        alerts=tuple(JudgedAlert(alert, record.outcome(alert, spans)) for alert in ordered),
    )


class _Span(msgspec.Struct, frozen=True):
    start: datetime
    end: datetime
    peak: float


class _Record(msgspec.Struct, frozen=True):
    """The measured hours in order, and the condition that they are held against."""

    when: Condition
    times: list[datetime]
    values: list[float]
    until: datetime

    def exceeds(self, value: float) -> bool:
        return value >= self.when.above if self.when.on == "measured" else value > self.when.above

    def exceedances(self) -> list[_Span]:
        spans: list[_Span] = []
        for time, value in zip(self.times, self.values, strict=True):
            if not self.exceeds(value):
                continue
            if spans and time - spans[-1].end <= _GAP:
                spans[-1] = _Span(spans[-1].start, time, max(spans[-1].peak, value))
            else:
                spans.append(_Span(time, time, value))
        return spans

    def claimed_until(self, alert: Alert) -> datetime:
        """The last hour that an alert makes a claim for."""
        if self.when.on == "measured":
            return alert.fired + _GAP
        claimed = alert.fired + timedelta(hours=self.when.within_hours or 0)
        return max(claimed, self.until if alert.cleared is None else alert.cleared)

    def outcome(self, alert: Alert, spans: list[_Span]) -> Literal["hit", "late", "false alarm"] | None:
        last = self.claimed_until(alert)
        low, high = bisect_right(self.times, alert.fired), bisect_right(self.times, last)
        if any(map(self.exceeds, self.values[low:high])):
            if self.when.on == "measured" or any(alert.fired < span.start <= last for span in spans):
                return "hit"
            return "late" if last <= self.until else None
        promised = (last - alert.fired) / HOUR
        over = alert.cleared is not None or self.when.on == "measured"
        judged = over and last <= self.until and high - low >= ENOUGH * promised
        return "false alarm" if judged else None

    def forecast(self, span: _Span, alerts: Sequence[Alert], issues: Sequence[datetime] | None) -> Exceedance:
        """An exceedance held against the alerts of a forecast rule."""
        claims = [alert.fired for alert in alerts if alert.fired < span.start <= self.claimed_until(alert)]
        if claims:
            warning = (span.start - claims[-1]) / HOUR
            return Exceedance(span.start, span.end, span.peak, "hit", claims[-1], warning)
        reach = timedelta(hours=self.when.within_hours or 0)
        foreseeable = issues is None or _any_between(issues, span.start - reach, span.start)
        missed = foreseeable and self.begins(span)
        return Exceedance(span.start, span.end, span.peak, "miss" if missed else None)

    def measured(self, span: _Span, alerts: Sequence[Alert], _: object) -> Exceedance:
        """An exceedance held against the alerts of a measured rule."""
        over = span.end + _GAP <= self.until
        for alert in alerts:
            if span.start <= alert.fired < span.end:
                warning = (span.end - alert.fired) / HOUR if over else None
                return Exceedance(span.start, span.end, span.peak, "hit", alert.fired, warning)
        missed = over and self.begins(span)
        return Exceedance(span.start, span.end, span.peak, "miss" if missed else None)

    def begins(self, span: _Span) -> bool:
        """Whether it is known when it began."""
        return _any_between(self.times, span.start - _GAP, span.start)


def _any_between(times: Sequence[datetime], first: datetime, before: datetime) -> bool:
    """Whether one of the ascending times is in [first, before)."""
    return bisect_left(times, before) > bisect_left(times, first)
