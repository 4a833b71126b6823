"""Intervals and probabilities from held-out residuals.

A residual is log((actual + floor) / (forecast + floor)): errors grow with the level, so ratios are used. The
interval of a lead time is split-conformal: the forecast times the residual quantiles of that lead time
(Vovk et al., *Algorithmic Learning in a Random World*, 2005).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from common.domain.aqi import CATEGORIES
from common.domain.forecast import HORIZON, QUANTILES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from common.features import Array

_NEIGHBOURS = 2
_ENOUGH = 100
"""Fewer residuals than this say little of a distribution's tails."""


def residual_quantiles(actual: Array, forecast: Array, floor: float) -> Array:
    """Quantiles of the residuals at `QUANTILES`, (48, n_levels).

    `actual` and `forecast` are (n_origins, 48) in the target's unit, nan where unknown. Neighbouring lead times
    are pooled, more of them where the truth is known for few: their errors are alike. At least one residual
    must be known.
    """
    residuals = np.log((actual + floor) / (forecast + floor))
    return np.stack([np.quantile(_near(residuals, lead), QUANTILES) for lead in range(HORIZON)])


def _near(residuals: Array, lead: int) -> Array:
    """The known residuals of a lead time (from 0) and of its neighbours."""
    reach, enough = _NEIGHBOURS, min(_ENOUGH, int(np.isfinite(residuals).sum()))
    while True:
        near = residuals[:, max(lead - reach, 0) : lead + reach + 1]
        known = near[np.isfinite(near)]
        if len(known) >= enough:
            return known
        reach += 1


def distribution(y: Array, quantiles: Array, floor: float, ceiling: float) -> Array:
    """The forecast's quantiles in the target's unit, (48, n_levels), rising, between 0 and `ceiling`."""
    return np.clip((y[:, None] + floor) * np.exp(quantiles) - floor, 0.0, ceiling)


def interval(values: Array, y: Array, coverage: float) -> tuple[Array, Array]:
    """Lower and upper bound, (48,) each, of the central interval; the forecast itself is never outside."""
    low = values[:, _level((1 - coverage) / 2)]
    high = values[:, _level((1 + coverage) / 2)]
    return np.minimum(low, y), np.maximum(high, y)


def category_probabilities(values: Array) -> Array:
    """Probability of each NAQI category, (48, 6), from the forecast's quantiles, (48, n_levels).

    Between quantiles the distribution is taken as even; the tails beyond the outermost ones end one and a
    half interquantile steps further out.
    """
    edges = np.array([band.high + 0.5 for band in CATEGORIES["in-naqi"][:-1]])
    levels = np.array([0.0, *QUANTILES, 1.0])
    out = np.empty((len(values), len(edges) + 1))
    for row, quantiles in enumerate(values):
        reach = 1.5 * max(quantiles[-1] - quantiles[0], 1.0) / len(quantiles)
        points = np.concatenate([[quantiles[0] - reach], quantiles, [quantiles[-1] + reach]])
        points += np.arange(len(points)) * 1e-9  # strictly rising, as interpolation needs
        below = np.interp(edges, points, levels)
        out[row] = np.diff(np.concatenate([[0.0], below, [1.0]]))
    return out


def as_lists(values: Array | NDArray[np.float32], digits: int) -> list[float]:
    """Rounded plain floats, for the database."""
    return [round(float(value), digits) for value in values]


def _level(level: float) -> int:
    return int(np.argmin(np.abs(np.array(QUANTILES) - level)))
