"""QcFlags that outlast their hour: kept with each city-hour, and judged again when later readings come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.domain.observation import HOUR
from common.quality.rules import AFTER
from common.quality.stations import LEAD
from common.store.city_hours import stored_doubts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from common.quality.stations import Grid
    from common.store.engine import Connection

StationFlags = dict[str, dict[str, list[str]]]
"""Source → station → what is doubtful, as a city-hour keeps it."""


_BEFORE = range(LEAD - AFTER, LEAD)


def first_with_changed_flags(connection: Connection, grids: Mapping[str, Grid]) -> dict[str, datetime]:
    """City → from where its city-hours must be computed again because what is doubtful in them has changed.

    Looked at are the city-hours that lie up to `AFTER` hours before those of the grids, which all begin together;
    a city where all are settled is absent.
    """
    if not grids:
        return {}
    some = next(iter(grids.values()))
    stored = stored_doubts(connection, grids, some.end_of(_BEFORE[0]) - HOUR, some.end_of(_BEFORE[-1]))
    earlier = {}
    for city, grid in grids.items():
        for end, doubts in sorted(stored[city].items()):
            if _lasting(doubts) != flags_of(grid, int((end - grid.first) / HOUR) - 1):
                earlier[city] = end - HOUR
                break
    return earlier


def flags_of(grid: Grid, hour: int) -> StationFlags:
    """What the course of hours makes doubtful in one of them."""
    doubts: StationFlags = {}
    for source in grid.sources:
        for station in source.stations:
            if flags := station.doubts.get(hour):
                doubts.setdefault(source.name, {})[station.name] = [str(doubt) for doubt in flags]
    return doubts


def _lasting(stored: StationFlags) -> StationFlags:
    """Of what a city-hour keeps, that which depends on other hours than its own."""
    lasting: StationFlags = {}
    for source, stations in stored.items():
        for station, codes in stations.items():
            if over := [code for code in codes if code.startswith(("stuck:", "spike:"))]:
                lasting.setdefault(source, {})[station] = over
    return lasting
