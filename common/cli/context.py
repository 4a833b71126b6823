"""The resources a command works with, from the environment, and the cities it is for."""

from __future__ import annotations

from contextlib import contextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING

import click

from common.bootstrap.container import environment_settings, system_clock
from common.bootstrap.local import local_resources
from common.domain.cities import City, all_cities, find_city
from common.domain.errors import NotFound
from common.sources import base_urls

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from common.services.resources import Resources


@contextmanager
def opened(*, offline: bool = False, real: bool = False) -> Iterator[Resources]:
    """The resources of this machine; see `common.bootstrap.local.local_resources`."""
    settings = environment_settings()
    base_urls(settings)  # a wrong address is named by every command, not only by those that use it
    with local_resources(settings, clock=system_clock, offline=offline, real=real) as resources:
        yield resources


def cities_named(names: Sequence[str]) -> list[City]:
    """The named cities, each once, or all; a name that no city has is bad usage, exit status 2."""
    return list(dict.fromkeys(_city(name) for name in names)) if names else list(all_cities())


def _city(name: str) -> City:
    try:
        return find_city(name)
    except NotFound as error:
        spellings = [spelling for city in all_cities() for spelling in (city.name, *city.aliases)]
        near = get_close_matches(name.title(), spellings, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "the API lists all 56 at /api/v1/cities/"
        raise click.BadParameter(f"unknown city {name[:40]!r}; {hint}") from error
