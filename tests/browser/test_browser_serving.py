"""The built dashboard comes from this server alone, at each of its addresses, under a strict policy."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

from filled_database import LATE, NAIVE, SILENT

from common.api.middleware.dashboard import IMMUTABLE, PAGE_HEADERS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Complaints, Site
    from playwright.sync_api import Page


def overview(site: Site) -> dict[str, Any]:
    with urlopen(f"{site.url}/api/v1/overview", timeout=30) as answer:
        return {city["name"]: city for city in json.load(answer)["cities"]}


def test_the_database_is_as_the_tests_say(site: Site) -> None:
    cities = overview(site)
    assert len(cities) == 56
    assert cities[SILENT]["latest"] is cities[SILENT]["forecast"] is None
    assert cities[LATE]["latest"]["stale"] is cities[LATE]["forecast"]["stale"] is True
    assert cities[NAIVE]["forecast"]["naive"] is True
    others = [city for name, city in cities.items() if name not in (SILENT, LATE)]
    assert all(city["latest"]["age_minutes"] == 0 and not city["forecast"]["stale"] for city in others)
    assert all(None not in city["trend"]["aqi"] for city in others)
    with urlopen(f"{site.url}/api/v1/forecast/confidence/delhi", timeout=30) as answer:
        confidence = json.load(answer)
    assert confidence["pooled"]["n"] > 1000
    assert 0.7 < confidence["pooled"]["interval_80"]["realised"] < 0.9, confidence["pooled"]


def test_the_overview_is_shown_by_one_request(own_site: Site, page: Page) -> None:
    page.goto(own_site.url)
    page.get_by_text("Delhi", exact=True).first.wait_for()
    assert "Vayu" in page.title()
    # What is live is connected once the page is shown.
    connecting = ("/api/v1/live", "/api/v1/events")
    data = [
        path for path in own_site.requests if path.startswith("/api/") and not path.startswith(connecting)
    ]
    assert data == ["/api/v1/overview"]


def test_an_address_of_a_page_can_be_opened_and_loaded_again(site: Site, page: Page) -> None:
    page.goto(f"{site.url}/no/such/page")
    page.locator("main").wait_for()
    page.reload()
    page.locator("main").wait_for()


def test_a_second_visit_asks_for_no_asset_again(
    own_site: Site, new_page: Callable[..., Page], complaints: Complaints
) -> None:
    """Where a browser has no service worker, too."""
    complaints.expect("Service Worker registration blocked")
    page = new_page(service_workers="block")
    page.goto(own_site.url)
    page.get_by_text("Delhi", exact=True).first.wait_for()
    assert any(path.startswith("/assets/") for path in own_site.requests)
    own_site.requests.clear()
    page.goto(f"{own_site.url}/?again")
    page.get_by_text("Delhi", exact=True).first.wait_for()
    assert [path for path in own_site.requests if path.startswith("/assets/")] == []


def test_a_script_that_is_not_ours_does_not_run(site: Site, page: Page, complaints: Complaints) -> None:
    complaints.expect("Content Security Policy")
    page.goto(site.url)
    ran = page.evaluate(
        """() => new Promise((resolve) => {
          const script = document.createElement("script");
          script.textContent = "window.ran = true";
          document.body.append(script);
          setTimeout(() => resolve(Boolean(window.ran)), 50);
        })"""
    )
    assert ran is False
    assert any("Content Security Policy" in text for text in complaints.all)


def test_what_was_built_is_what_the_server_expects(dashboard: Path) -> None:
    """Every file of `assets/` has a name that changes with its content; what is large was compressed."""
    index = (dashboard / "index.html").read_text(encoding="utf-8")
    assert "<style" not in index
    assert re.findall(r"<script(?![^>]* src=)", index) == []
    assert not re.search(r"(src|href)=\"(https?:)?//", index)
    assets = [file for file in (dashboard / "assets").iterdir() if file.suffix not in (".br", ".gz", ".map")]
    assert assets
    for file in assets:
        assert IMMUTABLE.fullmatch(f"/assets/{file.name}"), file.name
    for file in [dashboard / "index.html", *assets]:
        if file.suffix in (".js", ".css", ".html") and file.stat().st_size > 2000:
            assert file.with_name(f"{file.name}.br").exists(), file.name
            assert file.with_name(f"{file.name}.gz").exists(), file.name


def test_the_policy_lets_no_other_server_in() -> None:
    policy = PAGE_HEADERS["Content-Security-Policy"]
    sources = {word for part in policy.split(";") for word in part.split()[1:]}
    assert sources == {"'none'", "'self'", "'wasm-unsafe-eval'", "data:"}
