"""Which cities' rules have something new to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from common.alerts.state import is_new

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from common.alerts.rule import Basis, Target


class Series(NamedTuple):
    """The signals that rules of a city look at: hours, or issues of the forecast."""

    city: str
    basis: Basis
    target: Target


def cities_due(seen: Mapping[Series, datetime | None], newest: Mapping[Series, datetime]) -> list[str]:
    """Names of the cities with rules that have not seen the newest signal there is for them, sorted.

    `seen`: the time of the last signal that the rule furthest behind has seen; None: one has seen none yet. `newest`:
    the time of the newest signal that has a value and is not stale.
    """
    return sorted(
        {series.city for series, last in seen.items() if series in newest and is_new(newest[series], last)}
    )
