"""Rows to serve, made as the functions make them, and what every answer must be."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from pydantic import BaseModel
from werkzeug.test import TestResponse

from common.api import ApiContext
from common.api.blueprint import BASE
from common.api.errors import Problem
from common.api.routes import ENDPOINTS
from common.domain.aqi import naqi, us_aqi
from common.domain.messages import Message
from common.domain.observation import HOUR
from common.quality.explanation import pack
from common.store.api_keys import create_key
from common.store.city_hours import upsert_city_hours
from common.store.engine import Database, run
from common.store.forecasts import IssuedForecast, insert_forecast
from common.store.models import ModelRow, insert_model

_DAY = {
    "pm25": [78.5] * 23 + [None],
    "pm10": [132.4] * 24,
    "co": [None] * 20 + [0.875] * 4,
    "no2": [40.0] * 20,
}
DETAIL = pack(naqi(_DAY), us_aqi(_DAY))


def hour(city: str, time: datetime, **given: Any) -> dict[str, Any]:
    """A city-hour with an index, as reconciliation writes it."""
    row = {
        "city": city,
        "time": time.isoformat(),
        "source": "cpcb",
        "basis": "measured",
        "stations": 3,
        "pm25": 78.5,
        "pm10": 132.4,
        "co": 0.875,
        "aqi": 187,
        "dominant": "pm25",
        "aqi_us": 164,
        "dominant_us": "pm25",
        "detail": DETAIL,
    }
    return row | given


def issued(city: str, origin: datetime, **given: Any) -> IssuedForecast:
    """A forecast of 180 with rising certainty of being Moderate; the truth is up to the test."""
    fields: dict[str, Any] = {
        "city": city,
        "target": "aqi",
        "mode": "live",
        "issued_at": origin + timedelta(minutes=12),
        "origin": origin,
        "known_until": origin - HOUR,
        "model_version": None,
        "family": "xgboost",
        "inputs_hash": "abc",
        "basis": "measured",
        "source": "cpcb",
        "y": [180.4 + lead for lead in range(48)],
        "lo80": [150.2] * 48,
        "hi80": [240.5] * 48,
        "lo95": [-3.0] * 48,
        "hi95": [512.0] * 48,
        "categories": [[0.01, 0.09, 0.5, 0.25, 0.1, 0.05]] * 48,
        "persistence": [100.0] * 48,
        "daily": [120.0] * 48,
        "mean24": [130.0] * 48,
        "weekly": [140.0] * 48,
    }
    fields |= given
    if fields["target"] == "pm25" and "categories" not in given:
        fields["categories"] = []
    return IssuedForecast(**fields)


METRICS = {
    "holdout": {
        "mae": 20.5,
        "rmse": 28.1,
        "r2": 0.71,
        "mape": 0.18,
        "skill": 0.12,
        "best_naive": "daily",
        "n": 900,
    },
    "by_lead": [{"lead": 1, "mae": 5.0, "rmse": 7.5, "naive_mae": 6.0, "skill": 0.17}],
    "naive": {"daily": 23.3},
    "training_seconds": 1.5,
    "meets": {"r2_above_0_75": False, "rmse_below_15": False},
}


def trained(version: str, at: datetime, **given: Any) -> ModelRow:
    fields: dict[str, Any] = {
        "version": version,
        "city": "Delhi",
        "target": "aqi",
        "mode": "live",
        "family": "xgboost",
        "status": "candidate",
        "reason": "just trained",
        "trained_at": at,
        "window_start": at - timedelta(days=60),
        "window_end": at,
        "samples": 1400,
        "features_hash": "f" * 8,
        "checksum": "c" * 64,
        "metrics": METRICS,
    }
    return ModelRow(**(fields | given))


def body_of(response: TestResponse, path: str) -> Any:
    """The body of a 200 of the endpoint of that path; it holds what its model does and nothing else."""
    assert response.status_code == 200, response.text
    assert response.content_type == "application/json"
    [endpoint] = [endpoint for endpoint in ENDPOINTS if endpoint.path == path]
    assert endpoint.answer is not None
    return fitting(response.data, endpoint.answer)


def fitting(content: bytes, model: type[BaseModel]) -> Any:
    """A JSON text, read; it has all that the model requires, each part of its type, and nothing else."""
    read = model.model_validate_json(content, strict=True, extra="forbid")
    body = json.loads(content)
    assert json.loads(read.model_dump_json(exclude_unset=True, by_alias=True)) == body
    return body


def problem_of(response: TestResponse, status: int) -> Any:
    """The problem document of an error; it must be whole and give nothing of our insides away."""
    assert response.status_code == status, response.text
    assert response.content_type == "application/problem+json"
    body = fitting(response.data, Problem)
    assert body["status"] == status
    assert body["instance"].startswith("/")
    assert body["request_id"] == response.headers["X-Request-Id"]
    for inside in ("Traceback", "SELECT", "sqlalchemy", "pg8000", "secret", "/common/"):
        assert inside not in response.text
    return body


def url(path: str, **query: Any) -> str:
    return BASE + path + ("?" + urlencode(query, doseq=True) if query else "")


PRESENT = datetime(2025, 11, 5, 10, 30, tzinfo=UTC)


def put_hours(database: Database, *rows: dict[str, Any], at: datetime = PRESENT) -> None:
    with database.transaction() as connection:
        upsert_city_hours(connection, rows, now=at)


def put_forecasts(database: Database, *forecasts: IssuedForecast) -> None:
    with database.transaction() as connection:
        for forecast in forecasts:
            assert insert_forecast(connection, forecast)


def put_models(database: Database, *models: ModelRow) -> None:
    with database.transaction() as connection:
        for model in models:
            insert_model(connection, model)


def mark_simulated(database: Database) -> None:
    with database.transaction() as connection:
        run(connection, "INSERT INTO meta VALUES ('dataset', 'simulated')")


class IdleQueue:
    """A queue that remembers what was sent."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.delays: list[timedelta] = []

    in_database = False

    def send(
        self, type_: str, subject: str, data: Mapping[str, Any], *, delay: timedelta = timedelta(0)
    ) -> str:
        self.sent.append(Message(type_, subject, data))
        self.delays.append(delay)
        return str(len(self.sent))


def context_of(database: Database, now: datetime) -> ApiContext:
    return ApiContext(database=database, clock=lambda: now, queue=IdleQueue())


def token_for(database: Database, now: datetime, *scopes: str) -> str:
    """A token that allows these."""
    with database.transaction() as connection:
        run(connection, "DELETE FROM api_key")
        return create_key(connection, "a test", scopes, now=now)[0]
