"""Write an archive, or bring one up to date: files that changed, under new names, and the manifest last of all.

A file's name has its hash in it, so that what the manifest in force names is never written over: cut off anywhere, an
export leaves the last archive whole. Files that the last two manifests do not name are then deleted.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from common.archive import manifest as manifests
from common.archive.columns import TABLES, tables_of
from common.archive.files import WRITERS
from common.archive.frames import read_rows
from common.archive.manifest import Entry, Link, Manifest
from common.domain.cities import all_cities
from common.domain.errors import DataError, StoreError
from common.store.archive import Part, copy_out, parts
from common.store.data_version import versions
from common.store.dataset_kind import dataset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from common.archive.columns import DataTable
    from common.ports import ObjectStore
    from common.store.engine import Database

FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
FORMATS = tuple(WRITERS)


@dataclass(frozen=True, slots=True)
class Selection:
    """What is exported; `cities` and `what` narrow down what is brought up to date, the others what there is."""

    format: str = "parquet"
    what: tuple[str, ...] = ()
    cities: tuple[str, ...] = ()
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Provenance:
    """What is known of the sources of the rows."""

    left_out: tuple[str, ...]
    """Providers that forbid to pass their data on"""
    attributions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export did."""

    files: int
    """In the archive"""
    written: int
    rows: int
    """In the archive"""
    bytes: int
    deleted: int
    manifest: str
    """Its hash: note it elsewhere, and the archive cannot be changed unseen"""
    left: tuple[str, ...] = ()
    """Cities of which a file is not up to date, since there was no more time"""


def export(
    database: Database,
    files: ObjectStore,
    selection: Selection,
    provenance: Provenance,
    *,
    now: datetime,
    progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
    out_of_time: Callable[[], bool] = lambda: False,
) -> Exported:
    """Write what is not in the archive yet; `progress` is called with (what, done, total) in files.

    `out_of_time` is asked before every file but the first. Once it says so, no more are written: the archive is whole,
    with what there is, and `Exported.left` names the cities to go on with.

    Raises:
        DataError: when the archive there is of another version, format or span of time.
        ConfigError: when it is of the other kind of data, simulated or real.
        StoreError: when the database or the object store cannot be reached, or another export ended meanwhile.
    """
    before = manifests.latest(files)
    with database.transaction() as connection:
        number = versions(connection).data
        simulated = dataset(connection) == "simulated"
    if before is not None:
        _refuse_other(before[0], selection, simulated=simulated)
    entries = {} if before is None else {(e.table, e.city, e.year): e for e in before[0].files}
    written, left = 0, dict[str, None]()
    for done, total, table, part, entry in _due(database, selection, provenance, entries):
        progress(f"{table.name} {part.city} {part.year}", done, total)
        if entry is None and (left or (written and out_of_time())):
            left[part.city] = None
        elif entry is None:
            entries[table.name, part.city, part.year] = _write(
                database, files, table, part, selection, provenance.left_out
            )
            written += 1
        progress(f"{table.name} {part.city} {part.year}", done + 1, total)
    known = (now, number, simulated)
    return _close(files, before, list(entries.values()), selection, provenance, known, tuple(left))


def _refuse_other(there: Manifest, selection: Selection, *, simulated: bool) -> None:
    span = (_iso(selection.start), _iso(selection.end))
    if (there.format, there.start, there.end) != (selection.format, *span):
        held = f"{there.format} from {there.start or 'the beginning'} to {there.end or 'the present'}"
        raise DataError(
            f"there is an archive of {held} at that address; choose another address, or the same span"
        )
    if there.simulated != simulated and there.files:
        kinds = ("real", "simulated")
        raise DataError(
            f"the archive there holds {kinds[there.simulated]} data, and this database {kinds[simulated]}; "
            "choose another address"
        )


def _due(
    database: Database,
    selection: Selection,
    provenance: Provenance,
    entries: dict[tuple[str, str, int], Entry],
) -> Iterator[tuple[int, int, DataTable, Part, Entry | None]]:
    """(how many were before, of how many, table, part, its entry where it is still right); gone ones are dropped."""
    cities = selection.cities or tuple(city.name for city in all_cities())
    listed: list[tuple[DataTable, Part]] = []
    with database.transaction() as connection:
        for table in tables_of(selection.what):
            there = parts(
                connection,
                table.name,
                cities=cities,
                start=selection.start or FIRST,
                end=selection.end or LAST,
                without=provenance.left_out,
            )
            listed += [(table, part) for part in there]
    listed.sort(key=lambda each: each[1].city)  # so that what is left, once time is up, is of few cities
    present = {(table.name, part.city, part.year) for table, part in listed}
    chosen = {table.name for table in tables_of(selection.what)}
    for key in [k for k in entries if k[0] in chosen and k[1] in cities and k not in present]:
        del entries[key]
    for done, (table, part) in enumerate(listed):
        entry = entries.get((table.name, part.city, part.year))
        same = entry is not None and (entry.stored_rows, entry.changed_at) == (
            part.rows,
            _iso(part.changed_at),
        )
        yield done, len(listed), table, part, entry if same else None


def _months(year: int, selection: Selection) -> Iterator[tuple[datetime, datetime]]:
    """The months of a year as far as they are wanted: so much is held in memory at once."""
    for month in range(1, 13):
        start = datetime(year, month, 1, tzinfo=UTC)
        end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
        start, end = max(start, selection.start or FIRST), min(end, selection.end or LAST)
        if start < end:
            yield start, end


def _write(
    database: Database,
    files: ObjectStore,
    table: DataTable,
    part: Part,
    selection: Selection,
    left_out: Sequence[str],
) -> Entry:
    rows = 0
    with tempfile.TemporaryDirectory(prefix="vayu-archive-") as folder:
        path = Path(folder) / f"part.{selection.format}"
        writer = WRITERS[selection.format](path, table)
        with database.transaction() as connection:
            for start, end in _months(part.year, selection):
                piece = read_rows(table, copy_out(connection, table.name, part.city, start, end, left_out))
                if piece.num_rows:
                    writer.write(piece)
                    rows += piece.num_rows
        writer.close()
        data = path.read_bytes()
    digest = manifests.sha256(data)
    key = f"{table.name}/city={part.city}/year={part.year}/part-{digest[:12]}.{selection.format}"
    files.put(key, data)
    return Entry(
        path=key,
        table=table.name,
        city=part.city,
        year=part.year,
        bytes=len(data),
        rows=rows,
        sha256=digest,
        stored_rows=part.rows,
        changed_at=_iso(part.changed_at) or "",
    )


def _close(
    files: ObjectStore,
    before: tuple[Manifest, bytes] | None,
    entries: list[Entry],
    selection: Selection,
    provenance: Provenance,
    known: tuple[datetime, int, bool],
    left: tuple[str, ...],
) -> Exported:
    """Switch to the new manifest, and delete what neither it nor the one before names, once nothing is left to do."""
    now, data_version, simulated = known
    order = list(TABLES)
    entries.sort(key=lambda entry: (order.index(entry.table), entry.city, entry.year))
    old = None if before is None else before[0]
    manifest = Manifest(
        version=manifests.VERSION,
        number=1 if old is None else old.number + 1,
        created_at=_iso(now) or "",
        data_version=data_version,
        simulated=simulated,
        format=selection.format,
        start=_iso(selection.start),
        end=_iso(selection.end),
        previous=None
        if before is None
        else Link(manifests.path_of(before[0].number, before[1]), manifests.sha256(before[1])),
        schema=manifests.schema(),
        left_out=list(provenance.left_out),
        files=entries,
    )
    written = len({entry.path for entry in entries} - {entry.path for entry in (old.files if old else ())})
    data = manifests.encode(manifest)
    path = manifests.path_of(manifest.number, data)
    files.put(path, data)
    for schema_path, schema in manifests.table_schemas(selection.format).items():
        files.put(schema_path, schema)
    files.put("datapackage.json", manifests.datapackage(manifest, provenance.attributions))
    files.put("SHA256SUMS", manifests.sums(manifest, path, data))
    there = manifests.latest(files)
    if (there and there[1]) != (before and before[1]):
        raise StoreError(
            "another export to this archive ended meanwhile; nothing of this one counts: try again"
        )
    files.put(manifests.MANIFEST, data)
    # Whoever reads by a manifest has until the last part of what follows it.
    deleted = 0 if left else _delete_needless(files, [*entries, *(old.files if old else ())])
    return Exported(
        files=len(entries),
        written=written,
        rows=sum(entry.rows for entry in entries),
        bytes=sum(entry.bytes for entry in entries),
        deleted=deleted,
        manifest=manifests.sha256(data),
        left=left,
    )


def _delete_needless(files: ObjectStore, needed: Iterable[Entry]) -> int:
    """Who began to read by the manifest before can go on; only files that an export wrote are looked at."""
    paths = {entry.path for entry in needed}
    gone = [key for name in TABLES for key in files.list(name) if "/part-" in key and key not in paths]
    for key in gone:
        files.delete(key)
    return len(gone)


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.astimezone(UTC).isoformat().replace("+00:00", "Z")
