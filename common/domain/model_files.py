"""Where the files of a model lie in the object store, by its version."""

from __future__ import annotations


def model_key(version: str) -> str:
    """Its ONNX file."""
    return f"{version}/model.onnx"


def card_key(version: str) -> str:
    """Its card."""
    return f"{version}/card.json"


def hindcast_key(version: str) -> str:
    """Its hindcasts: see `common.inference.hindcast`."""
    return f"{version}/hindcasts.npz"
