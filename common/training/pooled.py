"""A linear model of other places and years, toward which a city's own is shrunk.

Without the level, a linear model says how the target moves against what it was of late, and that is much alike from
place to place. A new city has a few months of its own and none of the seasons to come; other places have had them. Its
own model is fitted to what the pooled one leaves, and its coefficients cost as much as they would change the forecasts
of the pooled sample: as if so many hours of other places were among those learnt from (empirical Bayes; the penalty is
the sample's covariance, as in Zellner's g-prior).

What is shipped, `pooled_model.npz`, is made by ``python -m benchmarks.seasons.pooled``, where its sources stand.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from common.domain.errors import ModelError
from common.domain.forecast import EXPERT_BLOCKS, HORIZON
from common.training.linear import LinearByLead, centred, fit_linear, least_deviations, penalty

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from common.features import Array, FeatureSpec, Rows

SHIPPED = Path(__file__).with_name("pooled_model.npz")
_AS_MANY_HOURS = 3000.0
"""What the pooled sample counts beside the city's own hours. 500 and 12,000 gave less on the yardstick's windows."""
_OWN_SHARE = 0.01
"""Of the usual ridge penalty, so that the equations can be solved where the pooled sample says nothing."""
_BLOCK_OF = np.repeat(np.arange(len(EXPERT_BLOCKS)), [last - first + 1 for first, last in EXPERT_BLOCKS])


@dataclass(frozen=True, slots=True)
class PooledModel:
    """One linear model a lead time for the log-ratio of a target, of features by name."""

    features: NDArray[np.str_]
    """(n,)"""
    floor: Array
    """(): added to the target before logarithms, in its unit"""
    weights: Array
    """(48, n)"""
    bias: Array
    """(48,)"""
    low: Array
    """(n_blocks, n): least value taken of a feature, by block of lead times"""
    high: Array
    """(n_blocks, n): greatest value taken of a feature"""
    covariance: Array
    """(n_blocks, n, n): of the features in the pooled sample"""

    def on(self, layout: FeatureSpec) -> Shrinkage:
        """The same for rows of a layout; features that the layout does not have count nothing."""
        names = {name: at for at, name in enumerate(layout.names)}
        features = self.features.tolist()
        taken = np.array([at for at, name in enumerate(features) if name in names], dtype=np.intp)
        return Shrinkage(
            columns=np.array([names[features[at]] for at in taken], dtype=np.intp),
            weights=self.weights[:, taken],
            bias=self.bias,
            low=self.low[:, taken].astype(np.float32),
            high=self.high[:, taken].astype(np.float32),
            covariance=self.covariance[:, taken[:, None], taken],
        )


@dataclass(frozen=True, slots=True)
class Shrinkage:
    """A pooled model by the columns of X."""

    columns: NDArray[np.intp]
    """(n,): those that it takes"""
    weights: Array
    """(48, n)"""
    bias: Array
    """(48,)"""
    low: NDArray[np.float32]
    """(n_blocks, n)"""
    high: NDArray[np.float32]
    covariance: Array
    """(n_blocks, n, n)"""


def fit_pooled(
    rows: Rows, y: Array, learn: NDArray[np.bool_], weight: Array, layout: FeatureSpec
) -> PooledModel:
    """Fit the pooled model on rows of many places, with the arguments of `fit_linear`; features that the rows hide, or
    that never change, are left out of it."""
    guesses = [layout.index(name) for name in layout.guesses]
    model = fit_linear(rows, y, learn, weight, layout.index("lead"), guesses)
    covariance = np.zeros((len(EXPERT_BLOCKS), rows.n_features, rows.n_features))
    for lead, block in enumerate(_BLOCK_OF):
        taken = learn[:, lead]
        X = rows.at(lead, taken)
        counts = (weight[taken] / weight[taken].sum()).astype(np.float32)
        X -= counts @ X
        first, last = EXPERT_BLOCKS[block]
        covariance[block] += ((X * counts[:, None]).T @ X).astype(np.float64) / (last - first + 1)
    changing = np.flatnonzero((np.einsum("bii->bi", covariance) > 1e-9).all(axis=0))
    starts = [first - 1 for first, _ in EXPERT_BLOCKS]
    return PooledModel(
        features=np.array(layout.names)[changing],
        floor=np.array(layout.floor),
        weights=model.weights[:, changing],
        bias=model.bias,
        low=np.minimum.reduceat(model.low, starts)[:, changing],
        high=np.maximum.reduceat(model.high, starts)[:, changing],
        covariance=covariance[:, changing[:, None], changing],
    )


def fit_shrunk(
    rows: Rows, y: Array, learn: NDArray[np.bool_], weight: Array, lead_column: int, toward: Shrinkage
) -> LinearByLead:
    """A city's own model, as `fit_linear` fits it, of the features of the pooled one and shrunk toward it.

    Features of its own, such as its weather, are left out: where they were taken, of some months, the model was no
    better in another season than the one that is not shrunk.
    """
    shape, columns = (HORIZON, rows.n_features), toward.columns
    weights, bias = np.zeros(shape), np.zeros(HORIZON)
    low, high = np.zeros(shape), np.zeros(shape)
    for lead, block in enumerate(_BLOCK_OF):
        taken = learn[:, lead]
        X = np.clip(rows.at(lead, taken)[:, columns], toward.low[block], toward.high[block])
        rest = y[taken, lead] - X @ toward.weights[lead] - toward.bias[lead]
        X, centre, scale, _ = centred(X)
        X /= scale.astype(np.float32)
        ridge = np.diag(np.full(len(columns), _OWN_SHARE * penalty(len(X), lead + 1)))
        ridge += _AS_MANY_HOURS * toward.covariance[block] / np.outer(scale, scale)
        change, constant = least_deviations(X, rest, weight[taken], ridge)
        change /= scale
        weights[lead, columns] = toward.weights[lead] + change
        bias[lead] = toward.bias[lead] + constant - change @ centre
        low[lead, columns], high[lead, columns] = toward.low[block], toward.high[block]
    return LinearByLead(weights, bias, low, high, lead_column)


@cache
def shipped() -> Mapping[str, PooledModel]:
    """The pooled models that come with the product, by target."""
    return read(SHIPPED)


def for_layout(models: Mapping[str, PooledModel], layout: FeatureSpec) -> Shrinkage | None:
    """The pooled model for rows of a layout; None where there is none of its target."""
    model = models.get(layout.target)
    return None if model is None or not np.isclose(model.floor, layout.floor) else model.on(layout)


def write(models: Mapping[str, PooledModel], sources: str, path: Path) -> None:
    """Keep models by target in a file, with the sources of what they were fitted on."""
    arrays = {"sources": np.array(sources)}
    for target, model in models.items():
        for each in fields(model):
            values = getattr(model, each.name)
            if each.name == "covariance":
                values = values[:, *np.triu_indices(values.shape[1])]
            text = values.dtype.kind == "U"
            arrays[f"{target} {each.name}"] = values if text else values.astype(np.float32)
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def read(path: Path) -> dict[str, PooledModel]:
    """The models of a file, by target.

    Raises:
        ModelError: when the file is damaged.
    """
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            targets = dict.fromkeys(key.split(" ")[0] for key in file if " " in key)
            return {target: _model({key: file[key] for key in file}, target) for target in targets}
    except Exception as error:  # zipfile, zlib and numpy each have their own for each byte that is wrong
        raise ModelError(f"the pooled model in {path.name} cannot be read") from error


def _model(arrays: Mapping[str, NDArray[np.generic]], target: str) -> PooledModel:
    features = np.asarray(arrays[f"{target} features"], dtype=np.str_)
    numbers = {
        each.name: np.asarray(arrays[f"{target} {each.name}"], dtype=np.float64)
        for each in fields(PooledModel)
        if each.name != "features"
    }
    upper = numbers["covariance"]
    square = np.zeros((len(upper), len(features), len(features)))
    first, second = np.triu_indices(len(features))
    square[:, first, second] = square[:, second, first] = upper
    return PooledModel(features=features, **numbers | {"covariance": square})
