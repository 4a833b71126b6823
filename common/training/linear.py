"""Linear models, one a lead time, by least absolute deviations with a ridge penalty.

Beside the features they may take products of them: what wind does depends on where it comes from and on what it finds.
Products are made inside the model and its ONNX form, so that rows need not carry them.
"""

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

    Products = Sequence[tuple[int, int]]

_STEPS = 3
"""Steps of reweighting after the first, plain fit."""
_GUESS_PENALTY = 0.02
"""Of the ridge penalty, for features that are forecasts already: those are not to be shrunk to no change."""
_LEAST_SHARE, _FEW_ROWS = 0.3, 10_000
"""Of the ridge penalty where the weather ahead is known, from that many rows on: it explains so much that more can be
learnt from many."""
_NO_CHANGE = 1e-6
"""The standard deviation below which a feature counts as constant."""
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
    products: Products = ()
    """Pairs of columns whose products are taken as further features, behind the others in the arrays above"""

    @staticmethod
    def unbounded(weights: Array, bias: Array, lead_column: int) -> LinearByLead:
        """Features are taken as they are."""
        most = np.full(weights.shape, np.finfo(np.float32).max, dtype=np.float64)
        return LinearByLead(weights, bias, -most, most, lead_column)

    def predict(self, X: NDArray[np.float32]) -> Array:
        out = np.empty(X.shape[:2])
        for lead in range(X.shape[1]):
            out[:, lead] = self._at(lead, X[:, lead])
        return out

    def _at(self, lead: int, X: NDArray[np.float32]) -> Array:
        rows = with_products(X, self.products).astype(np.float64)
        log_ratios: Array = (
            np.clip(rows, self.low[lead], self.high[lead]) @ self.weights[lead] + self.bias[lead]
        )
        return log_ratios

    def of_rows(self, rows: Rows) -> Array:
        """`predict` of all rows, one lead time at a time: they need not be put together."""
        every = np.arange(len(rows))
        out = np.empty((len(rows), HORIZON))
        for lead in range(HORIZON):
            out[:, lead] = self._at(lead, rows.at(lead, every))
        return out

    def to_onnx(self) -> onnx.ModelProto:
        return per_lead_linear(self.weights, self.bias, self.low, self.high, self.lead_column, self.products)


def with_products(X: NDArray[np.float32], products: Products) -> NDArray[np.float32]:
    """The rows with the products of pairs of their columns behind them, (rows, n_features + n_products)."""
    if not products:
        return X
    first, second = np.array(products, dtype=np.intp).T
    return np.concatenate([X, X[:, first] * X[:, second]], axis=1)


def penalty(rows: int, lead: int) -> float:
    """The ridge penalty on standardised features for that many rows at a lead time in hours.

    The further ahead, the more alike are the errors of neighbouring origins, and the less do as many rows tell;
    found on several stations' months and years.
    """
    ridge = 500.0 + 60.0 * lead * min(1.0, 12_000 / max(rows, 1))
    # Of few rows half their number, or nothing could be learnt from them at all.
    return min(ridge, rows / 2)


def fit_linear(
    rows: Rows,
    y: Array,
    learn: NDArray[np.bool_],
    weight: Array,
    lead_column: int,
    guesses: Sequence[int] = (),
    products: Products = (),
    *,
    known_ahead: bool = False,
) -> LinearByLead:
    """Least absolute deviations by iteratively reweighted least squares (Schlossmacher, *JASA* 68, 1973), by
    the normal equations: they are small, and hundreds of them are solved for each city and target.

    `guesses`: columns that are forecasts already; what is taken of them is hardly penalised. `products`: pairs of
    columns whose products are features too. `known_ahead`: whether the weather ahead is among the features.
    """
    shape = (HORIZON, rows.n_features + len(products))
    weights, bias, low, high = np.zeros(shape), np.zeros(HORIZON), np.zeros(shape), np.zeros(shape)
    for lead in range(HORIZON):
        taken = learn[:, lead]
        X = with_products(rows.at(lead, taken), products)
        X, centre, scale, varies = centred(X)
        X = X[:, varies]
        X /= scale[varies].astype(np.float32)
        share = min(max(_FEW_ROWS / max(len(X), 1), _LEAST_SHARE), 1.0) if known_ahead else 1.0
        ridge = np.full(len(scale), share * penalty(len(X), lead + 1))
        ridge[list(guesses)] *= _GUESS_PENALTY
        found, constant = least_deviations(X, y[taken, lead], weight[taken], np.diag(ridge[varies]))
        weights[lead, varies] = found / scale[varies]
        bias[lead] = constant - weights[lead] @ centre
        low[lead], high[lead] = centre - _REACH * scale, centre + _REACH * scale
    return LinearByLead(weights, bias, low, high, lead_column, tuple(products))


def centred(X: NDArray[np.float32]) -> tuple[NDArray[np.float32], Array, Array, NDArray[np.bool_]]:
    """The rows less the mean of each feature, changed in place; the means and standard deviations, and which features
    vary. The deviation of the others, which would blow up later, is given as 1."""
    # Single precision: the penalty keeps the equations well conditioned, and it is twice as fast.
    centre = X.mean(axis=0, dtype=np.float64)
    X -= centre.astype(np.float32)
    scale = np.sqrt(np.einsum("ij,ij->j", X, X) / max(len(X), 1)).astype(np.float64)
    # A feature that never changed, as one that is hidden, teaches nothing: its weight stays 0.
    varies = scale >= _NO_CHANGE
    scale[~varies] = 1.0
    return X, centre, scale, varies


def least_deviations(X: NDArray[np.float32], y: Array, weight: Array, ridge: Array) -> tuple[Array, float]:
    """Weights, (n_features,), and constant for standardised rows; `ridge`, (n_features, n_features), is the penalty of
    the weights; the constant has none."""
    base = weight / weight.mean()
    counts = base
    for step in range(_STEPS + 1):
        # All that touches every row is in single precision: to convert the rows costs as much as to multiply them.
        total, single = counts.sum(), counts.astype(np.float32)
        middle, mean = (single @ X).astype(np.float64) / total, float(counts @ y) / total
        # A matrix times its own transpose: numpy has BLAS compute one half of it.
        root = np.sqrt(single)
        scaled = X * root[:, None]
        gram = (scaled.T @ scaled).astype(np.float64) - total * np.outer(middle, middle)
        moment = (((y - mean).astype(np.float32) * root) @ scaled).astype(np.float64)
        solution = np.linalg.solve(gram + ridge, moment)
        constant = mean - float(middle @ solution)
        if step < _STEPS:
            error = np.abs(y - X @ solution.astype(np.float32) - constant)
            counts = base / np.maximum(error, max(0.5 * float(np.median(error)), 1e-6))
            counts /= counts.mean()
    return solution, constant
