"""Blends: which families, and what each counts at each lead time, by held-out hours.

Held-out hours lie among those that were learnt from, and are few: what they prefer is followed only as far as it
is clear, and a linear model keeps half of all but the first hours, for in a season that was not seen trees lose
what they won there.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from common.domain.forecast import HORIZON
from common.training.export import shared_by_lead

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import onnx
    from numpy.typing import NDArray

    from common.features import Array
    from common.training.families import Fitted

BLEND_WITHIN = 1.10
"""A family may be blended in where its held-out MAE is at most this many times that of the best."""

_BLOCKS = ((1, 1), (2, 3), (4, 8), (9, 16), (17, 28), (29, 48))
"""First and last lead time of those that are blended alike, in hours."""
_STEPS = 4
"""Shares are multiples of one over this."""
_TOTALS = (1.0, 0.9, 0.8)
"""Of the change that is forecast, so much is believed."""
_DOUBT = 0.02
"""How much less, as a share of the MAE, must be the error of shares that are further from equal by 1 in all."""
_LINEAR_SHARE, _LINEAR_FROM = 0.5, 4
"""Least share of a linear model, from this lead time on, in hours."""


@dataclass(frozen=True, slots=True)
class Blend:
    """Several models' log-ratios, each by its share at each lead time."""

    models: tuple[Fitted, ...]
    shares: Array
    """(48, n_models); what they lack of 1 is given to no change"""
    lead_column: int

    @staticmethod
    def mean(models: tuple[Fitted, ...], lead_column: int) -> Blend:
        """Each model has the same share."""
        return Blend(models, np.full((HORIZON, len(models)), 1 / len(models)), lead_column)

    def predict(self, X: NDArray[np.float32]) -> Array:
        each = np.stack([model.predict(X) for model in self.models], axis=-1)
        found: Array = (each * self.shares[: X.shape[1]]).sum(axis=-1)
        return found

    def to_onnx(self) -> onnx.ModelProto:
        return shared_by_lead([model.to_onnx() for model in self.models], self.shares, self.lead_column)


def near(forecasts: Sequence[Array], truth: Array) -> list[int]:
    """Which of several held-out forecasts come near the best of them, (n_held_out, 48) each."""
    errors = [float(np.nanmean(np.abs(one - truth))) for one in forecasts]
    found: list[int] = []
    for number, one in enumerate(forecasts):
        # An LSTM that found nothing to correct is its linear model once more: a blend of both would be no blend.
        twin = any(np.allclose(one, forecasts[other]) for other in found)
        if errors[number] <= BLEND_WITHIN * min(errors) and not twin:
            found.append(number)
    return found


def shares_by_lead(
    forecasts: Sequence[Array], truth: Array, level: Array, floor: float, anchor: int | None
) -> Array:
    """The shares with the least held-out error, for doubt's sake not far from equal, (48, n_models).

    `forecasts` and `truth`: (n_held_out, 48), in the target's unit, the truth nan where it does not count; `level`:
    (n_held_out,). `anchor`: which of them is the linear model that has its least share; None where none has.
    """
    reference = level[:, None] + floor
    changes = [np.log((one + floor) / reference) for one in forecasts]
    shares = np.full((HORIZON, len(forecasts)), 1 / len(forecasts))
    for first, last in _BLOCKS:
        block = slice(first - 1, last)
        known = np.isfinite(truth[:, block])
        if not known.any():
            continue
        actual = truth[:, block][known]
        base = np.broadcast_to(reference, known.shape)[known]
        each = np.stack([change[:, block][known] for change in changes], axis=-1)
        held = anchor if first >= _LINEAR_FROM else None

        def cost(some: Array, actual: Array = actual, base: Array = base, each: Array = each) -> float:
            return float(np.abs(base * np.exp(each @ some) - floor - actual).mean())

        usual = cost(np.full(len(forecasts), 1 / len(forecasts)))
        shares[block] = min(
            _mixtures(len(forecasts), held),
            key=lambda some: cost(some) / usual + _DOUBT * _unlike_equal(some),
        )
    return shares


def _mixtures(number: int, anchor: int | None) -> Iterator[Array]:
    for parts in product(range(_STEPS + 1), repeat=number):
        if sum(parts) == _STEPS and (anchor is None or parts[anchor] >= _LINEAR_SHARE * _STEPS):
            yield from (np.array(parts) * total / _STEPS for total in _TOTALS)


def _unlike_equal(shares: Array) -> float:
    total = float(shares.sum())
    return float(np.abs(shares / total - 1 / len(shares)).sum()) + 1 - total
