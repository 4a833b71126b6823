"""A rule replayed on what is on record: which alerts it would have given, and how they would have done.

The replay goes through `common.alerts.state.advance`, as the live rule does, signal by signal; the judging is
`common.alerts.scoring.judge`, as for alerts that were really given.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from common.alerts.probability import exceedance
from common.alerts.rule import Rule
from common.alerts.scoring import Alert, judge
from common.alerts.state import Signal, initial, replay

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from common.alerts.rule import Condition
    from common.alerts.scoring import Judgement
    from common.alerts.state import Transition

_NOBODY = UUID(int=0)


class Issue(msgspec.Struct, frozen=True):
    """A forecast as it was issued, cut to the lead times that matter; satisfies `probability.Issued`."""

    origin: datetime
    target: str
    y: Sequence[float]
    lo80: Sequence[float]
    hi80: Sequence[float]
    lo95: Sequence[float]
    hi95: Sequence[float]
    categories: Sequence[Sequence[float]]


def preview(
    when: Condition,
    hours: Mapping[datetime, float],
    issues: Sequence[Issue],
    *,
    start: datetime,
    until: datetime,
) -> Judgement:
    """The alerts that a rule would have given from `start` to `until`, and what came of them.

    `hours`: end of the hour → the target's value, measured hours only. `issues`: the forecasts of its target, oldest
    first; a measured rule needs none.
    """
    signals: Iterable[Signal]
    if when.on == "measured":
        signals = (Signal(time, hours[time]) for time in sorted(hours) if start < time <= until)
    else:
        signals = (
            Signal(issue.origin, exceedance(issue, when.above, when.within_hours or 0))
            for issue in issues
            if start <= issue.origin < until
        )
    rule = Rule(_NOBODY, _NOBODY, "", when, "webhook")
    _, transitions = replay(rule, initial(start), signals)
    origins = None if when.on == "measured" else [issue.origin for issue in issues]
    return judge(when, hours, alerts_of(transitions), until=until, issues=origins)


def alerts_of(transitions: Iterable[Transition]) -> list[Alert]:
    """The alerts that transitions begin and end, in order."""
    alerts: list[Alert] = []
    for transition in transitions:
        if transition.kind == "firing":
            alerts.append(Alert(transition.time))
        elif transition.kind == "clear":
            alerts[-1] = Alert(alerts[-1].fired, transition.time)
    return alerts
