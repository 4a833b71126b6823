"""What was filled: source, city and UTC day; and who is filling now."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from common.store.engine import run

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from common.store.engine import Connection

RECENT = timedelta(hours=3)
"""For so long a day that could still change when it was asked for is not asked for again.

Without it, a backfill that is cut short, or two at once, would ask for the last days over and over.
"""


def claim(connection: Connection, source: str) -> bool:
    """Whether nobody else fills from the source; then nobody else will before this transaction ends.

    It ends with the process that is in it, however that ends; one that was only frozen loses it in the end.
    """
    run(connection, "SET LOCAL idle_in_transaction_session_timeout = '1h'")
    rows = run(
        connection, "SELECT pg_try_advisory_xact_lock(hashtext('backfill'), hashtext(:source))", source=source
    )
    return bool(rows[0][0])


def mark_filled(
    connection: Connection, source: str, cities: Iterable[str], days: Sequence[date], *, now: datetime
) -> None:
    """Note that the source was asked for these whole days of these cities and answered."""
    run(
        connection,
        """
        INSERT INTO backfilled (source, city, day, filled_at)
        SELECT :source, city, CAST(day AS date), :now
        FROM jsonb_array_elements_text(CAST(:cities AS jsonb)) AS city,
             jsonb_array_elements_text(CAST(:days AS jsonb)) AS day
        ORDER BY city, day
        ON CONFLICT (source, city, day) DO UPDATE SET filled_at = excluded.filled_at
        """,
        source=source,
        cities=json.dumps(list(cities)),
        days=json.dumps([day.isoformat() for day in days]),
        now=now,
    )


def filled(
    connection: Connection,
    source: str,
    cities: Sequence[str],
    first: date,
    last: date,
    *,
    settles_days: int,
    now: datetime,
) -> dict[str, set[date]]:
    """City → its days from `first` to `last` that need not be asked for.

    Those asked for once they had settled, `settles_days` after their end; and, for `RECENT`, the others.
    """
    rows = run(
        connection,
        """
        SELECT city, json_agg(day)::text FROM backfilled
        WHERE source = :source AND city = ANY(CAST(:cities AS text[])) AND day BETWEEN :first AND :last
          AND (filled_at >= (day + CAST(:settles AS integer) + 1)::timestamp AT TIME ZONE 'UTC' OR filled_at > :recent)
        GROUP BY city
        """,
        source=source,
        cities=list(cities),
        first=first,
        last=last,
        settles=settles_days,
        recent=now - RECENT,
    )
    found: dict[str, set[date]] = defaultdict(set)
    for city, days in rows:
        found[city] = {date.fromisoformat(day) for day in json.loads(days)}
    return found
