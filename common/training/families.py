"""Model families. Each learns the log-ratio to the level, directly for every lead time (no recursion).

Lead times are taught in blocks: one model for all of them, with the lead time as a feature, loses to
persistence at one hour; one for each is slow and has little to learn from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as XgbFloatTensorType
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import RandomForestRegressor
from xgboost import XGBRegressor

from common.domain.forecast import HORIZON, Family
from common.training.export import OPSET, by_block, per_lead_linear

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import onnx
    from numpy.typing import NDArray

    from common.features import Array

BLOCKS = ((1, 3), (4, 8), (9, 16), (17, 28), (29, 48))
"""First and last lead time of each block, in hours."""

_RIDGE_PENALTY = 300.0
_SEED = 20251105


class Fitted(Protocol):
    """A trained model of one family."""

    def predict(self, X: NDArray[np.float32]) -> Array:
        """Log-ratios, (n_origins, 48), from X, float32 (n_origins, 48, n_features)."""
        ...

    def to_onnx(self) -> onnx.ModelProto:
        """A graph from ``X``, float32 (rows, n_features), to ``log_ratio``, float32 (rows, 1)."""
        ...


@dataclass(frozen=True, slots=True)
class LinearByLead:
    """One linear model a lead time."""

    weights: Array
    """(48, n_features)"""
    bias: Array
    """(48,)"""
    lead_column: int

    def predict(self, X: NDArray[np.float32]) -> Array:
        products: Array = np.einsum("olf,lf->ol", X.astype(np.float64), self.weights)
        return products + self.bias

    def to_onnx(self) -> onnx.ModelProto:
        return per_lead_linear(self.weights, self.bias, self.lead_column)


@dataclass(frozen=True, slots=True)
class Blocks:
    """One tree ensemble a block of lead times."""

    models: tuple[Any, ...]
    lead_column: int
    convert: Callable[[Any, int], onnx.ModelProto]

    def predict(self, X: NDArray[np.float32]) -> Array:
        out = np.empty(X.shape[:2])
        for model, (first, last) in zip(self.models, BLOCKS, strict=True):
            rows = X[:, first - 1 : last]
            flat = rows.reshape(-1, X.shape[2])
            out[:, first - 1 : last] = model.predict(flat).reshape(rows.shape[:2])
        return out

    def to_onnx(self) -> onnx.ModelProto:
        n_features = int(self.models[0].n_features_in_)
        graphs = [self.convert(model, n_features) for model in self.models]
        return by_block(graphs, [last for _, last in BLOCKS], n_features, self.lead_column)


def fit(
    family: Family, X: NDArray[np.float32], y: Array, learn: NDArray[np.bool_], lead_column: int
) -> Fitted:
    """Train one family.

    `X` is float32 (n_origins, 48, n_features), `y` the log-ratios (n_origins, 48), `learn` tells which pairs
    may be learnt from, (n_origins, 48).
    """
    if family == "linear":
        return _fit_linear(X, y, learn, lead_column)
    if family == "random_forest":
        forests = [_forest().fit(rows, values) for rows, values in _by_block(X, y, learn, thin=2)]
        return Blocks(tuple(forests), lead_column, _forest_to_onnx)
    boosters = [_booster().fit(rows, values) for rows, values in _by_block(X, y, learn, thin=1)]
    return Blocks(tuple(boosters), lead_column, _booster_to_onnx)


def naive_model(name: str, names: tuple[str, ...]) -> LinearByLead:
    """A naive forecast in the form of a model, so that it is served like any other."""
    weights = np.zeros((HORIZON, len(names)))
    column = {"persistence": None, "daily": "daily", "mean24": "mean24"}[name]
    if column is not None:
        weights[:, names.index(column)] = 1.0
    return LinearByLead(weights, np.zeros(HORIZON), names.index("lead"))


def _fit_linear(X: NDArray[np.float32], y: Array, learn: NDArray[np.bool_], lead_column: int) -> LinearByLead:
    """Ridge regression on standardised features, by its normal equations: they are small, and 96 of them are
    solved for each city and target."""
    weights, bias = np.zeros((HORIZON, X.shape[2])), np.zeros(HORIZON)
    for lead in range(HORIZON):
        rows = X[learn[:, lead], lead].astype(np.float64)
        centre, scale = rows.mean(axis=0), rows.std(axis=0)
        scale[scale < 1e-6] = 1.0  # a feature that never changed tells nothing, and must not blow up later
        rows = (rows - centre) / scale
        values = y[learn[:, lead], lead]
        mean = values.mean()
        penalised = rows.T @ rows + _RIDGE_PENALTY * np.eye(X.shape[2])
        weights[lead] = np.linalg.solve(penalised, rows.T @ (values - mean)) / scale
        bias[lead] = mean - weights[lead] @ centre
    return LinearByLead(weights, bias, lead_column)


def _by_block(
    X: NDArray[np.float32], y: Array, learn: NDArray[np.bool_], *, thin: int
) -> Iterator[tuple[NDArray[np.float32], Array]]:
    """Rows of each block. Neighbouring origins say nearly the same at long lead times: only every n-th is
    taken, by another offset for each lead time, so that every hour of the day is seen."""
    origin = np.arange(len(X))
    for block, (first, last) in enumerate(BLOCKS):
        step = min(block + 1, 4) * thin
        rows, values = [], []
        for lead in range(first - 1, last):
            taken = learn[:, lead] & ((origin + lead) % step == 0)
            rows.append(X[taken, lead])
            values.append(y[taken, lead])
        yield np.concatenate(rows), np.concatenate(values)


def _forest() -> RandomForestRegressor:
    return RandomForestRegressor(
        n_estimators=40,
        min_samples_leaf=20,
        max_features=0.3,
        max_samples=0.4,
        n_jobs=1,
        random_state=_SEED,
    )


def _booster() -> XGBRegressor:
    return XGBRegressor(
        n_estimators=120,
        max_depth=4,
        learning_rate=0.04,
        subsample=0.6,
        colsample_bytree=0.4,
        min_child_weight=20,
        reg_lambda=10.0,
        tree_method="hist",
        n_jobs=1,
        random_state=_SEED,
    )


def _forest_to_onnx(model: Any, n_features: int) -> onnx.ModelProto:
    graph: onnx.ModelProto = convert_sklearn(
        model, initial_types=[("X", FloatTensorType([None, n_features]))], target_opset=OPSET
    )
    return graph


def _booster_to_onnx(model: Any, n_features: int) -> onnx.ModelProto:
    types = [("X", XgbFloatTensorType([None, n_features]))]
    graph: onnx.ModelProto = convert_xgboost(model, initial_types=types, target_opset=OPSET[""])
    return graph
