"""How each source did at each run: the ground of its health, and of leaving it alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import ARRAY, Text, cast, func, select
from sqlalchemy.dialects.postgresql import insert

from common.store.engine import run
from common.store.sanitize import sanitize
from common.store.schema import source_run

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from common.store.engine import Connection


@dataclass(frozen=True, slots=True)
class SourceRun:
    """One run of a source; `reason` and `message` only where it failed."""

    source: str
    started_at: datetime
    finished_at: datetime
    readings: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    """Reason → readings"""
    latest: datetime | None = None
    """Its newest reading's time"""
    reason: str | None = None
    message: str | None = None
    rests_until: datetime | None = None


def record_run(connection: Connection, done: SourceRun) -> None:
    """Keep one run."""
    message = sanitize(done.message)[:300] if done.message else None
    values = asdict(done) | {"rejected": dict(done.rejected), "message": message}
    run(connection, insert(source_run).values(values).on_conflict_do_nothing())


def failed_before(connection: Connection, source: str, started_at: datetime) -> tuple[int, int]:
    """How many runs have failed since the last that went well, and in how many hours other than this one's.

    Only runs before `started_at` count, and not those that our own count of calls refused.
    """
    [(runs, hours)] = run(
        connection,
        """
        SELECT count(*), count(DISTINCT hour) FILTER (WHERE hour <> date_trunc('hour', :started_at, 'UTC'))
        FROM (
          SELECT date_trunc('hour', started_at, 'UTC') AS hour FROM source_run
          WHERE source = :source AND started_at < :started_at AND reason <> 'spent' AND started_at > COALESCE(
            (SELECT max(started_at) FROM source_run
             WHERE source = :source AND started_at < :started_at AND reason IS NULL), '-infinity')) AS failed
        """,
        source=source,
        started_at=started_at,
    )
    return runs, hours


def lock_sources(connection: Connection, sources: Iterable[str]) -> None:
    """Let nobody else who calls this record runs of these sources before this transaction ends."""
    ordered = func.unnest(cast(sorted(sources), ARRAY(Text))).column_valued("source")
    run(connection, select(func.pg_advisory_xact_lock(func.hashtext("source_run"), func.hashtext(ordered))))


def failing(connection: Connection, sources: Iterable[str]) -> dict[str, str]:
    """Source → why its latest failed run failed, of those of `sources` that are failing.

    A source begins to fail with the run that has the circuit breaker leave it alone, and is back with the first run
    that goes well. Runs that our own count of calls refused say nothing of it.
    """
    rows = run(
        connection,
        """
        SELECT name, reason FROM unnest(CAST(:sources AS text[])) AS name CROSS JOIN LATERAL (
          SELECT bool_or(rests_until IS NOT NULL) AS rested, (array_agg(reason ORDER BY started_at DESC))[1] AS reason
          FROM source_run WHERE source = name AND reason <> 'spent' AND started_at > COALESCE(
            (SELECT max(started_at) FROM source_run WHERE source = name AND reason IS NULL), '-infinity')) AS failed
        WHERE rested
        """,
        sources=list(sources),
    )
    return dict(map(tuple, rows))


def resting(connection: Connection, sources: Iterable[str], now: datetime) -> dict[str, datetime]:
    """Source → until when it is left alone, of those of `sources` that are at `now`."""
    rows = run(
        connection,
        """
        SELECT name, rests_until
        FROM unnest(CAST(:sources AS text[])) AS name CROSS JOIN LATERAL (
          SELECT rests_until FROM source_run WHERE source = name AND started_at <= :now
          ORDER BY started_at DESC LIMIT 1) AS latest
        WHERE rests_until > :now
        """,
        sources=list(sources),
        now=now,
    )
    return dict(rows)
