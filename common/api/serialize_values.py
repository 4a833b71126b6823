"""How values are shown: the one home of rounding, categories, ages and times in answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from math import floor
from typing import TYPE_CHECKING, overload

from common.domain.breakpoints import CAP, NOISE, category, half_up

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from common.domain.aqi import Standard

MINUTE = timedelta(minutes=1)
_THOUSANDTHS = tuple(part / 1000 if part % 1000 else part // 1000 for part in range(1001))
"""0 and 1 are whole numbers, which are written without decimals."""


@overload
def utc(time: datetime) -> datetime: ...
@overload
def utc(time: datetime | None) -> datetime | None: ...
def utc(time: datetime | None) -> datetime | None:
    """`time` in UTC to the second, so that it is written with a ``Z``."""
    if time is None or (time.tzinfo is UTC and not time.microsecond):  # as the database gives most
        return time
    return time.astimezone(UTC).replace(microsecond=0)


def stamp(time: datetime | None) -> str | None:
    """The same as text: ``2025-11-05T10:30:00Z``."""
    return None if time is None else f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def epoch(seconds: int) -> datetime:
    """The same of a time in seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def rounded(value: float, digits: int) -> float:
    """To so many decimals, halves up."""
    scale: int = 10**digits
    return half_up(value * scale) / scale


def all_rounded(values: Sequence[float], digits: int) -> list[float]:
    """The same of many: a call for each would take longer than all the rest of an answer."""
    scale, half = 10**digits, 0.5 + NOISE
    if min(values, default=0.0) < 0:
        return [floor(value * scale + half) / scale for value in values]
    return [int(value * scale + half) / scale for value in values]  # a third of the time


def whole_indices(values: Sequence[float]) -> list[int]:
    """Indices as they are shown: whole, and within the scale."""
    half = 0.5 + NOISE
    if min(values, default=0.0) < 0 or max(values, default=0.0) > CAP:
        values = [min(max(value, 0.0), CAP) for value in values]
    return [int(value + half) for value in values]


def shares(values: Iterable[float]) -> list[float]:
    """Probabilities, which may be beyond 0 and 1 by an error of rounding, to three decimals, halves up."""
    half = 0.5 + NOISE
    return [_THOUSANDTHS[int(value * 1000 + half)] for value in values]


def concentrations(values: Iterable[float | None]) -> list[float | None]:
    """To two decimals, halves up, whole ones without."""
    half = 0.5 + NOISE
    return [
        None if value is None else part / 100 if (part := floor(value * 100 + half)) % 100 else part // 100
        for value in values
    ]


def index_category(index: float | None, standard: Standard) -> str | None:
    """The category of an index; None where there is none."""
    return None if index is None else categories(standard)[half_up(index)]


def age_minutes(now: datetime, time: datetime) -> int:
    """Whole minutes since."""
    return (now - time) // MINUTE


def by_share(hours: Mapping[str, int]) -> dict[str, int]:
    """Hours by basis, the most first, equal ones by name."""
    if len(hours) < 2:
        return dict(hours)
    return dict(sorted(hours.items(), key=lambda part: (-part[1], part[0])))


@cache
def categories(standard: Standard) -> tuple[str, ...]:
    """The category of each whole index from 0."""
    return tuple(category(index, standard) for index in range(CAP + 1))
