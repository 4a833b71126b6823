"""Models that use the weather ahead, and what forecasts where no forecast of the weather has been received.

Without it they would assume the usual weather, and do worse than a model that has never had any (on six stations of
Beijing by 6 points of skill: `benchmarks.ahead`). A linear model forecasts such rows. It was trained on the same rows
with all features of the hours to come hidden, and is part of the same file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from common.training.export import either
from common.training.families import Fitted, fit

if TYPE_CHECKING:
    from collections.abc import Callable

    import onnx
    from numpy.typing import NDArray

    from common.features import Array, FeatureSpec, Rows
    from common.training.families import FitOptions


@dataclass(frozen=True, slots=True)
class Gated:
    """One model where the weather ahead is known, another where it is not."""

    known: Fitted
    unknown: Fitted
    column: int
    """The feature that says which: above 0 where it is known"""

    def predict(self, X: NDArray[np.float32]) -> Array:
        return np.where(X[:, :, self.column] > 0, self.known.predict(X), self.unknown.predict(X))

    def to_onnx(self) -> onnx.ModelProto:
        return either(self.known.to_onnx(), self.unknown.to_onnx(), self.column)


def falling_back(
    layout: FeatureSpec, rows: Rows, y: Array, learn: NDArray[np.bool_], options: FitOptions
) -> Callable[[Fitted], Fitted]:
    """What makes of a model one that also answers rows without the weather ahead; the arguments are those of `fit`.

    A model of a layout that does not take it stays as it is, and so does one that is shrunk to a pooled model, of which
    the weather is no part.
    """
    if not layout.as_issued or options.toward is not None:
        return lambda model: model
    hidden = (*rows.hidden, *(layout.index(name) for name in layout.of_ahead))
    without = replace(options, known_ahead=False, products=())
    unknown = fit("linear", replace(rows, hidden=hidden), y, learn, without)
    return lambda model: Gated(model, unknown, layout.index("ahead_known"))
