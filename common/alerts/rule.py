"""Alert rules as their owners state them."""

from __future__ import annotations

from datetime import time
from math import floor
from typing import Literal
from uuid import UUID

import msgspec

from common.domain.breakpoints import CAP, sub_index

Basis = Literal["measured", "forecast"]
Target = Literal["aqi", "pm25"]
ChannelName = Literal["webhook", "email", "slack", "sms"]
Language = Literal["en", "hi"]


class QuietHours(msgspec.Struct, frozen=True):
    """Hours of the day in which nobody is disturbed: alerts are held until they end. They may span midnight."""

    start: time
    """Local time at which they begin; never equal to `end`"""
    end: time
    zone: str = "Asia/Kolkata"
    """IANA name of the time zone"""


class Condition(msgspec.Struct, frozen=True):
    """When an alert fires, and when it is over."""

    on: Basis
    target: Target
    above: float
    """It fires at this value or higher: an index from 0 to 500, or µg/m³"""
    clear_below: float
    """It is over below this value; not higher than `above`"""
    within_hours: int | None = None
    """Forecast rules only: how far ahead, 1 to 48 hours"""
    probability: float | None = None
    """Forecast rules only: the issued probability from which it fires, above 0 and at most 1"""
    dwell: int = 2
    """For so many consecutive hours, or issues of the forecast, from 1 to 24"""

    def index_of(self, value: float) -> float:
        """Where a value lies on the Indian index; an hour of PM2.5 is taken for the mean of its day."""
        if self.target == "aqi":
            return min(max(value, 0.0), CAP)
        return float(sub_index("pm25", max(value, 0.0)) or 0)

    @property
    def lowest_index_above(self) -> float:
        """The lowest index beyond the threshold, which is what a forecast warns of; at most the highest there is."""
        return float(min(floor(self.index_of(self.above)) + 1, CAP))


class Rule(msgspec.Struct, frozen=True):
    """One owner's rule for one city."""

    id: UUID
    owner: UUID
    city: str
    when: Condition
    channel: ChannelName
    language: Language = "en"
    quiet_hours: QuietHours | None = None
    repeat_after_hours: int | None = None
    """While it lasts, it is repeated after so many hours; None: never"""
