"""What a cache between the API and its clients may keep, and whom it may give it to: RFC 9111, over every GET."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from api_rows import hour, issued, problem_of, put_forecasts, put_hours, put_models, trained, url
from api_server import CURRENT, HISTORY, ON, Make, Process, Time, token
from flask import Flask, Response
from flask import request as incoming
from tcp_proxy import Wire
from werkzeug.http import parse_cache_control_header

from common.api.blueprint import BASE, Endpoint
from common.api.context import Policy
from common.api.middleware.rate_limit import Rate
from common.api.routes import ENDPOINTS
from common.domain.observation import HOUR
from common.store.engine import Database

if TYPE_CHECKING:
    from datetime import datetime

    from werkzeug.test import TestResponse

NGINX = Path(__file__).parents[2] / "nginx.conf"
PAGE = "https://page.example"
POLICY = ON | {"origins": (PAGE,), "rates": {"anonymous": Rate(100_000, 60), "token": Rate(50_000, 60)}}
GETS = [endpoint for endpoint in ENDPOINTS if endpoint.method == "GET"]
PUBLIC = re.compile(
    r"public, max-age=(\d+), (immutable|s-maxage=\1, stale-while-revalidate=\d+(, stale-if-error=600)?)"
)
KEY = "X-API-Key"

pytestmark = pytest.mark.usefixtures("filled")


class Client(Protocol):
    """What is needed of a test client."""

    def get(self, path: str, **options: Any) -> TestResponse: ...


@pytest.fixture
def filled(database: Database, now: datetime) -> None:
    put_hours(database, *(hour("Delhi", now - ago * HOUR) for ago in range(4)))
    put_forecasts(database, issued("Delhi", now))
    put_models(database, trained("v0", now))


def path_of(endpoint: Endpoint, now: datetime) -> str:
    """An address of the endpoint; where it speaks of something by number, of what there is not."""
    path = BASE + re.sub(r"\{\w+\}", "1", endpoint.path.replace("{city}", "Delhi"))
    if endpoint.path.endswith("compare"):
        return path + "?cities=Delhi,Mumbai"
    if "plume" in endpoint.path:
        return path + f"?time={now + HOUR:%Y-%m-%dT%H:%M:%SZ}"
    return path


class SharedCache:
    """A cache of the plainest kind: it keeps what it may, and gives it to whom it may (RFC 9111, 3 and 4.1)."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._stored: dict[str, list[tuple[dict[str, str], TestResponse]]] = {}

    def get(self, path: str, headers: dict[str, str]) -> tuple[TestResponse, bool]:
        """The answer, and whether it is one that was stored."""
        for selected, answer in self._stored.get(path, []):
            if all(headers.get(name, "") == value for name, value in selected.items()):
                return answer, True
        answer = self._client.get(path, headers=headers)
        control = parse_cache_control_header(answer.headers.get("Cache-Control"))
        seconds = int(control.get("s-maxage") or control.get("max-age") or 0)
        allowed = "Authorization" not in headers or "public" in control or "s-maxage" in control
        if allowed and seconds and not {"no-store", "no-cache", "private"} & control.keys():
            selected = {name: headers.get(name, "") for name in _names(answer.headers.get("Vary", ""))}
            self._stored.setdefault(path, []).append((selected, answer))
        return answer, False


def _names(vary: str) -> list[str]:
    return [name.strip().title() for name in vary.split(",") if name.strip()]


def test_only_what_is_the_same_for_everybody_is_public(process: Make, time: Time) -> None:
    client = process(**POLICY).client
    public = set()
    for endpoint in GETS:
        path = path_of(endpoint, time.now)
        answer = client.get(path)
        control = answer.headers["Cache-Control"]
        assert "Set-Cookie" not in answer.headers, path
        if answer.status_code >= 300 or not endpoint.cached_by_clients:
            lasting = answer.status_code == 200 and re.match("public, max-age=86400, |no-cache$", control)
            assert control == "no-store" or lasting, f"{path}: {control}"
        else:
            assert PUBLIC.fullmatch(control), f"{path}: {control}"
            assert "Accept-Encoding" in answer.headers["Vary"]
            public.add(endpoint.path)
    assert public > {"/cities/", "/aqi/current/{city}", "/aqi/history/{city}", "/forecast/{city}"}


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("scope", ["read", "alerts", "admin"])
def test_what_a_token_is_given_is_its_holders_alone(
    process: Make, database: Database, time: Time, closed: bool, scope: str
) -> None:
    client = process(reads_need_token=closed, **POLICY).client
    given = token(database, "read", scope, now=time.now)
    for endpoint in GETS:
        path = path_of(endpoint, time.now)
        for headers in ({KEY: given}, {"Authorization": f"Bearer {given}"}, {KEY: "x" * 48}):
            answer = client.get(path, headers=headers)
            control = answer.headers["Cache-Control"]
            assert control == "no-store" or control.startswith("private, "), f"{path}: {control}"
            assert "public" not in control
            assert "s-maxage" not in control
        if closed and endpoint.scope is not None:
            assert client.get(path).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("closed", [False, True])
def test_an_old_answer_to_a_token_is_its_holders_alone(database: Database, time: Time, closed: bool) -> None:
    headers = {KEY: token(database, "read", now=time.now)}
    with Wire(database.url) as wire:  # at its end the database is away
        own = Database(wire.url)
        process = Process(own, time, Policy(cache_bytes=1 << 20, reads_need_token=closed))
        assert process.client.get(HISTORY, headers=headers).status_code == 200
    time.pass_by(100)
    old = process.client.get(HISTORY, headers=headers)
    assert old.headers["Warning"].startswith("111 ")
    assert old.headers["Cache-Control"] == "private, no-cache"
    stranger = process.client.get(HISTORY)
    if closed:
        problem_of(stranger, 401)
    else:
        assert stranger.headers["Cache-Control"] == "no-cache"
    process.close()
    own.close()


def test_a_shared_cache_gives_everybody_what_the_api_would(process: Make, time: Time) -> None:
    client = process(**POLICY).client
    reused = 0
    for endpoint in GETS:
        path = path_of(endpoint, time.now)
        cache = SharedCache(client)
        ways = product(
            ("", *endpoint.media, "application/xml"), ("", "gzip", "br"), ("", PAGE, "https://other.example")
        )
        for accept, encoding, origin in ways:
            headers = {"Accept": accept, "Accept-Encoding": encoding, "Origin": origin}
            headers = {name: value for name, value in headers.items() if value}
            through, stored = cache.get(path, headers)
            direct = client.get(path, headers=headers)
            reused += stored
            assert _meaning(through) == _meaning(direct), f"{path} {headers}"
            if stored:
                assert through.status_code == 200, path
    assert reused > len(GETS)


def _meaning(answer: TestResponse) -> tuple[object, ...]:
    """What must not depend on who asks; bodies of what is made anew each time differ by their times."""
    names = (
        "Content-Type",
        "Content-Encoding",
        "Access-Control-Allow-Origin",
        "Cache-Control",
        "Content-Disposition",
    )
    lasting = answer.headers["Cache-Control"].startswith("public")
    return answer.status_code, answer.data if lasting else b"", *(answer.headers.get(name) for name in names)


def test_an_answer_that_hides_what_it_depends_on_would_be_seen() -> None:
    app = Flask(__name__)

    def careless() -> Response:
        return Response(incoming.headers.get("Accept", ""), headers={"Cache-Control": "public, s-maxage=9"})

    app.add_url_rule("/", view_func=careless)
    cache = SharedCache(app.test_client())
    first, _ = cache.get("/", {"Accept": "text/csv"})
    second, stored = cache.get("/", {"Accept": "application/json"})
    assert (first.data, second.data, stored) == (b"text/csv", b"text/csv", True)


def test_the_proxy_hides_every_header_that_is_one_callers_own(process: Make) -> None:
    client = process(**POLICY).client
    hidden = set(re.findall(r"proxy_hide_header (\S+);", NGINX.read_text(encoding="utf-8")))
    for path in (HISTORY, CURRENT, url("/openapi.json")):
        first, second = (dict(client.get(path).headers) for _ in range(2))
        own = {name for name in first if name.startswith("RateLimit-") or first[name] != second[name]}
        assert {"X-Request-Id", "RateLimit-Remaining"} <= own
        assert own <= hidden
