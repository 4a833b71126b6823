"""What providers said of the hours to come, kept as it came: one row a city, provider and round of its model.

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

from common.domain.observation import HOUR, POLLUTANTS, VARIABLES, WEATHER, Outlook, hour_ending
from common.store.engine import run

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from common.store.engine import Connection

Kind = Literal["air", "weather"]
KINDS: Mapping[Kind, tuple[str, ...]] = {"air": POLLUTANTS, "weather": WEATHER}

WEATHER_KEPT = timedelta(days=430)
"""For so long the weather's are kept: training looks back 400 days."""

_COLUMNS = ", ".join(VARIABLES)
_TYPES = ", ".join(f"{name} real[]" for name in VARIABLES)
_DUE = """
SELECT issue.city, issue.source, issue.kind, issue.issued_at
FROM jsonb_to_recordset(CAST(:issues AS jsonb)) AS issue(
  city text, source text, kind text, issued_at timestamptz, known int)
WHERE NOT EXISTS (
  SELECT FROM provider_forecast WHERE provider_forecast.city = issue.city AND provider_forecast.source = issue.source
    AND provider_forecast.kind = issue.kind AND provider_forecast.received_at >= issue.issued_at
    AND provider_forecast.issued_at = issue.issued_at AND provider_forecast.known * 10 >= issue.known * 9)
"""
_INSERT = f"""
INSERT INTO provider_forecast (city, source, kind, received_at, issued_at, first, known, {_COLUMNS})
SELECT city, source, kind, :now, issued_at, first, known, {_COLUMNS}
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS new(
  city text, source text, kind text, issued_at timestamptz, first timestamptz, known int, {_TYPES})
ORDER BY city, source, kind
ON CONFLICT (city, source, kind, received_at) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Received:
    """One row: what was received at a time, from `first`, the end of an Indian hour, hour by hour."""

    source: str
    received_at: datetime
    first: datetime
    values: dict[str, list[float | None]]
    """Variable → values; a variable that was not told is absent, and lists may end earlier than others."""


def insert_provider_forecasts(connection: Connection, outlooks: Iterable[Outlook], *, now: datetime) -> None:
    """Keep what has been received at `now`; nothing that is kept changes, and the same again adds nothing.

    Of a round that is kept, another row is only added where a tenth more of it came than before.
    """
    issues = _issues(outlooks)
    if not issues:
        return
    asked = [
        {"city": city, "source": source, "kind": kind, "issued_at": issued_at.isoformat(), "known": known}
        for (city, source, kind, issued_at), hours in issues.items()
        if (known := sum(map(len, hours.values())))
    ]
    rows = [
        _row(city, source, kind, issued_at, issues[city, source, kind, issued_at])
        for city, source, kind, issued_at in run(connection, _DUE, issues=json.dumps(asked))
    ]
    if rows:
        run(connection, _INSERT, rows=msgspec.json.encode(rows).decode(), now=now)


_Issue = tuple[str, str, str, datetime]


def _issues(outlooks: Iterable[Outlook]) -> dict[_Issue, dict[datetime, dict[str, float]]]:
    """(city, source, kind, issued_at) → time → variable → value."""
    issues: dict[_Issue, dict[datetime, dict[str, float]]] = defaultdict(dict)
    for outlook in outlooks:
        for kind, names in KINDS.items():
            values = {name: outlook.values[name] for name in names if name in outlook.values}
            if values:
                issues[outlook.city, outlook.source, kind, outlook.issued_at][outlook.time] = values
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
    found: dict[str, list[Received]] = {city: [] for city in cities}
    values = ", ".join(f"'{name}', {name}" for name in names)
    rows = run(
        connection,
        f"""
        SELECT {"DISTINCT ON (city, source)" if newest else ""} city, source, received_at, first,
          json_strip_nulls(json_build_object({values}))::text
        FROM provider_forecast
        WHERE city = ANY(CAST(:cities AS text[])) AND kind = :kind AND received_at > :start AND received_at <= :end
          AND num_nonnulls({", ".join(names)}) > 0
        ORDER BY city, source, received_at {"DESC" if newest else ""}
        """,
        cities=list(found),
        kind=kind,
        start=start,
        end=end,
    )
    for city, source, received_at, first, text in rows:
        found[city].append(Received(source, received_at, hour_ending(first), json.loads(text)))
    return found
