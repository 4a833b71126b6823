"""What was expected of the hours after an origin, as it had been received by then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from common.features.rolling import Array

MAX_AGE_HOURS = 24
"""What was received longer ago than this is not used: it does not reach 48 hours ahead any more."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one provider said, in the order in which it was received. Hours are counted as those of the history."""

    received: NDArray[np.intp]
    """(n,), rising: the first hour at whose end each had been received"""
    first: NDArray[np.intp]
    """(n,): the hour of the first values"""
    values: dict[str, Array]
    """Column → (n, n_hours), nan where nothing was said"""

    def path(self, name: str, origins: NDArray[np.intp], steps: int, late: int) -> Array:
        """As `Outlooks.path`, of this provider alone."""
        found = np.full((len(origins), steps), np.nan)
        if name not in self.values or not len(self.received):
            return found
        newest = np.searchsorted(self.received, origins + late, side="right") - 1
        usable = (newest >= 0) & (origins + late - self.received[newest] <= MAX_AGE_HOURS)
        newest, origins = newest[usable], origins[usable]
        table = self.values[name]
        place = origins[:, None] + np.arange(1, steps + 1) - self.first[newest][:, None]
        inside = (place >= 0) & (place < table.shape[1])
        told = table[newest[:, None], np.clip(place, 0, table.shape[1] - 1)]
        found[usable] = np.where(inside, told, np.nan)
        return found


@dataclass(frozen=True, slots=True)
class Outlooks:
    """What several providers said of one place, the one that is preferred first."""

    told: tuple[Told, ...] = ()

    def path(self, name: str, origins: NDArray[np.intp], steps: int, late: int = 0) -> Array:
        """A column at 1 … `steps` hours after each origin, (n_origins, steps), nan where nothing was said.

        Of each provider, by what it said last of all that had been received `late` hours after the origin.
        """
        path = np.full((len(origins), steps), np.nan)
        for told in self.told:
            missing = ~np.isfinite(path)
            if not missing.any():
                break
            path = np.where(missing, told.path(name, origins, steps, late), path)
        return path
