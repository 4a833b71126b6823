"""Model families. Each learns the log-ratio to the level, directly for every lead time (no recursion).

Lead times are taught in blocks: one model for all of them, with the lead time as a feature, loses to
persistence at one hour; one for each is slow and has little to learn from. Linear models and boosted trees
learn the median: forecasts are judged by absolute errors.
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

from common.domain.errors import ModelError
from common.domain.forecast import FAMILIES, HORIZON, Family
from common.training.export import OPSET, by_block, sum_of
from common.training.linear import LinearByLead, fit_linear
from common.training.lstm import fit_lstm, is_missing
from common.training.pooled import Shrinkage, fit_shrunk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import onnx
    from numpy.typing import NDArray

    from common.features import Array, Rows

__all__ = ["BLOCKS", "Blocks", "FitOptions", "Fitted", "LinearByLead", "able", "fit", "naive_model"]

BLOCKS = ((1, 3), (4, 8), (9, 16), (17, 28), (29, 48))
"""First and last lead time of each block, in hours."""

_SEED = 20251105
_BOOSTER_OPSET = 15
"""The highest that onnxmltools writes. Its nodes mean the same in `OPSET`, which the finished file has."""


class Fitted(Protocol):
    """A trained model of one family."""

    def predict(self, X: NDArray[np.float32]) -> Array:
        """Log-ratios, (n_origins, 48), from X, float32 (n_origins, 48, n_features)."""
        ...

    def to_onnx(self) -> onnx.ModelProto:
        """A graph from ``X``, float32 (rows, n_features), to ``log_ratio``, float32 (rows, 1)."""
        ...


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


@dataclass(frozen=True, slots=True)
class Sum:
    """A model and what corrects it."""

    models: tuple[Fitted, ...]

    def predict(self, X: NDArray[np.float32]) -> Array:
        total: Array = np.sum([model.predict(X) for model in self.models], axis=0)
        return total

    def to_onnx(self) -> onnx.ModelProto:
        return sum_of([model.to_onnx() for model in self.models])


@dataclass(frozen=True, slots=True, kw_only=True)
class FitOptions:
    """How a family is fitted to rows, whichever it is."""

    weight: Array
    """What an origin counts, (n_origins,)"""
    lead_column: int
    known_ahead: bool = False
    """With the weather ahead linear models learn more, and boosted trees correct a linear model."""
    large: bool = False
    """Boosted trees are larger, and correct more of the linear model."""
    guesses: Sequence[int] = ()
    """Columns that are forecasts already"""
    products: Sequence[tuple[int, int]] = ()
    """Pairs of columns that linear models multiply"""
    hours: NDArray[np.intp] | None = None
    """Of the origins, (n_origins,); by default each is an hour after the one before."""
    toward: Shrinkage | None = None
    """The pooled model that a linear model is shrunk to"""


def fit(
    family: Family,
    rows: Rows,
    y: Array,
    learn: NDArray[np.bool_],
    options: FitOptions,
    base: LinearByLead | None = None,
) -> Fitted:
    """Train one family.

    `y`: the log-ratios, (n_origins, 48); `learn`: which pairs may be learnt from, (n_origins, 48); `base`: a linear
    model of the same rows, if there is one already, for boosted trees that correct one.

    Raises:
        ModelError: for an LSTM without torch.
    """
    if family == "linear" and options.toward is not None:
        return fit_shrunk(rows, y, learn, options.weight, options.lead_column, options.toward)
    if family == "linear":
        return _linear(rows, y, learn, options)
    if family == "lstm":
        hours = np.arange(len(rows)) if options.hours is None else options.hours
        return fit_lstm(
            rows,
            y,
            learn,
            options.weight,
            lead_column=options.lead_column,
            hours=hours,
            guesses=options.guesses,
        )
    if family == "random_forest":
        forests = [
            _forest().fit(X, values, sample_weight=counts)
            for X, values, counts in _by_block(rows, y, learn, options.weight, thin=4)
        ]
        return Blocks(tuple(forests), options.lead_column, _forest_to_onnx)
    if options.known_ahead and base is None:
        base = _linear(rows, y, learn, options)
    rest = y if base is None else y - base.of_rows(rows)
    boosters = [
        _booster(large=options.large).fit(X, values, sample_weight=counts)
        for X, values, counts in _by_block(rows, rest, learn, options.weight, thin=1)
    ]
    trees = Blocks(tuple(boosters), options.lead_column, _booster_to_onnx)
    return trees if base is None else Sum((base, trees))


def _linear(rows: Rows, y: Array, learn: NDArray[np.bool_], options: FitOptions) -> LinearByLead:
    return fit_linear(
        rows,
        y,
        learn,
        options.weight,
        options.lead_column,
        options.guesses,
        options.products,
        known_ahead=options.known_ahead,
    )


def able(families: Sequence[Family]) -> tuple[tuple[Family, ...], dict[str, str]]:
    """Those of the families that can be trained here, and why each of the others is left out.

    Raises:
        ModelError: when one that cannot be trained was named, and not just meant as one of all.
    """
    missing = is_missing() if "lstm" in families else None
    if missing is None:
        return tuple(families), {}
    if not set(families) >= set(FAMILIES):
        raise ModelError(f"lstm cannot be trained: {missing}")
    return tuple(family for family in families if family != "lstm"), {"lstm": missing}


def naive_model(name: str, names: tuple[str, ...]) -> LinearByLead:
    """A naive forecast in the form of a model, so that it is served like any other."""
    weights = np.zeros((HORIZON, len(names)))
    if name != "persistence":  # the level itself; each of the others is the feature of its name
        weights[:, names.index(name)] = 1.0
    return LinearByLead.unbounded(weights, np.zeros(HORIZON), names.index("lead"))


def _by_block(
    rows: Rows, y: Array, learn: NDArray[np.bool_], weight: Array, *, thin: int
) -> Iterator[tuple[NDArray[np.float32], Array, Array]]:
    """Rows of each block. Neighbouring origins say nearly the same at long lead times: only every n-th is
    taken, by another offset for each lead time, so that every hour of the day is seen."""
    origin = np.arange(len(rows))
    for block, (first, last) in enumerate(BLOCKS):
        step = min(block + 1, 4) * thin
        taken = [learn[:, lead] & ((origin + lead) % step == 0) for lead in range(first - 1, last)]
        pairs: Sequence[tuple[int, NDArray[np.bool_]]] = list(enumerate(taken, start=first - 1))
        counts = np.concatenate([weight[which] for _, which in pairs])
        yield (
            np.concatenate([rows.at(lead, which) for lead, which in pairs]),
            np.concatenate([y[which, lead] for lead, which in pairs]),
            counts / counts.mean(),
        )


def _forest() -> RandomForestRegressor:
    return RandomForestRegressor(
        n_estimators=14,
        min_samples_leaf=15,
        max_features=0.15,
        max_samples=0.5,
        n_jobs=1,
        random_state=_SEED,
    )


def _booster(*, large: bool) -> XGBRegressor:
    return XGBRegressor(
        objective="reg:absoluteerror",
        n_estimators=300 if large else 150,
        max_depth=6 if large else 4,
        learning_rate=0.05,
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
    graph: onnx.ModelProto = convert_xgboost(model, initial_types=types, target_opset=_BOOSTER_OPSET)
    return graph
