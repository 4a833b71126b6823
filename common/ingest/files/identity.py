"""Stations have one identity: which of the names in files are one station, or one instrument.

Names that differ in case, blanks or punctuation are one station. So are those that differ in the board, unless their
values differ. Like names, or places within 200 m, are one instrument where the values are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from msgspec import structs

from common.domain.station_names import are_alike, best_spelling, station_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from common.domain.observation import Reading
    from common.ingest.files.result import ImportResult

Place = tuple[float, float]
"""Latitude and longitude, degrees."""

_NEAR_M = 200.0
_METRES_A_DEGREE = 111_320.0
_FEW = 24
"""So many common values at least show that two series are the same."""
_SAME, _DIFFERENT = 0.99, 0.9
_DISTINCT = 5


def one_name_each(
    names: Iterable[str], series_of: Callable[[str], pd.Series], places: Mapping[str, Place] | None = None
) -> dict[str, str]:
    """Name → the name under which its station is kept.

    `series_of` gives the values of a name by variable and time; it is called for names that may be one station only.
    """
    chosen: dict[str, str] = {}
    for name in sorted(names, key=lambda each: (best_spelling(each), each), reverse=True):
        known = dict.fromkeys(chosen.values())
        chosen[name] = next(
            (other for other in known if _is_same(name, other, series_of, places or {})), name
        )
    return chosen


def unify(results: list[ImportResult]) -> None:
    """Give the stations of several files one name each; what was changed is noted."""
    of_name: dict[str, list[Reading]] = {}
    for result in results:
        for reading in result.readings:
            if reading.station:
                of_name.setdefault(reading.station, []).append(reading)

    def series_of(name: str) -> pd.Series:
        return pd.Series(
            {
                (variable, each.time): value
                for each in of_name[name]
                for variable, value in each.values.items()
            },
            dtype=float,
        )

    names = one_name_each(of_name, series_of)
    for result in results:
        changed = {name: names[name] for name in result.stations if names.get(name, name) != name}
        if changed:
            result.readings = [
                structs.replace(each, station=names[each.station]) if each.station in changed else each
                for each in result.readings
            ]
            result.stations = tuple(dict.fromkeys(names.get(name, name) for name in result.stations))
            note_names(result, changed)


def note_names(result: ImportResult, changed: Mapping[str, str]) -> None:
    """Say which names were taken as others."""
    result.notes += [
        f"station {name!r} is taken to be {other!r}" for name, other in changed.items() if name != other
    ]


def _is_same(
    name: str, other: str, series_of: Callable[[str], pd.Series], places: Mapping[str, Place]
) -> bool:
    (place, board), (other_place, other_board) = station_key(name), station_key(other)
    if not place or not other_place:
        return False
    if (place, board) == (other_place, other_board):
        return True
    is_one_place = place == other_place
    if not (is_one_place or are_alike(name, other) or _are_near(places.get(name), places.get(other))):
        return False
    values, other_values = series_of(name), series_of(other)
    common = values.index.intersection(other_values.index)
    equal = float((values[common] == other_values[common]).mean()) if len(common) else 0.0
    if is_one_place:
        return not len(common) or equal >= _DIFFERENT
    return len(common) >= _FEW and equal >= _SAME and values[common].nunique() >= _DISTINCT


def _are_near(first: Place | None, second: Place | None) -> bool:
    if first is None or second is None:
        return False
    north = (first[0] - second[0]) * _METRES_A_DEGREE
    east = (first[1] - second[1]) * _METRES_A_DEGREE * np.cos(np.radians(first[0]))
    return bool(np.hypot(north, east) <= _NEAR_M)
