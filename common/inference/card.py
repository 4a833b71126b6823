"""The model card: what must be known of a model to serve it honestly; stored beside its ONNX file."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from common.domain.errors import ModelError
from common.domain.forecast import HORIZON, QUANTILES, Target
from common.features import FeatureSpec, layout_of


class ModelCard(msgspec.Struct, frozen=True, kw_only=True):
    """Written at training, read at every forecast."""

    version: str
    city: str
    target: Target
    family: str
    mode: str
    trained_at: str
    window_start: str
    window_end: str
    samples: int
    """Rows of training data: one for each origin and lead time."""
    features: tuple[str, ...]
    features_hash: str
    checksum: str
    """SHA-256 of the ONNX file."""
    quantile_levels: tuple[float, ...]
    held_out_quantiles: tuple[tuple[float, ...], ...]
    """(48, levels): what intervals begin with, by lead time: `adaptive_conformal.held_out_quantiles`."""
    parity: float
    """Largest difference between native and ONNX prediction on real rows, in the target's unit."""
    metrics: dict[str, Any]

    @property
    def layout(self) -> FeatureSpec:
        """How a history becomes the features it takes: with the weather ahead, or without.

        Raises:
            ModelError: when this code has no such features.
        """
        layout = layout_of(self.target, self.features_hash)
        if layout is None or layout.names != self.features:
            raise ModelError(f"model {self.version} was made for other features; train the city again")
        return layout


def read_card(data: bytes) -> ModelCard:
    """The card from its JSON.

    Raises:
        ModelError: when it cannot be read, or its features or quantiles are not those of this code.
    """
    try:
        card = msgspec.json.decode(data, type=ModelCard)
    except msgspec.MsgspecError as error:
        raise ModelError("the model card cannot be read; train the city again") from error
    _ = card.layout
    shape = [len(row) for row in card.held_out_quantiles]
    if card.quantile_levels != QUANTILES or shape != [len(QUANTILES)] * HORIZON:
        raise ModelError(f"model {card.version} was made for other intervals; train the city again")
    return card


def checksum(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
