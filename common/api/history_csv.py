"""A history as CSV: a row for each hour or day, a column for each pollutant."""

import csv
import io
from typing import Any, cast

import msgspec
from flask import Response

from common.api.schemas.aqi import DayHistory, HourHistory
from common.domain.observation import POLLUTANTS

CSV = "text/csv"
_COLUMNS: dict[type, tuple[str, ...]] = {
    HourHistory: ("time", "aqi", "category", "dominant_pollutant", "basis", "source", "flags"),
    DayHistory: ("date", "aqi", "aqi_max", "category", "hours", "basis", "source"),
}


def csv_response(history: HourHistory | DayHistory, *, name: str) -> Response:
    """The history as a file to download; what is not known is empty."""
    columns = _COLUMNS[type(history)]
    points: list[dict[str, Any]] = msgspec.json.decode(cast("msgspec.Raw", history.points))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["city", "standard", "simulated", *columns, *POLLUTANTS])
    marks = [history.city, history.standard, str(history.simulated).lower()]
    for point in points:
        values = point["pollutants"]
        writer.writerow(
            marks + [_cell(point[column]) for column in columns] + [values.get(name) for name in POLLUTANTS]
        )
    response = Response(text.getvalue(), content_type=f"{CSV}; charset=utf-8; header=present")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def _cell(value: Any) -> Any:
    """What a cell can hold; several flags stand beside each other."""
    return " ".join(value) if isinstance(value, list) else value
