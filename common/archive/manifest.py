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
    """`datapackage.json`, by the rules of Frictionless Data Package 1."""
    by_table = {name: [entry for entry in manifest.files if entry.table == name] for name in TABLES}
    package = {
        "profile": "data-package",
        "name": "vayu-archive",
        "title": "Air quality of 56 Indian cities: hours, forecasts as issued, and how they did"
        + (" (SIMULATED, not measured)" if manifest.simulated else ""),
        "created": manifest.created_at,
        "sources": [{"title": attribution} for attribution in attributions],
        "resources": [
            _resource(TABLES[name], entries, manifest.format) for name, entries in by_table.items() if entries
        ],
    }
    return msgspec.json.format(msgspec.json.encode(package), indent=1) + b"\n"


def _resource(table: DataTable, entries: list[Entry], format_: str) -> dict[str, Any]:
    return {
        "profile": "tabular-data-resource" if format_ == "csv" else "data-resource",
        "name": table.name,
        "title": table.title,
        "path": [entry.path for entry in entries],
        "format": format_,
        "schema": {
            "fields": [
                {
                    "name": field.name,
                    "type": _TYPES[field.kind],
                    "description": field.meaning + (f" ({field.unit})" if field.unit else ""),
                }
                | ({"constraints": {"required": True}} if field.required else {})
                for field in table.fields
            ],
            "primaryKey": list(table.key),
            "missingValues": [""],
        },
    }
