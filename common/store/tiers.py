"""The three tiers of servers, and what each of them does by itself.

``plain``: PostgreSQL. ``apache``: TimescaleDB's Apache edition, which has hypertables and drops whole chunks.
``community``: TimescaleDB's own licence, which also compresses and has background jobs. Queries and answers are the
same on all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sqlalchemy.exc import DBAPIError

from common.domain.errors import ConfigError
from common.store.engine import run

if TYPE_CHECKING:
    from sqlalchemy import Connection

Tier = Literal["plain", "apache", "community"]
TIERS: tuple[Tier, ...] = ("plain", "apache", "community")
"""From the least to the most."""

HYPERTABLES = {
    "reading": "city, source, station",
    "reading_revision": "city, source, station",
    "weather_forecast": "city, source",
    "city_hour": "city",
}
"""Tables cut into chunks of time, and the columns by which their chunks are compressed."""

RAW = ("reading", "reading_revision", "weather_forecast")
"""Tables that are kept for the raw retention only."""


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Intervals, in days, of what the server does by itself where it can."""

    chunk: int = 7
    compress_after: int = 7
    retain_raw: int = 90


def detect(connection: Connection) -> Tier:
    """What the server offers; the extension is made where it is loaded and we may."""
    if not _has_extension(connection):
        [(loaded,)] = run(connection, "SELECT current_setting('shared_preload_libraries')")
        # Without the library loaded, CREATE EXTENSION cuts the connection.
        if "timescaledb" not in loaded or not _try(connection, "CREATE EXTENSION IF NOT EXISTS timescaledb"):
            return "plain"
    [(licence,)] = run(connection, "SELECT current_setting('timescaledb.license', true)")
    # The setting can say so while the library is missing: then every statement of it fails.
    if licence == "timescale" and _try(connection, "SELECT 1 / _timescaledb_functions.tsl_loaded()::int"):
        return "community"
    return "apache"


def install(connection: Connection, upkeep: Upkeep) -> Tier:
    """Make of the tables what the server's tier allows, and record the tier; safe to run again.

    Raises:
        ConfigError: when the server offers less than it did: compressed chunks would be unreadable.
    """
    tier = detect(connection)
    before = recorded(connection)
    if before is not None and TIERS.index(tier) < TIERS.index(before):
        raise ConfigError(
            f"this database was set up on a server of tier '{before}', this server offers '{tier}' only; "
            "move it with pg_dump and pg_restore, or serve it by the former server"
        )
    if tier != "plain":
        for table in HYPERTABLES:
            _hypertable(connection, table, upkeep.chunk)
    if tier == "community":
        for table, segments in HYPERTABLES.items():
            _let_compress(connection, table, segments, upkeep.compress_after)
        for table in RAW:
            _try(
                connection,
                f"SELECT add_retention_policy('{table}', make_interval(days => :days), if_not_exists => true)",
                days=upkeep.retain_raw,
            )
    run(
        connection,
        """
        INSERT INTO meta (key, value) VALUES ('tier', :tier)
        ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE meta.value <> excluded.value
        """,
        tier=tier,
    )
    return tier


def recorded(connection: Connection) -> Tier | None:
    """The tier at the latest migration; None before the first."""
    rows = run(connection, "SELECT value FROM meta WHERE key = 'tier'")
    return rows[0][0] if rows else None


def _has_extension(connection: Connection) -> bool:
    return bool(run(connection, "SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'"))


def _hypertable(connection: Connection, table: str, chunk_days: int) -> None:
    run(
        connection,
        """
        SELECT create_hypertable(CAST(:table AS regclass), by_range('time', make_interval(days => :days)),
          if_not_exists => true, migrate_data => true, create_default_indexes => false)
        """,
        table=table,
        days=chunk_days,
    )
    run(
        connection,
        "SELECT set_chunk_time_interval(CAST(:table AS regclass), make_interval(days => :days))",
        table=table,
        days=chunk_days,
    )


def _let_compress(connection: Connection, table: str, segments: str, after_days: int) -> None:
    if _try(
        connection,
        f"ALTER TABLE {table} SET (timescaledb.compress, timescaledb.compress_segmentby = '{segments}', "
        "timescaledb.compress_orderby = 'time DESC')",
    ):
        _try(
            connection,
            f"SELECT add_compression_policy('{table}', make_interval(days => :days), if_not_exists => true)",
            days=after_days,
        )


def _try(connection: Connection, sql: str, **params: object) -> bool:
    """Run a statement that the server may refuse; what was done before stands in either case."""
    try:
        with connection.begin_nested():
            run(connection, sql, **params)
    except DBAPIError:
        return False
    return True
