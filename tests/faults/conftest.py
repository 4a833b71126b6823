"""Real processes that may die, over real servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from forks import Forks

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    with Forks(tmp_path_factory.mktemp("forks")) as made:
        yield made


@pytest.fixture(scope="session")
def forecasters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """The same with what forecasts and trainings need, which is much."""
    modules = ("onnxruntime", "obstore", "sklearn.linear_model", "skl2onnx", "common.training.service")
    with Forks(tmp_path_factory.mktemp("forecasters"), *modules) as made:
        yield made
