"""How an index is shown: with its category and its age."""

from datetime import UTC, datetime, timedelta
from typing import Any

from common.domain.aqi import Standard, category

STALE = timedelta(hours=2)


def index(
    standard: Standard,
    now: datetime,
    *,
    time: datetime,
    aqi: int | None,
    dominant: str | None,
    basis: str | None,
) -> dict[str, Any]:
    """The fields of `Index` for an hour as it stands at `now`."""
    age = now - time
    return {
        "aqi": aqi,
        "category": None if aqi is None else category(aqi, standard),
        "dominant_pollutant": dominant,
        "timestamp": utc(time),
        "age_minutes": age // timedelta(minutes=1),
        "stale": age > STALE,
        "basis": basis,
    }


def utc(time: datetime) -> datetime:
    """`time` in UTC to the second, so that it is written with a ``Z``."""
    return time.astimezone(UTC).replace(microsecond=0)
