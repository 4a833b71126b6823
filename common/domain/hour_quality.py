"""What makes one account of a city's hour better than another."""

from __future__ import annotations

from typing import NamedTuple

from common.domain.observation import BASES


class HourQuality(NamedTuple):
    """The lowest is the best. An index counts most, then the basis, then concentrations, then the most stations."""

    lacks_index: bool
    basis: int
    """Place in `BASES`; behind them where there is none"""
    lacks_concentrations: bool
    minus_stations: int


def hour_quality(
    *, has_index: bool, basis: str | None, has_concentrations: bool, stations: int
) -> HourQuality:
    """How good an account of an hour is."""
    place = next((place for place, name in enumerate(BASES) if name == basis), len(BASES))
    return HourQuality(not has_index, place, not has_concentrations, -stations)


def may_replace(new: HourQuality, old: HourQuality) -> bool:
    """Whether an account may take the place of the one that is kept: one as good as that may, a poorer one not.

    Readings are only ever added, so that it is poorer means that some have been dropped since.
    """
    return new <= old
