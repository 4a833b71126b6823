"""What was filled: source, city and UTC day; and who is filling now."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from typing import TYPE_CHECKING

from sqlalchemy import ARRAY, Date, Text, cast, func, literal, select, text
from sqlalchemy.dialects.postgresql import insert

from common.store.engine import run
from common.store.schema import TIME, backfilled

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
    run(connection, text("SET LOCAL idle_in_transaction_session_timeout = '1h'"))
    lock = func.pg_try_advisory_xact_lock(func.hashtext("backfill"), func.hashtext(source))
    [(claimed,)] = run(connection, select(lock))
    return bool(claimed)


def mark_filled(
    connection: Connection, source: str, cities: Iterable[str], days: Sequence[date], *, now: datetime
) -> None:
    """Note that the source was asked for these whole days of these cities and answered."""
    pairs = sorted(product(cities, days))
    pair = (
        func.unnest(
            cast([city for city, _ in pairs], ARRAY(Text)), cast([day for _, day in pairs], ARRAY(Date))
        )
        .table_valued("city", "day")
        .render_derived()
    )
    each = select(literal(source), pair.c.city, pair.c.day, literal(now, TIME))
    new = insert(backfilled).from_select(["source", "city", "day", "filled_at"], each)
    key = [backfilled.c.source, backfilled.c.city, backfilled.c.day]
    run(
        connection,
        new.on_conflict_do_update(index_elements=key, set_={"filled_at": new.excluded.filled_at}),
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
    """City → its days from `first` to `last` that need not be asked for, by the rule of `is_filled`."""
    rows = run(
        connection,
        select(backfilled.c.city, backfilled.c.day, backfilled.c.filled_at).where(
            backfilled.c.source == source,
            backfilled.c.city == func.any(cast(list(cities), ARRAY(Text))),
            backfilled.c.day.between(first, last),
        ),
    )
    days: dict[str, set[date]] = defaultdict(set)
    for city, day, filled_at in rows:
        if is_filled(day, filled_at, settles_days=settles_days, now=now):
            days[city].add(day)
    return days


def is_filled(day: date, filled_at: datetime, *, settles_days: int, now: datetime) -> bool:
    """Whether a day need not be asked for again.

    Not one that was asked for once it had settled, `settles_days` after its end; nor, for `RECENT`, any other.
    """
    settled = datetime.combine(day, time(), UTC) + timedelta(days=settles_days + 1)
    return filled_at >= settled or filled_at > now - RECENT
