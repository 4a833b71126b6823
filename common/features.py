"""Features: history (hours × variables) → X, float32 (rows, n_features), with names. Numpy only.

Training and forecasting both build their rows here, so a model cannot be served other features than it saw.
One row is one (origin, lead time): the origin is the last known hour, the row describes what was known then
and the target's hour of day. Levels are divided by the recent level of the target and logged, so that a model
learns *changes*, and what it learnt in May still means something in November.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from common.domain.breakpoints import NAQI
from common.domain.forecast import HORIZON, Target
from common.domain.observation import IST, POLLUTANTS

if TYPE_CHECKING:
    from datetime import datetime

Array = NDArray[np.float64]

WEATHER_SCALE = {
    "temperature": (25.0, 8.0),
    "humidity": (60.0, 20.0),
    "wind_speed": (1.5, 1.0),
    "wind_u": (0.0, 1.5),
    "wind_v": (0.0, 1.5),
    "rain": (0.0, 1.0),
    "solar_radiation": (200.0, 250.0),
    "boundary_layer_height": (500.0, 400.0),
}
"""Centre and scale of each weather variable: fixed, so that one city's model is not another's by accident."""

FLOOR = {"pm25": 5.0, "pm10": 10.0, "no2": 3.0, "so2": 2.0, "nh3": 2.0, "co": 0.1, "o3": 3.0, "aqi": 5.0}
"""Added before a logarithm, in the variable's unit, so that small values do not make wild ratios."""

INPUTS = (*POLLUTANTS, *WEATHER_SCALE, "aqi")
"""Columns of a history, in this order."""

LOOKBACK_HOURS = 24 * 15
"""Hours of history that one row may depend on."""

MAX_LAG_HOURS = 12
"""Data older than this at the origin are too old to forecast from."""

LEVEL_CENTRE = 4.5
"""Subtracted from the logged level: about the log of 90."""

REVISION = 2
"""To be raised whenever the same history gives other features under the same names."""

_LAGS = (1, 2, 3, 6, 12, 24, 48)
_MEANS = (3, 6, 12, 24, 48, 168)
_INDEX_POLLUTANTS = ("pm25", "pm10", "no2", "co", "o3")
_CLIP = 3.0


@dataclass(frozen=True, slots=True)
class Features:
    """Rows for some origins and all lead times."""

    X: NDArray[np.float32]
    """float32 (n_origins, n_leads, n_features)"""
    level: Array
    """The target's level at each origin, in its unit, (n_origins,); nan where it cannot be told."""


def names(target: Target) -> tuple[str, ...]:
    """Names of the features, in the order of X's columns."""
    found = [f"lag{k}" for k in _LAGS] + [f"mean{k}" for k in _MEANS] + ["min24", "max24", "level"]
    for pollutant in POLLUTANTS:
        found += [f"{pollutant}_1_24", f"{pollutant}_3_24", f"{pollutant}_24_168"]
    for weather in WEATHER_SCALE:
        found += [f"{weather}_3", f"{weather}_24", f"{weather}_24_change"]
    found += ["lead", "hour_sin", "hour_cos", "hour_sin2", "hour_cos2", "daily", "weekly", "weekly_change"]
    if target == "aqi":
        found += ["composed_flat", "composed_pattern"]
    return tuple(found)


def signature(target: Target) -> str:
    """A short hash of names, order and scaling: two models with the same one take the same X."""
    text = repr((REVISION, names(target), WEATHER_SCALE, FLOOR, LEVEL_CENTRE, INPUTS, _CLIP))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def as_history(columns: list[list[float | None]]) -> Array:
    """Columns of `INPUTS`, None where missing → float64 (hours, n_inputs), nan where missing."""
    return np.array(columns, dtype=np.float64).T.copy()


def build(
    history: Array, end: datetime, target: Target, origins: NDArray[np.intp], leads: NDArray[np.intp]
) -> Features:
    """Rows of the given origins (indices into `history`) for the given lead times in hours.

    `history` is float64 (hours, n_inputs), hourly, its last row for the hour that ends at `end`; pollutants and
    indices in it are not negative. What is unknown is 0 in X: no change, the usual weather. A lead time beyond
    the horizon is described as the horizon, for its own hour of day.
    """
    series = history[:, INPUTS.index(target)]
    level = _level(series)
    fixed = _at_origin(history, series, level, target)[origins]
    hours = end.astimezone(IST).hour - (len(history) - 1) + origins
    by_lead = _by_lead(history, series, level, target, hours, origins, leads)
    # Filled in place: a year of origins in float64 would be hundreds of megabytes, copied several times.
    X = np.empty((len(origins), len(leads), fixed.shape[1] + len(by_lead)), dtype=np.float32)
    X[:, :, : fixed.shape[1]] = np.nan_to_num(fixed)[:, None, :]
    for column, values in enumerate(by_lead, start=fixed.shape[1]):
        X[:, :, column] = np.nan_to_num(values)
    return Features(X, level[origins])


def usable_origins(history: Array, target: Target) -> NDArray[np.intp]:
    """Indices of the hours from which a forecast can start: the target is known for 12 of its last 24 hours,
    and in one of its last three."""
    series = history[:, INPUTS.index(target)]
    enough = _rolling_sum(np.isfinite(series).astype(np.float64), 24) >= 12
    return np.flatnonzero(enough & np.isfinite(carried(series, 2)))


def rolling_mean(series: Array, hours: int, needed: int = 1) -> Array:
    """Mean over the last `hours` hours at each hour, of what is known; nan with fewer than `needed` values."""
    known = np.isfinite(series)
    number = _rolling_sum(known.astype(np.float64), hours)
    total = _rolling_sum(np.where(known, series, 0.0), hours)
    return np.where(number >= needed, total / np.maximum(number, 1), np.nan)


def _rolling_sum(values: Array, hours: int) -> Array:
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


def _level(series: Array) -> Array:
    recent = carried(series, 3)
    return np.where(np.isfinite(recent), recent, rolling_mean(series, 24, 12))


def _bounded(values: Array) -> Array:
    return np.clip(values, -_CLIP, _CLIP)


def _weekly(series: Array) -> Array:
    """At each hour the mean at this hour of day over the last 7 days."""
    return _mean([shifted(series, 24 * day) for day in range(7)])


def _looked_up(series: Array, hours: NDArray[np.intp]) -> Array:
    """Values of the given hours (indices, of any shape); nan for hours before the history."""
    return np.append(series, np.nan)[np.where(hours >= 0, hours, len(series))]


def _mean(parts: list[Array]) -> Array:
    stacked = np.stack(parts)
    known = np.isfinite(stacked)
    number = known.sum(axis=0)
    total = np.where(known, stacked, 0.0).sum(axis=0)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def _log_ratio(value: Array, reference: Array, floor: float) -> Array:
    return _bounded(np.log((value + floor) / (reference + floor)))


def _at_origin(history: Array, series: Array, level: Array, target: Target) -> Array:
    """Features that do not depend on the lead time: (hours, n)."""
    floor = FLOOR[target]
    recent = carried(series, 3)
    day = np.stack([shifted(series, back) for back in range(24)])
    columns = [_log_ratio(shifted(recent, k), level, floor) for k in _LAGS]
    columns += [_log_ratio(rolling_mean(series, k, max(1, k // 2)), level, floor) for k in _MEANS]
    columns += [
        _log_ratio(np.fmin.reduce(day), level, floor),
        _log_ratio(np.fmax.reduce(day), level, floor),
        np.log(level + floor) - LEVEL_CENTRE,
    ]
    for pollutant in POLLUTANTS:
        values = history[:, INPUTS.index(pollutant)]
        day_mean = rolling_mean(values, 24, 12)
        for value, reference in (
            (carried(values, 3), day_mean),
            (rolling_mean(values, 3), day_mean),
            (day_mean, rolling_mean(values, 168, 48)),
        ):
            columns.append(_log_ratio(value, reference, FLOOR[pollutant]))
    for weather, (centre, scale) in WEATHER_SCALE.items():
        values = (history[:, INPUTS.index(weather)] - centre) / scale
        day_mean = rolling_mean(values, 24, 12)
        for value in (rolling_mean(values, 3), day_mean, day_mean - shifted(day_mean, 24)):
            columns.append(_bounded(value))
    return np.stack(columns, axis=1)


def _by_lead(
    history: Array,
    series: Array,
    level: Array,
    target: Target,
    hours: NDArray[np.intp],
    origins: NDArray[np.intp],
    leads: NDArray[np.intp],
) -> list[Array]:
    """Features that depend on the lead time: one (n_origins, n_leads) each. `hours`: Indian, of the origins."""
    floor = FLOOR[target]
    reference = level[origins, None]
    same_hour_before = origins[:, None] - (-leads % 24)
    weekly = _weekly(series)
    angle = 2 * np.pi * ((hours[:, None] + leads) % 24) / 24
    week = _log_ratio(_looked_up(weekly, same_hour_before), reference, floor)
    columns = [
        np.broadcast_to(np.minimum(leads, HORIZON).astype(np.float64), angle.shape),
        np.sin(angle),
        np.cos(angle),
        np.sin(2 * angle),
        np.cos(2 * angle),
        _log_ratio(_looked_up(carried(series, 3), same_hour_before), reference, floor),
        week,
        _bounded(week - _log_ratio(weekly[origins, None], reference, floor)),
    ]
    if target == "aqi":
        columns += [_log_ratio(guess, reference, floor) for guess in _composed(history, origins, leads)]
    return columns


def _composed(history: Array, origins: NDArray[np.intp], leads: NDArray[np.intp]) -> tuple[Array, Array]:
    """Two guesses of the index at the target hour by the rule itself, (n_origins, n_leads) each.

    The NAQI is the highest index of running means, so a part of the target's window is known already; the rest
    is filled once with the mean of the last three hours, once with the weekly pattern at the present level.
    """
    flat = np.full((len(origins), len(leads)), np.nan)
    pattern = flat.copy()
    for pollutant in _INDEX_POLLUTANTS:
        values = history[:, INPUTS.index(pollutant)]
        scale = NAQI[pollutant][0]
        edges = [0.0, *(band[1] for band in scale.bands)]
        indices = [0.0, *(float(band[3]) for band in scale.bands)]
        known_hours = np.maximum(scale.hours - leads, 0)
        last = rolling_mean(values, 3)[origins]
        known = np.stack([_known_part(values, int(hours), origins, last) for hours in known_hours], axis=1)
        expected = _expected_mean(values, origins, leads, scale.hours - known_hours)
        for guess, fill in ((flat, last[:, None]), (pattern, expected)):
            mean = (known_hours * known + (scale.hours - known_hours) * fill) / scale.hours
            np.fmax(guess, np.interp(mean, edges, indices), out=guess)
    return flat, pattern


def _known_part(values: Array, hours: int, origins: NDArray[np.intp], otherwise: Array) -> Array:
    """Mean of the last `hours` hours at each origin; `otherwise` where too few of them are known."""
    if not hours:
        return np.zeros(len(origins))
    mean = rolling_mean(values, hours, max(1, hours // 2))[origins]
    return np.where(np.isfinite(mean), mean, otherwise)


def _expected_mean(
    values: Array, origins: NDArray[np.intp], leads: NDArray[np.intp], hours: NDArray[np.intp]
) -> Array:
    """Mean expected over the last `hours` hours before each lead time, by the weekly pattern at the present
    level: (n_origins, n_leads)."""
    ahead = np.arange(1, leads.max() + 1)
    weekly = _weekly(values)
    usual = _mean(list(_looked_up(weekly, origins[:, None] - np.arange(24)).T))
    ratio = np.clip(rolling_mean(values, 24, 8)[origins] / np.maximum(usual, 1e-6), 0.3, 3.0)
    pattern = _looked_up(weekly, origins[:, None] - (-ahead % 24)) * ratio[:, None]
    nothing = np.zeros((len(origins), 1))
    known = np.isfinite(pattern)
    total = np.concatenate([nothing, np.cumsum(np.where(known, pattern, 0.0), axis=1)], axis=1)
    number = np.concatenate([nothing, np.cumsum(known, axis=1)], axis=1)
    count = number[:, leads] - number[:, leads - hours]
    mean = (total[:, leads] - total[:, leads - hours]) / np.maximum(count, 1)
    return np.where(count > 0, mean, np.nan)
