"""A history as CSV: a row for each hour or day, a column for each pollutant."""

import csv
import io
from collections.abc import Iterable
from typing import Any

import msgspec

from common.api.schemas.aqi import DayHistory, HourHistory
from common.domain.observation import POLLUTANTS

_COLUMNS: dict[type, tuple[str, ...]] = {
    HourHistory: ("time", "aqi", "category", "dominant_pollutant", "basis", "source", "flags"),
    DayHistory: ("date", "aqi", "aqi_max", "category", "hours", "basis", "source"),
}


def heading(history: HourHistory | DayHistory) -> bytes:
    """The line with the names of the columns."""
    return _lines([["city", "standard", "simulated", *_COLUMNS[type(history)], *POLLUTANTS]])


def rows(history: HourHistory | DayHistory, points: str) -> bytes:
    """The lines of a JSON array of points of the history; what is not known is empty."""
    columns = _COLUMNS[type(history)]
    marks = [history.city, history.standard, str(history.simulated).lower()]
    found: list[dict[str, Any]] = msgspec.json.decode(points)
    return _lines(
        [
            *marks,
            *(_cell(point[column]) for column in columns),
            *(point["pollutants"].get(name) for name in POLLUTANTS),
        ]
        for point in found
    )


def _lines(cells: Iterable[list[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(cells)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    """What a cell can hold; several flags stand beside each other."""
    return " ".join(value) if isinstance(value, list) else value
