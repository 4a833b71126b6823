"""All cities at a glance, as they are shown."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from msgspec import to_builtins

from common.api.serialize_forecasts import points
from common.api.serialize_values import age_minutes, index_category, utc
from common.domain.cities import all_cities
from common.domain.forecast import HORIZON
from common.domain.observation import HOUR
from common.store.reads.forecasts import newest_forecasts
from common.store.reads.hours import indices_between, latest_indices

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from common.domain.aqi import Standard
    from common.store.engine import Connection
    from common.store.reads.forecasts import StoredForecast

_HOURS = 24
"""Of the trend, and of the forecast that is looked at."""


def overview_cities(
    connection: Connection,
    standard: Standard,
    as_of: datetime,
    *,
    stale_index: timedelta,
    stale_forecast: timedelta,
) -> list[dict[str, Any]]:
    """The fields of `OverviewCity` of every city, as of the end of an hour.

    An index older than `stale_index` is stale, and so is a forecast issued longer ago than `stale_forecast`.
    """
    names = [city.name for city in all_cities()]
    latest = latest_indices(connection, names, standard, as_of)
    indices = indices_between(connection, names, standard, as_of - _HOURS * HOUR, as_of)
    forecasts = newest_forecasts(connection, names, "aqi", as_of) if standard == "in-naqi" else {}
    shown = []
    for city in all_cities():
        newest, issued = latest.get(city.name), forecasts.get(city.name)
        shown.append(
            {
                "name": city.name,
                "slug": city.slug,
                "state": city.state,
                "latitude": city.latitude,
                "longitude": city.longitude,
                "aliases": city.aliases,
                "latest": newest
                and {
                    "aqi": newest.aqi,
                    "category": index_category(newest.aqi, standard),
                    "dominant_pollutant": newest.dominant,
                    "timestamp": utc(newest.time),
                    "age_minutes": age_minutes(as_of, newest.time),
                    "stale": as_of - newest.time > stale_index,
                    "source": newest.source,
                    "basis": newest.basis,
                },
                "trend": _trend(indices.get(city.name), as_of),
                "forecast": issued and _ahead(issued, as_of, stale_forecast),
            }
        )
    return shown


def _trend(indices: Mapping[datetime, int] | None, as_of: datetime) -> dict[str, Any] | None:
    if indices is None:
        return None
    hours = (as_of - ago * HOUR for ago in reversed(range(_HOURS)))
    return {"end": as_of, "aqi": [indices.get(hour) for hour in hours]}


def _ahead(issued: StoredForecast, as_of: datetime, stale: timedelta) -> dict[str, Any] | None:
    """The fields of `Ahead`; None where the forecast has run out."""
    hours = [point for point in points(issued, HORIZON) if as_of < point.time <= as_of + _HOURS * HOUR]
    if not hours:
        return None
    peak = max(hours, key=attrgetter("aqi"))
    likely = [to_builtins(point.exceedance) for point in hours if point.exceedance is not None]
    return {
        "issued_at": utc(issued.issued_at),
        "stale": as_of - issued.issued_at > stale,
        "naive": issued.family == "naive",
        "peak": {
            name: getattr(peak, name)
            for name in ("time", "lead_hours", "aqi", "category", "lower_80", "upper_80")
        },
        "exceedance": {level: max(row[level] for row in likely) for level in likely[0]} if likely else None,
    }
