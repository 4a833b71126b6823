"""Real processes that may die, over real servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from forks import Forks

if TYPE_CHECKING:
    from collections.abc import Iterator


_FORECASTING = ("onnxruntime", "obstore")
_IMPORTING = ("_strptime", "common.ingest.files.read")
_TRAINING = ("sklearn.linear_model", "skl2onnx", "common.training.service")


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    with Forks(tmp_path_factory.mktemp("forks"), *_FORECASTING, *_IMPORTING) as made:
        yield made


@pytest.fixture(scope="session")
def trainers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """The same with what trainings need, which is much."""
    with Forks(tmp_path_factory.mktemp("trainers"), *_FORECASTING, *_TRAINING) as made:
        yield made
