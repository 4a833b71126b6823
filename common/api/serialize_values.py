"""How values are shown: the one home of rounding, categories, ages and times in answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from common.domain.breakpoints import CAP, category, half_up

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from common.domain.aqi import Standard

MINUTE = timedelta(minutes=1)


def utc(time: datetime | None) -> datetime | None:
    """`time` in UTC to the second, so that it is written with a ``Z``."""
    return None if time is None else time.astimezone(UTC).replace(microsecond=0)


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


def concentration(value: float) -> float:
    """To two decimals, whole ones without."""
    return trimmed(round(value * 100) / 100)


def trimmed(value: float) -> float:
    """The same number, as an integer where it is one."""
    return int(value) if value.is_integer() else value


def concentrations(values: Iterable[tuple[str, float | None]]) -> dict[str, float]:
    """Concentrations by pollutant; a missing one is absent."""
    return {name: concentration(value) for name, value in values if value is not None}


def index_category(index: float | None, standard: Standard) -> str | None:
    """The category of an index; None where there is none."""
    return None if index is None else _categories(standard)[half_up(index)]


def age_minutes(now: datetime, time: datetime) -> int:
    """Whole minutes since."""
    return (now - time) // MINUTE


def by_share(hours: Mapping[str, int]) -> dict[str, int]:
    """Hours by basis, the most first, equal ones by name."""
    return dict(sorted(hours.items(), key=lambda part: (-part[1], part[0])))


@cache
def _categories(standard: Standard) -> tuple[str, ...]:
    """Of each whole index."""
    return tuple(category(index, standard) for index in range(CAP + 1))
