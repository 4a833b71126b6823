"""What each forecast was made of: the experts' own forecasts as issued, and their weights."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import and_, delete, select
from sqlalchemy.dialects.postgresql import insert

from common.domain.forecast import HORIZON, NAIVE
from common.store import sql
from common.store.engine import run
from common.store.schema import forecast, forecast_expert

if TYPE_CHECKING:
    from datetime import datetime

    from common.domain.forecast import Mode
    from common.store.engine import Connection

EXPERTS_KEPT = timedelta(days=60)
"""As far back as weights are learnt from."""


class IssuedExperts(msgspec.Struct, frozen=True):
    """The experts of one forecast."""

    names: tuple[str, ...]
    """The last ones are the naive forecasts, `NAIVE`"""
    y: Sequence[float]
    """48 values of each expert but the naive ones, one after the other; nan where it says nothing"""
    weights: Sequence[float]
    """Of each expert, for each block of lead times after the other"""


_BETWEEN = sql.load("issued_experts", naive=" || ".join(NAIVE), horizon=str(HORIZON))


def insert_experts(
    connection: Connection, city: str, target: str, mode: Mode, *, origin: datetime, experts: IssuedExperts
) -> None:
    """Keep what a forecast was made of, which must be kept before; nothing changes where it is kept already."""
    new = insert(forecast_expert).values(
        city=city,
        target=target,
        mode=mode,
        origin=origin,
        names=list(experts.names),
        y=list(experts.y),
        weights=list(experts.weights),
    )
    run(connection, new.on_conflict_do_nothing())


def experts_between(
    connection: Connection,
    city: str,
    target: str,
    *,
    mode: Mode,
    after: datetime,
    before: datetime,
    apart: int,
) -> list[tuple[tuple[str, ...], bytes]]:
    """Experts of the forecasts with origin in (after, before), the last of each `apart` hours back from the newest.

    By the names of the experts; oldest first, in the server's own form, whose numbers cost little to read: of each
    forecast, as int4 the hours from its origin until `before`; then, as array_send writes it, an array of float4: 48
    values of each expert, and those of what was served.
    """
    rows = run(
        connection, _BETWEEN, city=city, target=target, mode=mode, after=after, before=before, apart=apart
    )
    return [(tuple(names.split(",")), values) for names, values in rows]


def experts_of(connection: Connection, city: str, target: str, origin: datetime) -> IssuedExperts | None:
    """Those of one live forecast, here with the naive ones in `y`; None where they are not kept any more."""
    served, expert = forecast.c, forecast_expert.c
    key = [served[name] == expert[name] for name in ("city", "target", "mode", "origin")]
    rows = run(
        connection,
        select(expert.names, expert.y, *(served[name] for name in NAIVE), expert.weights)
        .join_from(forecast_expert, forecast, and_(*key))
        .where(expert.city == city, expert.target == target, expert.mode == "live", expert.origin == origin),
    )
    if not rows:
        return None
    names, y, *naive, weights = rows[0]
    values = chain(y, *(values or () for values in naive))
    return IssuedExperts(tuple(names), [*map(float, values)], [*map(float, weights)])


def drop_old_experts(connection: Connection, *, now: datetime) -> int:
    """Forget the experts of forecasts that weights are no longer learnt from; how many."""
    old = delete(forecast_expert).where(forecast_expert.c.origin < now - EXPERTS_KEPT)
    return len(run(connection, old.returning(forecast_expert.c.origin)))
