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
class ReceivedForecasts:
    """The forecasts of one provider, in the order in which they were received. Hours are counted as in the history."""

    received: NDArray[np.intp]
    """(n,), rising: the first hour at whose end each had been received"""
    first: NDArray[np.intp]
    """(n,): the hour of the first values"""
    values: dict[str, Array]
    """Column → (n, n_hours), nan where there is no value"""

    def path(self, name: str, origins: NDArray[np.intp], steps: int, late: int) -> Array:
        """As `ProviderForecasts.path`, of this provider alone."""
        path = np.full((len(origins), steps), np.nan)
        if name not in self.values or not len(self.received):
            return path
        newest = np.searchsorted(self.received, origins + late, side="right") - 1
        usable = (newest >= 0) & (origins + late - self.received[newest] <= MAX_AGE_HOURS)
        newest, origins = newest[usable], origins[usable]
        table = self.values[name]
        place = origins[:, None] + np.arange(1, steps + 1) - self.first[newest][:, None]
        inside = (place >= 0) & (place < table.shape[1])
        values = table[newest[:, None], np.clip(place, 0, table.shape[1] - 1)]
        path[usable] = np.where(inside, values, np.nan)
        return path


@dataclass(frozen=True, slots=True)
class ProviderForecasts:
    """The forecasts of several providers for one place, the preferred provider first."""

    providers: tuple[ReceivedForecasts, ...] = ()

    def path(self, name: str, origins: NDArray[np.intp], steps: int, late: int = 0) -> Array:
        """A column at 1 … `steps` hours after each origin, (n_origins, steps), nan where there is no value.

        Of each provider the newest forecast that had been received `late` hours after the origin is used.
        """
        path = np.full((len(origins), steps), np.nan)
        for provider in self.providers:
            missing = ~np.isfinite(path)
            if not missing.any():
                break
            path = np.where(missing, provider.path(name, origins, steps, late), path)
        return path
