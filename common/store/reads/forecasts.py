"""Issued forecasts as they are stored."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.json import decode
from sqlalchemy import func, select

from common.domain.forecast import HORIZON
from common.store import sql
from common.store.engine import run, with_columns
from common.store.schema import forecast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from common.store.engine import Connection
    from common.store.verification import Span

ARRAYS = ("y", "lo80", "hi80", "lo95", "hi95")


class StoredForecast(Struct, frozen=True):
    """The newest live forecast of a city; with an AQI the PM2.5 one of the same origin, if there is one.

    Arrays have one value a lead time, the first for origin + 1 h.
    """

    city: str
    issued_at: datetime
    origin: datetime
    known_until: datetime
    model_version: str | None
    family: str
    basis: str | None
    source: str | None
    target: str
    arrays: dict[str, list[float]]
    """`ARRAYS`"""
    categories: list[list[float]]
    """Probability of each category, lead by lead; empty unless the target is ``aqi``"""
    pm25: dict[str, list[float]] | None
    """`ARRAYS` of PM2.5 beside an AQI"""


def newest_forecasts(
    connection: Connection, cities: Sequence[str], target: str, now: datetime, *, hours: int = HORIZON
) -> dict[str, StoredForecast]:
    """City → the first `hours` of its newest live forecast, however old; cities that never had one are absent."""
    rows = run(connection, _NEWEST, cities=sql.text_array(tuple(cities)), target=target, now=now, hours=hours)
    newest = {}
    for row in rows:
        arrays, chances, pm25 = row[-3:]
        decoded = _named(arrays), decode(chances), None if pm25 is None else _named(pm25)
        newest[row[0]] = StoredForecast(*(*row[:-3], *decoded))
    return newest


def _named(arrays: str) -> dict[str, list[float]]:
    return dict(zip(ARRAYS, decode(arrays), strict=True))


# As text of JSON: the driver reads arrays of numbers in Python, and JSON three times as slowly.
_NEWEST = with_columns(
    sql.load("newest_forecasts", arrays=", ".join(f"{name}[1:CAST(:hours AS int)]" for name in ARRAYS)),
    *StoredForecast.__struct_fields__,
)


def forecast_span(connection: Connection, span: Span) -> tuple[datetime, datetime] | None:
    """First and last origin of the forecasts of a time, of whatever family."""
    c = forecast.c
    ends = select(func.min(c.origin), func.max(c.origin)).where(
        c.city == span.city,
        c.target == span.target,
        c.mode == span.mode,
        c.origin > span.start,
        c.origin <= span.end,
    )
    [(first, last)] = run(connection, ends)
    return None if first is None else (first, last)
