"""The record from an archive, into a database that is migrated and holds no other data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from common.archive.columns import TABLES
from common.archive.frames import for_copy, schema_of
from common.archive.verify import file_faults, manifest_at
from common.domain.errors import DataError
from common.domain.forecast import HORIZON
from common.store.archive import copy_in
from common.store.dataset_kind import claim_dataset

if TYPE_CHECKING:
    from collections.abc import Callable

    from common.archive.columns import DataTable
    from common.archive.manifest import Entry
    from common.ports import PublishedFiles
    from common.store.engine import Database


@dataclass(frozen=True, slots=True)
class Restored:
    """Rows in the archive, and those of the database that were not there before, by table."""

    files: int
    created_at: str
    """When the archive was made"""
    rows: dict[str, int] = field(default_factory=dict)
    new: dict[str, int] = field(default_factory=dict)


def restore(
    database: Database,
    files: PublishedFiles,
    *,
    progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
) -> Restored:
    """Insert what is not there; what is there stays as it is, so that a second time changes nothing.

    Each file is a transaction: cut off, the next restore goes on.

    Raises:
        NotFound: when there is no archive.
        DataError: when it is of another version or format, has other columns, or a file is damaged.
        ConfigError: when the database holds the other kind of data, simulated or real.
        StoreError: when the database or the object store cannot be reached.
    """
    manifest, _ = manifest_at(files)
    if manifest.format != "parquet":
        raise DataError(
            f"this archive is of {manifest.format} files; a record is restored from Parquet alone: "
            "give the address of an archive that was exported with --format parquet"
        )
    with database.transaction() as connection:
        claim_dataset(connection, "simulated" if manifest.simulated else "real")
    done = Restored(files=len(manifest.files), created_at=manifest.created_at)
    for name, table in TABLES.items():
        done.rows[name] = done.new[name] = 0
        for entry in (entry for entry in manifest.files if entry.table == name):
            progress(f"{name} {entry.city} {entry.year}", sum(done.rows.values()), _total(manifest.files))
            data = files.get(entry.path)
            if faults := file_faults(files, entry, data):
                raise DataError(f"{faults[0]}; what was restored before stays. vayu verify names all faults")
            done.new[name] += _insert(database, table, data, entry.path)
            done.rows[name] += entry.rows
    progress("restored", _total(manifest.files), _total(manifest.files))
    return done


def _total(entries: list[Entry]) -> int:
    return sum(entry.rows for entry in entries)


def _insert(database: Database, table: DataTable, data: bytes, path: str) -> int:
    source = pq.ParquetFile(pa.BufferReader(data))
    missing = set(schema_of(table).names) - set(source.schema_arrow.names)
    if missing:
        raise DataError(f"{path} lacks the columns {', '.join(sorted(missing))}: it is of another version")
    inserted = 0
    with database.transaction() as connection:
        for group in range(source.num_row_groups):
            rows = source.read_row_group(group)
            if "lead" in rows.column_names and rows.num_rows % HORIZON:
                raise DataError(f"{path} holds forecasts that are not whole: it is damaged")
            inserted += copy_in(connection, table.name, *for_copy(table, rows))
    return inserted
