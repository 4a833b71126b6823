"""Linear models, one a lead time, by least absolute deviations with a ridge penalty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from common.domain.forecast import HORIZON
from common.training.export import per_lead_linear

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx
    from numpy.typing import NDArray

    from common.features import Array, Rows

_STEPS = 3
"""Steps of reweighting after the first, plain fit."""
_GUESS_PENALTY = 0.02
"""Of the ridge penalty, for features that are forecasts already: those are not to be shrunk to no change."""
_REACH = 6.0
"""A feature further than this many standard deviations from what was learnt from is taken as that far."""


@dataclass(frozen=True, slots=True)
class LinearByLead:
    """One linear model a lead time."""

    weights: Array
    """(48, n_features)"""
    bias: Array
    """(48,)"""
    low: Array
    """(48, n_features): least value taken of a feature"""
    high: Array
    """(48, n_features): greatest value taken of a feature"""
    lead_column: int

    @staticmethod
    def unbounded(weights: Array, bias: Array, lead_column: int) -> LinearByLead:
        """Features are taken as they are."""
        most = np.full(weights.shape, np.finfo(np.float32).max, dtype=np.float64)
        return LinearByLead(weights, bias, -most, most, lead_column)

    def predict(self, X: NDArray[np.float32]) -> Array:
        out = np.empty(X.shape[:2])
        for lead in range(X.shape[1]):
            rows = np.clip(X[:, lead].astype(np.float64), self.low[lead], self.high[lead])
            out[:, lead] = rows @ self.weights[lead] + self.bias[lead]
        return out

    def to_onnx(self) -> onnx.ModelProto:
        return per_lead_linear(self.weights, self.bias, self.low, self.high, self.lead_column)


def penalty(rows: int, lead: int) -> float:
    """The ridge penalty on standardised features for that many rows at a lead time in hours.

    The further ahead, the more alike are the errors of neighbouring origins, and the less do as many rows tell;
    found on several stations' months and years.
    """
    found = 500.0 + 60.0 * lead * min(1.0, 12_000 / max(rows, 1))
    # Of few rows half their number, or nothing could be learnt from them at all.
    return min(found, rows / 2)


def fit_linear(
    rows: Rows,
    y: Array,
    learn: NDArray[np.bool_],
    weight: Array,
    lead_column: int,
    guesses: Sequence[int] = (),
) -> LinearByLead:
    """Least absolute deviations by iteratively reweighted least squares (Schlossmacher, *JASA* 68, 1973), by
    the normal equations: they are small, and hundreds of them are solved for each city and target.

    `guesses`: columns that are forecasts already; what is taken of them is hardly penalised.
    """
    shape = (HORIZON, rows.n_features)
    weights, bias, low, high = np.zeros(shape), np.zeros(HORIZON), np.zeros(shape), np.zeros(shape)
    for lead in range(HORIZON):
        taken = learn[:, lead]
        X = rows.at(lead, taken)
        centre, scale = X.mean(axis=0, dtype=np.float64), X.std(axis=0, dtype=np.float64)
        scale[scale < 1e-6] = 1.0  # a feature that never changed tells nothing, and must not blow up later
        # Single precision: the penalty keeps the equations well conditioned, and it is twice as fast.
        X -= centre.astype(np.float32)
        X /= scale.astype(np.float32)
        ridge = np.full(rows.n_features, penalty(len(X), lead + 1))
        ridge[list(guesses)] *= _GUESS_PENALTY
        found, constant = _least_deviations(X, y[taken, lead], weight[taken], ridge)
        weights[lead] = found / scale
        bias[lead] = constant - weights[lead] @ centre
        low[lead], high[lead] = centre - _REACH * scale, centre + _REACH * scale
    return LinearByLead(weights, bias, low, high, lead_column)


def _least_deviations(X: NDArray[np.float32], y: Array, weight: Array, penalty: Array) -> tuple[Array, float]:
    """Weights, (n_features,), and constant for standardised rows; `penalty` of each weight, none of the constant."""
    ridge = np.diag(penalty)
    base = weight / weight.mean()
    counts = base
    for step in range(_STEPS + 1):
        share = counts / counts.sum()
        middle, mean = share @ X.astype(np.float64), float(share @ y)
        weighted = X * counts.astype(np.float32)[:, None]
        gram = (weighted.T @ X).astype(np.float64) - counts.sum() * np.outer(middle, middle)
        moment = weighted.T.astype(np.float64) @ (y - mean)
        found = np.linalg.solve(gram + ridge, moment)
        constant = mean - float(middle @ found)
        if step < _STEPS:
            error = np.abs(y - X @ found - constant)
            counts = base / np.maximum(error, max(0.5 * float(np.median(error)), 1e-6))
            counts /= counts.mean()
    return found, constant
