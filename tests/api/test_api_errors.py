"""What every answer carries, and every error says."""

import io
import json
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.client import HTTPConnection
from typing import Any

import pytest
from api_rows import context_of, hour, issued, problem_of, put_forecasts, put_hours, url
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.serving import make_server
from werkzeug.test import Client

from common.api import ApiContext, create_app
from common.api.blueprint import Endpoint
from common.api.errors import ANSWERS
from common.api.middleware.replies import SECURITY_HEADERS
from common.api.middleware.request_context import logger
from common.api.routes import ENDPOINTS
from common.store.engine import Database, run

# What needs a token for alerts says so first: test_api_alerts.py.
GETS = [
    endpoint
    for endpoint in ENDPOINTS
    if endpoint.method == "GET" and endpoint.documented and endpoint.scope != "alerts"
]
READS = [endpoint for endpoint in GETS if endpoint.answer is not None]
HOSTILE = [
    "'; DROP TABLE city_hour; --",
    "1 OR 1=1",
    "%00",
    "Delhi\x00",
    "../../etc/passwd",
    "\u202edelhi",
    "💨",
]


def names_of(endpoint: Endpoint) -> tuple[str, ...]:
    """Of its query parameters."""
    return tuple(endpoint.query.model_fields) if endpoint.query else ()


@pytest.fixture
def logged(client: Client) -> Iterator[list[dict[str, Any]]]:
    """The lines that the API writes, read back."""
    lines: list[dict[str, Any]] = []

    class Captured(io.StringIO):
        def write(self, text: str) -> int:
            lines.append(json.loads(text))
            return len(text)

    handler = logger().registered_handler
    before = handler.setStream(Captured())
    yield lines
    handler.setStream(before)


def test_every_answer_has_a_request_id_and_the_security_headers(client: Client, down: Client) -> None:
    for response in (
        client.get(url("/cities/")),
        client.get("/nowhere"),
        client.post(url("/cities/")),
        down.get(url("/forecast/Delhi")),
        down.get(url("/health")),
    ):
        assert len(response.headers["X-Request-Id"]) == 32
        for name, value in SECURITY_HEADERS.items():
            assert response.headers[name] == value


@pytest.mark.parametrize(
    ("given", "accepted"),
    [("abc-123", True), ("x" * 128, True), ("x" * 129, False), ("a b", False), ("é", False)],
)
def test_a_sane_request_id_is_kept(client: Client, given: str, accepted: bool) -> None:
    answered = client.get(url("/nope"), headers={"X-Request-Id": given}).headers["X-Request-Id"]
    assert (answered == given) is accepted


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api",
        "/api/v1",
        "/api/v2/cities/",
        "/api/v1/aqi/current",
        "/api/v1//cities/",
        "/api/v1/%FF",
        "/api/v1/forecast/%0AV",
        "/api/v1/forecast/batch%0A",
        "/%0A",
        "/api/v1/aqi/current/%0D%0A",
    ],
)
def test_an_unknown_address(client: Client, path: str) -> None:
    assert problem_of(client.get(path), 404)["title"] == "Not Found"


@pytest.mark.parametrize("endpoint", GETS, ids=lambda endpoint: endpoint.path)
def test_a_wrong_method_names_the_right_ones(client: Client, endpoint: Endpoint) -> None:
    response = client.put(url(endpoint.path.replace("{city}", "Delhi")))
    problem_of(response, 405)
    assert "GET" in response.headers["Allow"]


@pytest.mark.parametrize("path", ["/forecast/batch", "/forecast/batch/"])
def test_the_batch_is_not_a_city(client: Client, path: str) -> None:
    response = client.get(url(path))
    problem_of(response, 405)
    assert set(response.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}
    problem_of(client.get(url("/forecast/batches")), 404)


@pytest.mark.parametrize("path", [endpoint.path for endpoint in READS if "{city}" in endpoint.path])
def test_an_unknown_city(client: Client, path: str) -> None:
    detail = problem_of(client.get(url(path.replace("{city}", "Atlantis"))), 404)["detail"]
    assert "unknown city 'Atlantis'" in detail
    assert "/api/v1/cities/" in detail


@pytest.mark.parametrize("endpoint", GETS, ids=lambda endpoint: endpoint.path)
def test_unknown_and_repeated_parameters(client: Client, endpoint: Endpoint) -> None:
    path = url(endpoint.path.replace("{city}", "Delhi").replace("{job}", "1").replace("{id}", "1"))
    problem = problem_of(client.get(path + "?colour=red"), 400)
    assert "no parameter 'colour'" in problem["detail"]
    assert (problem["errors"][0]["parameter"], problem["errors"][0]["given"]) == ("colour", "red")
    for name in names_of(endpoint):
        assert "given 2 times" in problem_of(client.get(f"{path}?{name}=1&{name}=1"), 400)["detail"]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_in_every_place(client: Client, database: Database, now: datetime, hostile: str) -> None:
    put_hours(database, hour("Delhi", now))
    for endpoint in GETS:
        for name in names_of(endpoint):
            path = url(endpoint.path.replace("{city}", "Delhi"), **{name: hostile})
            assert client.get(path).status_code in (200, 400, 404)
        if "{city}" in endpoint.path:
            assert client.get(url(endpoint.path.replace("{city}", hostile))).status_code in (200, 400, 404)
    response = client.post(url("/forecast/batch"), json={"cities": [hostile]})
    assert response.status_code == 200
    with database.transaction() as connection:
        assert run(connection, "SELECT count(*) FROM city_hour")[0][0] == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.text(max_size=20), st.text(max_size=20))
def test_no_text_in_the_address_breaks_it(down: Client, city: str, query: str) -> None:
    from urllib.parse import quote

    path = f"/api/v1/aqi/history/{quote(city, safe='')}?{quote(query)}"
    assert down.get(path).status_code in (400, 404, 503)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.binary(max_size=60))
def test_no_body_breaks_it(down: Client, body: bytes) -> None:
    response = down.post(url("/forecast/batch"), data=body, content_type="application/json")
    problem_of(response, 400)


@pytest.mark.parametrize("endpoint", READS, ids=lambda endpoint: endpoint.path)
def test_without_a_database_come_again(down: Client, endpoint: Endpoint) -> None:
    if endpoint.path in ("/cities/", "/health", "/metrics", "/live", "/aqi/convert"):
        return
    query = {"cities": "Delhi,Mumbai"} if "cities" in names_of(endpoint) else {}
    response = down.get(
        url(endpoint.path.replace("{city}", "Delhi").replace("{job}", "1").replace("{id}", "1"), **query)
    )
    problem_of(response, 503)
    assert response.headers["Retry-After"] == "5"


def test_a_batch_without_a_database(down: Client) -> None:
    problem_of(down.post(url("/forecast/batch"), json={"cities": ["Delhi"]}), 503)


def test_a_database_that_is_too_slow_counts_as_none(database: Database, now: datetime) -> None:
    hurried = Database(database.url, statement_timeout_s=1)
    client = create_app(context_of(hurried, now)).test_client()
    with database.transaction() as connection:
        run(connection, "LOCK TABLE city_hour")
        problem_of(client.get(url("/aqi/current/Delhi")), 503)
    problem_of(client.get(url("/aqi/current/Delhi")), 404)
    hurried.close()


def test_a_fault_of_ours_is_logged_and_not_shown(
    client: Client, database: Database, now: datetime, logged: list[dict[str, Any]]
) -> None:
    put_hours(database, hour("Delhi", now, detail={"in-naqi": "nonsense"}))
    body = problem_of(client.get(url("/aqi/pollutants/Delhi")), 500)
    assert "nonsense" not in json.dumps(body)
    failure, request = logged
    shared = {"level", "message", "timestamp", "service", "request_id"}
    assert shared <= failure.keys() & request.keys()
    assert failure["service"] == request["service"]
    assert abs(_logged_at(request) - _logged_at(failure)) < timedelta(minutes=1)
    assert failure["request_id"] == request["request_id"] == body["request_id"]
    assert "Traceback" in failure["exception"]
    assert request["status"] == 500


def _logged_at(line: dict[str, Any]) -> datetime:
    return datetime.strptime(line["timestamp"], "%Y-%m-%d %H:%M:%S,%f%z")


def test_one_line_a_request(client: Client, logged: list[dict[str, Any]]) -> None:
    trace = "1-5759e988-bd862e3fe1be46a994272793"
    client.get(
        url("/forecast/Atlantis"),
        headers={"X-Request-Id": "me-1", "X-Amzn-Trace-Id": f"Root={trace};Sampled=1"},
    )
    [line] = logged
    assert line["xray_trace_id"] == trace
    assert line["level"] == "INFO"
    assert line["method"] == "GET"
    assert line["route"] == "/api/v1/forecast/{city}"
    assert line["path"] == "/api/v1/forecast/Atlantis"
    assert line["status"] == 404
    assert line["request_id"] == "me-1"
    assert line["duration_ms"] >= 0


def test_the_table_gives_every_error_a_status() -> None:
    from common.domain import errors

    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.VayuError):
            assert any(base in ANSWERS for base in kind.__mro__)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
def test_every_declaration_is_explained(endpoint: Endpoint) -> None:
    for model in (endpoint.query, endpoint.body):
        if model is not None:
            for name, schema in model.model_json_schema()["properties"].items():
                assert schema.get("description"), f"{model.__name__}.{name} has no description"


def test_over_a_real_connection(context: ApiContext, database: Database, now: datetime) -> None:
    put_hours(database, hour("Delhi", now))
    put_forecasts(database, issued("Delhi", now))
    server = make_server("127.0.0.1", 0, create_app(context), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        connection = HTTPConnection("127.0.0.1", server.server_port, timeout=10)
        for method, path, body, status in (
            ("GET", "/aqi/current/new%20delhi", None, 200),
            ("HEAD", "/aqi/current/Delhi", None, 200),
            ("GET", "/forecast/d%C3%A9lhi", None, 200),
            ("POST", "/forecast/batch", b'{"cities": ["Delhi"]}', 200),
            ("GET", "/aqi/history/Delhi?hours=0", None, 400),
            ("GET", "/none", None, 404),
        ):
            connection.request(
                method, "/api/v1" + path, body, {"Content-Type": "application/json"} if body else {}
            )
            response = connection.getresponse()
            content = response.read()
            assert response.status == status
            assert content or method == "HEAD"
            assert response.headers["X-Request-Id"]
        # Without a length: the limit must hold while the body comes in pieces.
        pieces = (b" " * 8192 for _ in range(20))
        connection.request(
            "POST",
            "/api/v1/forecast/batch",
            pieces,
            {"Content-Type": "application/json"},
            encode_chunked=True,
        )
        assert connection.getresponse().status in (400, 413)
        connection.close()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("query", "faults"),
    [
        ({"hours": 3, "days": 1}, [("hours", "3"), ("days", "1")]),
        ({"start": "1999-01-01T00:00:00Z"}, [("start", "1999-01-01T00:00:00+00:00")]),
        ({"as_of": "2031-01-01T00:00:00Z"}, [("as_of", "2031-01-01T00:00:00+00:00")]),
    ],
)
def test_what_contradicts_is_named_part_by_part(
    client: Client, query: dict[str, Any], faults: list[tuple[str, str]]
) -> None:
    result = problem_of(client.get(url("/aqi/history/Delhi", **query)), 400)["errors"]
    assert [(item["parameter"], item["given"]) for item in result] == faults
    assert all(item["allowed"] for item in result)


def test_each_name_of_a_batch_that_no_city_has_is_told_with_the_nearest(client: Client) -> None:
    response = client.post(url("/forecast/batch"), json={"cities": ["Dehli", "Xyzzy"]})
    assert response.status_code == 200
    assert [error.get("nearest") for error in response.json["errors"]] == [["Delhi"], None]


@pytest.mark.parametrize(
    ("given", "nearest"),
    [
        ("Dehli", "Delhi"),
        ("Bombai", "Mumbai"),
        ("Bengalore", "Bangalore"),
        ("jai", "Jaipur"),
        ("Luknow", "Lucknow"),
    ],
)
def test_a_city_misspelt_is_met_with_the_nearest_names(client: Client, given: str, nearest: str) -> None:
    problem = problem_of(client.get(url(f"/aqi/current/{given}")), 404)
    assert problem["nearest"][0] == nearest
    assert problem["errors"] == [
        {"parameter": "city", "given": given, "allowed": "a city of /api/v1/cities/, by name or alias"}
    ]
    assert f"did you mean {nearest}" in problem["detail"]


@pytest.mark.parametrize(
    ("body", "pointer", "given", "allowed"),
    [
        ('{"cities": ["Delhi"], "hours_ahead": 49}', "/hours_ahead", "49", "a whole number from 1 to 48"),
        ('{"cities": ["Delhi", 5]}', "/cities/1", "5", "text"),
        ('{"cities": ["Delhi"], "a/b": 1}', "/a~1b", "1", "those there are: cities, hours_ahead"),
        ("{}", "/cities", None, "a list of 1 to 56, each text"),
        ("[]", "", "[]", "an object"),
        ("{", "", "{", "a JSON object"),
    ],
)
def test_a_body_that_does_not_fit_is_pointed_into(
    client: Client, body: str, pointer: str, given: str | None, allowed: str
) -> None:
    response = client.post(url("/forecast/batch"), data=body, content_type="application/json")
    assert problem_of(response, 400)["errors"] == [{"pointer": pointer, "given": given, "allowed": allowed}]


def test_a_whole_number_may_be_written_with_a_point(client: Client) -> None:
    body = '{"cities": ["Delhi"], "hours_ahead": 24.0}'
    response = client.post(url("/forecast/batch"), data=body, content_type="application/json")
    assert response.json["hours_ahead"] == 24
