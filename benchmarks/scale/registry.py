"""Runs a module as if Vayu served so many places: python -m benchmarks.scale.registry NUMBER MODULE [ARGUMENT …].

The first 56 are the cities; the others are copies of them with a number in their names, a kilometre or more apart.
"""

from __future__ import annotations

import runpy
import sys
from functools import cache
from typing import TYPE_CHECKING

from msgspec import structs

from common.domain import cities

if TYPE_CHECKING:
    from common.domain.cities import City


def places(number: int) -> tuple[City, ...]:
    """The cities, and copies of them, as many as there are to be."""
    real = cities.all_cities()
    return tuple(_copy(real[at % len(real)], at // len(real)) for at in range(number))


def _copy(city: City, number: int) -> City:
    if not number:
        return city
    east, north = number % 10, number // 10
    return structs.replace(
        city,
        name=f"{city.name} {number}",
        latitude=round(city.latitude + 0.01 * north, 4),
        longitude=round(city.longitude + 0.01 * east, 4),
        aliases=tuple(f"{alias} {number}" for alias in city.aliases),
        cpcb=tuple((state, f"{name} {number}") for state, name in city.cpcb),
    )


def main() -> None:
    """Whatever is imported from now on finds these places."""
    made = places(int(sys.argv[1]))
    cities.all_cities = cache(lambda: made)  # type: ignore[assignment]
    del sys.argv[:2]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
