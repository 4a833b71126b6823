"""The objective of the service: how soon an hour is to be collected, and whose fault it is where it is not."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from datetime import timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from common.domain.observation import HOUR

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

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

ENOUGH = 0.5
"""The objective is met in an hour in which so great a share of the cities that the source usually has came in time."""

Verdict = Literal["fine", "us", "source", "unknown"]


class CollectedHour(NamedTuple):
    """How many cities a source gave an hour of."""

    source: str
    hour: datetime
    cities: int
    in_time: int
    """Of those, `WITHIN` its end"""


class Attempt(NamedTuple):
    """A run that asked a source."""

    source: str
    started_at: datetime
    """The same for all sources of a run"""
    rests_until: datetime | None
    reason: str | None
    """Why it failed; None where it did not"""


class Fulfilment(msgspec.Struct):
    """How a source did."""

    expected: int = 0
    """Hours that were due"""
    met: int = 0
    by_source: int = 0
    """Of those missed, how many through the source's fault …"""
    by_us: int = 0
    """… and how many through ours"""


def fulfilments(
    hours: Iterable[CollectedHour],
    attempts: Iterable[Attempt],
    since: dict[str, datetime],
    *,
    start: datetime,
    due: datetime,
) -> dict[str, Fulfilment]:
    """Source → how it did in the hours until `due`: after `start` and, where that is later, after it was first asked.

    `attempts`: all those that began after `start`, or whose source was still resting then, and the others of the same
    runs; `since`: source → when it was first asked. A missed hour is the source's fault where an attempt in time was,
    see `_blames_source`, or where none was made because the source rested after such a one.
    """
    counts: dict[str, dict[datetime, CollectedHour]] = defaultdict(dict)
    for counted in hours:
        counts[counted.source][counted.hour] = counted
    runs: dict[datetime, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        runs[attempt.started_at].append(attempt)
    blamed: dict[str, list[Attempt]] = defaultdict(list)
    for began in sorted(runs):
        for attempt in runs[began]:
            if _blames_source(attempt, runs[began]):
                blamed[attempt.source].append(attempt)
    result: dict[str, Fulfilment] = {}
    for source, began in since.items():
        cities = sorted(counted.cities for counted in counts[source].values())
        usual = cities[(len(cities) - 1) // 2] if cities else 0
        for hour in _hours_after(start, max(start, began), due):
            done = result.setdefault(source, Fulfilment())
            done.expected += 1
            collected = counts[source].get(hour)
            if collected is not None and collected.in_time >= ENOUGH * usual:
                done.met += 1
            elif _missed_by_source(blamed[source], hour):
                done.by_source += 1
            else:
                done.by_us += 1
    return result


def _hours_after(start: datetime, since: datetime, due: datetime) -> Iterator[datetime]:
    hour = start + HOUR
    while hour <= due:
        if hour > since:
            yield hour
        hour += HOUR


def _blames_source(attempt: Attempt, run: Sequence[Attempt]) -> bool:
    """Whether an hour that this attempt did not bring is the source's fault: it answered without it, or failed for a
    reason of its own."""
    if attempt.reason is None:
        return True
    if attempt.reason in OUR_REASONS:
        return False
    others = [other.reason for other in run if other.source != attempt.source]
    network = attempt.reason in NETWORK_REASONS and bool(others)
    return not (network and all(reason in NETWORK_REASONS for reason in others))


def _missed_by_source(blamed: Sequence[Attempt], hour: datetime) -> bool:
    """`blamed`: attempts at a source that are its fault, in their order."""
    end = hour + WITHIN
    before = bisect_right(blamed, hour, key=attrgetter("started_at"))
    in_time = before < bisect_right(blamed, end, key=attrgetter("started_at"))
    return in_time or any(
        attempt.reason is not None and attempt.rests_until is not None and attempt.rests_until >= end
        for attempt in blamed[:before]
    )


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
