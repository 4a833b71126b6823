"""Rows of features for origins and lead times."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from common.domain.forecast import HORIZON, Target
from common.domain.observation import IST
from common.features.feature_spec import (
    BY_HOUR,
    LAGS,
    LEVEL_CENTRE,
    MEANS,
    RATIO_BOUND,
    SCALED_BOUND,
    FeatureSpec,
    Scaled,
    production,
)
from common.features.local_time import LocalTime, local_time
from common.features.naqi_features import composed
from common.features.provider_forecasts import ProviderForecasts
from common.features.rolling import (
    Array,
    carried,
    looked_up,
    mean_of_days,
    rolling_mean,
    rolling_std,
    rolling_sum,
    shifted,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Features:
    """Rows for some origins and all lead times."""

    X: NDArray[np.float32]
    """float32 (n_origins, n_leads, n_features)"""
    level: Array
    """The target's level at each origin, in its unit, (n_origins,); nan where it is unknown."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The same, with what all lead times of an origin share stored once: a third of the memory."""

    fixed: NDArray[np.float32]
    """float32 (n_origins, n_fixed)"""
    by_lead: NDArray[np.float32]
    """float32 (n_leads, n_origins, n_varying)"""
    level: Array
    """(n_origins,)"""
    hidden: tuple[int, ...] = field(default=())
    """Columns that are shown as 0."""

    def __len__(self) -> int:
        return len(self.fixed)

    @property
    def n_features(self) -> int:
        return int(self.fixed.shape[1] + self.by_lead.shape[2])

    def at(self, lead: int, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> NDArray[np.float32]:
        """Rows of the `lead`-th lead time, from 0, of the chosen origins: float32 (n_chosen, n_features)."""
        fixed = self.fixed[chosen]
        X = np.empty((len(fixed), self.n_features), dtype=np.float32)
        X[:, : fixed.shape[1]] = fixed
        X[:, fixed.shape[1] :] = self.by_lead[lead][chosen]
        X[:, list(self.hidden)] = 0.0
        return X

    def dense(
        self, chosen: NDArray[np.bool_] | NDArray[np.intp] | slice = slice(None)
    ) -> NDArray[np.float32]:
        """All rows of the chosen origins: float32 (n_chosen, n_leads, n_features)."""
        which = np.arange(len(self))[chosen]
        leads = [self.at(lead, which) for lead in range(len(self.by_lead))]
        return np.ascontiguousarray(np.stack(leads, axis=1))

    @staticmethod
    def together(parts: Sequence[Rows]) -> Rows:
        """The rows of several histories, one after the other."""
        return Rows(
            np.concatenate([part.fixed for part in parts]),
            np.concatenate([part.by_lead for part in parts], axis=1),
            np.concatenate([part.level for part in parts]),
        )


def build(
    history: Array,
    end: datetime,
    target: Target,
    origins: NDArray[np.intp],
    leads: NDArray[np.intp],
    *,
    layout: FeatureSpec | None = None,
    weather_ahead: ProviderForecasts | None = None,
    late: int = 0,
) -> Features:
    """Rows in production of the given origins (indices into `history`) for the given lead times in hours.

    `history` is float64 (hours, n_inputs), columns `INPUTS`, its last row for the hour that ends at `end`.
    `layout`: one of production's; usually the one without the weather ahead.
    """
    time = local_time(end, len(history), IST)
    rows = build_rows(
        history, time, layout or production(target), origins, leads, weather_ahead=weather_ahead, late=late
    )
    return Features(rows.dense(), rows.level)


def build_rows(
    history: Array,
    time: LocalTime,
    layout: FeatureSpec,
    origins: NDArray[np.intp],
    leads: NDArray[np.intp],
    *,
    weather_ahead: ProviderForecasts | None = None,
    late: int = 0,
) -> Rows:
    """Rows of the given origins (indices into `history`) for the given lead times in hours.

    `history` is float64 (hours, n_inputs), hourly, with the columns `layout.inputs`; the target and pollutants
    in it are not negative. It may go on after the origins: only columns of `layout.ahead` are read there, and
    where they are `as_issued` not even those, but `weather_ahead`: what had been received `late` hours after the
    origin, when data come late and the forecast is made from older ones. What is unknown is 0 in X: no change,
    the usual weather. A lead time beyond the horizon is described as the horizon, for its own hour of day.
    """
    table = dict(zip(layout.inputs, history.T, strict=True))
    level = level_at(table[layout.target])
    fixed = _at_origin(table, level, layout)
    by_lead = _by_lead(table, level, fixed, time, layout, origins, leads)
    by_lead += _ahead(table, layout, origins, leads, weather_ahead or ProviderForecasts(), late)
    # Filled in place: a year of origins in float64 would be hundreds of megabytes, copied several times.
    X = np.empty((len(origins), len(fixed)), dtype=np.float32)
    for column, values in enumerate(fixed.values()):
        X[:, column] = np.nan_to_num(values[origins])
    varying = np.empty((len(leads), len(origins), len(by_lead)), dtype=np.float32)
    for column, values in enumerate(by_lead):
        varying[:, :, column] = np.nan_to_num(values).T
    return Rows(X, varying, level[origins])


def usable_origins(series: Array) -> NDArray[np.intp]:
    """Indices of the hours from which a forecast can start: the target is known for 12 of its last 24 hours,
    and in one of its last three."""
    enough = rolling_sum(np.isfinite(series).astype(np.float64), 24) >= 12
    return np.flatnonzero(enough & np.isfinite(carried(series, 2)))


def level_at(series: Array) -> Array:
    """At each hour the level that forecasts are relative to: the last value, or the mean of a day."""
    recent = carried(series, 3)
    return np.where(np.isfinite(recent), recent, rolling_mean(series, 24, 12))


def _ratio(value: Array, reference: Array, floor: float) -> Array:
    return np.clip(np.log((value + floor) / (reference + floor)), -RATIO_BOUND, RATIO_BOUND)


def _scaled(values: Array, by: Scaled) -> Array:
    return np.clip((values - by.centre) / by.scale, -SCALED_BOUND, SCALED_BOUND)


def _at_origin(table: dict[str, Array], level: Array, layout: FeatureSpec) -> dict[str, Array]:
    """Features that do not depend on the lead time: name → (hours,)."""
    series, floor = table[layout.target], layout.floor
    recent, logged = carried(series, 3), np.log(series + floor)
    day = np.stack([shifted(series, back) for back in range(24)])
    features = {f"lag{k}": _ratio(shifted(recent, k), level, floor) for k in LAGS}
    features |= {f"mean{k}": _ratio(rolling_mean(series, k, max(1, k // 2)), level, floor) for k in MEANS}
    features["min24"] = _ratio(np.fmin.reduce(day), level, floor)
    features["max24"] = _ratio(np.fmax.reduce(day), level, floor)
    features["level"] = np.log(level + floor) - LEVEL_CENTRE
    features["std24"], features["std168"] = rolling_std(logged, 24), rolling_std(logged, 168)
    for name, its_floor in layout.ratios.items():
        values = table[name]
        day_mean = rolling_mean(values, 24, 12)
        features[f"{name}_1_24"] = _ratio(carried(values, 3), day_mean, its_floor)
        features[f"{name}_3_24"] = _ratio(rolling_mean(values, 3), day_mean, its_floor)
        features[f"{name}_24_168"] = _ratio(day_mean, rolling_mean(values, 168, 48), its_floor)
        share = np.log((rolling_mean(values, 6) + its_floor) / (level + floor))
        features[f"{name}_level"] = np.clip(share, -RATIO_BOUND, RATIO_BOUND)
    for by in layout.scaled:
        values = _scaled(table[by.name], by)
        day_mean, now = rolling_mean(values, 24, 12), rolling_mean(values, 3)
        features[f"{by.name}_1"] = carried(values, 3)
        features[f"{by.name}_6"] = rolling_mean(values, 6)
        features[f"{by.name}_24"] = day_mean
        features[f"{by.name}_3_change"] = now - shifted(now, 24)
        features[f"{by.name}_24_change"] = day_mean - shifted(day_mean, 24)
    return features


def _by_lead(
    table: dict[str, Array],
    level: Array,
    fixed: dict[str, Array],
    time: LocalTime,
    layout: FeatureSpec,
    origins: NDArray[np.intp],
    leads: NDArray[np.intp],
) -> list[Array]:
    """Features that depend on the lead time: one (n_origins, n_leads) each."""
    ahead = origins[:, None] + leads
    angle = 2 * np.pi * time.hour(ahead) / 24
    sin, cos = np.sin(angle), np.cos(angle)
    columns: list[Array] = [np.broadcast_to(np.minimum(leads, HORIZON).astype(np.float64), angle.shape)]
    columns += [wave(times * angle) for times in (1, 2, 3) for wave in (np.sin, np.cos)]
    columns += _same_hours(table[layout.target], level, layout.floor, origins, leads)
    columns += [fixed[name][origins, None] * wave for name in BY_HOUR for wave in (sin, cos)]
    season = time.season(ahead)
    waves = [np.sin(season), np.cos(season)]
    columns += [*waves, *(fixed["level"][origins, None] * wave for wave in waves)]
    if layout.composed:
        reference = level[origins, None]
        guesses = composed({name: table[name] for name in layout.composed}, origins, leads, level[origins])
        columns += [_ratio(guess, reference, layout.floor) for guess in guesses]
    return columns


def _ahead(
    table: dict[str, Array],
    layout: FeatureSpec,
    origins: NDArray[np.intp],
    leads: NDArray[np.intp],
    weather_ahead: ProviderForecasts,
    late: int,
) -> list[Array]:
    """Features of what is known of the hours to come: one (n_origins, n_leads) each."""
    columns: list[Array] = []
    known = np.zeros((len(origins), len(leads)), dtype=bool)
    steps = int(leads.max())
    for by in layout.ahead:
        values = _scaled(table[by.name], by)
        if layout.as_issued:
            path = _scaled(weather_ahead.path(by.name, origins, steps, late), by)
            known |= np.isfinite(path[:, leads - 1])
        else:
            path = looked_up(values, origins[:, None] + np.arange(1, steps + 1))
        columns += _known_ahead(values, path, origins, leads)
    return [*columns, known.astype(np.float64)] if layout.as_issued else columns


def _same_hours(
    series: Array, level: Array, floor: float, origins: NDArray[np.intp], leads: NDArray[np.intp]
) -> list[Array]:
    """What the target was at the same hour of the days before, (n_origins, n_leads) each."""
    reference = level[origins, None]
    before = origins[:, None] - (-leads % 24)
    day_ago = origins[:, None] - np.where(leads % 24 == 0, 0, 24)
    filled = carried(series, 3)
    logged = np.log(filled + floor)
    weekly, fortnight = mean_of_days(series, 7), mean_of_days(series, 14)
    week = _ratio(looked_up(weekly, before), reference, floor)
    change = looked_up(logged, before) - looked_up(logged, day_ago)
    return [
        _ratio(looked_up(filled, before), reference, floor),
        _ratio(looked_up(filled, before - 24), reference, floor),
        np.clip(change, -RATIO_BOUND, RATIO_BOUND),
        week,
        np.clip(week - _ratio(weekly[origins, None], reference, floor), -RATIO_BOUND, RATIO_BOUND),
        _ratio(looked_up(fortnight, before), fortnight[origins, None], floor),
    ]


def _known_ahead(
    values: Array, after: Array, origins: NDArray[np.intp], leads: NDArray[np.intp]
) -> list[Array]:
    """A column known beyond the origin, already scaled, (n_origins, n_leads) each: its value at the target hour,
    its means over the way there and over the 6 and 12 hours before, its change from the last day; its means over the 3
    and 24 hours before, its change from the hour a day earlier, and the least and greatest of the 12 hours before.

    `after`: the column at 1, 2, … hours after the origins, (n_origins, n_steps).
    """
    path = np.concatenate([looked_up(values, origins[:, None] + np.arange(-23, 1)), after], axis=1)
    known = np.isfinite(path)
    nothing = np.zeros((len(path), 1))
    total = np.concatenate([nothing, np.cumsum(np.where(known, path, 0.0), axis=1)], axis=1)
    number = np.concatenate([nothing, np.cumsum(known, axis=1)], axis=1)
    ends = leads + 24

    def mean(hours: NDArray[np.intp] | int) -> Array:
        count = number[:, ends] - number[:, ends - hours]
        average = (total[:, ends] - total[:, ends - hours]) / np.maximum(count, 1)
        return np.where(count > 0, average, np.nan)

    then = path[:, leads + 23]
    before = rolling_mean(values, 24, 6)[origins, None]
    windows = np.lib.stride_tricks.sliding_window_view(path, 12, axis=1)[:, leads + 12]
    least, most = np.fmin.reduce(windows, axis=2), np.fmax.reduce(windows, axis=2)
    means = [mean(leads), mean(6), mean(12)]
    change, of_day = then - before, then - path[:, leads - 1]
    return [then, *means, change, mean(3), mean(24), of_day, least, most]
