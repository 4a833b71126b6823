"""Online aggregation of experts: what is served is a weighted mean of several forecasts, by how they did of late.

Experts are the trained models, of the index also what follows from the forecast of PM2.5 by its rule, their mean, that
mean corrected by its known errors, the naive forecasts, and whatever providers forecast themselves. They are averaged
as logarithms, log(y + floor). Weights follow MLpol (Gaillard, Stoltz, van Erven, *COLT* 2014), which has no parameter
to tune: an expert's weight is proportional to its positive regret over the sum of its squares, one vector for each
block of lead times, for which the regrets of neighbouring blocks count too (`_NEAR`). Its regret is what the served
forecasts would have lost less by leaning to it: the gradient of their absolute error, in the target's unit, times the
distance. One more is weighed beside them, the even mean of the corrected mean and of the naive forecasts (`_bundle`):
where a season begins, their errors cancel in part. Its weight is shared out to those that it is made of.

All follows from the record of the last `WINDOW_HOURS`, which is forecasts as they were issued and the hours known
since; nothing else is remembered, so that a replay, a backtest and a new process give the same. Before the first
forecast, the record is made of hindcasts of the last weeks of training (`rolling`), by models that had not seen them.

A pair of forecast and truth counts by the time since the forecast before it, so that an hourly record and one of two
forecasts a day weigh alike. An expert that did not forecast an hour is neither praised nor blamed for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from common.domain.forecast import CORRECTED, HORIZON, MEAN, NAIVE
from common.domain.forecast import EXPERT_BLOCKS as BLOCKS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from common.features import Array

WINDOW_HOURS = 60 * 24
"""Forecasts issued longer ago are not looked at."""
APART = 6
"""Hours between the forecasts of the record that are looked at: closer ones repeat each other, and taught nothing more
on eight windows."""

_HALF_LIFE_HOURS = 30 * 24
"""In which an error's part in the correction is halved."""
_SHRINKAGE_DAYS = 6.0
"""A correction is taken in full only where much more than so many days of errors are known."""
_LEAST_APART = 1e-3
"""Of the largest sum of squared regrets: an expert that all but equals what was served, so that its own is next to
nothing, would have all the weight and keep it for ever."""
_CORRECTED_ALIKE = ((1, 6), (7, 12), (13, 24), (25, 48))
"""Blocks of lead times whose errors are corrected alike, in each part of the day by itself."""
_PART_HOURS = 3
_LEADS = np.arange(1, HORIZON + 1)
_BLOCK_OF = np.repeat(np.arange(len(BLOCKS)), [last - first + 1 for first, last in BLOCKS])
_ALIKE = np.repeat(np.arange(len(_CORRECTED_ALIKE)), [last - first + 1 for first, last in _CORRECTED_ALIKE])
_PARTS = 24 // _PART_HOURS
_PAIRS_A_DAY = np.repeat([(last - first + 1) / _PARTS for first, last in _CORRECTED_ALIKE], _PARTS)
"""Pairs of forecast and truth that one forecast gives to each part of the day, on average"""
_NEAR = 0.25 ** np.abs(np.arange(len(BLOCKS))[:, None] - np.arange(len(BLOCKS)))
_NEAR[0, 1:] = 0.0
_NEAR /= _NEAR.sum(axis=1, keepdims=True)
"""What the regrets of each block count for a block: those of one are few, and its neighbours' are much alike. The next
hour stands alone: nowhere else is persistence as good."""
_STARTS = np.array([first - 1 for first, _ in BLOCKS])
_SIZES = np.array([last - first + 1 for first, last in BLOCKS], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Record:
    """Forecasts of one series as issued, oldest first, each origin once."""

    names: tuple[str, ...]
    """Of the experts"""
    origins: NDArray[np.intp]
    """(n,) places of their origins in the series, rising"""
    experts: Array
    """(n, n_experts, 48), in the target's unit; nan where an expert did not forecast"""
    served: Array
    """(n, 48): what was made of them"""

    @staticmethod
    def empty() -> Record:
        """Nothing was issued yet."""
        nothing = np.empty(0, dtype=np.intp)
        return Record((), nothing, np.empty((0, 0, HORIZON)), np.empty((0, HORIZON)))

    def served_at(self, origins: NDArray[np.intp]) -> Array:
        """What was served from these origins, (n, 48), nan where nothing was."""
        served = np.full((len(origins), HORIZON), np.nan)
        if len(self.origins):
            at = np.minimum(np.searchsorted(self.origins, origins), len(self.origins) - 1)
            there = self.origins[at] == origins
            served[there] = self.served[at[there]]
        return served

    def aligned(self, names: Sequence[str]) -> Array:
        """The forecasts of these experts, (n, len(names), 48), nan where there are none."""
        aligned = np.full((len(self.origins), len(names), HORIZON), np.nan)
        for at, name in enumerate(names):
            if name in self.names:
                aligned[:, at] = self.experts[:, self.names.index(name)]
        return aligned

    def between(self, first: int, last: int) -> Record:
        """The forecasts with an origin in [first, last)."""
        some = (self.origins >= first) & (self.origins < last)
        return Record(self.names, self.origins[some], self.experts[some], self.served[some])

    def after(self, earlier: Record) -> Record:
        """These forecasts, and before them those of an `earlier` record that lie before the first of them."""
        if not len(self.origins):
            return earlier
        return self.merged(
            earlier.between(int(earlier.origins[0]), int(self.origins[0]))
            if len(earlier.origins)
            else earlier
        )

    def merged(self, other: Record) -> Record:
        """Both, by their origins, of which none is in both."""
        if not len(other.origins):
            return self
        names = tuple(dict.fromkeys((*self.names, *other.names)))
        origins = np.concatenate([self.origins, other.origins])
        order = np.argsort(origins)
        return Record(
            names,
            origins[order],
            np.concatenate([self.aligned(names), other.aligned(names)])[order],
            np.concatenate([self.served, other.served])[order],
        )


@dataclass(frozen=True, slots=True)
class Combined:
    """One forecast and how it was made."""

    y: Array
    """(48,), in the target's unit, not rounded"""
    names: tuple[str, ...]
    experts: Array
    """(n_experts, 48), in the target's unit"""
    weights: Array
    """(n_blocks, n_experts), each row with sum 1"""
    correction: Array
    """(48,): by how much the logarithm of the models' mean was moved to correct it"""


def combine(
    record: Record,
    series: Array,
    origin: int,
    models: Mapping[str, Array],
    others: Mapping[str, Array],
    *,
    floor: float,
) -> Combined:
    """One forecast of the 48 hours after `origin` from those of several experts.

    `series`, (hours,), is the target, nan where unknown; nothing after `origin` is read of it. `models` and `others`
    are name → (48,), in the target's unit, nan where an expert says nothing. At least one model must be given.
    """
    record = record.between(origin - WINDOW_HOURS, origin)
    actual = _actual(series, record.origins, origin)
    mean = log_mean(np.stack(list(models.values())), floor)
    means = record.aligned([MEAN])[:, 0]
    change = _correction(np.log((actual + floor) / (means + floor)), record.origins, origin)
    forecasts = {**models, MEAN: mean, CORRECTED: corrected(mean, change, floor), **others}
    names, experts = tuple(forecasts), np.stack(list(forecasts.values()))
    regrets = _regrets(record, names, actual, floor)
    weights = _weights(regrets, names)
    return Combined(weighted_mean(names, experts, weights, floor), names, experts, weights, change)


def rolling(
    series: Array,
    origins: NDArray[np.intp],
    models: Mapping[str, Array],
    others: Mapping[str, Array],
    *,
    floor: float,
) -> tuple[Record, Array]:
    """`combine` at each of the origins, one after the other, each knowing those before it.

    `origins`, (n,), rising; `models` and `others`: name → (n, 48).

    Returns:
        Their record, and the weights, (n, n_blocks, n_experts).
    """
    names = (*models, MEAN, CORRECTED, *others)
    total = len(origins)
    experts = np.full((total, len(names), HORIZON), np.nan)
    served = np.full((total, HORIZON), np.nan)
    weights = np.full((total, len(BLOCKS), len(names)), np.nan)
    at_mean, at_corrected = names.index(MEAN), names.index(CORRECTED)
    if len(origins):
        each = np.stack(list(models.values()), axis=1)
        experts[:, : len(models)] = each
        experts[:, at_mean] = log_mean(each.swapaxes(0, 1), floor)
        for at, values in enumerate(others.values(), start=at_corrected + 1):
            experts[:, at] = values
    regrets = np.zeros((total, len(BLOCKS), len(names)))
    errors = np.full((total, HORIZON), np.nan)
    for row in range(total):
        now = int(origins[row])
        first = int(np.searchsorted(origins[:row], now - WINDOW_HOURS))
        # What was issued so long ago that all of it was known at the origin before is known no better now.
        last = int(origins[row - 1]) if row else now - WINDOW_HOURS
        fresh = slice(max(first, int(np.searchsorted(origins[:row], last - HORIZON))), row)
        actual = _actual(series, origins[fresh], now)
        errors[fresh] = np.log((actual + floor) / (experts[fresh, at_mean] + floor))
        change = _correction(errors[first:row], origins[first:row], now)
        experts[row, at_corrected] = corrected(experts[row, at_mean], change, floor)
        some = Record(names, origins[fresh], experts[fresh], served[fresh])
        days = _days(origins[:row][first:])[fresh.start - first :]
        regrets[fresh] = _regrets(some, names, actual, floor, days)
        weights[row] = _weights(regrets[first:row], names)
        served[row] = weighted_mean(names, experts[row], weights[row], floor)
    return Record(names, origins, experts, served), weights


def _actual(series: Array, origins: NDArray[np.intp], now: int) -> Array:
    """What is known at the hour `now` of the hours after each origin, (n, 48), nan where nothing is."""
    hours = origins[:, None] + _LEADS
    known = np.append(series[: now + 1], np.nan)
    return np.asarray(known[np.where(hours <= min(now, len(series) - 1), hours, len(known) - 1)])


def log_mean(values: Array, floor: float) -> Array:
    """The mean over the first axis of what is not nan, in logarithms; nan where nothing is."""
    spoken = np.isfinite(values)
    total = np.log(np.where(spoken, values, 0.0) + floor)
    number = spoken.sum(axis=0)
    mean = np.where(spoken, total, 0.0).sum(axis=0) / np.maximum(number, 1)
    return np.asarray(np.where(number > 0, np.exp(mean) - floor, np.nan))


def corrected(y: Array, change: Array, floor: float) -> Array:
    """Forecasts, (48,), whose logarithms are moved by `change`, (48,); none is negative."""
    return np.maximum((y + floor) * np.exp(change) - floor, 0.0)


def _days(origins: NDArray[np.intp]) -> Array:
    """Days each forecast stands for: since the one before it, at most one, (n,)."""
    gaps = np.diff(origins)
    first = gaps[:1] if len(gaps) else np.ones(1, dtype=origins.dtype)
    return np.asarray(np.minimum(np.concatenate([first, gaps])[: len(origins)], 24) / 24)


def _correction(errors: Array, origins: NDArray[np.intp], now: int) -> Array:
    """By how much the logarithm of a forecast made `now` is to be moved, (48,): the mean of the known errors, (n, 48),
    of like lead times for the same part of the day, later ones counting more, shrunk to no change where few days are
    known. In a season not seen it is mostly the nights, or the days, that a model has never known so."""
    if not len(origins):
        return np.zeros(HORIZON)
    hours = origins[:, None] + _LEADS
    known = np.isfinite(errors)
    days = _days(origins)[:, None] * np.exp2((hours - now) / _HALF_LIFE_HOURS)
    cell = (_ALIKE * _PARTS + (hours - now - 1) % 24 // _PART_HOURS)[known]
    weight = np.broadcast_to(days, errors.shape)[known]
    number = len(_CORRECTED_ALIKE) * _PARTS
    total = np.bincount(cell, weight * errors[known], number) / _PAIRS_A_DAY
    change = total / (np.bincount(cell, weight, number) / _PAIRS_A_DAY + _SHRINKAGE_DAYS)
    return np.asarray(change[_ALIKE * _PARTS + (_LEADS - 1) % 24 // _PART_HOURS])


def _regrets(
    record: Record, names: Sequence[str], actual: Array, floor: float, days: Array | None = None
) -> Array:
    """How much less each forecast of the record would have lost, had it leaned to an expert, by block of lead times:
    (n, n_blocks, n_experts), in the target's unit times days."""
    experts = record.aligned(names) if record.names != tuple(names) else record.experts
    stands_for = _days(record.origins) if days is None else days
    above = np.sign(record.served - actual) * (record.served + floor)
    slope = np.where(np.isfinite(above), above, 0.0) * stands_for[:, None]
    apart = (np.log(record.served[:, None] + floor) - np.log(experts + floor)) * slope[:, None]
    apart = np.where(np.isfinite(apart), apart, 0.0)
    return np.asarray(np.add.reduceat(apart, _STARTS, axis=2).swapaxes(1, 2) / _SIZES[:, None])


def _bundle(names: Sequence[str]) -> Array:
    """What each expert is of the bundle, (n_experts,): half of it is the corrected mean, half the naive forecasts.
    Nothing where there are none of those."""
    naive = np.array([float(name in NAIVE) for name in names])
    if not naive.any():
        return naive
    return np.asarray(naive / (2 * naive.sum()) + np.array([0.5 * (name == CORRECTED) for name in names]))


def _weights(regrets: Array, names: Sequence[str]) -> Array:
    """MLpol's weights, (n_blocks, n_experts), from regrets, (n, n_blocks, n_experts); where no expert was better than
    what was served, all weight is on the mean."""
    regrets = _NEAR @ regrets
    bundle = _bundle(names)
    # Regrets are linear in the logarithms of the forecasts, and so is the bundle.
    regrets = np.concatenate([regrets, regrets @ bundle[:, None]], axis=2)
    gain = np.maximum(regrets.sum(axis=0), 0.0)
    squares = (regrets**2).sum(axis=0)
    squares = np.maximum(squares, _LEAST_APART * squares.max(axis=1, keepdims=True))
    shares = np.divide(gain, squares, out=np.zeros_like(gain), where=gain > 0)
    total = shares.sum(axis=1, keepdims=True)
    shared_out = shares[:, :-1] + shares[:, -1:] * bundle
    weights = np.divide(shared_out, total, out=np.zeros_like(shared_out), where=total > 0)
    weights[total[:, 0] <= 0, names.index(MEAN)] = 1.0
    return np.asarray(weights)


def weighted_mean(names: tuple[str, ...], experts: Array, weights: Array, floor: float) -> Array:
    """The mean of experts, (n_experts, 48), as logarithms, by `weights`, (n_blocks, n_experts): (48,).

    An expert that says nothing of an hour leaves its weight to the others; where they have none, to the mean.
    """
    spoken = np.isfinite(experts)
    shares = np.where(spoken, weights[_BLOCK_OF].T, 0.0)
    total = shares.sum(axis=0)
    shares[names.index(MEAN)] += np.where(total > 0, 0.0, 1.0)
    shares /= np.where(total > 0, total, 1.0)
    logs = np.where(spoken, np.log(np.where(spoken, experts, 1.0) + floor), 0.0)
    return np.asarray(np.exp((shares * logs).sum(axis=0)) - floor)
