"""Public alerts: the standing rules of every city, and what is published when one of them fires, goes on, or is over.

A user's rule is private and never published. The public feed has these rules instead, for each city, which anybody can
rely on to stay. They run through the same machine as everybody's.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Literal

import msgspec

from common.alerts.rule import Condition
from common.alerts.state import TransitionKind
from common.domain.breakpoints import category
from common.domain.cities import City

ABOVE = 300
"""Indian AQI beyond which the air is very poor"""
CLEAR_BELOW = 280
PROBABILITY = 0.5
WITHIN_HOURS = 24
DWELL = 2
REPEAT_AFTER_HOURS = 12

MEASURED = Condition("measured", "aqi", ABOVE, CLEAR_BELOW, dwell=DWELL)
"""The air is very poor."""
EXPECTED = Condition(
    "forecast", "aqi", ABOVE, CLEAR_BELOW, within_hours=WITHIN_HOURS, probability=PROBABILITY, dwell=DWELL
)
"""It probably will be within a day."""
CONDITIONS = (MEASURED, EXPECTED)
StandingRule = Literal["measured", "expected"]
"""Names of these two, as readers of the feed see them"""


class Earlier(msgspec.Struct, frozen=True):
    """An earlier message of the same episode."""

    seq: int
    sent_at: datetime


class PublicMessage(msgspec.Struct, frozen=True):
    """One message of an episode; its messages are a chain that begins with ``firing`` and may end with ``clear``."""

    seq: int
    """Of the event that it was published with; its number everywhere"""
    kind: TransitionKind
    city: City
    when: Condition
    value: float | None
    """The hour's AQI or µg/m³, or the issued probability from 0 to 1"""
    time: datetime
    """End of that hour, or origin of that forecast"""
    since: datetime
    """The hour or origin that the episode began with"""
    sent_at: datetime
    simulated: bool
    onset: datetime | None = None
    """Of forecasts: the hour by which the probability reaches what the rule wants; None: never"""
    earlier: tuple[Earlier, ...] = ()
    """Those of the same episode, oldest first"""

    @property
    def standing_rule(self) -> StandingRule:
        """Which of its city's rules gave it."""
        return "measured" if self.when.on == "measured" else "expected"

    @property
    def number(self) -> float | None:
        """`value` where it is a number, and where that can be."""
        highest = math.inf if self.when.on == "measured" else 1.0
        possible = self.value is not None and math.isfinite(self.value) and 0 <= self.value <= highest
        return self.value if possible else None

    @property
    def index(self) -> float:
        """The Indian index that the message is about: what was measured, or what the forecast may exceed."""
        if self.when.on == "measured" and self.number is not None:
            return self.when.index_of(self.number)
        return self.when.lowest_index_above

    @property
    def category(self) -> str:
        """Category of that index, in English."""
        return category(self.index)
