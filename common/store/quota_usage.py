"""How often each source was asked, by all processes together, so that no quota is overdrawn.

Calls are counted by the provider's own weight, under the end of the second in which they were made; once an
hour lies far enough back, its seconds become one row under its end. So a call is forgotten late, never early,
and since windows slide, no minute, hour, day or month of whatever beginning holds more than its limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy.dialects.postgresql import insert

from common.store.engine import run
from common.store.schema import source_usage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from common.store.engine import Connection

_FINE = timedelta(hours=2)
"""How long seconds are told apart: no window between this and a day may be asked about."""


@dataclass(frozen=True, slots=True)
class Full:
    """A window that has no room for a call."""

    window: timedelta
    used: float
    limit: float
    opens: datetime | None
    """When it has room, if nothing else is called meanwhile; None: never, the call alone is beyond the limit."""


def reserve(
    connection: Connection, source: str, calls: float, limits: Mapping[timedelta, float], *, now: datetime
) -> Full | None:
    """Count `calls` of now where all windows have room for them: window → most calls in it.

    Else nothing is counted, and the window is told that has room last. Whoever else counts for the source
    waits until this transaction ends.
    """
    run(
        connection, "SELECT pg_advisory_xact_lock(hashtext('source_usage'), hashtext(:source))", source=source
    )
    # A statement of its own: its snapshot must be younger than the lock.
    full = room(connection, source, calls, limits, now=now)
    if full is not None:
        return full
    second = now.replace(microsecond=0) + timedelta(seconds=1)
    new = insert(source_usage).values(source=source, until=second, calls=calls)
    more = {"calls": source_usage.c.calls + new.excluded.calls}
    run(connection, new.on_conflict_do_update(index_elements=["source", "until"], set_=more))
    return None


def room(
    connection: Connection, source: str, calls: float, limits: Mapping[timedelta, float], *, now: datetime
) -> Full | None:
    """What `reserve` would tell, without counting anything."""
    spent = used(connection, source, limits, now=now)
    full = [
        Full(window, spent[window], limit, _opens(connection, source, window, limit - calls))
        for window, limit in limits.items()
        if spent[window] + calls > limit
    ]
    return max(full, key=lambda one: (one.opens is None, one.opens or now), default=None)


def used(
    connection: Connection, source: str, windows: Mapping[timedelta, float], *, now: datetime
) -> dict[timedelta, float]:
    """Window → calls within it up to `now`, and later ones, which another process's clock may have stamped."""
    lengths = sorted(windows)
    sums = ", ".join(
        f"COALESCE(sum(calls) FILTER (WHERE until > CAST(:now AS timestamptz) - CAST(:w{i} AS interval)), 0)"
        for i in range(len(lengths))
    )
    if not lengths:
        return {}
    [row] = run(
        connection,
        f"""
        SELECT {sums} FROM source_usage
        WHERE source = :source AND until > CAST(:now AS timestamptz) - CAST(:longest AS interval)
        """,
        source=source,
        now=now,
        longest=lengths[-1],
        **{f"w{i}": length for i, length in enumerate(lengths)},
    )
    return dict(zip(lengths, row, strict=True))


def _opens(connection: Connection, source: str, window: timedelta, room: float) -> datetime | None:
    """When at most `room` calls are left in the window: once the last row has gone that is one too many.

    Of a window longer than the time that seconds are told apart, it will then be the row of an hour.
    """
    if room < 0:
        return None
    hour = "date_trunc('hour', until - interval '1 microsecond', 'UTC') + interval '1 hour'"
    stamp = "until" if window <= _FINE else hour
    [(until,)] = run(
        connection,
        f"""
        SELECT max({stamp}) FROM (
          SELECT until, sum(calls) OVER (ORDER BY until DESC) AS since FROM source_usage WHERE source = :source
        ) AS later WHERE since > :room
        """,
        source=source,
        room=room,
    )
    opens: datetime = until + window
    return opens


def fold(connection: Connection, source: str, *, now: datetime) -> None:
    """Make one row of each hour that lies back long enough."""
    run(
        connection, "SELECT pg_advisory_xact_lock(hashtext('source_usage'), hashtext(:source))", source=source
    )
    run(
        connection,
        """
        WITH old AS (
          DELETE FROM source_usage
          WHERE source = :source AND until <= date_trunc('hour', CAST(:fine AS timestamptz), 'UTC')
            AND until <> date_trunc('hour', until, 'UTC')
          RETURNING date_trunc('hour', until, 'UTC') + interval '1 hour' AS until, calls
        )
        INSERT INTO source_usage (source, until, calls)
        SELECT :source, until, sum(calls) FROM old GROUP BY until
        ON CONFLICT (source, until) DO UPDATE SET calls = source_usage.calls + excluded.calls
        """,
        source=source,
        fine=now - _FINE,
    )
