"""Issued forecasts, models and the jobs that train them as JSON."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC
from typing import TYPE_CHECKING, Any

import msgspec

from common.api.serialize_values import all_rounded, categories, shares, utc, whole_indices
from common.domain.breakpoints import CATEGORIES
from common.domain.forecast import EXCEEDED
from common.domain.observation import HOUR
from common.store.jobs import WORKER_DIED
from common.store.reads import forecasts
from common.store.reads.forecasts import ARRAYS
from common.store.reads.jobs import job_row
from common.store.reads.models import ListedModel, latest_trainings, models_page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from common.store.engine import Connection
    from common.store.reads.forecasts import StoredForecast
    from common.store.reads.jobs import JobRow


_BANDS = CATEGORIES["in-naqi"]
_NAMES = [band.name for band in _BANDS]
FIRST_ABOVE = {
    str(above): next(place for place, band in enumerate(_BANDS) if band.low > above) for above in EXCEEDED
}
"""AQI → the first category beyond it"""


@dataclass(frozen=True, slots=True)
class ServedForecast:
    """The newest live forecast of a city as it is served."""

    city: str
    issued_at: datetime
    origin: datetime
    known_until: datetime
    model_version: str | None
    family: str
    basis: str | None
    source: str | None
    points: str
    """JSON array of the lead times: see `common.api.schemas.forecast.ForecastPoint`"""


def newest_forecasts(
    connection: Connection, cities: Sequence[str], target: str, hours: int, now: datetime
) -> dict[str, ServedForecast]:
    """City → its newest live forecast, however old, up to that lead time; cities that never had one are absent."""
    newest = forecasts.newest_forecasts(connection, cities, target, now)
    return {city: _served(stored, hours) for city, stored in newest.items()}


def _served(stored: StoredForecast, hours: int) -> ServedForecast:
    return ServedForecast(
        city=stored.city,
        issued_at=stored.issued_at,
        origin=stored.origin,
        known_until=stored.known_until,
        model_version=stored.model_version,
        family=stored.family,
        basis=stored.basis,
        source=stored.source,
        points=msgspec.json.encode(points(stored, hours)).decode(),
    )


def points(stored: StoredForecast, hours: int) -> list[dict[str, Any]]:
    """The first `hours` lead times of a forecast as they are shown."""
    origin = stored.origin.astimezone(UTC)
    start = [{"time": origin + lead * HOUR, "lead_hours": lead} for lead in range(1, hours + 1)]
    parts = [_indices(stored, hours)] if stored.target == "aqi" else []
    pm25 = stored.pm25 if stored.target == "aqi" else stored.arrays
    if pm25 is not None:
        parts.append([{"pm25": value} for value in _pm25(pm25, hours)])
    for part in parts:
        for point, shown in zip(start, part, strict=True):
            point.update(shown)
    return start


def _indices(stored: StoredForecast, hours: int) -> list[dict[str, Any]]:
    """The index of each lead time, its category and bounds, and how likely which category is."""
    names = categories("in-naqi")
    rows = zip(*(whole_indices(stored.arrays[name][:hours]) for name in ARRAYS), strict=True)
    chances = stored.categories[:hours]
    if not chances:
        return [
            {
                "aqi": y,
                "category": names[y],
                "lower_80": lo80,
                "upper_80": hi80,
                "lower_95": lo95,
                "upper_95": hi95,
            }
            for y, lo80, hi80, lo95, hi95 in rows
        ]
    likely = [
        dict(zip(_NAMES, row, strict=True))
        for row in zip(*map(shares, zip(*chances, strict=True)), strict=True)
    ]
    beyond = zip(
        *(shares([sum(row[first:]) for row in chances]) for first in FIRST_ABOVE.values()), strict=True
    )
    return [
        {
            "aqi": y,
            "category": names[y],
            "confidence": probabilities[names[y]],
            "lower_80": lo80,
            "upper_80": hi80,
            "lower_95": lo95,
            "upper_95": hi95,
            "probabilities": probabilities,
            "exceedance": dict(zip(FIRST_ABOVE, exceedance, strict=True)),
        }
        for (y, lo80, hi80, lo95, hi95), probabilities, exceedance in zip(rows, likely, beyond, strict=True)
    ]


def _pm25(arrays: Mapping[str, Sequence[float]], hours: int) -> list[dict[str, float]]:
    """In µg/m³, by lead time; bounds are not below zero."""
    y, *bounds = (all_rounded(arrays[name][:hours], 1) for name in ARRAYS)
    lows_and_highs = ([max(bound, 0.0) for bound in array] for array in bounds)
    return [
        {"value": value, "lower_80": lo80, "upper_80": hi80, "lower_95": lo95, "upper_95": hi95}
        for value, lo80, hi80, lo95, hi95 in zip(y, *lows_and_highs, strict=True)
    ]


_FIELDS = [field.name for field in fields(ListedModel)]
_TIMES = ("trained_at", "window_start", "window_end", "promoted_at")


def models_json(
    connection: Connection, filters: Mapping[str, str | None], *, limit: int, offset: int
) -> tuple[int, str]:
    """(number of all, JSON array of one page), newest first; metrics without the leads."""
    total, page = models_page(connection, filters, limit=limit, offset=offset)
    return total, _json([shown_model(row) for row in page])


def trainings_json(connection: Connection, city: str, target: str) -> str | None:
    """JSON object: family → its latest live model, metrics whole; None where none was ever trained."""
    latest = latest_trainings(connection, city, target)
    return _json({family: shown_model(row) for family, row in latest.items()}) if latest else None


def shown_model(row: ListedModel) -> dict[str, Any]:
    """A model as it is listed; its metrics as they are stored."""
    shown = {name: getattr(row, name) for name in _FIELDS}
    times = {name: utc(shown[name]) for name in _TIMES}
    return shown | times | {"metrics": msgspec.Raw(row.metrics.encode())}


def job_json(connection: Connection, id_: int, type_: str) -> str | None:
    """JSON object of a job of that type: see `common.api.schemas.models.Job`; None where there is none."""
    row = job_row(connection, id_, type_)
    return None if row is None else _json(shown_job(row))


def shown_job(row: JobRow) -> dict[str, Any]:
    """A job as whoever asked for it sees it.

    One whose attempt failed waits for the next; one whose worker fell silent has failed too.
    """
    waits = row.state == "queued" and row.attempts > 0
    state = row.state
    if row.overdue:
        state = "dead" if row.attempts >= row.max_attempts else "failed"
    elif waits:
        state = "failed"
    return {
        "id": row.id,
        "city": row.payload["city"],
        "state": state,
        "attempts": row.attempts,
        "max_attempts": row.max_attempts,
        "created_at": utc(row.created_at),
        "started_at": utc(row.started_at),
        "finished_at": utc(row.finished_at),
        "retry_at": utc(row.available_at) if waits and not row.elsewhere else None,
        "families": row.payload.get("families"),
        "force": row.payload.get("force", True),
        "error": WORKER_DIED if row.overdue else row.error,
        "outcome": row.outcome if row.state == "done" else None,
    }


def _json(content: object) -> str:
    return msgspec.json.encode(content).decode()
