"""Compute an issued forecast again from what an installation publishes of it, and compare."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from common.domain.errors import DataError
from common.domain.forecast import HORIZON, REPRODUCED_WITHIN
from common.inference.onnx_session import open_session, output_names, predict_outputs
from common.inference.recipe import read_recipe, recompute

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from common.features import Array
    from common.inference.recipe import Recipe

_ISSUED_STEP = 0.1
"""Forecasts and bounds are issued to one decimal."""
_LARGEST = 512 * 2**20
"""Bytes of a part; no model of ours comes near."""
BOUNDS = {"lower_80": "lo80", "upper_80": "hi80", "lower_95": "lo95", "upper_95": "hi95"}
"""Names of the bounds as they are listed → as they are computed."""


@dataclass(frozen=True, slots=True)
class Hour:
    """One lead time of a forecast, in the target's unit."""

    lead: int
    issued: float
    """As it was published"""
    recipe: float
    """The same before it was rounded"""
    recomputed: float
    """Not rounded"""
    agrees: bool
    """Forecast and bounds do"""


@dataclass(frozen=True, slots=True)
class Reproduction:
    """What came of it."""

    listing: Mapping[str, Any]
    """As the installation lists the forecast and its parts"""
    recipe: Recipe
    hours: tuple[Hour, ...]

    @property
    def agrees(self) -> bool:
        """Whether every hour does."""
        return all(hour.agrees for hour in self.hours)

    @property
    def largest_difference(self) -> float:
        """Between what was computed then and now, relatively."""
        return max(abs(hour.recomputed - hour.recipe) / max(hour.recipe, 1.0) for hour in self.hours)


def reproduce(listing: Mapping[str, Any], fetch: Callable[[str], bytes]) -> Reproduction:
    """Fetch the parts of a listing, as ``/forecast/{city}/reproduce`` gives it, and compute the forecast again.

    `fetch` gives the bytes of an address of the listing.

    Raises:
        DataError: when a part is missing, or is not what the listing or the recipe says it is.
        ModelError: when the model cannot be opened, or does not take the matrix.
    """
    try:
        parts = {part["name"]: part for part in listing["parts"]}
        issued = {name: np.array(listing["issued"][name], dtype=np.float64) for name in ("values", *BOUNDS)}
        model, matrix, recipe = (_verified(parts[name], fetch) for name in ("model", "matrix", "recipe"))
        shape = tuple(parts["matrix"]["shape"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"the list of parts cannot be read: {error!r}") from error
    return _compare(listing, read_recipe(recipe), model, _matrix(matrix, shape), issued)


def _verified(part: Mapping[str, Any], fetch: Callable[[str], bytes]) -> bytes:
    name, size = part["name"], part["bytes"]
    if not 0 < size <= _LARGEST:
        raise DataError(f"the {name} is said to have {size} bytes")
    data = fetch(part["url"])
    if len(data) != size:
        raise DataError(f"the {name} has {len(data)} bytes and not the {size} that are listed")
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 != part["sha256"]:
        raise DataError(f"the {name} has the SHA-256 {sha256} and not the listed {part['sha256']}")
    return data


def _matrix(data: bytes, shape: tuple[int, ...]) -> np.ndarray[Any, np.dtype[np.float32]]:
    if len(shape) != 2 or shape[0] != HORIZON or len(data) != 4 * shape[0] * shape[1]:
        raise DataError(f"the matrix has {len(data)} bytes, which is not {shape} float32")
    return np.frombuffer(data, dtype="<f4").reshape(shape)


def _compare(
    listing: Mapping[str, Any],
    recipe: Recipe,
    model: bytes,
    matrix: np.ndarray[Any, np.dtype[np.float32]],
    issued: Mapping[str, Array],
) -> Reproduction:
    listed = next(part["sha256"] for part in listing["parts"] if part["name"] == "model")
    if recipe.model_sha256 != listed:
        raise DataError(f"the recipe is of another model: its SHA-256 is {recipe.model_sha256}, not {listed}")
    if recipe.target != listing["target"]:
        raise DataError(f"the recipe is of {recipe.target}, not of {listing['target']}")
    if len(recipe.features) != matrix.shape[1]:
        raise DataError(f"the matrix has {matrix.shape[1]} columns, the recipe names {len(recipe.features)}")
    if {len(values) for values in issued.values()} != {HORIZON}:
        raise DataError(f"not all that was issued is listed: {HORIZON} hours of forecast and bounds")
    session = open_session(model)
    missing = {*recipe.outputs.values()} - {*output_names(session)}
    if missing:
        raise DataError(f"the model has no output {', '.join(sorted(missing))}")
    outputs = predict_outputs(session, matrix, sorted({*recipe.outputs.values()}))
    again = recompute(recipe, outputs, issued["values"])
    before = np.array(recipe.y)
    near = np.abs(again.y - before) <= REPRODUCED_WITHIN * np.maximum(before, 1.0)
    step = 1.0 if recipe.whole else _ISSUED_STEP
    near &= _rounds_to(again.y, issued["values"], step)
    for name, column in BOUNDS.items():
        near &= _rounds_to(getattr(again, column), issued[name], _ISSUED_STEP)
    hours = tuple(
        Hour(lead, float(value), float(was), float(now), bool(agrees))
        for lead, (value, was, now, agrees) in enumerate(
            zip(issued["values"], before, again.y, near, strict=True), start=1
        )
    )
    return Reproduction(listing, recipe, hours)


def _rounds_to(values: Array, issued: Array, step: float) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Whether values are what was issued, rounded to the step; a value at the edge of two may be either."""
    return np.abs(values - issued) <= step / 2 + REPRODUCED_WITHIN * np.maximum(np.abs(issued), 1.0)


def listing_of(data: bytes) -> dict[str, Any]:
    """The listing from its JSON.

    Raises:
        DataError: when it is no JSON object.
    """
    try:
        listing = json.loads(data)
    except ValueError as error:
        raise DataError(
            "the list of parts is no JSON; is that the address of a Vayu installation?"
        ) from error
    if not isinstance(listing, dict) or "parts" not in listing:
        raise DataError("that is no list of parts; is that the address of a Vayu installation?")
    return listing
