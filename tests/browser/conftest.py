"""The built dashboard over real HTTP, in front of a filled database, in a real Chromium.

``site`` is for all tests, to be looked at. ``own_site`` is the test's own: its clock can be moved, its database
changed. ``site_of`` makes others, with any policy of the API. ``page`` is a tab of a browser that believes it to be the
server's present; ``new_page`` opens others, of any size, language and colour scheme. When the test is over, no other
server was asked, every answer had a Content-Security-Policy, and nothing was complained of that the test did not
announce by ``complaints.expect``.
"""

from __future__ import annotations

import os
import re
import threading
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from socket import SHUT_RDWR
from typing import TYPE_CHECKING, Any

import pytest
from alert_rows import SEAL
from factories import Clock
from filled_database import NOW, fill
from live.live_process import LiveProcess, running_live
from tier_servers import fresh_database, name_of
from werkzeug.serving import WSGIRequestHandler, make_server

from common.adapters.channels import alert_channels
from common.adapters.postgres.queue import PostgresQueue
from common.api import ApiContext, create_app
from common.api.context import Policy
from common.config import DASHBOARD, from_mapping
from common.store.engine import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from wsgiref.types import StartResponse, WSGIEnvironment

    from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response

    from common.adapters.object_store import UrlObjectStore

BUILT = Path(os.environ.get("VAYU_TEST_DASHBOARD", DASHBOARD))
CHROMIUM = os.environ.get("VAYU_TEST_CHROMIUM")
AXE = DASHBOARD.parent / "node_modules" / "axe-core" / "axe.min.js"
PATIENCE_MS = 20_000


@dataclass
class Site:
    """A running API with the dashboard."""

    url: str
    database: Database
    clock: Clock
    requests: list[str]
    """Paths with their queries, as they came in."""
    plugged: bool = True

    def unplug(self, page: Page) -> None:
        """Take the network away from the page, and from its service worker, which `set_offline` does not reach."""
        self.plugged = False
        page.context.set_offline(True)

    def plug(self, page: Page) -> None:
        """Give it back."""
        self.plugged = True
        page.context.set_offline(False)

    def pass_by(self, page: Page, **time: float) -> None:
        """Let time go by, for the server and for the page alike: ``minutes=5``."""
        self.clock.now += timedelta(**time)
        page.context.clock.set_fixed_time(self.clock.now)


@pytest.fixture(scope="session")
def dashboard() -> Path:
    """The folder of the built dashboard."""
    if not (BUILT / "index.html").exists():
        pytest.skip("the dashboard is not built; build it: make dashboard")
    return BUILT


@pytest.fixture(scope="session")
def axe() -> str:
    """The accessibility checker, to be run in a page."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed; install it: make dashboard")
    return AXE.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def filled(server: str, template: str) -> Iterator[str]:
    """Name of a filled database that nobody is connected to, to be copied."""
    with fresh_database(server, f"TEMPLATE {template}") as url:
        with closing(Database(url)) as database:
            fill(database)
        yield name_of(url)


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Say nothing: what came in stands in `Site.requests`."""


def _closed_at_last(body: Iterable[bytes]) -> Iterator[bytes]:
    """The parts of an answer, which is closed even where the server gives up before it does so itself."""
    try:
        yield from body
    finally:
        if close := getattr(body, "close", None):
            close()


@contextmanager
def serving(
    url: str,
    folder: Path,
    files: UrlObjectStore | None = None,
    alerts: Mapping[str, str] | None = None,
    archive: UrlObjectStore | None = None,
    **policy: Any,
) -> Iterator[Site]:
    """The API over a database, as a process of its own would serve it.

    `files`: where the models are; `alerts`: the settings of their channels, without which there are no alerts;
    `archive`: the public one.
    """
    clock = Clock(NOW)
    channels = {} if alerts is None else alert_channels(from_mapping({"DATABASE_URL": url, **alerts}))
    with closing(Database(url)) as database:
        context = ApiContext(
            database=database,
            clock=clock,
            queue=PostgresQueue(database, clock),
            # Streams end at once: a page with an open one is never idle.
            policy=Policy(**{"dashboard": folder, "cache_bytes": 32 << 20, "streams": 0} | policy),
            open_object_store=None if files is None else lambda: files,
            alert_channels=lambda: channels,
            seal=None if alerts is None else SEAL,
            open_archive=None if archive is None else lambda: archive,
        )
        app, requests = create_app(context), []

        def noting(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            if not site.plugged:
                environ["werkzeug.socket"].shutdown(SHUT_RDWR)
                raise ConnectionResetError
            query = environ["QUERY_STRING"]
            requests.append(environ["PATH_INFO"] + (f"?{query}" if query else ""))
            return _closed_at_last(app(environ, start_response))

        server = make_server("127.0.0.1", 0, noting, threaded=True, request_handler=_Quiet)
        site = Site(f"http://127.0.0.1:{server.server_port}", database, clock, requests)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
            context.probe.close()


@pytest.fixture(scope="session")
def site(server: str, filled: str, dashboard: Path) -> Iterator[Site]:
    """One for all tests: they only look."""
    with fresh_database(server, f"TEMPLATE {filled}") as url, serving(url, dashboard) as running:
        yield running


@pytest.fixture
def site_of(server: str, filled: str, dashboard: Path) -> Iterator[Callable[..., Site]]:
    """Makes a site of the test's own: with ``files=``, ``archive=``, a policy such as ``reads_need_token=True``."""
    with ExitStack() as stack:

        def make(**policy: Any) -> Site:
            url = stack.enter_context(fresh_database(server, f"TEMPLATE {filled}"))
            return stack.enter_context(serving(url, dashboard, **policy))

        yield make


@pytest.fixture
def own_site(site_of: Callable[..., Site]) -> Site:
    """A site of the test's own."""
    return site_of()


@dataclass
class LiveSite:
    """A site, and the process that its pages connect to."""

    site: Site
    live: LiveProcess


@pytest.fixture
def live_site(server: str, filled: str, dashboard: Path, tmp_path: Path) -> Iterator[LiveSite]:
    """A site of the test's own, with live connections."""
    with (
        fresh_database(server, f"TEMPLATE {filled}") as url,
        running_live(url, tmp_path) as live,
        serving(url, dashboard, live_url=live.websocket, streams=2) as site,
    ):
        yield LiveSite(site, live)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; for a file of tests at most, for its driver must have ended before another is started."""
    if CHROMIUM is None:
        pytest.skip("VAYU_TEST_CHROMIUM is not set; scripts/chromium install says what to set it to")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"], timeout=60_000
        )
        yield running
        running.close()


@dataclass
class Complaints:
    """What pages did that they should not: errors, requests to other servers, answers without a policy."""

    all: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def expect(self, pattern: str) -> None:
        """Do not mind complaints that have this in them."""
        self.expected.append(pattern)

    @property
    def unexpected(self) -> list[str]:
        """The others."""
        return [text for text in self.all if not any(re.search(each, text) for each in self.expected)]

    def watch(self, page: Page) -> None:
        """Note everything that this page complains of, and all that it asks for."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.all.append(f"error: {error}"))
        page.on("request", self._request)
        page.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.all.append(f"console: {message.text} {message.location.get('url', '')}")

    def _request(self, request: Request) -> None:
        at_home = ("http://127.0.0.1:", "data:", "blob:http://127.0.0.1:")
        if not request.url.startswith(at_home):
            self.all.append(f"asked another server: {request.url}")

    def _response(self, response: Response) -> None:
        known = response.status == 304 or response.from_service_worker
        if not known and "content-security-policy" not in response.headers:
            self.all.append(f"no Content-Security-Policy: {response.url}")


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    """What the test's pages complain of: in the end nothing but what is expected."""
    noted = Complaints()
    yield noted
    assert noted.unexpected == []


@pytest.fixture
def new_page(browser: Browser, complaints: Complaints) -> Iterator[Callable[..., Page]]:
    """Opens a tab with nothing stored; the options are those of Playwright's `Browser.new_context`."""
    with ExitStack() as stack:

        def make(**options: Any) -> Page:
            usual: dict[str, Any] = {
                "viewport": {"width": 1280, "height": 900},
                "locale": "en-IN",
                "timezone_id": "Asia/Kolkata",
            }
            context = browser.new_context(**usual | options)
            stack.callback(context.close)
            context.clock.set_fixed_time(NOW)
            context.set_default_timeout(PATIENCE_MS)
            page = context.new_page()
            complaints.watch(page)
            return page

        yield make


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    """A tab of a large screen, in English."""
    return new_page()
