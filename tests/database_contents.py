"""What a database holds, to be compared with what comes back: rows, and what TimescaleDB keeps beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.store.engine import run

if TYPE_CHECKING:
    from collections.abc import Collection

    from common.store.engine import Database

_TABLES = """
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'm', 'p')
"""
_OF_TIMESCALE = {
    "hypertables": "hypertable_name, num_dimensions, num_chunks, compression_enabled",
    "dimensions": "hypertable_name, column_name, time_interval",
    "chunks": "hypertable_name, chunk_name, range_start, range_end, is_compressed",
    "continuous_aggregates": "view_name, materialized_only, view_definition",
    "jobs": "proc_name, hypertable_name, schedule_interval, config",
}
"""View of timescaledb_information -> the columns that a restore must bring back."""


def contents(database: Database, *, without: Collection[str] = ()) -> dict[str, Any]:
    """Table or view -> number of its rows and a sum of their hashes; with TimescaleDB, its hypertables, chunks,
    continuous aggregates and jobs. `without`: tables that are left out."""
    held: dict[str, Any] = {}
    with database.patient().transaction() as connection:
        for (table,) in run(connection, _TABLES):
            if table not in without:
                [row] = run(
                    connection,
                    f"SELECT count(*), sum(hashtextextended(t::text, 0)) FROM {table} AS t",  # noqa: S608
                )
                held[table] = tuple(row)
        if run(connection, "SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'"):
            for view, columns in _OF_TIMESCALE.items():
                rows = run(connection, f"SELECT {columns} FROM timescaledb_information.{view}")  # noqa: S608
                held[f"timescaledb: {view}"] = sorted(map(str, rows))
    return held
