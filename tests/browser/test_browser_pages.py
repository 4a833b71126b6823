"""What every page must keep to: for screen readers, keyboards and small screens, in both languages and both themes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from page_checks import collisions, cut, split_controls, too_wide, violations
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Complaints, Site
    from playwright.sync_api import Page

PAGES = {
    "overview": "/",
    "overview-list": "/?view=list",
    "overview-map": "/?view=map",
    "overview-tiles": "/?view=tiles",
    "city": "/city/delhi",
    "city-silent": "/city/srinagar",
    "compare": "/compare?cities=delhi,mumbai",
    "record": "/record",
    "record-city": "/record?city=delhi",
    "models": "/models",
    "models-city": "/models?city=delhi",
    "sources": "/sources",
    "alerts": "/alerts",
    "alerts-city": "/alerts?city=delhi",
    "data": "/data?days=2",
    "about": "/about",
    "not-found": "/no/such/page",
}
MISSING = dict.fromkeys(PAGES, "$^") | {"city-silent": "status of 404.*/srinagar"}
"""Complaints of a page that are part of what it shows; of most, none."""
LOCALES = {"en": "en-IN", "hi": "hi-IN"}
FIRST_SCRIPTS = 150_000
FIRST_STYLES = 15_000
"""Bytes, gzipped, of all that the overview loads."""
SCREENSHOTS = os.environ.get("VAYU_TEST_SCREENSHOTS") or None

REACHABLE = """() => {
  const visible = (element) => element.checkVisibility({ visibilityProperty: true });
  const name = (element) => {
    const group = element.type === "radio" ? `radio ${element.name}` : null;
    element.dataset.walk ??= group ?? `${element.localName} ${Math.random()}`;
    return element.dataset.walk;
  };
  const all = "a[href], button:not(:disabled), input:not(:disabled), select:not(:disabled), summary, [tabindex='0']";
  return [...new Set([...document.querySelectorAll(all)].filter(visible).map(name))];
}"""
FOCUSED = """() => {
  const element = document.activeElement;
  if (element === null || element === document.body) return null;
  const seen = [element, element.nextElementSibling].some((each) => {
    if (each === null) return false;
    const style = getComputedStyle(each);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  }) || [...element.querySelectorAll("circle")].some((each) => parseFloat(getComputedStyle(each).strokeWidth) >= 3);
  const box = element.getBoundingClientRect();
  const label = element.getAttribute("aria-label") ?? element.textContent.trim().slice(0, 40);
  const inside = box.right > 0 && box.bottom > 0;
  // What appears while another has the focus, such as the link beside the map, is met here first.
  element.dataset.walk ??= `${element.localName} ${Math.random()}`;
  return { name: element.dataset.walk, seen, label: `${element.localName} ${label}`, inside };
}"""


def open_page(page: Page, site: Site, path: str) -> None:
    """Open a page and wait until nothing in it is loading."""
    page.goto(site.url + path)
    page.locator("main h1").wait_for()
    page.wait_for_load_state("networkidle")
    expect(page.locator("main p.state.quiet[role=status]")).to_have_count(0)


def screenshot(page: Page, name: str) -> None:
    if SCREENSHOTS is not None:
        folder = Path(SCREENSHOTS)
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=folder / f"{name}.png", full_page=True)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_in_both_themes_and_fits_a_small_screen(
    site: Site, new_page: Callable[..., Page], complaints: Complaints, axe: str, name: str, locale: str
) -> None:
    complaints.expect(MISSING[name])
    page = new_page(locale=LOCALES[locale], color_scheme="light", reduced_motion="reduce")
    open_page(page, site, PAGES[name])
    assert page.evaluate("document.documentElement.lang") == locale
    assert violations(page, axe) == []
    screenshot(page, f"{name}-{locale}-light")
    page.emulate_media(color_scheme="dark")
    assert violations(page, axe) == []
    screenshot(page, f"{name}-{locale}-dark")
    page.set_viewport_size({"width": 320, "height": 640})
    assert too_wide(page) == []
    assert cut(page) == []
    assert split_controls(page) == []
    assert collisions(page) == []
    banner = page.get_by_role("banner")
    home, menu = (
        banner.get_by_role("link", name="Vayu").bounding_box(),
        banner.locator(".menu-button").bounding_box(),
    )
    assert home is not None
    assert menu is not None
    assert menu["y"] < home["y"] + home["height"], "the menu's button is in a second row"
    screenshot(page, f"{name}-{locale}-320")


@pytest.mark.parametrize("locale", LOCALES)
def test_the_months_of_a_preview_do_not_run_over_one_another_on_a_small_screen(
    site: Site, new_page: Callable[..., Page], locale: str
) -> None:
    page = new_page(locale=LOCALES[locale], viewport={"width": 320, "height": 640})
    open_page(page, site, "/alerts?city=delhi")
    page.locator("form").get_by_role("button").first.click()
    axis = page.locator("figure text.axis")
    axis.first.wait_for()
    assert len([text for text in axis.all_text_contents() if " " in text]) > 1
    assert collisions(page) == []


@pytest.mark.parametrize("name", PAGES)
def test_everything_is_reached_by_keyboard_and_seen_when_it_is(
    site: Site, page: Page, complaints: Complaints, name: str
) -> None:
    complaints.expect(MISSING[name])
    open_page(page, site, PAGES[name])
    reachable = set(page.evaluate(REACHABLE))
    assert len(reachable) > 10
    reached: list[str] = []
    unseen: list[str] = []
    for _ in range(4 * len(reachable) + 20):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused is None or (reached and focused["name"] == reached[0] and len(set(reached)) > 1):
            break  # round the page once
        reached.append(focused["name"])
        if not (focused["seen"] and focused["inside"]):
            unseen.append(focused["label"])
    else:
        pytest.fail(f"the focus is caught at {focused['label']}")
    assert reachable - set(reached) == set()
    assert unseen == []
    assert page.evaluate("document.activeElement === document.body") or focused["name"] == reached[0]


def test_the_first_visit_is_small(dashboard: Path, site: Site, page: Page) -> None:
    loaded: set[str] = set()
    page.on("response", lambda response: loaded.add(urlsplit(response.url).path))
    open_page(page, site, "/")
    sizes = {
        path: (dashboard / f"{path[1:]}.gz").stat().st_size
        for path in loaded
        if path.endswith((".js", ".css"))
    }
    scripts = sum(size for path, size in sizes.items() if path.endswith(".js"))
    styles = sum(size for path, size in sizes.items() if path.endswith(".css"))
    assert 50_000 < scripts <= FIRST_SCRIPTS, sizes
    assert 1000 < styles <= FIRST_STYLES, sizes


def test_the_lines_that_the_data_page_offers_fetch_what_it_previews(
    site: Site, page: Page, tmp_path: Path
) -> None:
    """Those for Python are run as they stand, in CSV and in JSON."""
    for form, rows in (("csv", 48), ("json", 48)):
        open_page(page, site, f"/data?days=2&format={form}")
        lines = (
            page.get_by_role("heading", name="Python").locator("xpath=following-sibling::pre").inner_text()
        )
        names: dict[str, Any] = {}
        exec(lines, names)  # noqa: S102 — the lines are what is tested
        assert len(names["data"]) == rows
        first = page.get_by_role("table").locator("tbody th").first.inner_text()
        assert names["data"]["time"][0] == first
    page.goto(f"{site.url}/data?days=2")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    download.value.save_as(tmp_path / "file.csv")
    assert download.value.suggested_filename == "delhi.csv"
    assert len((tmp_path / "file.csv").read_text(encoding="utf-8").splitlines()) == 1 + 48
