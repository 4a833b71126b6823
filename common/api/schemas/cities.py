"""Cities."""

from msgspec import Struct

from common.api.schemas.common import Index, Mark, StandardName


class CityEntry(Struct, kw_only=True):
    """A city that is served; degrees of its centre."""

    name: str
    slug: str
    state: str
    latitude: float
    longitude: float
    aliases: tuple[str, ...]
    latest: Index | None
    """Its latest index within 48 hours."""


class Cities(Struct, kw_only=True):
    """All cities."""

    count: int
    standard: StandardName
    simulated: Mark
    cities: list[CityEntry]
