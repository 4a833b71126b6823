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

__all__ = ["BLOCKS", "Blocks", "Fitted", "LinearByLead", "able", "fit", "naive_model"]

BLOCKS = ((1, 3), (4, 8), (9, 16), (17, 28), (29, 48))
"""First and last lead time of each block, in hours."""

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
        found: Array = np.sum([model.predict(X) for model in self.models], axis=0)
        return found

    def to_onnx(self) -> onnx.ModelProto:
        return sum_of([model.to_onnx() for model in self.models])


def fit(
    family: Family,
    rows: Rows,
    y: Array,
    learn: NDArray[np.bool_],
    *,
    weight: Array,
    lead_column: int,
    known_ahead: bool = False,
    large: bool = False,
    guesses: Sequence[int] = (),
    products: Sequence[tuple[int, int]] = (),
    hours: NDArray[np.intp] | None = None,
    base: LinearByLead | None = None,
    toward: Shrinkage | None = None,
) -> Fitted:
    """Train one family.

    `y`: the log-ratios, (n_origins, 48); `learn`: which pairs may be learnt from, (n_origins, 48); `weight`:
    what an origin counts, (n_origins,). With the weather `known_ahead` linear models learn more, boosted trees
    correct a linear model, `base` if it is given, and `large` ones correct more of it. `guesses`: columns that are
    forecasts already; `products`: pairs of columns that linear models multiply. `hours`: of the origins,
    (n_origins,); by default each is an hour after the one before. `toward`: the pooled model that a linear
    model without the weather ahead is shrunk to.

    Raises:
        ModelError: for an LSTM without torch.
    """
    if family == "linear" and toward is not None:
        return fit_shrunk(rows, y, learn, weight, lead_column, toward)
    if family == "linear":
        return fit_linear(rows, y, learn, weight, lead_column, guesses, products, known_ahead=known_ahead)
    if family == "lstm":
        when = np.arange(len(rows)) if hours is None else hours
        return fit_lstm(rows, y, learn, weight, lead_column=lead_column, hours=when, guesses=guesses)
    if family == "random_forest":
        forests = [
            _forest().fit(X, values, sample_weight=counts)
            for X, values, counts in _by_block(rows, y, learn, weight, thin=4)
        ]
        return Blocks(tuple(forests), lead_column, _forest_to_onnx)
    if known_ahead and base is None:
        base = fit_linear(rows, y, learn, weight, lead_column, guesses, products, known_ahead=True)
    rest = y if base is None else y - base.of_rows(rows)
    boosters = [
        _booster(large=large).fit(X, values, sample_weight=counts)
        for X, values, counts in _by_block(rows, rest, learn, weight, thin=1)
    ]
    trees = Blocks(tuple(boosters), lead_column, _booster_to_onnx)
    return trees if base is None else Sum((base, trees))


def able(asked: Sequence[Family]) -> tuple[tuple[Family, ...], dict[str, str]]:
    """Those of the families that can be trained here, and why each of the others is left out.

    Raises:
        ModelError: when one that cannot be trained was named, and not just meant as one of all.
    """
    missing = is_missing() if "lstm" in asked else None
    if missing is None:
        return tuple(asked), {}
    if not set(asked) >= set(FAMILIES):
        raise ModelError(f"lstm cannot be trained: {missing}")
    return tuple(family for family in asked if family != "lstm"), {"lstm": missing}


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
    graph: onnx.ModelProto = convert_xgboost(model, initial_types=types, target_opset=OPSET[""])
    return graph
