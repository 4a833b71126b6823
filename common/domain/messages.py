"""Messages with CloudEvents attribute names, sent by one function to wake another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

COLLECT = "vayu.collect"
OBSERVATIONS_READY = "vayu.observations.ready"
TRAIN = "vayu.train"
FORECAST_READY = "vayu.forecast.ready"
EVENTS_READY = "vayu.events.ready"
"""Only wakes: consumers read the table from where they stand, so that a lost message costs nothing but time."""

ALERTS = "vayu.alerts"
"""Every five minutes: evaluate alerts that events did not lead to, and send what is due."""

ARCHIVE = "vayu.archive"
"""Every day, where VAYU_ARCHIVE_URL is set: bring the archive of open data up to date, all of it or of ``cities``."""

EXPORT = "vayu.export"
"""Write the files of an export that somebody has asked for"""


CITIES_AT_ONCE = 100
"""Cities of one OBSERVATIONS_READY at most, as programs send it. Their forecasts take a function less than a minute of
its 300 s; with those of some 700 cities the models alone would fill its memory, and of 4,100 its time: docs/scale.md"""


class Message(msgspec.Struct, frozen=True):
    """One message as a handler sees it; `subject` names what it is about and makes a repeat harmless."""

    type: str
    subject: str = ""
    data: Mapping[str, Any] = msgspec.field(default_factory=dict)
    id: str = ""
    attempt: int = 1
    seconds_left: float | None = None
    """How long its handling may take before the platform ends it; None where that is not told."""


Handler = Callable[[Message], Mapping[str, object]]
"""Does the work a message asks for; the same message twice changes nothing the second time."""

BROADCAST = frozenset({FORECAST_READY, EVENTS_READY})
"""Types that several functions want, each of which is to get every message: they go to topics where there are any."""
