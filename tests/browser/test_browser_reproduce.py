"""A forecast of trained models, computed again by the browser from what the API publishes of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from filled_database import AS_OF, NOW
from processes import until
from synthetic import hours, put_hours

from common.adapters.object_store import UrlObjectStore
from common.domain.model_files import model_key
from common.domain.observation import HOUR
from common.inference.issue import issue_forecasts
from common.inference.onnx_session import ModelCache
from common.store.engine import run
from common.training.service import train_city

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from conftest import Complaints, Site
    from playwright.sync_api import Page

    from common.domain.forecast import Family

BUTTON = "Compute this forecast again in the browser, and try other inputs"


@pytest.fixture
def files(tmp_path: Path) -> UrlObjectStore:
    return UrlObjectStore(tmp_path.as_uri())


def trained(site_of: Callable[..., Site], files: UrlObjectStore, families: Sequence[Family]) -> Site:
    """A site whose Pune has a forecast of the next hour, made of models of these families."""
    site = site_of(files=files)
    with site.database.transaction() as connection:
        run(connection, "DELETE FROM city_hour WHERE city = 'Pune'")
    put_hours(site.database, "Pune", hours(44, seed=5), AS_OF + HOUR)
    models = ModelCache(files)
    report = train_city(site.database, models, "Pune", now=NOW + HOUR, families=families)
    assert report.promoted.keys() == {"aqi", "pm25"}, report
    assert issue_forecasts(site.database, models, ["Pune"], now=NOW + HOUR).issued == 2
    return site


def opened(site: Site, page: Page) -> None:
    site.pass_by(page, hours=1)
    page.goto(f"{site.url}/city/pune")
    page.get_by_role("button", name=BUTTON).click()


def test_the_browser_computes_the_same(
    site_of: Callable[..., Site], page: Page, files: UrlObjectStore
) -> None:
    site = trained(site_of, files, ["linear", "random_forest", "xgboost"])
    opened(site, page)
    page.get_by_text("all 48 hours agree").wait_for()
    requested = [path.partition("?")[0] for path in site.requests if "reproduce" in path or "/files/" in path]
    assert len(requested) == 4, requested
    panel = page.get_by_role("region", name="The forecast, computed again")
    panel.get_by_role("radio", name="PM2.5").check()
    panel.get_by_text("all 48 hours agree").wait_for()

    slider = panel.get_by_role("slider", name="Pollution of the last days")
    slider.focus()
    for _ in range(10):  # by keyboard alone
        page.keyboard.press("ArrowRight")
    panel.get_by_text("150% of what was measured").wait_for()

    def is_about_half_more() -> bool:
        text = panel.get_by_text("Highest under your assumptions").text_content() or ""
        assumed, issued = (float(number) for number in re.findall(r"[\d.]+\d", text))
        return 1.2 * issued < assumed < 1.8 * issued

    until(is_about_half_more, 60)  # what was computed for the steps before may stand there for a moment
    panel.get_by_role("button", name="As it was issued").click()
    panel.get_by_text("Highest under your assumptions").wait_for(state="detached")


def test_a_model_that_was_exchanged_is_found_out(
    site_of: Callable[..., Site], page: Page, files: UrlObjectStore, complaints: Complaints
) -> None:
    complaints.expect("asked|net::")
    site = trained(site_of, files, ["linear"])
    for version in {key.partition("/")[0] for key in files.list()}:
        data = files.get(model_key(version))
        files.put(model_key(version), data[:-9] + b"\0" + data[-8:])
    opened(site, page)
    page.get_by_text("The part “model” is not the one that is listed").wait_for()


def test_where_nothing_is_kept_it_says_so(site: Site, page: Page, complaints: Complaints) -> None:
    complaints.expect("410")
    page.goto(f"{site.url}/city/mumbai")
    page.get_by_role("button", name=BUTTON).click()
    page.get_by_text("It is kept for three days").wait_for()
    narrow = page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert narrow
