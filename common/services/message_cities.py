"""The cities that a message names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.domain.cities import City, all_cities, find_city
from common.domain.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


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
