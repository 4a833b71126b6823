"""ONNX sessions, cached between warm invocations."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import onnxruntime

from common.domain.cities import all_cities
from common.domain.errors import ModelError, NotFound
from common.domain.forecast import TARGETS
from common.domain.messages import CITIES_AT_ONCE
from common.domain.model_files import card_key, hindcast_key, model_key
from common.inference.card import ModelCard, checksum, read_card
from common.inference.experts import Record
from common.inference.hindcast import from_file
from common.store.challengers import MAX_CHALLENGERS

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray


class Files(Protocol):
    """What is needed of an object store."""

    def get(self, key: str) -> bytes:
        """The object's bytes.

        Raises:
            NotFound: when there is none.
        """
        ...

    def put(self, key: str, data: bytes) -> None:
        """Store an object, in place of one that had the key."""
        ...


@dataclass(frozen=True, slots=True)
class Model:
    """A model ready to forecast."""

    card: ModelCard
    session: Any
    size: int = 0
    """Bytes of its file"""

    def predict(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Forecasts in the target's unit, (rows,), from X, float32 (rows, n_features).

        Raises:
            ModelError: as `predict` does.
        """
        return predict(self.session, X)

    def experts(self, X: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
        """Name → forecasts of each of its models in the target's unit, (rows,).

        Raises:
            ModelError: as `predict` does.
        """
        return predict_each(self.session, X) or {self.card.family: self.predict(X)}

    @property
    def outputs(self) -> dict[str, str]:
        """Name of each of its models → the output of the file that is its forecast."""
        return {name: f"y_{name}" for name in model_names(self.session)} or {self.card.family: "y"}


def open_session(data: bytes) -> Any:
    """An ONNX session on one thread: rows are few and functions have small shares of a core.

    Raises:
        ModelError: when the bytes are not an ONNX model.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError("the model file cannot be opened; train the city again") from error


def predict(session: Any, X: NDArray[np.float32], answer: str = "y") -> NDArray[np.float64]:
    """Forecasts of a session, (rows,), from X, float32 (rows, n_features); `answer`: which of its outputs.

    Raises:
        ModelError: when the model does not take these rows, or does not give one finite number for each.
    """
    (y,) = _run(session, X, [answer])
    return y


def predict_each(session: Any, X: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
    """Name → forecasts of each model of an ensemble, (rows,), from X, float32 (rows, n_features); empty for the file
    of a single model as they were made before there were ensembles.

    Raises:
        ModelError: as `predict` does.
    """
    names = model_names(session)
    return dict(zip(names, _run(session, X, [f"y_{name}" for name in names]), strict=True))


def predict_outputs(
    session: Any, X: NDArray[np.float32], outputs: list[str]
) -> dict[str, NDArray[np.float64]]:
    """Name of an output → its forecasts, (rows,), from X, float32 (rows, n_features).

    Raises:
        ModelError: as `predict` does.
    """
    return dict(zip(outputs, _run(session, X, outputs), strict=True))


def output_names(session: Any) -> list[str]:
    """Names of what a model's file gives."""
    return [output.name for output in session.get_outputs()]


def model_names(session: Any) -> list[str]:
    """Names of the models that an ensemble's file holds; none for that of a single model."""
    return [name.removeprefix("y_") for name in output_names(session) if name.startswith("y_")]


def _run(session: Any, X: NDArray[np.float32], answers: list[str]) -> list[NDArray[np.float64]]:
    if not answers:
        return []
    try:
        given = session.run(answers, {"X": np.ascontiguousarray(X, dtype=np.float32)})
    except Exception as error:
        raise ModelError("the model does not take these rows; train the city again") from error
    results = [np.asarray(values, dtype=np.float64).reshape(-1) for values in given]
    if any(y.shape != X.shape[:1] or not np.isfinite(y).all() for y in results):
        raise ModelError("the model does not give one finite number a row; train the city again")
    return results


def models_of_a_round() -> int:
    """Most models that forecasts of a message's cities are made with: each champion, and its challengers."""
    return min(len(all_cities()), CITIES_AT_ONCE) * len(TARGETS) * (1 + MAX_CHALLENGERS)


class ModelCache:
    """Models by version, read from the object store once; a version never changes.

    `size`: models and hindcasts in the cache; by default those of a round. With fewer places, a walk through all cities
    always finds that what it needs next has just made room.
    """

    def __init__(self, files: Files, *, size: int | None = None) -> None:
        self.files = files
        self._size = models_of_a_round() if size is None else size
        self._models: OrderedDict[str, Model] = OrderedDict()
        self._hindcasts: OrderedDict[str, bytes] = OrderedDict()

    def get(self, version: str) -> Model:
        """The model of that version.

        Raises:
            ModelError: when its file is not the one that was trained, or fits other features.
            NotFound: when the object store has no such model.
        """
        model = self._models.get(version)
        if model is None:
            card = read_card(self.files.get(card_key(version)))
            data = self.files.get(model_key(version))
            if checksum(data) != card.checksum:
                raise ModelError(f"the file of model {version} is damaged; train the city again")
            model = self._models[version] = Model(card, open_session(data), len(data))
            if len(self._models) > self._size:
                self._models.popitem(last=False)
        self._models.move_to_end(version)
        return model

    def hindcast(self, version: str, last: datetime, place: int) -> Record:
        """What would have been issued in the last weeks of its training, counted so that the hour `last` has that
        `place`; empty where nothing is stored with the model.

        Raises:
            ModelError: when the file is damaged.
        """
        data = self._hindcasts.get(version)
        if data is None:
            try:
                data = self.files.get(hindcast_key(version))
            except NotFound:
                data = b""
        record = from_file(data, last, place) if data else Record.empty()
        self._hindcasts[version] = data
        self._hindcasts.move_to_end(version)
        if len(self._hindcasts) > self._size:
            self._hindcasts.popitem(last=False)
        return record
