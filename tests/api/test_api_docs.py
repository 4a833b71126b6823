"""The page /docs: its files come from here alone, and it works in a real browser."""

import os
import threading
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urljoin

import pytest
from api_rows import hour, problem_of, put_hours, url
from werkzeug.serving import make_server
from werkzeug.test import Client

from common.api import ApiContext, create_app
from common.store.engine import Database

CHROMIUM = os.environ.get("VAYU_TEST_CHROMIUM")
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="VAYU_TEST_CHROMIUM is not set; scripts/chromium install says what to set it to"
)


def test_the_page_and_its_files(client: Client) -> None:
    page = client.get(url("/docs"))
    assert page.content_type == "text/html; charset=utf-8"
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert "http://" not in page.text
    assert "https://" not in page.text
    for name in ("swagger-ui.css", "swagger-ui-bundle.js", "start.js", "favicon-32x32.png"):
        assert url(f"/docs/{name}") in page.text or name == "favicon-32x32.png"
        response = client.get(url(f"/docs/{name}"))
        assert response.status_code == 200
        assert response.content_length
        assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("prefix", ["", "/prod"])
@pytest.mark.parametrize("path", ["/docs", "/docs/", "/openapi.json", "/openapi.json/"])
def test_from_the_root_one_is_sent_on(client: Client, prefix: str, path: str) -> None:
    below = {"SCRIPT_NAME": prefix}
    moved = client.get(path, environ_overrides=below)
    target = urljoin(f"{prefix}{path}", moved.headers["Location"])
    assert (moved.status_code, target) == (308, f"{prefix}/api/v1{path.rstrip('/')}")
    assert client.get(url(path), environ_overrides=below).status_code == 200


@pytest.mark.parametrize(
    "name", ["nothing.js", "__init__.py", "..%2F..%2Fflask_swagger_ui.py", "%2e%2e", "swagger-ui.css%00"]
)
def test_no_other_files(client: Client, name: str) -> None:
    problem_of(client.get(url(f"/docs/{name}")), 404)


@pytest.fixture
def served(context: ApiContext) -> Iterator[str]:
    """The address of a real server."""
    server = make_server("127.0.0.1", 0, create_app(context), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@needs_chromium
@pytest.mark.tiers("plain")
def test_in_a_browser_a_call_is_tried_and_answered(served: str, database: Database, now: datetime) -> None:
    from playwright.sync_api import sync_playwright

    put_hours(database, hour("Delhi", now, aqi=187))
    complaints: list[str] = []
    requests: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"], timeout=30_000
        )
        page = browser.new_page(viewport={"width": 1280, "height": 1600})
        page.set_default_timeout(15_000)
        page.on(
            "console", lambda message: complaints.append(message.text) if message.type == "error" else None
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(f"{served}/docs")
        page.get_by_text("The latest index of a city", exact=False).first.wait_for()
        assert page.title() == "Vayu API"
        operation = page.locator("#operations-Air_quality-get_aqi_current_city")
        operation.locator(".opblock-summary-control").click()
        operation.locator("tr[data-param-name=city] input").fill("new delhi")
        operation.get_by_role("button", name="Execute").click()
        answer = operation.locator(".live-responses-table .response")
        answer.wait_for()
        assert answer.locator(".response-col_status").inner_text().startswith("200")
        assert '"aqi": 187' in answer.locator(".response-col_description").inner_text()
        if screenshot := os.environ.get("VAYU_TEST_SCREENSHOT"):
            page.screenshot(path=screenshot)
        browser.close()
    assert complaints == []
    assert {address.partition("/api/")[0] for address in requests if not address.startswith("data:")} <= {
        served,
        f"{served}/docs",
    }
