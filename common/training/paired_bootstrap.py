"""Two forecasters of the same hours: is the one really better, or is it noise?

Errors of one day are alike, and so are those of neighbouring days: 48 lead times and 24 origins of a day are not a
thousand trials. So whole days are drawn, in blocks of two neighbouring ones (circular block bootstrap, Politis &
Romano 1992), and it is counted how often the newer one does better on what was drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from common.features import Array

CERTAIN = 0.975
"""Share of the draws in which another model must do better to be served."""
LIKELY = 0.75
"""Share of the draws in which a newer model of the same families must do worse not to be served."""
WORTHWHILE = 0.02
"""Differences of MAE smaller than this share of it are no reason for anything."""
FEWEST_DAYS = 4
"""Fewer days than this prove nothing."""
_BLOCK_DAYS = 2
_DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Paired:
    """What the same hours say of an older forecaster and a newer one."""

    n: int
    days: int
    old_mae: float
    new_mae: float
    certainty: float
    """Share of the draws in which the newer one has the smaller error; 0.5 where there are too few days."""

    @property
    def better(self) -> bool:
        """The newer one is better, by enough to be worth a change, and it is not noise."""
        gain = self.old_mae - self.new_mae
        return self.certainty >= CERTAIN and gain >= WORTHWHILE * self.old_mae

    @property
    def worse(self) -> bool:
        """The newer one is worse, by enough to matter, and likely so: to wait a day longer costs little."""
        loss = self.new_mae - self.old_mae
        return self.certainty <= 1 - LIKELY and loss >= WORTHWHILE * self.old_mae

    def __str__(self) -> str:
        return (
            f"MAE {self.new_mae:.2f} against {self.old_mae:.2f} on {self.n} pairs of {self.days} days, "
            f"better in {self.certainty:.0%} of the draws"
        )


def by_hours(actual: Array, old: Array, new: Array, hours: NDArray[np.intp]) -> Paired:
    """Compare forecasts, (n_origins, 48) each, nan in `actual` where the truth is unknown; days by target hour.

    `hours`: (n_origins,), of the origins, counted from anywhere. At least one hour must be known.
    """
    day = (hours[:, None] + np.arange(1, actual.shape[1] + 1)) // 24
    known = np.isfinite(actual)
    _, day = np.unique(day[known], return_inverse=True)
    return by_days(
        np.bincount(day),
        np.bincount(day, np.abs(old - actual)[known]).astype(np.float64),
        np.bincount(day, np.abs(new - actual)[known]).astype(np.float64),
    )


def by_days(n: Array | NDArray[np.intp], old: Array, new: Array) -> Paired:
    """Compare sums of absolute errors, (n_days,) each, in the order of the days; `n` pairs a day."""
    days = len(n)
    return Paired(
        n=int(n.sum()),
        days=days,
        old_mae=float(old.sum() / n.sum()),
        new_mae=float(new.sum() / n.sum()),
        certainty=_certainty(old - new) if days >= FEWEST_DAYS else 0.5,
    )


def _certainty(gain: Array) -> float:
    """Share of the draws whose gain is above nothing; draws without gain or loss count half."""
    days = len(gain)
    blocks = -(-days // _BLOCK_DAYS)
    first = np.random.default_rng(0).integers(0, days, (_DRAWS, blocks))
    drawn = (first[:, :, None] + np.arange(_BLOCK_DAYS)) % days
    total = gain[drawn.reshape(_DRAWS, -1)[:, :days]].sum(axis=1)
    return float(((total > 0) + 0.5 * (total == 0)).mean())
