"""Intervals that adapt to errors already known: conformal by lead time, with feedback from what was missed.

A residual r = log((actual + floor) / (forecast + floor)) is divided by its difficulty, known at the origin. What
is left is compared with the model's held-out residuals, lead by lead, in three steps; each uses only hours up
to the origin, and none moves the centre: recent bias was found to turn rather than to last.

1. *Scale.* An average of recent residuals' size, exponentially forgotten, shrunk to the held-out one.
2. *Shape.* Weighted conformal quantiles (Barber et al., Ann. Stat. 2023) of residuals folded at the median,
   each side by its own held-out width, so that what is learned of one tail serves both; the held-out ones count
   as so many days of errors.
3. *Level.* The nominal coverage moves by the misses of intervals as issued: ACI (Gibbs & Candès, NeurIPS 2021),
   one state a lead time, derived from the errors known rather than stored. As it forgets, it brings coverage
   back to within a few points of nominal, not all the way, where the first two steps are steadily wrong.

Errors count by the time since the forecast before them, so an hourly record and one of two forecasts a day
weigh alike. Neighbouring lead times share what they know.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from common.domain.forecast import HORIZON, QUANTILES
from common.features import carried, rolling_mean
from common.inference.intervals import distribution, interval, residual_quantiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from common.features import Array

WINDOW_HOURS = 45 * 24
"""Forecasts issued longer ago are not looked at."""
BOUNDS = ("lo95", "lo80", "hi80", "hi95")
"""Order of the bounds of issued intervals."""

_LEVELS = np.array(QUANTILES)
_LOW, _MIDDLE, _HIGH = (QUANTILES.index(level) for level in (0.1, 0.5, 0.9))
_CENTRAL = np.abs(2 * _LEVELS - 1)
"""Coverage of the central interval that each level bounds."""
_LEADS = np.arange(1, HORIZON + 1)

# One setting for every series, found on the development files; values near by do about as well.
_FORGET_SCALE, _FORGET_SHAPE, _FORGET_MISSES = 10 * 24, 20 * 24, 20 * 24
"""Half-lives, in hours."""
_PRIOR_SCALE, _PRIOR_SHAPE = 10.0, 20.0
"""What held-out residuals are worth, in days of known errors."""
_GAIN = np.array([0.06, 0.08])
"""Change of the nominal 80 % and 95 % coverage for each day of excess misses; Gibbs and Candès' γ."""
_NOMINAL = np.array([0.80, 0.95])
_SHARES = np.stack([np.interp(_CENTRAL, [0, *_NOMINAL, 1], peak) for peak in ([0, 1, 0, 0], [0, 0, 1, 0])])
"""What each level of `QUANTILES` takes part in the moves of the two, (2, n_levels)."""
_MOST_DOWN, _MOST_UP = 0.8, 0.6
"""Furthest the nominal miss rate may move, as shares of it: intervals wider, and narrower."""
_VOLATILITY = 0.1 + 0.2 * np.exp(-_LEADS / 12)
"""How errors grow with the spread of the last day's logs: as its power, less so at long lead times."""
_LARGEST = 4.0
"""Scaled residuals count no larger than this in the scale: one wild hour must not open it for weeks."""
_NARROWEST = 0.005
"""No half-width of a prior is smaller, as a log ratio: a sensor that stood still may move tomorrow."""

_MEDIAN_SHARE = 0.5
"""Of the median of held-out residuals, in the prior: experts correct a part of a held-out bias before intervals are
made, and a part of it does not last. Chosen on ten windows of `benchmarks.seasons`: docs/models.md, stated
probabilities."""

APART = 3
"""Hours between forecasts that are looked at: closer ones repeat each other."""
_STEPS, _REACH = 400, 4.0
_EDGES = np.linspace(0.0, _REACH, _STEPS + 1)
"""Histogram of log(1 + 2 v), v a folded residual."""
_NEAR = np.exp(-0.5 * (np.subtract.outer(np.log(_LEADS + 3), np.log(_LEADS + 3)) / 0.25) ** 2)
_NEAR /= _NEAR.sum(axis=1, keepdims=True)
"""Share of each lead time in what a lead time learns, (48, 48)."""


@dataclass(frozen=True, slots=True)
class Issued:
    """Forecasts of one series, oldest first, each at most once."""

    origins: NDArray[np.intp]
    """(n,) places of their origins in the series, rising"""
    forecasts: Array
    """(n, 48), in the target's unit; nan where there was none"""
    bounds: Array | None = None
    """(n, 48, 4), the intervals as issued, in the order of `BOUNDS`; nan where there was none"""
    lags: NDArray[np.intp] | None = None
    """(n,) hours from the last one known to each until its origin; None: no data were late"""

    def chosen(self, which: NDArray[np.bool_]) -> Issued:
        """Some of them."""
        bounds = None if self.bounds is None else self.bounds[which]
        lags = None if self.lags is None else self.lags[which]
        return Issued(self.origins[which], self.forecasts[which], bounds, lags)

    def after(self, origins: NDArray[np.intp], forecasts: Array) -> Issued:
        """These, and before them earlier forecasts, (n, 48), that had no intervals, up to the first of these."""
        before = origins < self.origins[0] if len(self.origins) else np.ones(len(origins), dtype=bool)
        number = int(before.sum())
        bounds, lags = self.bounds, self.lags
        if bounds is not None:
            bounds = np.concatenate([np.full((number, HORIZON, len(BOUNDS)), np.nan), bounds])
        if lags is not None:
            lags = np.concatenate([np.zeros(number, dtype=np.intp), lags])
        return Issued(
            np.concatenate([origins[before], self.origins]),
            np.concatenate([forecasts[before], self.forecasts]),
            bounds,
            lags,
        )

    def from_last_known(self) -> Issued:
        """The same with lead times that count from the last known hour, as errors grow from there.

        Of several that began at the same hour the first is taken: it reaches over the most lead times.
        """
        if self.lags is None or not self.lags.any():
            return self
        known, first = np.unique(self.origins - self.lags, return_index=True)
        bounds = None if self.bounds is None else _later(self.bounds[first], self.lags[first])
        return Issued(known, _later(self.forecasts[first], self.lags[first]), bounds)


def _later(values: Array, lags: NDArray[np.intp]) -> Array:
    """Values by lead time moved to lead times longer by `lags`, (n, 48, …), nan where there is none then."""
    places = _LEADS - 1 - lags[:, None]
    moved = values[np.arange(len(values))[:, None], np.maximum(places, 0)]
    return np.where((places >= 0).reshape(places.shape + (1,) * (values.ndim - 2)), moved, np.nan)


def quantiles(
    series: Array, origin: int, forecast: Array, issued: Issued, *, prior: Array, floor: float, lag: int = 0
) -> Array:
    """Quantiles of log((actual + floor) / (forecast + floor)) at `QUANTILES` for a forecast, (48, n_levels).

    `series` is the target by the hour, nan where unknown; nothing after the hour `origin` - `lag` is read, and
    only forecasts issued from what was known before it. `forecast`, (48,), is for `origin` + 1 … `origin` + 48.
    `prior`, (48, n_levels), comes from `held_out_quantiles`. Without known errors the prior is given, scaled by
    the difficulty.
    """
    at = origin - lag
    issued = issued.chosen(
        (issued.origins >= at - WINDOW_HOURS) & (issued.origins < origin)
    ).from_last_known()
    table = _from_last_known(series, at, _later(forecast[None], np.array([lag]))[0], issued, prior, floor)
    # Of lead times beyond the longest, the longest is all that is known.
    return np.asarray(table[np.minimum(_LEADS + lag, HORIZON) - 1])


def _from_last_known(
    series: Array, at: int, forecast: Array, issued: Issued, prior: Array, floor: float
) -> Array:
    """`quantiles` where lead times count from the last known hour, `at`."""
    start = max(at - WINDOW_HOURS, 0)
    used = np.flatnonzero((issued.origins >= start) & (issued.origins < at))
    # The hours before the window serve the difficulty of its first forecasts.
    first = max(start - 48, 0)
    known = series[first : at + 1]
    shape = _Shape.of(prior)
    some = used[_apart(issued.origins[used])]
    origins = np.append(issued.origins[some], at) - first
    forecasts = np.concatenate([issued.forecasts[some], forecast[None]])
    residuals = np.log((_actuals(known, origins) + floor) / (forecasts + floor))
    expected = _expected(known, origins, forecasts, residuals, shape, floor)
    levels = np.broadcast_to(_CENTRAL, prior.shape)
    if issued.bounds is not None:
        # The last lead time has bounds wherever any has, however late the data came.
        some = used[np.isfinite(issued.bounds[used, -1, 0])]
        some = some[_apart(issued.origins[some])]
        levels = levels + _moved(known, np.append(issued.origins[some], at) - first, issued.bounds[some])
    folded = shape.folded(residuals[:-1] / expected[:-1])
    table = _recalibrated(shape, folded, _faded(folded, origins, _FORGET_SHAPE), levels)
    return np.asarray(np.sort(table * expected[-1][:, None], axis=1))


def rolling_quantiles(
    series: Array, issued: Issued, chosen: NDArray[np.bool_], *, prior: Array, floor: float, ceiling: float
) -> Array:
    """`quantiles` of the chosen forecasts of `issued`, one after the other, (n_chosen, 48, n_levels).

    As in service, each sees the misses of the chosen ones before it; the others count as known errors only, as
    do those that were held out of training before a test begins. `issued.bounds` is not read.
    """
    bounds = np.full((*issued.forecasts.shape, len(BOUNDS)), np.nan)
    so_far = replace(issued, bounds=bounds)
    tables = np.empty((int(chosen.sum()), HORIZON, len(QUANTILES)))
    for row, index in enumerate(np.flatnonzero(chosen)):
        y, origin = issued.forecasts[index], int(issued.origins[index])
        lag = 0 if issued.lags is None else int(issued.lags[index])
        tables[row] = quantiles(series, origin, y, so_far, prior=prior, floor=floor, lag=lag)
        values = distribution(y, tables[row], floor, ceiling)
        (lo80, hi80), (lo95, hi95) = (interval(values, y, coverage) for coverage in (0.80, 0.95))
        bounds[index] = np.stack([lo95, lo80, hi80, hi95], axis=1)
    return tables


def held_out_quantiles(parts: Sequence[tuple[Array, Issued]], floor: float) -> Array:
    """The prior: quantiles of scaled residuals at `QUANTILES`, (48, n_levels), for the model card.

    `parts` are series and their held-out forecasts: made by a model that had not seen the hours forecast, nan
    where it had. At least one error must be known. They are scaled as `quantiles` scales, so that what is taken
    out there is not counted twice.
    """
    parts = [(series, held) for series, held in parts if len(held.origins)]
    residuals = [
        np.log((_actuals(series, held.origins) + floor) / (held.forecasts + floor)) for series, held in parts
    ]
    prior = _pooled_quantiles(residuals)
    # The scaling is relative to the prior, which is of scaled residuals: a few rounds bring both to rest.
    for scaling in (False, True, True, True):
        shape = _Shape.of(prior)
        prior = _pooled_quantiles(
            [
                rows / _expected(series, held.origins, held.forecasts, rows, shape, floor, scaling=scaling)
                for (series, held), rows in zip(parts, residuals, strict=True)
            ]
        )
    return prior - (1 - _MEDIAN_SHARE) * prior[:, [_MIDDLE]]


@dataclass(frozen=True, slots=True)
class _Shape:
    """A prior, taken apart: centre and widths, (48,) each, in log ratio."""

    levels: Array
    median: Array
    lower: Array
    upper: Array
    width: Array
    """Half the central 80 % interval"""
    size: Array
    """Mean size of a residual in widths, none counting more than `_LARGEST`"""
    mass: Array
    """Histogram of folded residuals, (48, steps), each row with sum 1"""

    @classmethod
    def of(cls, prior: Array) -> _Shape:
        median, low, high = prior[:, _MIDDLE], prior[:, _LOW], prior[:, _HIGH]
        lower, upper = np.maximum(median - low, _NARROWEST), np.maximum(high - median, _NARROWEST)
        width = (lower + upper) / 2
        middles = np.concatenate([[0.0], (_LEVELS[1:] + _LEVELS[:-1]) / 2, [1.0]])
        size = np.minimum(np.abs(prior) / width[:, None], _LARGEST) @ np.diff(middles)
        # Tails go on exponentially: as far from 1 % to 0.1 % as from 10 % to 1 %.
        left, right = prior[:, 0] - low, prior[:, -1] - high
        outer = [prior[:, 0] + 2 * left, prior[:, 0] + left, prior[:, -1] + right, prior[:, -1] + 2 * right]
        points = np.column_stack([*outer[:2], prior, *outer[2:]])
        levels = np.array([0.0, 0.001, *QUANTILES, 0.999, 1.0])
        v = np.expm1(_EDGES) / 2
        below = [
            np.interp(m + up * v, row, levels) - np.interp(m - lo * v, row, levels)
            for row, m, lo, up in zip(points, median, lower, upper, strict=True)
        ]
        mass = np.maximum(np.diff(np.stack(below), axis=1), 0.0)
        mass[:, 0] += 1e-9  # a prior of one value has all its mass in the first step
        mass /= mass.sum(axis=1, keepdims=True)
        return cls(prior, median, lower, upper, width, np.maximum(size, 0.1), mass)

    def folded(self, residuals: Array) -> Array:
        """Distance from the median in widths of the side it is on."""
        away = residuals - self.median
        return np.where(away > 0, away / self.upper, -away / self.lower)


def _actuals(series: Array, origins: NDArray[np.intp]) -> Array:
    """What the series came to after each origin, (n, 48); nan beyond its end."""
    padded = np.concatenate([series, np.full(HORIZON, np.nan)])
    return np.asarray(padded[origins[:, None] + _LEADS])


def _apart(origins: NDArray[np.intp]) -> NDArray[np.intp]:
    """Places of the last of each `APART` hours, counted back from the last origin."""
    return np.flatnonzero(np.diff((origins[-1:] - origins) // APART, append=-1))


def _spacing(origins: NDArray[np.intp]) -> Array:
    """Days each forecast stands for: since the one before it, at most one, (n,)."""
    gaps = np.diff(origins)
    first = gaps[:1] if len(gaps) else np.ones(1, dtype=origins.dtype)
    return np.asarray(np.minimum(np.concatenate([first, gaps]), 24) / 24)


def _faded(values: Array, origins: NDArray[np.intp], half_life: int) -> Array:
    """Weights of errors, in days, halved for every `half_life` they have been known, (n, 48); 0 where unknown.

    `values` are of all `origins` but the last, which is now.
    """
    age = origins[-1] - (origins[:-1, None] + _LEADS)
    days = _spacing(origins)[:-1, None]
    return np.where(np.isfinite(values), days * np.exp2(-np.maximum(age, 0) / half_life), 0.0)


def _difficulty(
    series: Array, origins: NDArray[np.intp], forecasts: Array, width: Array, floor: float
) -> Array:
    """How much larger than usual errors are to be expected at each origin, (n, 48), from the past alone.

    More where the last day was volatile, which fades with the lead time, and where a forecast leaves the present
    level by much beside the usual error: half of a forecast change is in doubt.
    """
    logged = np.log(series + floor)
    mean = rolling_mean(logged, 24, 12)
    spread = np.sqrt(np.maximum(rolling_mean(logged**2, 24, 12) - mean**2, 0.0))[origins]
    recent = carried(logged, 12)[origins]
    level = np.where(np.isfinite(recent), recent, rolling_mean(logged, 24, 1)[origins])
    change = np.nan_to_num(np.log(forecasts + floor) - level[:, None])
    volatility = np.where(np.isfinite(spread), (spread + 0.05) / 0.35, 1.0)
    return np.asarray(volatility[:, None] ** _VOLATILITY * np.sqrt(1 + (0.5 * change / width) ** 2))


def _expected(
    series: Array,
    origins: NDArray[np.intp],
    forecasts: Array,
    residuals: Array,
    shape: _Shape,
    floor: float,
    *,
    scaling: bool = True,
) -> Array:
    """Size of error to expect at each origin beside the prior's, (n, 48): difficulty times recent scale."""
    difficulty = _difficulty(series, origins, forecasts, shape.width, floor)
    if not scaling:
        return difficulty
    widths = np.abs(residuals / difficulty) / shape.width
    return difficulty * _scale(np.minimum(widths, _LARGEST) / shape.size, origins)


def _shared(values: Array) -> Array:
    """What each lead time, the first axis, has by `_NEAR` from all.

    Not by matrix product: on busy cores the threads of BLAS wait for each other a hundred times longer.
    """
    return np.asarray(np.einsum("ij,jk->ik", _NEAR, values))


def _scale(sizes: Array, origins: NDArray[np.intp]) -> Array:
    """Recent size of residuals beside the usual, at each origin, (n, 48); 1 where nothing is known."""
    known = np.isfinite(sizes)
    days = _spacing(origins)[:, None] * known
    since = origins - origins[0]
    # Weights that grow with the hour an error is known, over what they have grown to, are weights that fade.
    growth = np.exp2((since[:, None] + _LEADS) / _FORGET_SCALE)
    so_far = np.searchsorted(since, since[:, None] - _LEADS, side="right")
    now = np.exp2(since / _FORGET_SCALE)[:, None]
    sums = []
    for values in (days * np.where(known, sizes, 0.0), days):
        total = np.concatenate([np.zeros((1, HORIZON)), np.cumsum(values * growth, axis=0)])
        sums.append(_shared((np.take_along_axis(total, so_far, axis=0) / now).T))
    return np.asarray((sums[0] + _PRIOR_SCALE) / (sums[1] + _PRIOR_SCALE)).T


def _moved(series: Array, origins: NDArray[np.intp], bounds: Array) -> Array:
    """By how much to move the central coverage at each level of `QUANTILES`, (48, n_levels).

    `bounds` are of all `origins` but the last, which is now.
    """
    actual = np.where(np.isfinite(bounds[:, :, 0]), _actuals(series, origins)[:-1], np.nan)
    weights = _faded(actual, origins, _FORGET_MISSES)
    missed = (actual[:, :, None] < bounds[:, :, [1, 0]]) | (actual[:, :, None] > bounds[:, :, [2, 3]])
    rates = 1 - _NOMINAL
    excess = _shared((weights[:, :, None] * (missed - rates)).sum(axis=0))
    return np.asarray(np.clip(_GAIN * excess, -_MOST_UP * rates, _MOST_DOWN * rates) @ _SHARES)


def _recalibrated(shape: _Shape, folded: Array, weights: Array, levels: Array) -> Array:
    """The prior's quantiles, each as far from the median as known errors ask, (48, n_levels)."""
    known = weights > 0
    step = np.minimum(np.log1p(2 * folded[known]) * (_STEPS / _REACH), _STEPS - 1).astype(np.intp)
    lead = np.broadcast_to(_LEADS - 1, known.shape)[known]
    counts = np.bincount(lead * _STEPS + step, weights[known], HORIZON * _STEPS)
    mixed = _shared(counts.reshape(HORIZON, _STEPS).astype(np.float64)) + _PRIOR_SHAPE * shape.mass
    usual = _histogram_quantiles(shape.mass, np.broadcast_to(_CENTRAL, levels.shape))
    ratio = np.where(_CENTRAL > 0, _histogram_quantiles(mixed, levels) / np.maximum(usual, 1e-9), 1.0)
    median = shape.median[:, None]
    return np.asarray(median + (shape.levels - median) * ratio)


def _histogram_quantiles(mass: Array, levels: Array) -> Array:
    """Folded residuals that leave each share below them, (48, n_levels)."""
    below = np.concatenate([np.zeros((HORIZON, 1)), np.cumsum(mass, axis=1)], axis=1)
    below /= below[:, -1:]
    steps = [np.interp(wanted, row, _EDGES) for wanted, row in zip(levels, below, strict=True)]
    return np.asarray(np.expm1(np.stack(steps)) / 2)


def _pooled_quantiles(parts: Sequence[Array]) -> Array:
    """Quantiles at `QUANTILES` of the known residuals of each lead time and its neighbours, (48, n_levels)."""
    ratios = np.exp(np.concatenate(parts))
    return residual_quantiles(ratios, np.ones_like(ratios), 0.0)
