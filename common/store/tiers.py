"""The three tiers of servers, and what each of them does by itself.

``plain``: PostgreSQL. ``apache``: TimescaleDB's Apache edition, which has hypertables and drops whole chunks.
``community``: TimescaleDB's own licence, which also compresses, keeps continuous aggregates and has background
jobs. Queries and answers are the same on all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from aws_lambda_powertools import Logger
from sqlalchemy.exc import DBAPIError

from common.domain.errors import ConfigError, StoreError
from common.store.engine import run
from common.store.errors import message, sqlstate
from common.store.facts import fact, set_fact
from common.store.timescale import DAILY, features

if TYPE_CHECKING:
    from common.store.engine import Connection
    from common.store.timescale import Feature

log = Logger(service="vayu", child=True)

Tier = Literal["plain", "apache", "community"]
TIERS: tuple[Tier, ...] = ("plain", "apache", "community")
"""From the least to the most."""

CHUNKED = {
    "reading": ("city", "source, station, time DESC"),
    "reading_revision": ("city", "source, station, time DESC, replaced_at DESC"),
    "city_hour": ("city", "time DESC"),
    "city_hour_revision": ("city", "time DESC, replaced_at DESC"),
}
"""Tables cut into chunks of time: the columns that a compressed batch shares, and the order within it."""

RAW = ("reading", "reading_revision")
"""Tables that are kept for the raw retention only."""

_UNSUPPORTED = "0A000"
_CANNOT_MAKE = (_UNSUPPORTED, "42501", "58P01")
"""Why the extension cannot be made: not there for this server, or not by this user."""
_LOADED = (
    "SELECT 1 FROM pg_settings WHERE name = 'timescaledb.max_background_workers' AND vartype = 'integer'"
)
"""Every role may read it, unlike the list of what is loaded; where only the configuration names it, it is a string."""
_NO_LIBRARY = (_UNSUPPORTED, "42883", "58P01")
"""What asking the library for itself may answer where it is missing."""


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Intervals, in days, of what the server does by itself where it can."""

    chunk: int = 7
    compress_after: int = 7
    retain_raw: int = 90

    def check(self, tier: Tier) -> None:
        """See that the intervals make sense together on such a server.

        Raises:
            ConfigError: when raw rows would be gone before a chunk of them is whole, or before it is compressed.
        """
        if tier != "plain" and self.chunk > self.retain_raw:
            raise ConfigError(
                f"VAYU_CHUNK_INTERVAL ({self.chunk} days) must not be longer than VAYU_RETAIN_RAW "
                f"({self.retain_raw} days): only whole chunks are dropped without a trace"
            )
        if tier == "community" and self.compress_after >= self.retain_raw:
            raise ConfigError(
                f"VAYU_COMPRESS_AFTER ({self.compress_after} days) must be shorter than VAYU_RETAIN_RAW "
                f"({self.retain_raw} days): raw readings would be dropped before they are compressed"
            )


def detect(connection: Connection) -> Tier:
    """What the server offers; the extension is made where it is loaded and we may."""
    if not _has_extension(connection):
        # Without the library loaded, CREATE EXTENSION cuts the connection.
        if not run(connection, _LOADED):
            return "plain"
        refusal = _refusal(connection, "CREATE EXTENSION IF NOT EXISTS timescaledb", but_for=_CANNOT_MAKE)
        if refusal is not None:
            log.warning("this server has TimescaleDB, but we cannot make the extension", reason=refusal)
            return "plain"
    [(licence,)] = run(connection, "SELECT current_setting('timescaledb.license', true)")
    # The setting can say so while the library is missing: then every statement of it fails.
    if licence == "timescale" and _has_library(connection):
        return "community"
    return "apache"


def install(connection: Connection, upkeep: Upkeep) -> Tier:
    """Make of the tables what the server's tier allows, and record the tier; safe to run again.

    Raises:
        ConfigError: when the server offers less than it did: compressed chunks would be unreadable. Or when
            the intervals of `upkeep` contradict each other.
    """
    tier = detect(connection)
    before = recorded(connection)
    if before is not None and TIERS.index(tier) < TIERS.index(before):
        raise ConfigError(
            f"this database was set up on a server of tier '{before}', this server offers '{tier}' only; "
            "move it with pg_dump and pg_restore, or serve it by the former server"
        )
    upkeep.check(tier)
    if tier != "plain":
        for table in CHUNKED:
            _hypertable(connection, table, upkeep.chunk)
    if tier == "community":
        for feature in features(
            CHUNKED, RAW, compress_after=upkeep.compress_after, retain_raw=upkeep.retain_raw
        ):
            refusal = offer(connection, feature)
            if refusal is not None:
                log.warning("this server does without a feature", feature=feature.name, reason=refusal)
    set_fact(connection, "tier", tier)
    return tier


def offer(connection: Connection, feature: Feature) -> str | None:
    """Have the server do it by itself, all of it or nothing; why it refuses to, or None."""
    if feature is DAILY and keeps_days(connection):
        return None
    return _refusal(connection, *feature.statements, but_for=(_UNSUPPORTED,))


def recorded(connection: Connection) -> Tier | None:
    """The tier at the latest migration; None before the first."""
    return cast("Tier | None", fact(connection, "tier"))


def keeps_days(connection: Connection) -> bool:
    """Whether the server keeps the daily means by itself."""
    return bool(
        run(connection, "SELECT 1 FROM pg_class WHERE oid = to_regclass('city_day') AND relkind = 'v'")
    )


def chunked(connection: Connection) -> bool:
    """Whether the tables are cut into chunks."""
    return recorded(connection) not in (None, "plain")


def _has_extension(connection: Connection) -> bool:
    return bool(run(connection, "SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'"))


def _has_library(connection: Connection) -> bool:
    probe = "DO $$ BEGIN IF NOT _timescaledb_functions.tsl_loaded() THEN RAISE feature_not_supported; END IF; END $$"
    return _refusal(connection, probe, but_for=_NO_LIBRARY) is None


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


def _refusal(connection: Connection, *statements: str, but_for: tuple[str, ...]) -> str | None:
    """Run statements that the server may refuse; why it did, or None. What was done before stands in either case.

    Raises:
        DBAPIError, StoreError: when it fails for another reason than those of `but_for`, which are SQLSTATEs.
    """
    try:
        with connection.begin_nested():
            for statement in statements:
                run(connection, statement)
    except (DBAPIError, StoreError) as error:
        if sqlstate(error) not in but_for:
            raise
        return f"{sqlstate(error)}: {message(error)}"
    return None
