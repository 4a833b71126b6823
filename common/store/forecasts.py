"""Forecasts as issued, and the truth beside them once it is known: the record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.dialects.postgresql import insert

from common.domain.forecast import UNSEEN_FOR, is_unseen
from common.store import sql
from common.store.engine import run
from common.store.schema import forecast
from common.store.score_aggregates import roll_up

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from common.domain.forecast import Mode
    from common.store.engine import Connection


@dataclass(frozen=True, slots=True)
class IssuedForecast:
    """One forecast of one target for one city; every array has 48 values, the first for origin + 1 h."""

    city: str
    target: str
    mode: Mode
    issued_at: datetime
    origin: datetime
    """End of the last hour that was over when it was issued."""
    known_until: datetime
    """The last hour whose value was known; before `origin` where data came late."""
    model_version: str | None
    family: str
    inputs_hash: str
    basis: str | None
    source: str | None
    y: list[float]
    lo80: list[float]
    hi80: list[float]
    lo95: list[float]
    hi95: list[float]
    categories: list[list[float]]
    """Probability of each of the six categories, lead by lead; empty unless the target is ``aqi``."""
    persistence: list[float]
    daily: list[float]
    mean24: list[float]
    weekly: list[float]
    """Null in rows issued by versions that did not make it"""


def insert_forecast(connection: Connection, issued: IssuedForecast) -> bool:
    """Keep a forecast as issued; False, and nothing changed, where one of the same origin is kept already."""
    values = {column.name: getattr(issued, column.name) for column in forecast.columns}
    new = insert(forecast).values(values).on_conflict_do_nothing()
    return bool(run(connection, new.returning(forecast.c.origin)))


def issued_between(
    connection: Connection,
    city: str,
    target: str,
    *,
    mode: Mode,
    after: datetime,
    before: datetime,
    apart: int,
) -> bytes:
    """Forecasts with origin in (after, before), the last of each `apart` hours counted back from the newest.

    Oldest first, in the server's own form, whose numbers cost little to read: of each, as int4 the hours from its
    origin until `before` and from the last hour known to it until its origin; then, as array_send writes it, an
    array of 240 float4: y, lo95, lo80, hi80, hi95.
    """
    [(issued,)] = run(
        connection,
        sql.load("issued_forecasts"),
        city=city,
        target=target,
        mode=mode,
        after=after,
        before=before,
        apart=apart,
    )
    return issued or b""


def unseen_by_forecasts(connection: Connection, now: datetime) -> list[str]:
    """Names of the cities that could be forecast, and have hours later than those their latest forecast knew."""
    rows = run(connection, sql.load("newest_and_known_hours"), now=now, after=now - UNSEEN_FOR)
    return sorted({city for city, newest, known_until in rows if is_unseen(newest, known_until)})


def score(
    connection: Connection,
    *,
    mode: Mode,
    now: datetime,
    reach_hours: int = 24 * 7,
    cities: Sequence[str] | None = None,
) -> int:
    """Set the truth known at `now` beside the forecasts of the last `reach_hours`, those of `cities` or of all; how
    many changed.

    Days that have settled are rolled up, so that the record stays quick to read.
    """
    changed = len(
        run(
            connection,
            sql.load("score_forecasts"),
            mode=mode,
            now=now,
            reach=f"{reach_hours} hours",
            cities=None if cities is None else list(cities),
        )
    )
    roll_up(connection, mode=mode, now=now)
    return changed
