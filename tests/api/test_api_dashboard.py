"""The built dashboard as the API's process serves it: a folder like that of Vite, over real HTTP."""

from __future__ import annotations

import gzip
import os
import re
from functools import partial
from typing import TYPE_CHECKING

import pytest
from api_rows import problem_of, url
from serving import Served

from common.api.middleware.dashboard import PAGE_HEADERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from api_server import Process
    from werkzeug.test import Client

    from common.store.engine import Database

SCRIPT = "/assets/index-Bx3_-9Zq.js"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
PAGE = b"<!doctype html><title>Vayu</title>" + b"<p>air</p>" * 200
CODE = b"export const air = 1;\n" * 200


def build(folder: Path, page: bytes = PAGE) -> Path:
    """A dashboard as `npm run build` leaves it; what stands for brotli need not be any."""
    (folder / "assets").mkdir(parents=True, exist_ok=True)
    for name, content in {
        "index.html": page,
        SCRIPT[1:]: CODE,
        "assets/logo.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "sw.js": b"self.skipWaiting();" * 100,
        "manifest.webmanifest": b'{"name": "Vayu"}',
        "icon-192.png": b"\x89PNG",
        ".built": b"",
    }.items():
        (folder / name).write_bytes(content)
    for name in ("index.html", SCRIPT[1:], "sw.js"):
        content = (folder / name).read_bytes()
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        (folder / f"{name}.br").write_bytes(b"brotli of " + content[:40])
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    outside = tmp_path_factory.mktemp("dashboard")
    (outside / "outside.txt").write_text("not for you")
    return build(outside / "dist")


@pytest.fixture(scope="module")
def served(shared: Database, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("gunicorn")
    with Served(shared.url, home, VAYU_DASHBOARD=str(folder), VAYU_RATE_ANONYMOUS="5/day") as running:
        yield running


def client_of(process: Callable[..., Process], folder: Path) -> Client:
    """A client that reads every answer whole, as a server sends it."""
    client = process(dashboard=folder).client
    client.open = partial(client.open, buffered=True)  # type: ignore[method-assign]
    return client


def page_of(answer: tuple[int, dict[str, str], bytes]) -> dict[str, str]:
    """Headers of an answer that is the page."""
    status, headers, body = answer
    assert (status, body) == (200, PAGE)
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Cache-Control"] == "no-cache"
    return headers


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/city/delhi",
        "/city/delhi/",
        "/compare/delhi,mumbai?days=7",
        "/hi/record",
        "/%E0%A4%A6",
        "/a%2Fb",
    ],
)
def test_a_browser_gets_the_page_at_every_address_of_a_page(served: Served, path: str) -> None:
    headers = page_of(served.get(path, Accept=BROWSER))
    for name, value in PAGE_HEADERS.items():
        assert headers[name] == value


@pytest.mark.parametrize(
    ("live_url", "sources"),
    [
        (None, "'self'"),
        ("wss://live.example.org/live/ws", "'self' wss://live.example.org"),
        ("ws://127.0.0.1:8081/live/ws", "'self' ws://127.0.0.1:8081"),
        ("ws://[::1]:8081", "'self' ws://[::1]:8081"),
    ],
)
def test_the_page_may_connect_to_where_live_connections_are(
    process: Callable[..., Process], folder: Path, live_url: str | None, sources: str
) -> None:
    client = process(dashboard=folder, live_url=live_url).client
    page = client.get("/", headers={"Accept": BROWSER})
    unchanged = client.get("/", headers={"Accept": BROWSER, "If-None-Match": page.headers["ETag"]})
    assert unchanged.status_code == 304
    for response in (page, unchanged):
        response.close()
        policy = response.headers["Content-Security-Policy"].split("; ")
        assert [part for part in policy if part.startswith("connect-src")] == [f"connect-src {sources}"]
        assert len(policy) == len(PAGE_HEADERS["Content-Security-Policy"].split("; "))


def test_the_root_is_the_page_for_everybody(served: Served) -> None:
    page_of(served.get("/"))
    page_of(served.get("/index.html"))


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        ("/city/delhi", "*/*"),
        ("/city/delhi", "application/json"),
        ("/city/delhi", "text/html;q=0"),
        ("/favicon.ico", BROWSER),
        ("/assets/gone-12345678.js", BROWSER),
        ("/assets", "image/png"),
        ("/api/v2/nothing", BROWSER),
        ("/api/v1/nothing", BROWSER),
        ("/api", BROWSER),
        ("/docs/nothing", BROWSER),
        ("/openapi.json/x", BROWSER),
        # Out of the folder, or no address at all.
        ("/../outside.txt", "*/*"),
        ("/assets/../../outside.txt", "*/*"),
        ("/%2e%2e/outside.txt", "*/*"),
        ("/..%2foutside.txt", BROWSER),
        ("/..%2f", BROWSER),
        ("/../city", BROWSER),
        ("/%2e%2e%5coutside", BROWSER),
        ("/assets%2f..%2f..%2foutside.txt", BROWSER),
        ("/city//delhi", BROWSER),
        ("/city/%00", BROWSER),
        ("/index.html%00", BROWSER),
        ("/index.html%00.png", "*/*"),
        ("/%0A", BROWSER),
        ("/C:%5Cwindows", BROWSER),
        ("/.built", "*/*"),
        ("/index.html.gz", "*/*"),
        ("/index.html.br", "*/*"),
    ],
)
def test_everything_else_is_for_the_api_to_answer(
    process: Callable[..., Process], folder: Path, path: str, accept: str
) -> None:
    client = client_of(process, folder)
    problem_of(client.get(path, headers={"Accept": accept}), 404)


def test_raw_addresses_lead_nowhere(served: Served) -> None:
    """As no client library would send them."""
    for target in (
        b"/../outside.txt",
        b"/assets/../../outside.txt",
        b"/assets/..%2f..%2foutside.txt",
        b"/./outside.txt",
        b"/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        b"\\..\\outside.txt",
        b"/index.html%00",
        b"//etc/passwd",
        b"/%FF",
    ):
        rest = b" HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\nConnection: close\r\n\r\n"
        heard = served.say(b"GET " + target + rest)
        assert re.match(rb"HTTP/1\.1 4\d\d ", heard), heard[:100]
        assert b"Traceback" not in heard
        assert b"not for you" not in heard
    assert served.say(b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n")[:12] in (
        b"",
        b"HTTP/1.1 400",
        b"HTTP/1.1 404",
    )


def test_files_with_a_hash_in_their_name_hold_forever(served: Served) -> None:
    _, script, body = served.get(SCRIPT)
    assert body == CODE
    assert script["Content-Type"] == "text/javascript; charset=utf-8"
    assert script["Cache-Control"] == "public, max-age=31536000, immutable"
    for path in ("/sw.js", "/manifest.webmanifest", "/icon-192.png", "/assets/logo.svg"):
        status, headers, _ = served.get(path)
        assert (status, headers["Cache-Control"]) == (200, "no-cache")
        assert headers["Content-Security-Policy"] == PAGE_HEADERS["Content-Security-Policy"]
    assert served.get("/manifest.webmanifest")[1]["Content-Type"].startswith("application/manifest+json")


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("br, gzip", "br"),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("br;q=0, gzip;q=0.0", None),
        ("identity", None),
        ("", None),
        ("xbr", None),
    ],
)
def test_what_was_compressed_by_the_build_is_sent(
    served: Served, accepted: str, encoding: str | None
) -> None:
    for path, content in ((SCRIPT, CODE), ("/city/delhi", PAGE)):
        status, headers, body = served.get(path, Accept_Encoding=accepted, Accept=BROWSER)
        assert status == 200
        assert headers.get("Content-Encoding") == encoding
        assert "Accept-Encoding" in headers["Vary"]
        assert int(headers["Content-Length"]) == len(body)
        if encoding == "br":
            assert body == b"brotli of " + content[:40]
        else:
            assert (gzip.decompress(body) if encoding else body) == content


def test_only_the_page_varies_by_what_is_accepted(served: Served) -> None:
    assert served.get("/city/delhi", Accept=BROWSER)[1]["Vary"] == "Accept-Encoding, Accept"
    assert served.get("/", Accept=BROWSER)[1]["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize("path", ["/", "/record", SCRIPT, "/sw.js", "/icon-192.png"])
def test_what_is_known_is_not_sent_again(served: Served, path: str) -> None:
    tag = served.get(path, Accept=BROWSER)[1]["ETag"]
    for known in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        status, headers, body = served.get(path, Accept=BROWSER, If_None_Match=known)
        assert (status, body, headers["ETag"]) == (304, b"", tag)
        assert headers["Content-Security-Policy"] == PAGE_HEADERS["Content-Security-Policy"]
        assert "Content-Type" not in headers
    assert served.get(path, Accept=BROWSER, If_None_Match='"other"')[0] == 200


def test_head(process: Callable[..., Process], folder: Path) -> None:
    client = client_of(process, folder)
    for path, size in ((SCRIPT, len(CODE)), ("/city/delhi", len(PAGE))):
        response = client.head(path, headers={"Accept": BROWSER})
        assert (response.status_code, response.data) == (200, b"")
        assert response.headers["Content-Length"] == str(size)
        assert response.headers["ETag"] == client.get(path, headers={"Accept": BROWSER}).headers["ETag"]


def test_other_methods_are_for_the_api(process: Callable[..., Process], folder: Path) -> None:
    client = client_of(process, folder)
    problem_of(client.post("/city/delhi", headers={"Accept": BROWSER}), 404)
    problem_of(client.put(SCRIPT), 404)


def test_the_dashboard_counts_for_no_limit_and_the_api_does(served: Served) -> None:
    for _ in range(10):
        page_of(served.get("/", Accept=BROWSER))
    statuses = {served.get("/api/v1/cities/")[0] for _ in range(10)}
    assert 429 in statuses
    page_of(served.get("/", Accept=BROWSER))


def test_the_description_stays_where_it_is(process: Callable[..., Process], folder: Path) -> None:
    client = client_of(process, folder)
    assert client.get("/docs", headers={"Accept": BROWSER}).status_code == 308
    assert client.get("/openapi.json").status_code == 308
    assert "swagger-ui" in client.get(url("/docs"), headers={"Accept": BROWSER}).text


def test_it_is_there_as_soon_as_it_is_built_and_when_it_is_built_anew(
    process: Callable[..., Process], tmp_path: Path
) -> None:
    client = client_of(process, tmp_path / "dist")
    assert client.get("/", headers={"Accept": BROWSER}).status_code == 404
    build(tmp_path / "dist")
    first = client.get("/")
    assert first.data == PAGE
    # The same size and, as in an image whose files all have one date, the same time: the tag differs all the same.
    page = tmp_path / "dist" / "index.html"
    before = page.stat()
    build(tmp_path / "dist", PAGE.replace(b"air", b"hot"))
    os.utime(page, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    second = client.get("/", headers={"If-None-Match": first.headers["ETag"]})
    assert (second.status_code, second.data) == (200, PAGE.replace(b"air", b"hot"))
    (tmp_path / "dist" / "sw.js").unlink()
    (tmp_path / "dist" / "sw.js.gz").unlink()
    (tmp_path / "dist" / "sw.js.br").unlink()
    problem_of(client.get("/sw.js"), 404)
    page.unlink()
    assert client.get("/", headers={"Accept": BROWSER}).status_code == 404


def test_by_https_it_says_to_stay_there(process: Callable[..., Process], folder: Path) -> None:
    client = client_of(process, folder)
    assert "Strict-Transport-Security" not in client.get("/").headers
    assert client.get("/", base_url="https://a.in").headers["Strict-Transport-Security"] == "max-age=31536000"


def test_without_a_dashboard_the_root_says_so(client: Client) -> None:
    assert "no dashboard" in problem_of(client.get("/"), 404)["detail"]
    response = client.get("/", headers={"Accept": BROWSER})
    assert (response.status_code, response.mimetype) == (404, "text/html")
    assert "no dashboard" in response.text
    assert 'href="docs"' in response.text
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
    problem_of(client.get("/city/delhi", headers={"Accept": BROWSER}), 404)


def test_every_answer_of_the_api_has_a_policy_of_its_own(
    process: Callable[..., Process], folder: Path
) -> None:
    client = client_of(process, folder)
    for path in (url("/health"), url("/cities/"), url("/nothing"), "/docs", url("/docs"), "/nothing.txt"):
        assert client.get(path).headers["Content-Security-Policy"].startswith("default-src 'none'")
