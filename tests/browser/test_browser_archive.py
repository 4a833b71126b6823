"""The archive of open data, read in the page by pieces of its Parquet files."""

from __future__ import annotations

import csv
import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pyarrow.parquet as pq
import pytest
from filled_database import NOW
from page_checks import violations
from playwright.sync_api import expect

from common.adapters.object_store import UrlObjectStore
from common.archive.export import Selection
from common.services.archive import export_archive

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Complaints, Site
    from playwright.sync_api import Page, Response

LOCALES = {
    "en-IN": ("Open the archive", "Read", "Save these rows as CSV"),
    "hi-IN": ("अभिलेख खोलें", "पढ़ें", "ये पंक्तियाँ CSV में सहेजें"),
}


@pytest.fixture
def archive(tmp_path: Path) -> UrlObjectStore:
    return UrlObjectStore((tmp_path / "archive").as_uri())


@pytest.fixture
def archived(site_of: Callable[..., Site], archive: UrlObjectStore) -> Site:
    """A site with the hours of two cities in its archive."""
    site = site_of(archive=archive)
    export_archive(
        site.database, archive, Selection(what=("observations",), cities=("Delhi", "Mumbai")), now=NOW
    )
    return site


@pytest.mark.parametrize("locale", LOCALES)
def test_rows_are_read_counted_shown_and_saved(
    archived: Site,
    archive: UrlObjectStore,
    new_page: Callable[..., Page],
    tmp_path: Path,
    locale: str,
    axe: str,
) -> None:
    page = new_page(locale=locale, accept_downloads=True)
    pieces: list[Response] = []
    page.on("response", lambda response: pieces.append(response) if "/part-" in response.url else None)
    page.goto(f"{archived.url}/data")
    open_it, read, save = LOCALES[locale]
    page.get_by_role("button", name=open_it).click()
    section = page.locator("section[aria-labelledby=archive]")
    section.locator("select").first.select_option("Mumbai")
    section.locator("select").last.select_option("pm10")
    section.locator("input[type=date]").first.fill("2025-11-02")
    section.locator("input[type=date]").last.fill("2025-11-04")
    section.get_by_role("button", name=read, exact=True).click()
    expect(section.locator("tbody tr")).to_have_count(10)
    with page.expect_download() as downloading:
        section.get_by_role("button", name=save).click()
    downloading.value.save_as(tmp_path / "rows.csv")
    assert downloading.value.suggested_filename == "mumbai-pm10-2025-11-02-2025-11-04.csv"
    with (tmp_path / "rows.csv").open(encoding="utf-8", newline="") as file:
        saved = list(csv.DictReader(file))

    [entry] = [each for each in json.loads(archive.get("manifest.json"))["files"] if each["city"] == "Mumbai"]
    (tmp_path / "part.parquet").write_bytes(archive.get(entry["path"]))
    start = datetime.fromisoformat("2025-11-02T00:00:00+05:30")
    expected = [
        row
        for row in pq.read_table(tmp_path / "part.parquet", partitioning=None).to_pylist()
        if start < row["time"] <= start + timedelta(days=3)
    ]
    assert len(expected) == 72
    assert [datetime.fromisoformat(row["time"]) for row in saved] == [row["time"] for row in expected]
    values = [float(row["pm10"]) if row["pm10"] else None for row in saved]
    assert values == [
        None if row["pm10"] is None else pytest.approx(row["pm10"], rel=1e-7) for row in expected
    ]
    assert [(row["basis"], row["source"]) for row in saved] == [
        (row["basis"], row["source"]) for row in expected
    ]
    expect(section.get_by_role("status")).to_contain_text("72")
    assert {response.status for response in pieces} == {206}
    assert {unquote(response.url) for response in pieces} == {
        f"{archived.url}/api/v1/archive/{entry['path']}"
    }
    assert violations(page, axe) == []
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_a_service_without_an_archive_says_so(site: Site, page: Page, complaints: Complaints) -> None:
    complaints.expect("status of 404.*/archive/manifest.json")
    page.goto(f"{site.url}/data")
    assert not [path for path in site.requests if "/archive/" in path]
    page.get_by_role("button", name="Open the archive").click()
    expect(page.get_by_text("This service publishes no archive")).to_be_visible()
