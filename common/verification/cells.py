"""Scores of the public record: of one city, target and season by lead time, from sums by day.

The skill of a few weeks is uncertain, and errors of neighbouring days are alike. Its interval is that of a circular
block bootstrap (Politis & Romano, 1992): blocks of neighbouring days are drawn, n^(1/3) days long, which is the order
of length that Hall, Horowitz & Jing (*Biometrika* 82, 1995) find best. The best naive forecast is chosen anew in every
draw, as it was chosen by hindsight on the whole. The draws follow from the number of days alone, so that the same
record always has the same intervals, and all lead times and rivals of a season are drawn alike.

This module needs numpy; what answers requests reads finished rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from common.domain.forecast import NAIVE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Array = NDArray[np.float64]

DRAWS = 1000
SEED = 0
LEVELS = (2.5, 97.5)
"""Percentiles of the draws that bound the interval."""
FEWEST_DAYS = 5
"""Fewer days than this have no interval."""
OURS = (
    "n", "within80", "within95", "weekly_n", "error", "squared", "bias", "width80", "width95", *NAIVE,
)  # fmt: skip
"""Sums of a day of which the scores of ours and of the naive forecasts are made."""


@dataclass(frozen=True, slots=True)
class DaySums:
    """Sums of one lead time by day, all in the order of `days`."""

    days: Sequence[str]
    """ISO dates, ascending"""
    sums: Mapping[str, Array]
    """By the names of `OURS`; errors are sums of absolute values"""


@dataclass(frozen=True, slots=True)
class ProviderSums:
    """Sums of one provider's forecasts at one lead time, and of ours on the same hours, by day."""

    days: Sequence[str]
    n: Array
    error: Array
    ours: Array


def block_days(days: int) -> int:
    """Length of the blocks that are drawn, in days."""
    return int(np.ceil(np.cbrt(days)))


@lru_cache(maxsize=4)
def draws(days: int) -> Array:
    """(`DRAWS`, `days`): how often each day is in each draw; every row adds up to `days`."""
    length = block_days(days)
    first = np.random.default_rng([SEED, days]).integers(0, days, (DRAWS, -(-days // length)))
    drawn = ((first[:, :, None] + np.arange(length)) % days).reshape(DRAWS, -1)[:, :days]
    counts = np.zeros((DRAWS, days))
    np.add.at(counts, (np.arange(DRAWS)[:, None], drawn), 1.0)
    return counts


def cell(day_sums: DaySums) -> dict[str, Any]:
    """The scores of one lead time, by the columns of the table ``verification_cell``; at least one hour.

    Errors and widths are in the target's unit, coverages shares of 1. The skill is 1 − MAE / MAE of the best naive
    forecast that all the hours have; None where that one made no error.
    """
    sums = day_sums.sums
    n = sums["n"].sum()
    mean = {name: float(sums[name].sum() / n) for name in OURS}
    complete = [name for name in NAIVE if name != "weekly" or sums["weekly_n"].sum() == n]
    best = min(complete, key=mean.__getitem__)
    low, high = _interval(sums["error"], [sums[name] for name in complete])
    return {
        "n": int(n),
        "days": len(day_sums.days),
        "first_day": day_sums.days[0],
        "last_day": day_sums.days[-1],
        "mae": mean["error"],
        "rmse": mean["squared"] ** 0.5,
        "bias": mean["bias"],
        "coverage80": mean["within80"],
        "coverage95": mean["within95"],
        "width80": mean["width80"],
        "width95": mean["width95"],
        **{name: mean[name] if name in complete else None for name in NAIVE},
        "best_naive": best,
        "skill": _skill(mean["error"], mean[best]),
        "skill_low": low,
        "skill_high": high,
    }


def provider_cell(sums: ProviderSums) -> dict[str, Any]:
    """A provider against ours, by the columns of ``verification_cell_provider``; our skill has it for reference."""
    n = sums.n.sum()
    mae, our_mae = float(sums.error.sum() / n), float(sums.ours.sum() / n)
    low, high = _interval(sums.ours, [sums.error])
    return {
        "n": int(n),
        "days": len(sums.days),
        "mae": mae,
        "our_mae": our_mae,
        "our_skill": _skill(our_mae, mae),
        "our_skill_low": low,
        "our_skill_high": high,
    }


def _skill(error: float, reference: float) -> float | None:
    return 1 - error / reference if reference > 0 else None


def _interval(ours: Array, references: Sequence[Array]) -> tuple[float | None, float | None]:
    """Of the skill against the best of the references, from sums of the same hours by day.

    The sums of a draw are of the same hours for all, so their ratio is that of the means.
    """
    days = len(ours)
    if days < FEWEST_DAYS:
        return None, None
    counts = draws(days)
    best = np.min([counts @ reference for reference in references], axis=0)
    if not best.all():  # a draw in which the reference made no error has no skill
        return None, None
    low, high = np.percentile(1 - (counts @ ours) / best, LEVELS)
    return float(low), float(high)
