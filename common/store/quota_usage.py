"""How often each source was asked, by all processes together, so that no quota is overdrawn.

Calls are counted by the provider's own weight, under the end of the second in which they were made; once an
hour lies far enough back, its seconds become one row under its end. So a call is forgotten late, never early,
and since windows slide, no minute, hour, day or month of whatever beginning holds more than its limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, literal, select
from sqlalchemy.dialects.postgresql import insert

from common.domain.observation import HOUR
from common.store import sql
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
    _lock(connection, source)
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
    return max(full, key=lambda window: (window.opens is None, window.opens or now), default=None)


def used(
    connection: Connection, source: str, windows: Mapping[timedelta, float], *, now: datetime
) -> dict[timedelta, float]:
    """Window → calls within it up to `now`, and later ones, which another process's clock may have stamped."""
    lengths = sorted(windows)
    if not lengths:
        return {}
    c = source_usage.c
    sums = [
        func.coalesce(func.sum(c.calls).filter(c.until > now - length), literal(0.0)) for length in lengths
    ]
    [row] = run(connection, select(*sums).where(c.source == source, c.until > now - lengths[-1]))
    return dict(zip(lengths, row, strict=True))


def _opens(connection: Connection, source: str, window: timedelta, room: float) -> datetime | None:
    """When at most `room` calls are left in the window: once the last row has gone that is one too many.

    Of a window longer than the time that seconds are told apart, it will then be the row of an hour.
    """
    if room < 0:
        return None
    c = source_usage.c
    since = func.sum(c.calls).over(order_by=c.until.desc()).label("since")
    later = select(c.until, since).where(c.source == source).subquery()
    [(until,)] = run(connection, select(func.max(later.c.until)).where(later.c.since > room))
    if window > _FINE and until != _hour(until):
        until = _hour(until) + HOUR
    opens: datetime = until + window
    return opens


def _hour(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def fold(connection: Connection, source: str, *, now: datetime) -> None:
    """Make one row of each hour that lies back long enough."""
    _lock(connection, source)
    run(connection, sql.load("fold_source_usage"), source=source, fine=now - _FINE)


def _lock(connection: Connection, source: str) -> None:
    """Let nobody else count for the source before this transaction ends."""
    lock = func.pg_advisory_xact_lock(func.hashtext("source_usage"), func.hashtext(source))
    run(connection, select(lock))
