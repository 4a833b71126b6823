"""The cities that a message names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.domain.cities import City, all_cities, find_city
from common.domain.errors import DataError
from common.domain.messages import CITIES_AT_ONCE, OBSERVATIONS_READY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from common.services.resources import Resources


def named_cities(data: Mapping[str, object]) -> Sequence[City]:
    """The cities of the list ``cities`` in a message's `data`, each once; all where there is none.

    Raises:
        DataError: when it is no list of names.
        NotFound: when no city has one of the names.
    """
    named = data.get("cities")
    if named is None:
        return all_cities()
    if not isinstance(named, list) or not named or not all(isinstance(name, str) for name in named):
        raise DataError("cities must be a list of names of cities")
    return list(dict.fromkeys(find_city(name) for name in named))


def are_many() -> bool:
    """Whether a round of forecasts takes several messages."""
    return len(all_cities()) > CITIES_AT_ONCE


def send_ready(resources: Resources, subject: str, cities: Sequence[str]) -> int:
    """Wake whoever forecasts these cities, by messages of `CITIES_AT_ONCE` at most; how many there were.

    Each has a subject of its own, lest one that waits is replaced by the next.

    Raises:
        StoreError: when the queue cannot be reached.
    """
    parts = [cities[first : first + CITIES_AT_ONCE] for first in range(0, len(cities), CITIES_AT_ONCE)]
    for number, part in enumerate(parts, start=1):
        about = subject if len(parts) == 1 else f"{subject} {number} of {len(parts)}"
        resources.queue.send(OBSERVATIONS_READY, about, {"cities": part})
    return len(parts)
