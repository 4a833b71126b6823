"""Hold an archive against its manifest, and its manifests against each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from common.archive import manifest as manifests
from common.domain.errors import DataError, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from common.archive.manifest import Entry, Manifest
    from common.ports import PublishedFiles


@dataclass(frozen=True, slots=True)
class Verified:
    """What was looked at, and what is wrong with it: a sentence each, none where all is well."""

    files: int
    bytes: int
    manifests: int
    manifest: str
    """Hash of the manifest in force"""
    faults: list[str] = field(default_factory=list)


def manifest_at(files: PublishedFiles) -> tuple[Manifest, bytes]:
    """The manifest in force and its bytes.

    Raises:
        NotFound: when there is no archive.
        DataError: when the manifest is damaged, or of another version.
        StoreError: when the store cannot be reached.
    """
    there = manifests.latest(files)
    if there is None:
        raise NotFound(f"there is no archive at that address: it has no {manifests.MANIFEST}")
    return there


def verify(
    files: PublishedFiles, *, progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None
) -> Verified:
    """Read every file, and every manifest back to the first.

    Raises:
        NotFound, DataError, StoreError: as `manifest_at` does.
    """
    manifest, data = manifest_at(files)
    faults: list[str] = []
    for done, entry in enumerate(manifest.files):
        progress(entry.path, done, len(manifest.files))
        faults += file_faults(files, entry)
    progress("manifests", len(manifest.files), len(manifest.files))
    faults += _chain_faults(files, manifest, data)
    return Verified(
        files=len(manifest.files),
        bytes=sum(entry.bytes for entry in manifest.files),
        manifests=manifest.number,
        manifest=manifests.sha256(data),
        faults=faults,
    )


def file_faults(files: PublishedFiles, entry: Entry, data: bytes | None = None) -> list[str]:
    """What is wrong with a file; `data`: its bytes, where they are at hand."""
    if data is None:
        try:
            data = files.get(entry.path)
        except NotFound:
            return [f"{entry.path} is missing"]
    if len(data) != entry.bytes:
        return [f"{entry.path} has {len(data)} bytes in place of {entry.bytes}"]
    if manifests.sha256(data) != entry.sha256:
        return [f"{entry.path} was changed: its SHA-256 is not the one in the manifest"]
    return []


def _chain_faults(files: PublishedFiles, manifest: Manifest, data: bytes) -> Iterator[str]:
    own = manifests.path_of(manifest.number, data)
    try:
        if files.get(own) != data:
            yield f"{own} is not the same as {manifests.MANIFEST}"
    except NotFound:
        yield f"{own} is missing: {manifests.MANIFEST} was changed, or its lasting copy is gone"
    while manifest.previous is not None:
        link, number = manifest.previous, manifest.number
        try:
            earlier = files.get(link.path)
        except NotFound:
            yield f"the chain is cut: {link.path}, which manifest {number} names, is missing"
            return
        if manifests.sha256(earlier) != link.sha256:
            yield f"the chain is cut: {link.path} is not the one that manifest {number} names"
            return
        try:
            manifest = manifests.decode(earlier, link.path)
        except DataError as error:
            yield f"the chain cannot be followed: {error}"
            return
        if manifest.number != number - 1:
            yield f"the chain is cut: {link.path} has the number {manifest.number} in place of {number - 1}"
            return
    if manifest.number != 1:
        yield f"the chain is cut: manifest {manifest.number} names none before it"
