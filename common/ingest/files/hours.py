"""Values of minutes into values of hours: means, vector means of the wind, sums of the rain."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from common.domain.observation import hour_ending
from common.domain.units import wind_components
from common.ingest.files.columns import DIRECTION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

COVERAGE = 0.75
"""Share of an hour's intervals that must have a value, else the hour has none."""

Series = dict[datetime, dict[str, float]]
"""End of the averaging time, UTC → variable → value."""


@dataclass(slots=True)
class Hours:
    """Hourly values in order of time, and what became of the values that went in."""

    rows: list[tuple[datetime, dict[str, float]]] = field(default_factory=list)
    values_used: int = 0
    values_short: int = 0
    means: int = 0
    short: int = 0
    """Hours of one variable that had values, but too few."""


def interval_minutes(times: Iterable[Iterable[datetime]]) -> int | None:
    """The most common distance of neighbouring stamps, in minutes; None where no series has two."""
    steps: Counter[timedelta] = Counter()
    for stamps in times:
        steps.update(later - earlier for earlier, later in pairwise(sorted(stamps)))
    return _minutes(steps)


def common_minutes(lengths: Iterable[timedelta]) -> int | None:
    """The most common of some lengths of time, in minutes."""
    return _minutes(Counter(lengths))


def intervals_needed(minutes: int) -> int:
    """How many of an hour's intervals must have a value: 3 of 4 quarters, 1 of 1."""
    return math.ceil(60 // minutes * COVERAGE)


def hourly(series: Series, minutes: int) -> Hours:
    """Hours out of intervals of `minutes`, each belonging to the Indian hour in which it ends.

    Intervals of an hour or more are left as they are, with their own stamps. Rain is summed over the
    intervals that have a value; a wind direction goes with its speed into wind_u and wind_v, the mean
    of vectors; all else is the arithmetic mean.
    """
    need = intervals_needed(minutes) if minutes < 60 else 1
    groups: dict[datetime, list[dict[str, float]]] = {}
    for time, values in series.items():
        groups.setdefault(hour_ending(time) if minutes < 60 else time, []).append(values)
    result = Hours()
    for time in sorted(groups):
        row: dict[str, float] = {}
        by_variable: dict[str, list[float]] = {}
        for values in groups[time]:
            for name, value in values.items():
                by_variable.setdefault(name, []).append(value)
        for name, found in by_variable.items():
            if len(found) < need:
                result.short += 1
                result.values_short += len(found)
                continue
            result.values_used += len(found)
            result.means += 1
            if name == DIRECTION:
                row["wind_u"], row["wind_v"] = _vector_mean(groups[time])
            else:
                row[name] = math.fsum(found) / (1 if name == "rain" else len(found))
        if row:
            result.rows.append((time, row))
    return result


def drop_loose_directions(series: Series) -> int:
    """Take away the wind directions that have no speed beside them; how many there were."""
    loose = [values for values in series.values() if DIRECTION in values and "wind_speed" not in values]
    for values in loose:
        del values[DIRECTION]
    return len(loose)


def _vector_mean(rows: Iterable[Mapping[str, float]]) -> tuple[float, float]:
    winds = [wind_components(row["wind_speed"], row[DIRECTION]) for row in rows if DIRECTION in row]
    return math.fsum(u for u, _ in winds) / len(winds), math.fsum(v for _, v in winds) / len(winds)


def _minutes(lengths: Counter[timedelta]) -> int | None:
    if not lengths:
        return None
    most = max(lengths.values())
    shortest = min(length for length, count in lengths.items() if count == most)
    return round(shortest.total_seconds() / 60)
