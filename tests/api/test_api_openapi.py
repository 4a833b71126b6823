"""The description of the API: valid, complete, as committed, and true."""

import json
from pathlib import Path
from typing import Any

import pytest
from api_rows import fitting, hour, problem_of, put_hours, url
from openapi_spec_validator import validate
from pydantic import BaseModel
from werkzeug.test import Client

from common.api.description import EXAMPLES, as_json, document
from common.api.errors import Problem
from common.api.routes import BLUEPRINTS, ENDPOINTS
from common.store.engine import Database

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
COMMITTED = Path(__file__).parents[2] / "docs/openapi.json"
PROMISED = {
    ("get", "/cities/"): {"standard"},
    ("get", "/cities/rankings"): {"window", "by", "order", "limit", "standard"},
    ("get", "/cities/compare"): {"cities", "days", "standard"},
    ("get", "/overview"): {"standard"},
    ("get", "/aqi/current/{city}"): {"city", "standard", "explain", "as_of"},
    ("get", "/aqi/history/{city}"): {
        "city", "standard", "hours", "days", "start", "end", "as_of", "interval", "format",
    },
    ("get", "/aqi/pollutants/{city}"): {"city", "standard"},
    ("get", "/aqi/convert"): {"pm25", "pm10", "no2", "so2", "nh3", "co", "o3"},
    ("get", "/forecast/{city}"): {"city", "explain", "format", "hours", "target"},
    ("get", "/forecast/{city}/reproduce"): {"city", "issued", "target"},
    ("get", "/forecast/{city}/reproduce/{part}"): {"city", "part", "issued", "target"},
    ("post", "/forecast/batch"): set(),
    ("get", "/forecast/confidence/{city}"): {"city", "target", "mode", "days", "family", "season"},
    ("get", "/models/performance/{city}"): {"city", "target", "days", "family", "season"},
    ("get", "/record/scores"): {"city", "lead", "season", "target", "mode", "format"},
    ("get", "/record/scores/{city}"): {"city", "lead", "season", "target", "mode", "format"},
    ("get", "/record/days/{city}"): {"city", "lead", "season", "target", "mode", "format"},
    ("get", "/record/reliability"): {"city", "lead", "season", "mode"},
    ("get", "/record/warnings"): {"city", "lead", "season", "mode", "percent"},
    ("get", "/record/losses"): {"city", "lead", "season", "target", "mode", "limit"},
    ("get", "/record/plume/{city}"): {"city", "time", "target", "mode"},
    ("get", "/models/list"): {"page", "per_page", "city", "family", "status", "target", "mode"},
    ("post", "/models/retrain/{city}"): {"city", "Idempotency-Key"},
    ("get", "/models/jobs/{job}"): {"job"},
    ("get", "/models/files/{sha256}"): {"sha256"},
    ("get", "/archive/manifest.json"): set(),
    ("get", "/archive/{table}/{city_folder}/{year_folder}/{file}"): {
        "table", "city_folder", "year_folder", "file",
    },
    ("post", "/exports"): set(),
    ("get", "/exports/{id}"): {"id"},
    ("get", "/exports/{id}/{table}/{city_folder}/{year_folder}/{file}"): {
        "id", "table", "city_folder", "year_folder", "file",
    },
    ("post", "/alerts/preview"): set(),
    ("get", "/alerts/scores"): set(),
    ("get", "/alerts/{id}/score"): {"id"},
    ("get", "/alerts/feed.atom"): {"language", "city"},
    ("get", "/alerts/cap/{seq}.xml"): {"seq"},
    ("get", "/events"): {"after", "kinds", "cities", "limit", "Last-Event-ID"},
    ("get", "/live"): set(),
    ("get", "/slo"): set(),
    ("get", "/health"): set(),
    ("get", "/metrics"): set(),
    ("post", "/cache/clear"): set(),
    ("post", "/alerts"): set(),
    ("get", "/alerts"): set(),
    ("get", "/alerts/{id}"): {"id"},
    ("patch", "/alerts/{id}"): {"id"},
    ("delete", "/alerts/{id}"): {"id"},
    ("get", "/alerts/{id}/deliveries"): {"id", "cursor", "limit"},
    ("post", "/alerts/{id}/test"): {"id"},
    ("post", "/alerts/{id}/replay/{delivery}"): {"id", "delivery"},
    ("get", "/alerts/confirm/{token}"): {"token"},
    ("post", "/alerts/confirm/{token}"): {"token"},
    ("get", "/alerts/unsubscribe/{token}"): {"token"},
    ("post", "/alerts/unsubscribe/{token}"): {"token"},
    ("get", "/openapi.json"): set(),
    ("get", "/docs"): set(),
}  # fmt: skip
"""(method, path) → parameters: what the users were promised."""


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    result: dict[str, Any] = json.loads(as_json(document(BLUEPRINTS)))
    return result


def operations(described: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method, path): operation
        for path, values in described["paths"].items()
        for method, operation in values.items()
    }


def test_the_committed_description_is_the_present_one() -> None:
    assert COMMITTED.read_bytes() == as_json(document(BLUEPRINTS)), (
        "docs/openapi.json is out of date; run: make openapi"
    )


def test_it_is_valid(described: dict[str, Any]) -> None:
    assert described["openapi"] == "3.1.0"
    validate(described)


def test_every_endpoint_with_exactly_its_parameters(described: dict[str, Any]) -> None:
    result = {
        place: {parameter["name"] for parameter in operation.get("parameters", [])} - {"If-None-Match"}
        for place, operation in operations(described).items()
    }
    assert result == PROMISED


def test_everything_is_explained(described: dict[str, Any]) -> None:
    for (_, path), operation in operations(described).items():
        assert operation["summary"]
        assert {"400", "429", "500"} <= set(operation["responses"])
        assert (
            operation["security"] == [] if "security" in operation and path in ("/health", "/docs") else True
        )
        for parameter in operation.get("parameters", []):
            assert parameter["description"], (path, parameter["name"])
    names = {tag["name"] for tag in described["tags"]}
    assert {tag for operation in operations(described).values() for tag in operation["tags"]} == names


def test_the_page_lists_every_endpoint(described: dict[str, Any]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    for method, path in operations(described):
        assert f"`{method.upper()} {path}`" in page


@pytest.mark.parametrize("status", EXAMPLES)
def test_examples_of_errors_fit(status: int) -> None:
    assert fitting(json.dumps(EXAMPLES[status]).encode(), Problem)["status"] == status


@pytest.mark.parametrize(
    "model",
    [model for endpoint in ENDPOINTS for model in (endpoint.answer, endpoint.body) if model is not None],
    ids=lambda model: model.__name__,
)
def test_examples_fit_the_models_and_leave_nothing_over(model: type[BaseModel]) -> None:
    extra: Any = model.model_config.get("openapi_extra", {})
    if "example" in extra:
        fitting(json.dumps(extra["example"]).encode(), model)
    else:  # long reports, which the page makes up from their schemas
        assert model.__name__ in {"Models", "Performance", "Confidence", "Health", "Metrics"}


def limited() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, parameter["name"], parameter["schema"])
        for (method, path), operation in operations(document(BLUEPRINTS)).items()
        for parameter in operation.get("parameters", [])
        if method == "get"
        and path != "/alerts/{id}/deliveries"  # for its owner alone: tests/api/test_api_alerts.py
        and parameter["in"] == "query"
        and ("minimum" in parameter["schema"] or "enum" in parameter["schema"])
    ]


@pytest.mark.parametrize(
    ("path", "name", "schema"), limited(), ids=lambda item: item if isinstance(item, str) else ""
)
def test_its_limits_are_those_that_hold(
    client: Client, database: Database, now: Any, path: str, name: str, schema: dict[str, Any]
) -> None:
    put_hours(database, hour("Delhi", now), hour("Mumbai", now))
    more = {"cities": "Delhi,Mumbai"} if path == "/cities/compare" else {}
    if name == "days" and path == "/aqi/history/{city}":
        more["interval"] = "day"
    address = path.replace("{city}", "Delhi")

    def requested(value: Any) -> Any:
        return client.get(url(address, **{name: value, **more}))

    allowed = schema.get("enum", [schema.get("minimum"), schema.get("maximum")])
    for value in allowed:
        assert requested(value).status_code in (200, 404)
    beyond = ["nothing like it"] if "enum" in schema else [schema["minimum"] - 1, schema["maximum"] + 1]
    for value in beyond:
        [fault] = problem_of(requested(value), 400)["errors"]
        assert (fault["parameter"], fault["given"]) == (name, str(value))
        assert all(str(word) in fault["allowed"] for word in allowed)


def test_it_is_served(client: Client, described: dict[str, Any]) -> None:
    response = client.get(url("/openapi.json"))
    assert response.status_code == 200
    assert response.content_type == "application/json"
    assert json.loads(response.data) == described
    moved = client.get("/openapi.json")
    assert (moved.status_code, moved.headers["Location"]) == (308, "api/v1/openapi.json")


def test_below_a_prefix_it_says_so(client: Client) -> None:
    served = client.get(url("/openapi.json"), environ_overrides={"SCRIPT_NAME": "/prod"})
    assert json.loads(served.data)["servers"] == [{"url": "/prod/api/v1"}]
