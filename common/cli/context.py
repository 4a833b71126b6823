"""The parts a command works with, from the environment."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from common.bootstrap.local import local_parts
from common.bootstrap.parts import Parts, system_clock
from common.config import from_environment
from common.domain.cities import City, all_cities, find_city

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@contextmanager
def opened(*, offline: bool = False, real: bool = False) -> Iterator[Parts]:
    """The parts of this machine; see `common.bootstrap.local.local_parts`."""
    with local_parts(from_environment(), clock=system_clock, offline=offline, real=real) as parts:
        yield parts


def cities_named(names: Sequence[str]) -> list[City]:
    """The named cities, or all.

    Raises:
        NotFound: when a name is unknown.
    """
    return [find_city(name) for name in names] if names else list(all_cities())
