"""Which city is due for training, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

LATELY = timedelta(days=1)
"""Hours of this time count as new; a city that told nothing in it is not due: there is nothing to learn."""
ENOUGH_HOURS = 20
"""So many new hours are worth a training."""
NOT_BEFORE = timedelta(hours=20)
"""A city is not trained again for being fresher before so much has passed since the end of its last training."""
NOT_BEFORE_WHERE_FAILING = timedelta(hours=6)
"""Nor for failing live before so much has passed."""
LEAST_R2 = 0.75
"""A champion fails whose live R² is below."""
LIVE = timedelta(days=7)
"""The forecasts of this time are what a champion is judged by."""
LEAST_PAIRS = 24
"""Pairs of forecast and truth that a judgement needs."""
GROWN_OLD = timedelta(days=7)
"""A champion whose training ended so long ago is trained anew as soon as there is anything new."""


@dataclass(frozen=True, slots=True)
class LiveRecord:
    """How a champion did of one target in the time `LIVE`."""

    pairs: int
    """Of forecast and truth"""
    unexplained: float | None
    """1 - R²; None where the truth did not vary"""
    mae: float
    best_naive_mae: float | None
    """Of the naive forecasts that all these forecasts were issued with; None where there is none"""

    @property
    def is_poor(self) -> bool:
        """Whether the live R² is too low."""
        enough = self.pairs >= LEAST_PAIRS
        return enough and self.unexplained is not None and self.unexplained > 1 - LEAST_R2

    @property
    def loses(self) -> bool:
        """Whether a naive forecast did better."""
        enough = self.pairs >= LEAST_PAIRS
        return enough and self.best_naive_mae is not None and self.mae > self.best_naive_mae


@dataclass(frozen=True, slots=True)
class CityState:
    """What decides whether a city is trained."""

    new_hours: int
    """Hours of the time `LATELY` with an index or PM2.5"""
    trained_until: datetime | None
    """Where the data of its latest training ended; None: never trained"""
    served_until: datetime | None
    """The same of its oldest champion; None where nothing is served"""
    live: tuple[LiveRecord, ...] = ()
    """Of each target"""


def why_train(city: CityState, now: datetime) -> str | None:
    """Why a city should be trained now; None where it is not due."""
    if not city.new_hours:
        return None
    if city.trained_until is None:
        return "never trained"
    since = now - city.trained_until
    failure = _why_failing(city) if since >= NOT_BEFORE_WHERE_FAILING else None
    return failure or (_why_fresher(city, now) if since >= NOT_BEFORE else None)


def _why_failing(city: CityState) -> str | None:
    if any(target.is_poor for target in city.live):
        return f"live R² below {LEAST_R2}"
    if any(target.loses for target in city.live):
        return "worse than the naive forecast"
    return None


def _why_fresher(city: CityState, now: datetime) -> str | None:
    if city.new_hours >= ENOUGH_HOURS:
        return f"{ENOUGH_HOURS} or more new hours"
    if city.served_until is not None and now - city.served_until >= GROWN_OLD:
        return f"the champion is {(now - city.served_until).days} days old"
    return None
