"""The 56 cities, and the many ways their names are written."""

from __future__ import annotations

import json
import unicodedata
from functools import cache, lru_cache
from pathlib import Path

import msgspec

from common.domain.errors import Fault, NotFound

LONGEST = 100
"""Characters of what may be the name of a city."""


class City(msgspec.Struct, frozen=True):
    """A city that Vayu serves; latitude and longitude are degrees of its centre."""

    name: str
    state: str
    latitude: float
    longitude: float
    aliases: tuple[str, ...]
    cpcb: tuple[tuple[str, str], ...]
    """(state, city) as CPCB spells them; two where CPCB splits the city, none where it has no station."""

    @property
    def slug(self) -> str:
        """The name as it stands in addresses: ``navi-mumbai``."""
        return self.name.lower().replace(" ", "-")


@lru_cache(maxsize=1024)
def _key(name: str) -> str:
    """Letters and digits only, without case and accents, so that spellings of one name meet."""
    plain = unicodedata.normalize("NFKD", name)
    return "".join(ch for ch in plain.casefold() if ch.isalnum())


@cache
def all_cities() -> tuple[City, ...]:
    """All 56, in the order of the list."""
    rows = json.loads(Path(__file__).with_name("cities.json").read_text(encoding="utf-8"))
    return tuple(
        City(
            name=row["name"],
            state=row["state"],
            latitude=row["latitude"],
            longitude=row["longitude"],
            aliases=tuple(row["aliases"]),
            cpcb=tuple((place["state"], place["city"]) for place in row["cpcb"]),
        )
        for row in rows
    )


@cache
def _by_key() -> dict[str, City]:
    by_key: dict[str, City] = {}
    for city in all_cities():
        for spelling in (city.name, *city.aliases):
            by_key[_key(spelling)] = city
    return by_key


@cache
def cpcb_places() -> dict[tuple[str, str], City]:
    """(state, city) as CPCB spells them → our city. The state matters: Bihar has an Aurangabad too."""
    return {place: city for city in all_cities() for place in city.cpcb}


def find_city(name: str) -> City:
    """The city of that name or alias, whatever its case, accents and hyphens.

    Raises:
        NotFound: when no city has that name; it knows the nearest names.
    """
    city = _by_key().get(_key(name)) if len(name) <= LONGEST else None
    if city is None:
        shown = name if len(name) <= 40 else name[:40] + "…"
        nearest = nearest_cities(name)
        meant = f"; did you mean {' or '.join(nearest)}?" if nearest else ""
        raise NotFound(
            f"unknown city {shown!r}; the 56 cities are listed at /api/v1/cities/{meant}",
            faults=(Fault("parameter", "city", shown, "a city of /api/v1/cities/, by name or alias"),),
            nearest=nearest,
        )
    return city


def nearest_cities(name: str) -> tuple[str, ...]:
    """Up to three names of cities that are spelt much like `name`, or begin with it; the nearest first."""
    from difflib import get_close_matches

    key = _key(name) if len(name) <= LONGEST else ""
    spellings = _by_key()
    begun = [spelling for spelling in spellings if len(key) >= 3 and spelling.startswith(key)]
    close = get_close_matches(key, spellings, n=6, cutoff=0.65)
    return tuple(dict.fromkeys(spellings[spelling].name for spelling in (*begun, *close)))[:3]
