"""What says what an archive holds: `manifest.json`, a chain of hashes; `SHA256SUMS`; `datapackage.json`."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from common.archive.columns import TABLES
from common.domain.errors import DataError, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable

    from common.archive.columns import DataTable
    from common.ports import PublishedFiles

VERSION = "vayu-archive/1"
MANIFEST = "manifest.json"
_TYPES = {"text": "string", "time": "datetime", "integer": "integer", "number": "number", "json": "string"}


class Entry(msgspec.Struct, frozen=True):
    """One file."""

    path: str
    table: str
    city: str
    year: int
    bytes: int
    rows: int
    sha256: str
    stored_rows: int
    """Rows of the database that it was made from; below, when the last changed: what a later export compares"""
    changed_at: str


class Link(msgspec.Struct, frozen=True):
    """A manifest by its own path, and the hash of its bytes."""

    path: str
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What an archive held at a time."""

    version: str
    number: int
    """1, 2, 3 …: the length of the chain"""
    created_at: str
    data_version: int
    """Of the database when this was written; files of cities that were not chosen, or left for later, may be older"""
    simulated: bool
    format: str
    start: str | None
    """From when on there are rows; None: from the beginning. `end`: before when"""
    end: str | None
    previous: Link | None
    schema: dict[str, list[dict[str, str]]]
    """Table → its columns: name, type, and unit where it has one"""
    left_out: list[str]
    """Providers that forbid to pass their data on"""
    files: list[Entry]


def sha256(data: bytes) -> str:
    """The hash of these bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def schema() -> dict[str, list[dict[str, str]]]:
    """The columns of every table."""
    return {table.name: [_column(field) for field in table.fields] for table in TABLES.values()}


def _column(field: Any) -> dict[str, str]:
    return {"name": field.name, "type": field.kind} | ({"unit": field.unit} if field.unit else {})


def encode(manifest: Manifest) -> bytes:
    """As it is stored."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def path_of(number: int, data: bytes) -> str:
    """Where the manifest of that number and those bytes stays for good."""
    return f"manifests/{number:06}-{sha256(data)[:12]}.json"


def decode(data: bytes, path: str) -> Manifest:
    """A manifest from its bytes.

    Raises:
        DataError: when it is none, or one of another version of the format.
    """
    try:
        version = msgspec.json.decode(data).get("version")
    except (msgspec.DecodeError, AttributeError) as error:
        raise DataError(f"{path} is damaged: it is no manifest") from error
    if version != VERSION:
        raise DataError(
            f"{path} is of version {str(version)[:40]!r}; this release of Vayu reads {VERSION}: "
            "use the release that wrote the archive, or export it anew"
        )
    try:
        return msgspec.json.decode(data, type=Manifest)
    except msgspec.ValidationError as error:
        raise DataError(f"{path} is damaged: {error}") from error


def latest(files: PublishedFiles) -> tuple[Manifest, bytes] | None:
    """The manifest in force and its bytes; None where there is no archive yet.

    Raises:
        DataError: as `decode` does.
        StoreError: when the store cannot be reached.
    """
    try:
        data = files.get(MANIFEST)
    except NotFound:
        return None
    return decode(data, MANIFEST), data


def sums(manifest: Manifest, path: str, data: bytes) -> bytes:
    """`SHA256SUMS` of the files and the manifest under its lasting name, as ``sha256sum -c`` reads it."""
    lines = [f"{entry.sha256}  {entry.path}\n" for entry in manifest.files]
    return "".join([*lines, f"{sha256(data)}  {path}\n"]).encode()


def datapackage(manifest: Manifest, attributions: Iterable[str]) -> bytes:
    """`datapackage.json`, by the rules of Frictionless Data Package 1: a resource a file, since the standard joins the
    files of one resource byte by byte. Without bytes and hashes: frictionless cannot tell those of Parquet."""
    package = {
        "profile": "data-package",
        "name": "vayu-archive",
        "title": "Air quality of 56 Indian cities: hours, forecasts as issued, and how they did"
        + (" (SIMULATED, not measured)" if manifest.simulated else ""),
        "created": manifest.created_at,
        "sources": [{"title": attribution} for attribution in attributions],
        "resources": [_resource(entry, manifest.format) for entry in manifest.files],
    }
    return msgspec.json.format(msgspec.json.encode(package), indent=1) + b"\n"


def table_schemas(format_: str) -> dict[str, bytes]:
    """Path → the columns of a table in files of that format, to which the resources of `datapackage` refer."""
    return {
        _schema_path(name): msgspec.json.format(msgspec.json.encode(_table_schema(table, format_)), indent=1)
        + b"\n"
        for name, table in TABLES.items()
    }


def _schema_path(table: str) -> str:
    return f"schemas/{table}.json"


def _resource(entry: Entry, format_: str) -> dict[str, Any]:
    resource = {
        "profile": "tabular-data-resource" if format_ == "csv" else "data-resource",
        "name": f"{entry.table}-{entry.city.lower().replace(' ', '-')}-{entry.year}",
        "title": f"{TABLES[entry.table].title}: {entry.city}, {entry.year}",
        "path": entry.path,
        "format": format_,
        "schema": _schema_path(entry.table),
    }
    return resource | ({"dialect": {"excel": {"sheet": entry.table}}} if format_ == "xlsx" else {})


def _table_schema(table: DataTable, format_: str) -> dict[str, Any]:
    return {
        "fields": [described for field in table.fields for described in _described(field, format_)],
        "primaryKey": list(table.key),
        # Parquet is read by way of pandas, which has names of its own for what is not known.
        "missingValues": ["", "nan", "NaT"] if format_ == "parquet" else [""],
    }


def _described(field: Any, format_: str) -> list[dict[str, Any]]:
    column = {
        "name": field.name,
        "type": _TYPES[field.kind],
        "description": field.meaning + (f" ({field.unit})" if field.unit else ""),
    } | ({"constraints": {"required": True}} if field.required else {})
    if format_ != "xlsx" or field.kind != "time":
        return [column]
    return [column, column | {"name": f"{field.name}_ist", "description": f"{field.name} in Indian time"}]
