"""Forecasts of providers, stored as they came: one row a city, provider and round of its model.

Each variable is an array of hours from ``first`` on. A row never changes, and says when it was received: nothing that
reads it for a moment of the past is given what had not been received by then. The same round comes hour after hour;
only the first answer that is (nearly) whole is kept.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

import msgspec
from sqlalchemy import ARRAY, Text, cast, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from common.domain.observation import HOUR, POLLUTANTS, VARIABLES, WEATHER, ProviderForecast, hour_ending
from common.store import sql
from common.store.engine import run
from common.store.schema import provider_forecast

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from common.store.engine import Connection

Kind = Literal["air", "weather"]
KINDS: Mapping[Kind, tuple[str, ...]] = {"air": POLLUTANTS, "weather": WEATHER}

WEATHER_KEPT = timedelta(days=430)
"""For so long the weather's are kept: training looks back 400 days."""

_NEW = sql.load("new_provider_forecasts")
_INSERT = sql.load(
    "insert_provider_forecasts",
    columns=", ".join(VARIABLES),
    types=", ".join(f"{name} real[]" for name in VARIABLES),
)


@dataclass(frozen=True, slots=True)
class Received:
    """One row: what was received at a time, from `first`, the end of an Indian hour, hour by hour."""

    source: str
    received_at: datetime
    first: datetime
    values: dict[str, list[float | None]]
    """Variable → values; a variable that was not forecast is absent, and lists may end earlier than others."""


def insert_provider_forecasts(
    connection: Connection, forecasts: Iterable[ProviderForecast], *, now: datetime
) -> None:
    """Keep what has been received at `now`; nothing that is kept changes, and the same again adds nothing.

    Of a round that is kept, another row is only added where a tenth more of it came than before.
    """
    issues = _issues(forecasts)
    if not issues:
        return
    offered = [
        {"city": city, "source": source, "kind": kind, "issued_at": issued_at.isoformat(), "known": known}
        for (city, source, kind, issued_at), hours in issues.items()
        if (known := sum(map(len, hours.values())))
    ]
    rows = [
        _row(city, source, kind, issued_at, issues[city, source, kind, issued_at])
        for city, source, kind, issued_at in run(connection, _NEW, issues=json.dumps(offered))
    ]
    if rows:
        run(connection, _INSERT, rows=msgspec.json.encode(rows).decode(), now=now)


_Issue = tuple[str, str, str, datetime]


def _issues(forecasts: Iterable[ProviderForecast]) -> dict[_Issue, dict[datetime, dict[str, float]]]:
    """(city, source, kind, issued_at) → time → variable → value."""
    issues: dict[_Issue, dict[datetime, dict[str, float]]] = defaultdict(dict)
    for forecast in forecasts:
        for kind, names in KINDS.items():
            values = {name: forecast.values[name] for name in names if name in forecast.values}
            if values:
                issues[forecast.city, forecast.source, kind, forecast.issued_at][forecast.time] = values
    return issues


def _row(
    city: str, source: str, kind: str, issued_at: datetime, hours: Mapping[datetime, Mapping[str, float]]
) -> dict[str, object]:
    first = min(hours)
    table: dict[str, list[float | None]] = {}
    length = int((max(hours) - first) / HOUR) + 1
    for time, values in hours.items():
        for name, value in values.items():
            table.setdefault(name, [None] * length)[int((time - first) / HOUR)] = value
    return {
        "city": city,
        "source": source,
        "kind": kind,
        "issued_at": issued_at,
        "first": first,
        "known": sum(map(len, hours.values())),
        **table,
    }


def provider_forecasts_between(
    connection: Connection,
    cities: Sequence[str],
    kind: Kind,
    names: Sequence[str],
    start: datetime,
    end: datetime,
    *,
    newest: bool = False,
) -> dict[str, list[Received]]:
    """City → what had been received in (start, end], oldest first; of each source only the `newest`, if so asked."""
    unknown = set(names) - set(KINDS[kind])
    if unknown:
        raise ValueError(f"no such columns: {sorted(unknown)}")
    c = provider_forecast.c
    columns = [c[name] for name in names]
    within = (c.received_at > start, c.received_at <= end)
    rows = (
        select(c.city, c.source, c.received_at, c.first, *(func.array_to_json(column) for column in columns))
        .where(c.city == func.any(cast(list(cities), ARRAY(Text))), c.kind == kind, *within)
        .where(func.num_nonnulls(*columns) > 0)
        .order_by(c.city, c.source, c.received_at.desc() if newest else c.received_at)
    )
    received: dict[str, list[Received]] = {city: [] for city in cities}
    for city, source, received_at, first, *values in run(
        connection, rows.ext(distinct_on(c.city, c.source)) if newest else rows
    ):
        present = {name: value for name, value in zip(names, values, strict=True) if value is not None}
        received[city].append(Received(source, received_at, hour_ending(first), present))
    return received
