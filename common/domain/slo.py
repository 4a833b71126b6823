"""The objective of the service: how soon an hour is to be collected, and whose fault it is where it is not."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

SHARE = 0.95
"""Of the hours that are to be collected in time. Ours to choose: one hour of a day may be late or missing."""
WITHIN = timedelta(minutes=90)
"""How soon after its end an hour is to be collected. Collections start 7 minutes after the end of each Indian hour,
and CPCB publishes up to an hour late. So the second collection has an hour, 67 minutes after its end; this leaves 23
minutes for that run, and for a schedule that is late."""
OUR_REASONS = ("spent", "quota", "key", "request", "store")
"""Why a run failed through no fault of the source: quotas used up, a key refused, a question of ours that was wrong,
our own database."""
NETWORK_REASONS = ("dns", "tls", "refused", "timeout", "unavailable")
"""Reasons that are ours, too, where every source fails for one of them in the same run: then it is our own network."""

Verdict = Literal["fine", "us", "source", "unknown"]


def budget_left(expected: int, met: int) -> float | None:
    """The share of the error budget that is left: 1 where no hour was missed, below 0 where it is overdrawn; None
    where no hour was due."""
    return None if not expected else 1 - (expected - met) / (expected * (1 - SHARE))


def verdict(expected: int, met: int, *, by_source: int, by_us: int) -> Verdict:
    """Whose fault the missed hours are, in one word. `by_source` and `by_us` sum to those missed; a tie is ours."""
    if not expected:
        return "unknown"
    if met >= SHARE * expected:
        return "fine"
    return "source" if by_source > by_us else "us"
