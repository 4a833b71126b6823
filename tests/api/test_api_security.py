"""What somebody with bad intentions sends: nothing is given away, and nothing costs more than a refusal."""

from __future__ import annotations

import json
import re
import socket
import time
from contextlib import closing
from http.client import HTTPConnection
from statistics import median
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode
from uuid import UUID

import pytest
from alert_rows import KEY
from api_rows import hour, issued, put_forecasts, put_hours
from serving import Served

from common.api import create_app
from common.api.blueprint import BASE
from common.api.routes import ENDPOINTS
from common.bootstrap.container import system_clock
from common.domain.observation import last_full_hour
from common.store.api_keys import create_key
from common.store.engine import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from common.api import ApiContext
    from common.api.blueprint import Endpoint
    from common.store.engine import Database

INSIDE = (
    "Traceback",
    "pg8000",
    "sqlalchemy",
    "psycopg",
    "FROM city_hour",
    "syntax error",
    "werkzeug",
    "gunicorn.",
    "/common/",
    "site-packages",
    "postgresql://",
    "search_path",
)
SQL = (
    "' OR '1'='1",
    "'; DROP TABLE city_hour; --",
    '" OR ""="',
    "1) UNION SELECT version(), 2 --",
    "Delhi' x--",
    "$1",
    ":city",
    "%s",
    "\\'; SELECT pg_sleep(3); --",
    "Delhi' AND pg_sleep(3) IS NULL --",
    "${jndi:ldap://x/a}",
    "{{7*7}}",
)
LONGEST_S = 2.0
"""pg_sleep(3), or a regular expression that goes wild, would take longer."""


@pytest.fixture(scope="module")
def served(shared: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("security")
    with Served(shared.url, folder, VAYU_RATE_ANONYMOUS="unlimited", VAYU_ALERTS_KEY=KEY) as running:
        yield running


@pytest.fixture(autouse=True)
def filled(database: Database) -> None:
    now = last_full_hour(system_clock())
    put_hours(database, hour("Delhi", now), at=now)
    put_forecasts(database, issued("Delhi", now))


def send(served: Served, head: str, body: bytes = b"", *headers: str) -> tuple[int, dict[str, str], bytes]:
    """One request, byte for byte; (status, headers, body)."""
    lines = [head, "Host: api.example.org", "Connection: close", *headers]
    if body and not any(line.lower().startswith(("content-length", "transfer-encoding")) for line in headers):
        lines.append(f"Content-Length: {len(body)}")
    begun = time.monotonic()
    received = served.say("\r\n".join((*lines, "", "")).encode("latin-1"), body)
    assert time.monotonic() - begun < LONGEST_S, head[:200]
    top, _, rest = received.partition(b"\r\n\r\n")
    first, *named = top.decode("latin-1").split("\r\n")
    result = dict(line.split(": ", 1) for line in named)
    if result.get("Transfer-Encoding") == "chunked":
        rest = b"".join(re.findall(rb"[0-9a-f]+\r\n(.*?)\r\n(?=[0-9a-f]+\r\n|$)", rest, re.DOTALL))
    return int(first.split()[1]), result, rest


def get(served: Served, path: str, *headers: str) -> tuple[int, dict[str, str], bytes]:
    return send(served, f"GET {BASE}{path} HTTP/1.1", b"", *headers)


def gives_nothing_away(status: int, headers: dict[str, str], body: bytes) -> None:
    assert status < 500, body
    text = body.decode("utf-8", "replace")
    for inside in INSIDE:
        assert inside.lower() not in text.lower(), (inside, text[:500])
    assert "gunicorn/" not in headers.get("Server", "")


def refused(answer: tuple[int, dict[str, str], bytes], *statuses: int) -> Any:
    status, headers, body = answer
    gives_nothing_away(status, headers, body)
    assert status in statuses, (status, body[:300])
    assert headers["Content-Type"] == "application/problem+json"
    message = json.loads(body)
    assert message["status"] == status
    return message


READS = [endpoint for endpoint in ENDPOINTS if endpoint.method == "GET"]


def parameters() -> Iterator[tuple[Endpoint, str]]:
    for endpoint in READS:
        for name in endpoint.query.model_fields if endpoint.query else ():
            yield endpoint, name


@pytest.mark.parametrize(
    ("endpoint", "name"), list(parameters()), ids=lambda value: getattr(value, "path", value)
)
def test_sql_in_every_parameter(served: Served, endpoint: Endpoint, name: str) -> None:
    parts = {"city": "Delhi", "job": "1", "part": "recipe", "sha256": "0" * 64, "id": str(UUID(int=1))}
    path = endpoint.path.format(**parts)
    for text in SQL:
        status, headers, body = get(served, f"{path}?{urlencode({name: text})}")
        gives_nothing_away(status, headers, body)
        assert 400 <= status < 500, (text, status, body[:200])


@pytest.mark.parametrize("text", SQL)
def test_sql_in_every_path_and_body(served: Served, database: Database, text: str) -> None:
    for endpoint in READS:
        if "{" in endpoint.path:
            path = re.sub(r"\{\w+\}", quote(text, safe=""), endpoint.path)
            refused(get(served, path), *((401, 404) if endpoint.scope == "alerts" else (404,)))
    body = json.dumps({"cities": [text, "Delhi"], "hours_ahead": 1}).encode()
    status, _, message = send(
        served, f"POST {BASE}/forecast/batch HTTP/1.1", body, "Content-Type: application/json"
    )
    assert status == 200
    answer = json.loads(message)
    assert ([forecast["city"] for forecast in answer["forecasts"]], len(answer["errors"])) == (["Delhi"], 1)
    with database.transaction() as connection:
        assert run(connection, "SELECT count(*) FROM city_hour") == [(1,)]


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "..%2f..%2f..%2fetc%2fpasswd",
        "%2e%2e/%2e%2e/secret",
        "....//....//etc/passwd",
        "Delhi%00.json",
        "Delhi%0d%0aX-Evil:%201",
        "Delhi%23x",
        "%c0%ae%c0%ae/",
        "%ff%fe",
        "Delhi;ls",
        "|id",
        "`id`",
        "C:%5Cboot.ini",
        "file:///etc/passwd",
        "%F0%9F%98%80",
        "\u0000".encode().hex(),
        "a" * 900,
        "%",
    ],
)
def test_paths_lead_nowhere_but_to_cities(served: Served, name: str) -> None:
    for endpoint in ("aqi/current", "aqi/history", "forecast", "models/performance"):
        status, headers, body = get(served, f"/{endpoint}/{name}")
        gives_nothing_away(status, headers, body)
        assert status in {308, *range(400, 500)}, (status, body[:200])
        assert b"root:" not in body
        assert "X-Evil" not in headers


@pytest.mark.parametrize(
    "name",
    [
        "ＤＥＬＨＩ",
        "D\u0435lhi",
        "Delhi\u200b",
        "\u202eihleD",
        "De\u0301lhi",
        "delhi\u00a0",
        "\ufeffDelhi",
        "𝐃elhi",
        "ﬁ",
        "ß" * 50,
        "\U000e0044elhi",
    ],
)
def test_unicode_that_looks_alike_is_one_city_or_none(served: Served, name: str) -> None:
    status, headers, body = get(served, f"/aqi/current/{quote(name)}")
    gives_nothing_away(status, headers, body)
    assert status in (200, 404)
    if status == 200:
        assert json.loads(body)["city"] == "Delhi"
    else:
        json.loads(body)


@pytest.mark.parametrize(
    "header",
    [
        "X-Request-Id: a\tb",
        "X-Request-Id: <script>alert(1)</script>",
        "X-Request-Id: " + "x" * 5000,
        "X-Request-Id: é",
        'X-Request-Id: {"level":"ERROR"}',
        "Accept: " + "text/html," * 500,
        "Accept-Encoding: gzip;q=abc,,;;",
        'If-None-Match: "' + "a" * 4000,
        'If-None-Match: W/"x", ' * 200,
        "X-Forwarded-For: 1.2.3.4, '; DROP TABLE x",
        "X-Forwarded-For: " + "1.2.3.4," * 500,
        "X-Forwarded-Host: evil.example",
        "X-Forwarded-Proto: javascript",
        "Authorization: Bearer",
        "Authorization: Basic YTpi",
        "Authorization: Bearer " + "a" * 5000,
        "X-API-Key: ' OR 1=1",
        "Authorization: Bearer \x7f\x01",
        "Origin: null",
        "Origin: https://evil.example\x0b",
        "Range: bytes=0-1,2-3",
        "Accept-Language: " + "a-" * 1000,
        "Cookie: a=" + "b" * 4000,
        "Content-Type: application/json; charset=" + "x" * 500,
        'Forwarded: for="_gazonk"',
        "Host: evil.example",
        "Upgrade: h2c",
        "Expect: 100-continue",
        "TE: trailers",
    ],
)
def test_headers_do_no_harm(served: Served, header: str) -> None:
    status, headers, body = get(served, "/aqi/current/Delhi", header)
    gives_nothing_away(status, headers, body)
    value = header.partition(": ")[2]
    assert not any(value in message for message in headers.values() if len(value) > 8), headers
    assert "evil" not in str(headers)
    assert re.fullmatch(r"[A-Za-z0-9._:=+/-]{1,128}", headers.get("X-Request-Id", "a"))
    assert "Set-Cookie" not in headers


def test_what_is_no_http_is_refused(served: Served) -> None:
    for words in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x",
        b"GET /api/v1/health HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n",
        b"GET /api/v1/health HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"GET " + b"/" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    ):
        begun = time.monotonic()
        received = served.say(words)
        assert time.monotonic() - begun < 5
        assert not received or re.match(rb"HTTP/1\.[01] [45]\d\d ", received), received[:200]
        assert b"Traceback" not in received
    assert served.get(f"{BASE}/health")[0] == 200


BATCH = f"POST {BASE}/forecast/batch HTTP/1.1"
JSON_TYPE = "Content-Type: application/json"


@pytest.mark.parametrize(
    ("body", "statuses"),
    [
        (b"[" * 60_000, (400, 422)),
        (b'{"cities":' * 6_000, (400, 422)),
        (b'{"cities":["Delhi"],"a":' + b"[" * 5_000, (400, 422)),
        (b"", (400, 422)),
        (b"null", (400, 422)),
        (b"1e999999", (400, 422)),
        (b'{"cities":["\\ud800"]}', (200, 400, 422)),
        (b'{"cities":["Delhi"],"hours_ahead":1e400}', (400, 422)),
        (b'{"cities":["Delhi"],"hours_ahead":9999999999999999999999}', (400, 422)),
        (b'{"cities":["Delhi"],"cities":["Mumbai"]}', (200, 400, 422)),
        (b'{"__proto__":{},"cities":["Delhi"]}', (400, 422)),
        (b'{"cities":[' + b'"x",' * 5_000 + b'"y"]}', (400, 422)),
        (b"\xff\xfe\x00", (400, 422)),
        (b'{"cities":["Delhi\\u0000"]}', (200, 400, 422)),
        (b"<xml/>", (400, 422)),
    ],
    ids=range(15),
)
def test_bodies(served: Served, body: bytes, statuses: tuple[int, ...]) -> None:
    status, headers, message = send(served, BATCH, body, JSON_TYPE)
    gives_nothing_away(status, headers, message)
    assert status in statuses, message[:300]


def test_a_body_that_is_too_large_is_refused_before_it_is_read(served: Served) -> None:
    refused(send(served, BATCH, b"x" * 70_000, JSON_TYPE), 413)
    begun = time.monotonic()
    received = served.say(
        f"{BATCH}\r\nHost: a\r\n{JSON_TYPE}\r\nConnection: close\r\nContent-Length: 99999999999\r\n\r\n".encode()
    )
    assert received.startswith(b"HTTP/1.1 413")
    assert time.monotonic() - begun < LONGEST_S
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    head = f"{BATCH}\r\nHost: a\r\n{JSON_TYPE}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    received = served.say(head.encode(), chunk, chunk, b"0\r\n\r\n")
    assert re.match(rb"HTTP/1.1 4\d\d ", received)


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json-patch+json",
        "",
        "a",
    ],
)
def test_other_kinds_of_body_are_refused(served: Served, kind: str) -> None:
    refused(send(served, BATCH, b'{"cities":["Delhi"]}', f"Content-Type: {kind}"), 415)


def test_methods_that_nobody_has(served: Served) -> None:
    for method in ("PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", "GETX"):
        status, headers, body = send(served, f"{method} {BASE}/aqi/current/Delhi HTTP/1.1")
        gives_nothing_away(status, headers, body)
        assert 400 <= status < 500


def test_parameters_that_are_given_twice_or_strange(served: Served) -> None:
    for query in (
        "hours=1&hours=2",
        "hours=1&HOURS=2",
        "hours[]=1",
        "hours=1;hours=2",
        "hours=%00",
        "hours=1%00",
        "hours=0x10",
        "hours=1e1",
        "hours=%D9%A1",
        "hours=" + "9" * 400,
        "hours=-0",
        "hours=+1",
        "hours= 1",
        "start=" + "0" * 500,
        "=1",
        "&&&=&",
        "%=1",
        "standard=in-naqi%0d%0aX-Evil:1",
        "interval=hour&interval=day",
        "&".join(f"a{n}=1" for n in range(150)),
    ):
        status, headers, body = get(served, f"/aqi/history/Delhi?{query.replace(' ', '%20')}")
        gives_nothing_away(status, headers, body)
        assert status < 500
        assert "X-Evil" not in headers


def test_what_is_long_is_refused_early(served: Served) -> None:
    for path, header in (
        ("/aqi/current/" + "a" * 3000, "A: b"),
        ("/aqi/current/Delhi?explain=" + "a" * 5000, "A: b"),
        ("/aqi/current/Delhi", "X-Much: " + "a" * 8100),
    ):
        status, headers, body = get(served, path, *([header] * 5))
        gives_nothing_away(status, headers, body)
        assert 400 <= status < 500, path[:60]


def test_clients_that_never_end_their_request_hold_up_nobody_else(served: Served) -> None:
    """Three of them; each holds one of gunicorn's four threads. Against more, a proxy must stand before it."""
    slow = [socket.create_connection(("127.0.0.1", served.port), timeout=5) for _ in range(3)]
    try:
        for connection in slow:
            connection.sendall(b"GET /api/v1/health HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        begun = time.monotonic()
        for _ in range(10):
            assert served.get(f"{BASE}/aqi/current/Delhi")[0] == 200
        assert time.monotonic() - begun < LONGEST_S
    finally:
        for connection in slow:
            connection.close()
    assert served.get(f"{BASE}/health")[0] == 200


def test_every_answer_carries_the_security_headers(served: Served, context: ApiContext) -> None:
    for path in ("/health", "/aqi/current/Delhi", "/aqi/current/Atlantis", "/nowhere", "/metrics"):
        _, headers, _ = get(served, path)
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "X-Powered-By" not in headers
        assert "Strict-Transport-Security" not in headers
    secure = create_app(context).test_client().get(f"{BASE}/cities/", base_url="https://api.example.org")
    assert secure.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_a_token_that_is_nearly_right_takes_as_long_as_one_that_is_wrong(
    served: Served, database: Database
) -> None:
    """Rounds of both in turns; what differs must be far below what a network hides."""
    with database.transaction() as connection:
        token, _ = create_key(connection, "timed", ["read"], now=system_clock())
    wrong = token[:-1] + ("a" if token[-1] != "a" else "b")
    strange = token[:12] + "".join(chr(97 + place % 26) for place in range(len(token) - 12))
    for item in (token, wrong, strange):
        get(served, "/metrics", f"Authorization: Bearer {item}")
    times: dict[str, list[float]] = {wrong: [], strange: []}
    with closing(HTTPConnection("127.0.0.1", served.port, timeout=5)) as connection:
        for number in range(400):
            given = (wrong, strange)[number % 2]
            begun = time.perf_counter()
            connection.request(
                "GET", f"{BASE}/aqi/current/Delhi", headers={"Authorization": f"Bearer {given}"}
            )
            answer = connection.getresponse()
            answer.read()
            times[given].append(time.perf_counter() - begun)
            assert answer.status == 401
    first, second = (median(sample) for sample in times.values())
    assert abs(first - second) < 0.0005


def test_nothing_that_was_sent_broke_anything(served: Served) -> None:
    assert served.get(f"{BASE}/health")[0] == 200
    assert b"request failed" not in served.log.read_bytes()
    assert b"Traceback" not in served.log.read_bytes()
