"""Instances of functions, and the server's view of a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from warm import Instance, Watcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def warm(tmp_path: Path) -> Iterator[Callable[..., Instance]]:
    """Address of a database (and settings) → a new instance."""
    made: list[Instance] = []

    def make(url: str, **settings: str) -> Instance:
        made.append(Instance(url, tmp_path, **settings))
        return made[-1]

    yield make
    for connection in made:
        connection.close()


@pytest.fixture
def watcher(database_url: str) -> Iterator[Watcher]:
    watching = Watcher(database_url)
    yield watching
    watching.close()
