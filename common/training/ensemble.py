"""Ensembles: several models in one file, which gives the forecast of each and their mean.

Their mean is equal: what each of them is worth is learnt in service, hour by hour, by `common.inference.experts`.
Held-out hours lie among those that were learnt from, and what they prefer does not hold in a season not seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from common.metrics import mean_absolute_error
from common.training.export import ensemble_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import onnx
    from numpy.typing import NDArray

    from common.features import Array
    from common.training.families import Fitted

NEAR = 1.10
"""A family is part of the ensemble where its held-out MAE is at most this many times that of the best."""


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Several models by name; its own forecast is the mean of their log-ratios."""

    models: Mapping[str, Fitted]

    def each(self, X: NDArray[np.float32]) -> dict[str, Array]:
        """Name → log-ratios, (n_origins, 48)."""
        return {name: model.predict(X) for name, model in self.models.items()}

    def predict(self, X: NDArray[np.float32]) -> Array:
        mean: Array = np.mean(list(self.each(X).values()), axis=0)
        return mean

    def to_onnx(self) -> onnx.ModelProto:
        """Beside ``log_ratio`` the graph gives ``log_ratio_NAME`` of each model."""
        return ensemble_of({name: model.to_onnx() for name, model in self.models.items()})


def near(forecasts: Sequence[Array], truth: Array) -> list[int]:
    """Which of several held-out forecasts come near the best of them, (n_held_out, 48) each."""
    errors = [mean_absolute_error(truth, forecast) for forecast in forecasts]
    chosen: list[int] = []
    for number, forecast in enumerate(forecasts):
        # An LSTM that found nothing to correct is its linear model once more.
        twin = any(np.allclose(forecast, forecasts[other]) for other in chosen)
        if errors[number] <= NEAR * min(errors) and not twin:
            chosen.append(number)
    return chosen
