"""What pages of other origins may do in a browser."""

import pytest
from api_rows import url
from api_server import Make

READ = url("/aqi/current/Delhi")
PAGE = "https://dashboard.example"
PREFLIGHT = {
    "Origin": PAGE,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "Authorization, X-API-Key, If-None-Match, Content-Type, X-Other",
}


pytestmark = pytest.mark.usefixtures("delhi")


@pytest.mark.parametrize("cached", [0, 1 << 20])
def test_everybodys_pages_may_read(process: Make, cached: int) -> None:
    client = process(cache_bytes=cached).client
    for _ in range(2):
        for path in (READ, url("/health"), url("/forecast/Atlantis"), "/nowhere"):
            headers = client.get(path, headers={"Origin": PAGE}).headers
            assert headers.getlist("Access-Control-Allow-Origin") == ["*"]
            assert "RateLimit-Remaining" in headers["Access-Control-Expose-Headers"]
            assert "Access-Control-Allow-Credentials" not in headers
            assert "Origin" not in headers.get("Vary", "")


@pytest.mark.parametrize("cached", [0, 1 << 20])
def test_only_named_pages(process: Make, cached: int) -> None:
    client = process(origins=(PAGE,), cache_bytes=cached).client
    for _ in range(2):
        for path in (READ, url("/health")):
            theirs = client.get(path, headers={"Origin": PAGE}).headers
            assert theirs["Access-Control-Allow-Origin"] == PAGE
            for origin in ("https://evil.example", "null", PAGE + ".evil.example"):
                others = client.get(path, headers={"Origin": origin}).headers
                assert "Access-Control-Allow-Origin" not in others
                assert "Origin" in others["Vary"]


def test_nobodys(process: Make) -> None:
    client = process(origins=()).client
    assert "Access-Control-Allow-Origin" not in client.get(READ, headers={"Origin": PAGE}).headers
    assert "Access-Control-Allow-Methods" not in client.options(READ, headers=PREFLIGHT).headers


@pytest.mark.parametrize("path", [READ, url("/models/retrain/Delhi"), url("/forecast/batch")])
def test_a_browser_that_asks_first_is_answered_without_a_token(process: Make, path: str) -> None:
    answered = process(reads_need_token=True).client.options(path, headers=PREFLIGHT)
    assert answered.status_code == 204
    assert answered.data == b""
    assert answered.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in answered.headers["Access-Control-Allow-Methods"]
    assert set(answered.headers["Access-Control-Allow-Headers"].split(", ")) == {
        "Authorization", "X-API-Key", "If-None-Match", "Content-Type",
    }  # fmt: skip
    assert int(answered.headers["Access-Control-Max-Age"]) > 0


def test_a_plain_options_is_no_preflight(process: Make) -> None:
    answered = process().client.options(READ)
    assert answered.status_code == 200
    assert set(answered.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
