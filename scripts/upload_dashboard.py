"""Bring the built dashboard into the bucket that a distribution serves it from.

    make dashboard && .venv/bin/python scripts/upload_dashboard.py s3://BUCKET

Credentials are the platform's own. Every object says how long it holds and how it is compressed, as the API's process
does when it serves the same files. `index.html` comes last: whoever has the page of before still finds its parts, for
what the last release had is kept until the next. What neither release has is deleted.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import obstore
from obstore.store import from_url
from whitenoise.media_types import MediaTypes

from common.api.middleware.dashboard import FOREVER, IMMUTABLE, MEDIA_TYPES
from common.config import DASHBOARD

if TYPE_CHECKING:
    from obstore import Attributes
    from obstore.store import ObjectStore

RELEASE = ".release"
"""Object that lists the files of the last release."""
LAST = "index.html"


def attributes(name: str, media_types: MediaTypes) -> Attributes:
    """What an object says of itself."""
    compressed = name.endswith(".br")
    plain = name.removesuffix(".br")
    media_type = media_types.get_type(plain)
    given: dict[str, Any] = {
        "Content-Type": f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type,
        "Cache-Control": FOREVER if IMMUTABLE.fullmatch(f"/{plain}") else "no-cache",
    }
    return cast("Attributes", given | ({"Content-Encoding": "br"} if compressed else {}))


def upload(folder: Path, store: ObjectStore) -> tuple[int, int]:
    """Upload a release; how many files it has, and how many older ones were deleted.

    Raises:
        FileNotFoundError: when the folder holds no built dashboard.
    """
    files = {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        # CloudFront compresses by gzip by itself.
        if path.is_file() and path.suffix != ".gz" and not path.relative_to(folder).as_posix().startswith(".")
    }
    if LAST not in files:
        raise FileNotFoundError(f"there is no built dashboard in {folder}; build it: make dashboard")
    media_types = MediaTypes(extra_types=MEDIA_TYPES)

    def put(name: str) -> None:
        obstore.put(store, name, files[name].read_bytes(), attributes=attributes(name, media_types))

    before = _release(store)
    pages = [name for name in files if name.removesuffix(".br") == LAST]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, sorted(files.keys() - set(pages))))
    for name in sorted(pages):
        put(name)
    deleted = 0
    if before != files.keys():
        present = {entry["path"] for entry in obstore.list(store).collect()}
        for name in sorted(present - files.keys() - before - {RELEASE}):
            obstore.delete(store, name)
            deleted += 1
        obstore.put(
            store, RELEASE, "\n".join(sorted(files)).encode(), attributes={"Content-Type": "text/plain"}
        )
    return len(files), deleted


def _release(store: ObjectStore) -> set[str]:
    try:
        return set(bytes(obstore.get(store, RELEASE).bytes()).decode().splitlines())
    except FileNotFoundError:
        return set()


def main() -> None:
    """Upload to the address that the command line names."""
    parser = ArgumentParser(description="Upload the built dashboard.")
    parser.add_argument("url", help="s3://BUCKET, where the dashboard's distribution reads it")
    parser.add_argument("--folder", type=Path, default=DASHBOARD, help="default: %(default)s")
    options = parser.parse_args()
    try:
        number, deleted = upload(options.folder, from_url(options.url, client_options={"allow_http": True}))
    except FileNotFoundError as error:
        sys.exit(f"error: {error}")
    print(f"{number} files are in {options.url}; {deleted} of older releases were deleted.")


if __name__ == "__main__":
    main()
