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
    text = repr((names(target), WEATHER_SCALE, FLOOR, LEVEL_CENTRE, INPUTS, _CLIP))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def as_history(columns: list[list[float | None]]) -> Array:
    """Columns of `INPUTS`, None where missing → float64 (hours, n_inputs), nan where missing."""
    return np.array(columns, dtype=np.float64).T.copy()


def build(
    history: Array, end: datetime, target: Target, origins: NDArray[np.intp], leads: NDArray[np.intp]
) -> Features:
    """Rows of the given origins (indices into `history`) for the given lead times in hours.

    `history` is float64 (hours, n_inputs), hourly, its last row for the hour that ends at `end`. A lead time
    beyond the horizon is described as the horizon, for its own hour of day.
    """
    first_hour = end.astimezone(IST).hour - (len(history) - 1)
    series = history[:, INPUTS.index(target)]
    level = _level(series)
    fixed = _at_origin(history, series, level, target)[origins]
    hours = (first_hour + np.arange(len(history))) % 24
    by_lead = _by_lead(history, series, level, target, hours, origins, leads)
    rows = np.concatenate([np.repeat(fixed[:, None, :], len(leads), axis=1), by_lead], axis=2)
    return Features(_finite(rows).astype(np.float32), level[origins])


def usable_origins(history: Array, target: Target) -> NDArray[np.intp]:
    """Indices of the hours from which a forecast can start: the target is known for 12 of its last 24 hours,
    and in one of its last three."""
    series = history[:, INPUTS.index(target)]
    enough = rolling_mean(np.isfinite(series).astype(np.float64), 24) >= 0.5
    return np.flatnonzero(enough & np.isfinite(carried(series, 2)))


def rolling_mean(series: Array, hours: int, needed: int = 1) -> Array:
    """Mean over the last `hours` hours at each hour, of what is known; nan with fewer than `needed` values."""
    known = np.isfinite(series)
    total = np.concatenate([[0.0], np.cumsum(np.where(known, series, 0.0))])
    count = np.concatenate([[0], np.cumsum(known)])
    last = np.arange(1, len(series) + 1)
    first = np.maximum(last - hours, 0)
    number = count[last] - count[first]
    return np.where(number >= needed, (total[last] - total[first]) / np.maximum(number, 1), np.nan)


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


def _finite(rows: Array) -> Array:
    return np.nan_to_num(np.clip(rows, -_CLIP, HORIZON), nan=0.0)


def _weekly(series: Array) -> Array:
    """Mean at the same hour over the last 7 days, for each of the 24 hours back: (hours, 24)."""
    columns = [_mean([shifted(series, 24 * day + back) for day in range(7)]) for back in range(24)]
    return np.stack(columns, axis=1)


def _mean(parts: list[Array]) -> Array:
    stacked = np.stack(parts)
    known = np.isfinite(stacked)
    number = known.sum(axis=0)
    total = np.where(known, stacked, 0.0).sum(axis=0)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def _log_ratio(value: Array, reference: Array, floor: float) -> Array:
    return np.clip(np.log((value + floor) / (reference + floor)), -_CLIP, _CLIP)


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
        columns += [rolling_mean(values, 3), day_mean, day_mean - shifted(day_mean, 24)]
        columns[-3:] = [np.clip(column, -_CLIP, _CLIP) for column in columns[-3:]]
    return np.stack(columns, axis=1)


def _by_lead(
    history: Array,
    series: Array,
    level: Array,
    target: Target,
    hours: NDArray[np.int_],
    origins: NDArray[np.intp],
    leads: NDArray[np.intp],
) -> Array:
    """Features that depend on the lead time: (n_origins, n_leads, n)."""
    floor = FLOOR[target]
    recent = carried(series, 3)
    weekly = _weekly(series)
    composer = _Composer(history) if target == "aqi" else None
    out = []
    for lead in leads:
        angle = 2 * np.pi * ((hours + lead) % 24) / 24
        week = _log_ratio(weekly[:, -lead % 24], level, floor)
        columns = [
            np.full(len(series), float(min(lead, HORIZON))),
            np.sin(angle),
            np.cos(angle),
            np.sin(2 * angle),
            np.cos(2 * angle),
            _log_ratio(same_hour(recent, int(lead)), level, floor),
            week,
            week - _log_ratio(weekly[:, 0], level, floor),
        ]
        if composer is not None:
            columns += [_log_ratio(guess, level, floor) for guess in composer.indices(int(lead))]
        out.append(np.stack(columns, axis=1)[origins])
    return np.stack(out, axis=1)


class _Composer:
    """Guesses of the index at the target hour, by the rule itself: the NAQI is a running mean, so a part of
    the target's window is known already; the rest is filled once with the last three hours, once with the
    weekly pattern at the present level."""

    def __init__(self, history: Array) -> None:
        self._parts = []
        for pollutant in _INDEX_POLLUTANTS:
            values = history[:, INPUTS.index(pollutant)]
            weekly = _weekly(values)
            mean = _mean(list(weekly.T))
            ratio = np.clip(rolling_mean(values, 24, 8) / np.maximum(mean, 1e-6), 0.3, 3.0)
            self._parts.append((pollutant, values, rolling_mean(values, 3), weekly * ratio[:, None]))

    def indices(self, lead: int) -> tuple[Array, Array]:
        """The two guesses at every origin, (hours,) each."""
        flat: list[Array] = []
        pattern: list[Array] = []
        for pollutant, values, last, weekly in self._parts:
            scale = NAQI[pollutant][0]
            window = scale.hours
            known_hours = max(window - lead, 0)
            new_hours = window - known_hours
            if known_hours:
                known = rolling_mean(values, known_hours, max(1, known_hours // 2))
                known = np.where(np.isfinite(known), known, last)
            else:
                known = np.zeros(len(values))
            future = _mean([weekly[:, -hour % 24] for hour in range(lead - new_hours + 1, lead + 1)])
            edges = [0.0, *(band[1] for band in scale.bands)]
            indices = [0.0, *(float(band[3]) for band in scale.bands)]
            for guesses, fill in ((flat, last), (pattern, future)):
                mean = (known_hours * known + new_hours * fill) / window
                guesses.append(np.interp(mean, edges, indices))
        return np.fmax.reduce(flat), np.fmax.reduce(pattern)
