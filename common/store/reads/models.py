"""Models as they are listed."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Select, Text, bindparam, cast, collate, func, literal, select
from sqlalchemy.dialects.postgresql import distinct_on

from common.store.engine import run
from common.store.schema import model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.store.engine import Connection


class ListedModel(Struct, frozen=True):
    """One model."""

    version: str
    city: str
    target: str
    mode: str
    family: str
    status: str
    reason: str
    trained_at: datetime
    window_start: datetime
    window_end: datetime
    samples: int
    features_hash: str
    checksum: str
    promoted_at: datetime | None
    metrics: str
    """JSON object"""


_IDENTITY = [model.c[name] for name in ListedModel.__struct_fields__ if name != "metrics"]
_WITHOUT_LEADS = model.c.metrics.op("-")("by_lead").op("-")("naive")
_FILTERS = ("city", "target", "mode", "family", "status")
_NEWEST: tuple[ColumnElement[Any], ...] = (model.c.trained_at.desc(), collate(model.c.version, "C"))
MOST_COUNTED = 10_000
"""Models are counted so far and no further: the answer must not slow down with the years."""


def models_page(
    connection: Connection, filters: Mapping[str, str | None], *, limit: int, offset: int
) -> tuple[int, list[ListedModel]]:
    """(number of all, but `MOST_COUNTED` at most; one page), newest first; metrics without the leads."""
    values = {name: value for name in _FILTERS if (value := filters.get(name)) is not None}
    count, page = _page(tuple(values))
    rows = run(connection, page, **values, limit=limit, offset=offset)
    total = rows[0][-1] if rows else run(connection, count, **values)[0][0]
    return total, [ListedModel(*columns) for *columns, _ in rows]


@cache
def _page(names: tuple[str, ...]) -> tuple[Select[Any], Select[Any]]:
    """Statements for how many models have these values, and for a page of them with their number behind each.

    They are made once: to put them together takes longer than to run them.
    """
    chosen = [model.c[name] == bindparam(name) for name in names]
    some = select(literal(1)).select_from(model).where(*chosen).limit(MOST_COUNTED).subquery()
    count = select(func.count()).select_from(some)
    page = (
        select(*_IDENTITY, cast(_WITHOUT_LEADS, Text), count.scalar_subquery())
        .where(*chosen)
        .order_by(*_NEWEST)
        .limit(bindparam("limit"))
        .offset(bindparam("offset"))
    )
    return count, page


def latest_trainings(connection: Connection, city: str, target: str) -> dict[str, ListedModel]:
    """Family → its latest live model."""
    c = model.c
    latest = (
        select(*_IDENTITY, cast(model.c.metrics, Text))
        .where(c.city == city, c.target == target, c.mode == "live")
        .ext(distinct_on(c.family))
        .order_by(c.family, *_NEWEST)
    )
    rows = [ListedModel(*row) for row in run(connection, latest)]
    return {row.family: row for row in sorted(rows, key=lambda row: row.family)}


def champion_since(connection: Connection, city: str, target: str) -> tuple[str, str, datetime | None] | None:
    """(version, family, when promoted) of the live champion."""
    c = model.c
    champion = select(c.version, c.family, c.promoted_at).where(
        c.city == city, c.target == target, c.mode == "live", c.status == "champion"
    )
    rows = run(connection, champion)
    return (rows[0][0], rows[0][1], rows[0][2]) if rows else None
