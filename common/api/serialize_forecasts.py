"""Issued forecasts, models and the jobs that train them as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import accumulate
from operator import add
from typing import TYPE_CHECKING, Any

import msgspec

from common.api.serialize_values import all_rounded, categories, shares, utc, whole_indices
from common.domain.breakpoints import CATEGORIES
from common.domain.forecast import EXCEEDED, HORIZON
from common.domain.observation import HOUR
from common.store.jobs import WORKER_DIED
from common.store.reads import forecasts
from common.store.reads.forecasts import ARRAYS
from common.store.reads.jobs import job_row
from common.store.reads.models import ListedModel, latest_trainings, models_page

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from common.store.engine import Connection
    from common.store.reads.forecasts import StoredForecast
    from common.store.reads.jobs import JobRow


_BANDS = CATEGORIES["in-naqi"]
_NAMES = [band.name for band in _BANDS]
FIRST_ABOVE = {
    str(above): next(place for place, band in enumerate(_BANDS) if band.low > above) for above in EXCEEDED
}
"""AQI → the first category beyond it"""
_FIRST_BEYOND = min(FIRST_ABOVE.values())
_LEADS = [lead * HOUR for lead in range(1, HORIZON + 1)]
_INDEX_FIELDS = 9
"""So many fields of `Point` belong to an index."""
_FIELD_OF = [f"p{_NAMES.index(name)}" for name in categories("in-naqi")]
"""Of each whole index, the field of `Probabilities` that has its category."""

# Structs are made and written several times as fast as dicts, which is most of what a forecast takes.
Probabilities = msgspec.defstruct(
    "Probabilities",
    [(f"p{place}", float) for place in range(len(_NAMES))],
    rename={f"p{place}": name for place, name in enumerate(_NAMES)},
    gc=False,
)
"""By category."""
Exceedance = msgspec.defstruct(
    "Exceedance",
    [(f"above{above}", float) for above in FIRST_ABOVE],
    rename={f"above{above}": above for above in FIRST_ABOVE},
    gc=False,
)
"""By index that is exceeded."""


class Band(msgspec.Struct, gc=False):
    """A concentration in µg/m³, and its bounds."""

    value: float
    lower_80: float
    upper_80: float
    lower_95: float
    upper_95: float


_BAND_FIELDS = len(Band.__struct_fields__)


class Point(msgspec.Struct, omit_defaults=True, gc=False):
    """A lead time: `common.api.schemas.forecast.ForecastPoint`."""

    time: datetime
    lead_hours: int
    aqi: int | None = None
    category: str | None = None
    confidence: float | None = None
    lower_80: int | None = None
    upper_80: int | None = None
    lower_95: int | None = None
    upper_95: int | None = None
    probabilities: Any = None
    exceedance: Any = None
    pm25: Band | None = None


class ServedForecast(msgspec.Struct, frozen=True):
    """The newest live forecast of a city as it is served."""

    city: str
    issued_at: datetime
    origin: datetime
    known_until: datetime
    model_version: str | None
    family: str
    basis: str | None
    source: str | None
    points: list[Point]
    """By lead time"""


def newest_forecasts(
    connection: Connection, cities: Sequence[str], target: str, hours: int, now: datetime
) -> dict[str, ServedForecast]:
    """City → its newest live forecast, however old, up to that lead time; cities that never had one are absent."""
    newest = forecasts.newest_forecasts(connection, cities, target, now, hours=hours)
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
        points=points(stored, hours),
    )


def points(stored: StoredForecast, hours: int) -> list[Point]:
    """The first `hours` lead times of a forecast as they are shown."""
    origin = stored.origin.astimezone(UTC)
    times = [origin + lead for lead in _LEADS[:hours]]
    unknown = [None] * hours
    indices = _indices(stored, hours) if stored.target == "aqi" else [unknown] * _INDEX_FIELDS
    concentrations = stored.pm25 if stored.target == "aqi" else stored.arrays
    pm25 = unknown if concentrations is None else _pm25(concentrations, hours)
    return list(map(Point, times, range(1, hours + 1), *indices, pm25))


def forecast_rows(city: str, target: str, served: ServedForecast, *, simulated: bool) -> Iterator[list[Any]]:
    """A forecast as rows of `common.tables.downloads.FORECAST`; its values are those of `points`."""
    marks = [
        city,
        "in-naqi",
        target,
        simulated,
        *map(utc, (served.issued_at, served.origin, served.known_until)),
        served.model_version,
        served.family,
        served.basis,
        served.source,
    ]
    for point in served.points:
        of_index = (point.aqi, point.category, point.confidence)
        bounds = (point.lower_80, point.upper_80, point.lower_95, point.upper_95)
        yield [
            *marks,
            utc(point.time),
            point.lead_hours,
            *of_index,
            *bounds,
            *_values(point.probabilities, len(_NAMES)),
            *_values(point.exceedance, len(FIRST_ABOVE)),
            *_values(point.pm25, _BAND_FIELDS),
        ]


def _values(of: msgspec.Struct | None, count: int) -> Iterable[Any]:
    """The values of a part of a point, as many None where it is absent."""
    return [None] * count if of is None else msgspec.structs.astuple(of)


def _indices(stored: StoredForecast, hours: int) -> list[Iterable[Any]]:
    """Columns: the index, its category, how likely that is, its bounds, how likely which category and exceedance is."""
    y, *bounds = (whole_indices(stored.arrays[name][:hours]) for name in ARRAYS)
    names = categories("in-naqi")
    shown = [names[index] for index in y]
    chances = stored.categories[:hours]
    if not chances:
        unknown = [None] * hours
        return [y, shown, unknown, *bounds, unknown, unknown]
    by_category = list(zip(*chances, strict=True))
    # Of each category that is beyond any level, how likely it or a worse one is.
    worse = by_category[_FIRST_BEYOND:]
    beyond = list(accumulate(reversed(worse), lambda sums, column: list(map(add, sums, column))))[::-1]
    probabilities = list(map(Probabilities, *map(shares, by_category)))
    confidence = map(getattr, probabilities, [_FIELD_OF[index] for index in y])
    exceedance = map(Exceedance, *(shares(beyond[first - _FIRST_BEYOND]) for first in FIRST_ABOVE.values()))
    return [y, shown, confidence, *bounds, probabilities, exceedance]


def _pm25(arrays: Mapping[str, Sequence[float]], hours: int) -> Iterable[Band]:
    """By lead time; bounds are not below zero."""
    y, *bounds = (all_rounded(arrays[name][:hours], 1) for name in ARRAYS)
    if min(map(min, bounds)) < 0:
        bounds = [[max(bound, 0.0) for bound in array] for array in bounds]
    return map(Band, y, *bounds)


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
    shown = msgspec.structs.asdict(row)
    for name in _TIMES:
        shown[name] = utc(shown[name])
    shown["metrics"] = msgspec.Raw(row.metrics.encode())
    return shown


_JOB_FIELDS = (
    "id", "city", "state", "attempts", "max_attempts", "created_at", "started_at", "finished_at", "retry_at",
    "families", "force", "error", "outcome",
)  # fmt: skip


def job_json(connection: Connection, id_: int, type_: str) -> str | None:
    """JSON object of a job of that type: see `common.api.schemas.models.Job`; None where there is none."""
    row = job_row(connection, id_, type_)
    return None if row is None else _json(shown_job(row))


def job_progress(row: JobRow) -> dict[str, Any]:
    """How a job stands, as whoever asked for it sees it.

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
        "state": state,
        "attempts": row.attempts,
        "created_at": utc(row.created_at),
        "finished_at": utc(row.finished_at),
        "retry_at": utc(row.available_at) if waits and not row.elsewhere else None,
        "error": WORKER_DIED if row.overdue else row.error,
    }


def shown_job(row: JobRow) -> dict[str, Any]:
    """A training as whoever asked for it sees it."""
    order = row.payload
    progress = job_progress(row) | {
        "city": order["city"],
        "max_attempts": row.max_attempts,
        "started_at": utc(row.started_at),
        "families": order.get("families"),
        "force": order.get("force", True),
        "outcome": row.outcome if row.state == "done" else None,
    }
    return {name: progress[name] for name in _JOB_FIELDS}


def _json(content: object) -> str:
    return msgspec.json.encode(content).decode()
