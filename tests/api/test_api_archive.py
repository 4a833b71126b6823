"""The archive over HTTP: its manifest, its files whole and by pieces, and nothing else of what lies there."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from api_rows import problem_of, url
from factories import air, keep_and_reconcile, series

from common.adapters.object_store import UrlObjectStore
from common.adapters.postgres.queue import PostgresQueue
from common.api import ApiContext, create_app
from common.api.context import Policy
from common.archive.export import Selection
from common.domain.cities import all_cities
from common.services.archive import export_archive

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta
    from pathlib import Path

    from werkzeug.test import Client

    from common.store.engine import Database

LARGEST = 4_000_000
DIGEST = "0123456789ab"
FILE = f"observations/city=Delhi/year=2025/part-{DIGEST}.parquet"
CONTENT = bytes(range(256)) * 100


class Signing(UrlObjectStore):
    """An object store that hands out addresses: tests/adapters tries those of S3 and Google."""

    def signed_url(self, key: str, valid_for: timedelta) -> str:
        return f"https://store.example/{key}?signed={valid_for.seconds}"


@pytest.fixture
def folder(tmp_path: Path) -> UrlObjectStore:
    store = UrlObjectStore((tmp_path / "archive").as_uri())
    store.put(FILE, CONTENT)
    (tmp_path / "beside.txt").write_text("guarded", encoding="utf-8")
    return store


@pytest.fixture
def serving(database: Database, now: datetime) -> Callable[..., Client]:
    """The application over an archive, with a policy."""

    def serve(files: UrlObjectStore | None, **policy: Any) -> Client:
        opened = None if files is None else lambda: files
        queue = PostgresQueue(database, lambda: now)
        context = ApiContext(database, lambda: now, queue, Policy(**policy), open_archive=opened)
        return create_app(context).test_client()

    return serve


@pytest.fixture
def client(serving: Callable[..., Client], folder: UrlObjectStore) -> Client:
    return serving(folder)


def test_every_file_of_an_export_is_read_as_its_manifest_names_it(
    database: Database, serving: Callable[..., Client], tmp_path: Path, now: datetime
) -> None:
    keep_and_reconcile(database, series(now, 30, air(90.5), city="Navi Mumbai"), now)
    files = UrlObjectStore((tmp_path / "exported").as_uri())
    export_archive(database, files, Selection(), now=now)
    client = serving(files)
    answer = client.get(url("/archive/manifest.json"))
    assert (answer.status_code, answer.data) == (200, files.get("manifest.json"))
    assert answer.headers["Cache-Control"] == "no-cache"
    again = client.get(url("/archive/manifest.json"), headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    entries: list[dict[str, Any]] = json.loads(answer.data)["files"]
    assert entries
    for entry in entries:
        content = client.get(url(f"/archive/{entry['path']}")).data
        assert hashlib.sha256(content).hexdigest() == entry["sha256"]


def test_a_file_has_a_name_for_good(client: Client) -> None:
    answer = client.get(url(f"/archive/{FILE}"))
    assert (answer.status_code, answer.data) == (200, CONTENT)
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["ETag"] == f'"{DIGEST}"'
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.content_type == "application/vnd.apache.parquet"
    again = client.get(url(f"/archive/{FILE}"), headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=100-299", 100, 300),
        ("bytes=25500-", 25_500, 25_600),
        ("bytes=-8", 25_592, 25_600),
        ("bytes=25590-99999", 25_590, 25_600),
        ("bytes=0-25599", 0, 25_600),
    ],
)
def test_a_piece(client: Client, wanted: str, start: int, end: int) -> None:
    for condition in ({}, {"If-Range": f'"{DIGEST}"'}):
        answer = client.get(url(f"/archive/{FILE}"), headers={"Range": wanted, **condition})
        assert (answer.status_code, answer.data) == (206, CONTENT[start:end])
        assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(CONTENT)}"
        assert answer.headers["Content-Length"] == str(end - start)
        assert answer.headers["ETag"] == f'"{DIGEST}"'


@pytest.mark.parametrize(
    "headers",
    [
        {"Range": "bytes=0-9,20-29"},
        {"Range": "lines=0-9"},
        {"Range": "nonsense"},
        {"Range": "bytes=0-9", "If-Range": '"another"'},
        {"Range": "bytes=0-9", "If-Range": "Wed, 05 Nov 2025 10:00:00 GMT"},
    ],
)
def test_where_no_single_piece_is_meant_the_whole_is_given(client: Client, headers: dict[str, str]) -> None:
    answer = client.get(url(f"/archive/{FILE}"), headers=headers)
    assert (answer.status_code, answer.data) == (200, CONTENT)


def test_a_piece_behind_the_end(client: Client) -> None:
    answer = client.get(url(f"/archive/{FILE}"), headers={"Range": "bytes=25600-"})
    problem_of(answer, 416)
    assert answer.headers["Content-Range"] == "bytes */25600"


def test_a_head_says_how_long_a_file_is(client: Client) -> None:
    answer = client.head(url(f"/archive/{FILE}"), headers={"Range": "bytes=0-9"})
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["Content-Length"] == str(len(CONTENT))


def test_a_piece_of_a_text_is_not_packed(client: Client, folder: UrlObjectStore) -> None:
    path = FILE.replace("parquet", "csv")
    folder.put(path, b"city,time\n" * 1000)
    answer = client.get(url(f"/archive/{path}"), headers={"Range": "bytes=0-1999", "Accept-Encoding": "gzip"})
    assert (answer.status_code, answer.data) == (206, (b"city,time\n" * 200))
    assert "Content-Encoding" not in answer.headers
    whole = client.get(url(f"/archive/{path}"), headers={"Accept-Encoding": "gzip"})
    assert (whole.headers["Content-Encoding"], whole.headers["ETag"]) == ("gzip", f'W/"{DIGEST}"')


@pytest.mark.parametrize(
    "path",
    [
        FILE.replace(DIGEST, "ba9876543210"),
        FILE.replace("Delhi", "Atlantis"),
        FILE.replace("Delhi", ".."),
        FILE.replace("Delhi", "%2e%2e"),
        FILE.replace("observations", ".."),
        FILE.replace("observations", "manifests"),
        FILE.replace("2025", "25"),
        FILE.replace("part-", ""),
        f"{FILE}.bak",
        f"{FILE}%0a",
        f"{FILE}/..",
        "SHA256SUMS",
        "datapackage.json",
        "../beside.txt",
        "..%2fbeside.txt",
        "%2e%2e/beside.txt",
        "observations/city=Delhi/year=2025/..%2f..%2f..%2f..%2fbeside.txt",
        "",
    ],
)
def test_nothing_else_is_given_away(client: Client, path: str) -> None:
    answer = client.get(url(f"/archive/{path}"))
    problem_of(answer, 404)
    assert b"guarded" not in answer.data


def test_every_city_has_a_folder(serving: Callable[..., Client], folder: UrlObjectStore) -> None:
    client = serving(folder)
    for city in all_cities():
        path = FILE.replace("Delhi", city.name)
        folder.put(path, city.name.encode())
        assert client.get(url(f"/archive/{path}")).data == city.name.encode()


def test_where_there_is_no_archive(serving: Callable[..., Client], tmp_path: Path) -> None:
    for path in ("manifest.json", FILE):
        problem = problem_of(serving(None).get(url(f"/archive/{path}")), 404)
        assert "VAYU_ARCHIVE_URL" in problem["detail"]
    empty = UrlObjectStore((tmp_path / "empty").as_uri())
    problem_of(serving(empty).get(url("/archive/manifest.json")), 404)


def test_where_reads_need_a_token_so_does_the_archive(
    serving: Callable[..., Client], folder: UrlObjectStore
) -> None:
    closed = serving(folder, reads_need_token=True)
    for path in ("manifest.json", FILE):
        problem_of(closed.get(url(f"/archive/{path}")), 401)


def test_what_is_large_comes_from_the_object_store_itself(
    serving: Callable[..., Client], folder: UrlObjectStore
) -> None:
    """Where there is one that signs: a folder gives it all the same."""
    folder.put(FILE, bytes(LARGEST + 1))
    signing = serving(Signing(folder.url))
    answer = signing.get(url(f"/archive/{FILE}"))
    assert (answer.status_code, answer.headers["Cache-Control"]) == (307, "no-store")
    assert answer.location.startswith("https://store.example/observations/")
    piece = signing.get(url(f"/archive/{FILE}"), headers={"Range": f"bytes=1-{LARGEST}"})
    assert (piece.status_code, len(piece.data)) == (206, LARGEST)
    assert len(serving(folder).get(url(f"/archive/{FILE}")).data) == LARGEST + 1
