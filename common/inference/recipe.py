"""The recipe of a forecast: all but the model and its input matrix that a forecast is computed from, as JSON.

`docs/reproduce.md` describes it for those who compute a forecast again by other means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from common.domain.errors import DataError
from common.domain.forecast import CORRECTED, EXPERT_BLOCKS, HORIZON, MEAN, QUANTILES, Target
from common.features import LEVEL_CENTRE
from common.features.feature_spec import SCALED_BOUND
from common.inference.experts import corrected, log_mean, weighted_mean
from common.inference.intervals import distribution, interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sized

    from numpy.typing import NDArray

    from common.features import Array
    from common.inference.experts import Combined
    from common.inference.onnx_session import Model

FORMAT = 1
_DIGITS = 9
"""Decimals of published numbers: they move a forecast by less than a part in ten million."""

Column = list[float]
Sparse = list[float | None]


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """How a forecast follows from what its models say; arrays of 48 begin with the first lead time."""

    format: int
    target: Target
    model_version: str
    model_sha256: str
    """Of the ONNX file"""
    features: tuple[str, ...]
    """Columns of the matrix"""
    level_centre: float
    """The feature ``level`` is log(recent level + floor) less this"""
    scaled: dict[str, tuple[float, float]]
    """Weather variable → what is subtracted from it and what it is divided by, in the features named after it"""
    scaled_bound: float
    """Those features lie between minus and plus this"""
    outputs: dict[str, str]
    """Expert → the output of the ONNX file that is its forecast"""
    given: dict[str, Sparse]
    """Expert → its forecast, of those that no model computes: null where it says nothing"""
    averaged: tuple[str, ...]
    """Experts whose mean is the expert ``mean``"""
    correction: Column
    """What is added to the logarithm of the mean: the expert ``mean_corrected``"""
    experts: tuple[str, ...]
    """All of them, in the order of the weights"""
    blocks: tuple[tuple[int, int], ...]
    """First and last lead time of each block of weights"""
    weights: list[Column]
    """(n_blocks, n_experts)"""
    floor: float
    """Added before logarithms, in the target's unit"""
    ceiling: float
    whole: bool
    """Whether the forecast is rounded to a whole number"""
    levels: tuple[float, ...]
    quantiles: list[Column]
    """(48, n_levels): of the logarithm of (truth + floor) / (forecast + floor)"""
    y: Column
    """The forecast, not rounded"""


@dataclass(frozen=True, slots=True)
class Recomputed:
    """A forecast computed again, (48,) each, in the target's unit."""

    y: Array
    """Not rounded"""
    lo80: Array
    hi80: Array
    lo95: Array
    hi95: Array


def encode_recipe(
    model: Model, target: Target, combined: Combined, table: Array, *, averaged: tuple[str, ...]
) -> bytes:
    """The recipe of a forecast just made. `table`: quantiles of its errors, (48, n_levels)."""
    layout = model.card.layout
    outputs = model.outputs
    computed = {*outputs, MEAN, CORRECTED}
    recipe = Recipe(
        format=FORMAT,
        target=target,
        model_version=model.card.version,
        model_sha256=model.card.checksum,
        features=model.card.features,
        level_centre=LEVEL_CENTRE,
        scaled={variable.name: (variable.centre, variable.scale) for variable in layout.scaled},
        scaled_bound=SCALED_BOUND,
        outputs=outputs,
        given={
            name: _sparse(values)
            for name, values in zip(combined.names, combined.experts, strict=True)
            if name not in computed
        },
        averaged=averaged,
        correction=_rounded(combined.correction),
        experts=combined.names,
        blocks=EXPERT_BLOCKS,
        weights=np.round(combined.weights, _DIGITS).tolist(),
        floor=layout.floor,
        ceiling=layout.ceiling,
        whole=layout.whole,
        levels=QUANTILES,
        quantiles=np.round(table, 8).tolist(),
        y=_rounded(np.clip(combined.y, 0.0, layout.ceiling)),
    )
    return msgspec.json.encode(recipe)


def read_recipe(data: bytes) -> Recipe:
    """The recipe again.

    Raises:
        DataError: when the bytes are no recipe, or one of another format.
    """
    try:
        recipe = msgspec.json.decode(data, type=Recipe)
    except msgspec.MsgspecError as error:
        raise DataError(f"the recipe cannot be read: {error}") from error
    columns: list[Sized] = [recipe.correction, recipe.y, *recipe.given.values()]
    names = {*recipe.outputs, *recipe.given, MEAN, CORRECTED}
    if (
        recipe.format != FORMAT
        or recipe.blocks != EXPERT_BLOCKS
        or recipe.levels != QUANTILES
        or {len(column) for column in columns} != {HORIZON}
        or names != {*recipe.experts}
        or [len(row) for row in recipe.weights] != [len(recipe.experts)] * len(EXPERT_BLOCKS)
        or [len(row) for row in recipe.quantiles] != [len(QUANTILES)] * HORIZON
        or not {*recipe.averaged} <= names
        or not recipe.averaged
    ):
        raise DataError("the recipe has another form than this version of vayu knows; take the same version")
    return recipe


def recompute(recipe: Recipe, outputs: Mapping[str, NDArray[np.float64]], issued_y: Array) -> Recomputed:
    """The forecast that follows from a recipe and what its models say, (48,) each, by the name of the output.

    `issued_y`, (48,): what was issued. Intervals begin at the forecast as rounded; where the value computed again lies
    at the edge of a rounding, what was issued decides.
    """
    floor, ceiling = recipe.floor, recipe.ceiling
    experts: dict[str, Array] = {
        name: np.clip(outputs[output], 0.0, ceiling) for name, output in recipe.outputs.items()
    }
    experts |= {name: np.array(values, dtype=np.float64) for name, values in recipe.given.items()}
    experts[MEAN] = log_mean(np.stack([experts[name] for name in recipe.averaged]), floor)
    experts[CORRECTED] = corrected(experts[MEAN], np.array(recipe.correction), floor)
    forecasts = np.stack([experts[name] for name in recipe.experts])
    mixed = weighted_mean(recipe.experts, forecasts, np.array(recipe.weights), floor)
    y = np.clip(mixed, 0.0, ceiling)
    served = np.where(np.abs(y - issued_y) < 0.5 + 1e-3, issued_y, np.round(y)) if recipe.whole else y
    values = distribution(served, np.array(recipe.quantiles), floor, ceiling)
    lo80, hi80 = interval(values, served, 0.80)
    lo95, hi95 = interval(values, served, 0.95)
    return Recomputed(y, lo80, hi80, lo95, hi95)


def _rounded(values: Array) -> Column:
    return [float(value) for value in np.round(values, _DIGITS)]


def _sparse(values: Array) -> Sparse:
    return [value if np.isfinite(value) else None for value in np.round(values, 7).tolist()]
