"""What is computed from one hourly series: each function gives one value an hour, from that hour and before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def as_history(columns: list[list[float | None]]) -> Array:
    """Columns of variables, None where missing → float64 (hours, n_variables), nan where missing."""
    return np.array(columns, dtype=np.float64).T.copy()


def rolling_mean(series: Array, hours: int, needed: int = 1) -> Array:
    """Mean over the last `hours` hours at each hour, of what is known; nan with fewer than `needed` values."""
    known = np.isfinite(series)
    number = rolling_sum(known.astype(np.float64), hours)
    total = rolling_sum(np.where(known, series, 0.0), hours)
    return np.where(number >= needed, total / np.maximum(number, 1), np.nan)


def rolling_std(series: Array, hours: int) -> Array:
    """Standard deviation over the last `hours` hours at each hour; nan where less than half of them is known."""
    mean = rolling_mean(series, hours, hours // 2)
    square = rolling_mean(series * series, hours, hours // 2)
    return np.sqrt(np.maximum(square - mean * mean, 0.0))


def rolling_sum(values: Array, hours: int) -> Array:
    """Sum over the last `hours` hours at each hour, put together from sums over 1, 2, 4, 8, … hours.

    A difference of running totals would be simpler, but its last bits depend on where the history begins, and
    serving sees a shorter history than training.
    """
    total = np.zeros(len(values))
    span, done, part = 1, 0, values
    while done < hours:
        if hours & span:
            total[done:] += part[: max(len(part) - done, 0)]
            done += span
        part = part + np.concatenate([np.zeros(min(span, len(part))), part[:-span]])
        span *= 2
    return total


def carried(series: Array, hours: int) -> Array:
    """The series with each gap filled by the value before it, for at most `hours` hours."""
    filled = series
    for _ in range(hours):
        filled = np.where(np.isfinite(filled), filled, shifted(filled, 1))
    return filled


def shifted(series: Array, hours: int) -> Array:
    """At each hour the value of `hours` hours before; nan where the history begins later."""
    if hours == 0:
        return series
    return np.concatenate([np.full(min(hours, len(series)), np.nan), series[:-hours]])


def same_hour(series: Array, lead: int) -> Array:
    """At each origin: the value at the target's hour of day, on the last day on which that hour is over."""
    return shifted(series, -lead % 24)


def mean_of_days(series: Array, days: int) -> Array:
    """At each hour the mean at this hour of day over the last `days` days."""
    return mean_of([shifted(series, 24 * day) for day in range(days)])


def mean_of(parts: list[Array]) -> Array:
    """Mean of what is known among arrays of one shape; nan where nothing is."""
    total, number = np.zeros(parts[0].shape), np.zeros(parts[0].shape)
    for part in parts:
        known = np.isfinite(part)
        number += known
        total += np.where(known, part, 0.0)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def looked_up(series: Array, hours: NDArray[np.intp]) -> Array:
    """Values of the given hours (indices, of any shape); nan for hours that the history does not have."""
    inside = (hours >= 0) & (hours < len(series))
    return np.append(series, np.nan)[np.where(inside, hours, len(series))]
