"""Models that take the weather ahead, and what they say where none has been received.

Told nothing of it they would assume the usual weather, and lose to a model that has never known any (on six stations
of Beijing by 6 points of skill: `benchmarks.ahead`). So such rows are answered by a linear model that was taught the
same rows with everything of the hours to come hidden: it is a part of the same file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from common.training.export import either
from common.training.families import Fitted, fit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import onnx
    from numpy.typing import NDArray

    from common.features import Array, Layout, Rows


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
    layout: Layout, rows: Rows, y: Array, learn: NDArray[np.bool_], taught: Mapping[str, Any]
) -> Callable[[Fitted], Fitted]:
    """What makes of a model one that also answers rows without the weather ahead; the arguments are those of `fit`.

    A model of a layout that does not take it stays as it is, and so does one that is shrunk to a pooled model, of which
    the weather is no part.
    """
    if not layout.as_issued or "toward" in taught:
        return lambda model: model
    hidden = (*rows.hidden, *(layout.index(name) for name in layout.of_ahead))
    without = {**taught, "known_ahead": False, "products": ()}
    unknown = fit("linear", replace(rows, hidden=hidden), y, learn, **without)
    return lambda model: Gated(model, unknown, layout.index("ahead_known"))
