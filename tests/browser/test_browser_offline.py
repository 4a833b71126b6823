"""The dashboard without a network, and when a new version of it was put in place."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Error
from processes import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Complaints, Site
    from playwright.sync_api import Page

READY = "() => navigator.serviceWorker.ready.then((registration) => registration.active.state)"
NO_NETWORK = r"ERR_INTERNET_DISCONNECTED|ERR_EMPTY_RESPONSE|ERR_CONNECTION|Failed to fetch"


STORED = """() => new Promise((resolve) => {
  const opening = indexedDB.open("vayu");
  opening.onsuccess = () => {
    const keys = opening.result.transaction("answers").objectStore("answers").getAllKeys();
    keys.onsuccess = () => resolve(keys.result);
  };
})"""


def visit(page: Page, site: Site, paths: dict[str, str]) -> None:
    """See pages while there is a network, each until the device has kept this answer of it, and the worker the page."""
    for path, key in paths.items():
        page.goto(site.url + path)
        page.locator("main h1").wait_for()
        if key:
            until(lambda key=key: key in page.evaluate(STORED), 20, f"{key} is kept")
    until(lambda: page.evaluate(READY) == "activated", 20, "the service worker")


OVERVIEW = {"/": '["overview"]'}
CITY = {"/city/delhi": '["forecast","delhi"]'}
ABOUT = {"/about": ""}


def test_offline_the_last_forecasts_are_shown_with_their_age(
    own_site: Site, page: Page, complaints: Complaints
) -> None:
    complaints.expect(NO_NETWORK)
    visit(page, own_site, OVERVIEW | CITY)
    own_site.unplug(page)
    own_site.pass_by(page, minutes=80)
    own_site.requests.clear()
    page.goto(own_site.url)
    page.get_by_role("article", name="Delhi").wait_for()
    page.get_by_role("banner").get_by_text("Offline, 80 min old").wait_for()
    page.get_by_text("You are offline. This was loaded 80 minutes ago.").wait_for()
    page.get_by_role("link", name="Delhi", exact=True).click()
    page.get_by_role("heading", level=1, name="Air quality in Delhi").wait_for()
    page.get_by_text("You are offline. This was loaded").first.wait_for()
    page.get_by_role("link", name="About", exact=True).click()
    page.get_by_role("heading", level=1, name="About Vayu").wait_for()
    assert own_site.requests == []


def test_offline_what_was_never_seen_says_so(own_site: Site, page: Page, complaints: Complaints) -> None:
    complaints.expect(NO_NETWORK)
    visit(page, own_site, ABOUT)
    own_site.unplug(page)
    page.goto(f"{own_site.url}/city/pune")
    page.get_by_role("heading", name="You are offline").first.wait_for()


def test_when_the_network_is_back_the_page_is_live_again(
    own_site: Site, page: Page, complaints: Complaints
) -> None:
    complaints.expect(NO_NETWORK)
    visit(page, own_site, OVERVIEW)
    own_site.unplug(page)
    page.reload()
    page.get_by_text("You are offline. This was loaded").wait_for()
    own_site.plug(page)
    page.get_by_role("banner").get_by_text(
        re.compile("^(Live|Live by events|Checked every minute)$")
    ).wait_for()
    page.get_by_text("You are offline. This was loaded").wait_for(state="detached")


def test_a_forecast_that_has_run_out_is_not_shown(own_site: Site, page: Page, complaints: Complaints) -> None:
    complaints.expect(NO_NETWORK)
    visit(page, own_site, OVERVIEW | CITY)
    own_site.unplug(page)
    own_site.pass_by(page, hours=50)
    page.goto(f"{own_site.url}/city/delhi")
    page.get_by_role("heading", name="The forecast has run out").wait_for()
    page.goto(own_site.url)
    page.get_by_text("No forecast in force").first.wait_for()


@pytest.fixture
def renewed_site(
    dashboard: Path, tmp_path: Path, site_of: Callable[..., Site]
) -> tuple[Site, Callable[[str], None]]:
    """A site, and what puts a new version of its page in place, with this title."""
    folder = tmp_path / "dist"
    shutil.copytree(dashboard, folder)

    def renew(title: str) -> None:
        """As a build would: the page differs, and so does the list of files of the service worker."""
        for name, old, new in (("index.html", "<title>", f"<title>{title}"), ("sw.js", "", f"/* {title} */")):
            file = folder / name
            text = file.read_text(encoding="utf-8")
            file.write_text(text.replace(old, new, 1) if old else new + text, encoding="utf-8")
            for ending in (".br", ".gz"):
                (folder / f"{name}{ending}").unlink(missing_ok=True)

    return site_of(dashboard=folder), renew


def test_a_new_version_waits_for_the_reader_or_for_the_next_visit(
    renewed_site: tuple[Site, Callable[[str], None]], page: Page
) -> None:
    site, renew = renewed_site
    visit(page, site, ABOUT)

    def workers() -> list[str | None] | None:
        """States of the worker that serves the page and of the one that waits; None while the page is loaded."""
        try:
            states: list[str | None] = page.evaluate(
                "navigator.serviceWorker.getRegistration().then((r) => [r.active?.state, r.waiting?.state])"
            )
        except Error:
            return None
        return states

    # Found during a visit: nothing happens until the reader says so.
    renew("Second")
    page.goto(f"{site.url}/about")
    page.get_by_text("A new version of this page is ready.").wait_for()
    assert workers() == ["activated", "installed"]
    with page.expect_navigation():
        page.get_by_role("button", name="Load it").click()
    page.locator("main h1").wait_for()
    until(lambda: workers() == ["activated", None], 20, "the new version")
    # Not taken up: the next visit has it.
    renew("Third")
    page.goto(f"{site.url}/about")
    page.get_by_text("A new version of this page is ready.").wait_for()
    # A visit ends: Chromium replaces no worker that still answers a page, for up to five minutes.
    context = page.context
    page.close()
    page = context.new_page()
    page.goto(f"{site.url}/about")
    until(lambda: workers() == ["activated", None], 20, "the new version")
    assert page.get_by_text("A new version of this page is ready.").count() == 0
