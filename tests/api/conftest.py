"""The real application over a real database."""

import gzip
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from typing import Any

import pytest
from api_rows import context_of, fitting, hour, put_hours
from api_server import Process, Time
from flask import Flask, Response, request, request_finished
from tier_servers import fresh_database
from werkzeug.test import Client

from common.api import ApiContext, create_app
from common.api.context import Policy
from common.api.routes import ENDPOINTS
from common.store.engine import Database, run
from common.store.tiers import keeps_days

_EMPTY = (
    "forecast", "forecast_day_state", "forecast_day", "forecast_day_stated", "verification_day_state",
    "verification_day", "verification_day_provider", "verification_day_stated", "verification_cell",
    "verification_cell_provider", "verification_cell_stated", "model", "city_hour",
    "city_hour_revision", "city_day_stale", "source_run", "idempotency_key", "job", "api_key",
    "alert_outcome", "alert_episode", "alert_owner", "event", "event_cursor", "event_push", "pipeline_delay",
    "writer_lease", "meta WHERE key <> 'tier'",
)  # fmt: skip


@pytest.fixture(scope="session", autouse=True)
def every_answer_fits() -> Iterator[None]:
    """Whatever test makes it: an answer in JSON is held against the model that its endpoint declares."""
    models = {endpoint.name: endpoint for endpoint in ENDPOINTS}

    def check(_: Flask, response: Response) -> None:
        endpoint = models.get(request.endpoint or "")
        if endpoint is None or response.content_type != "application/json" or response.is_streamed:
            return
        model = endpoint.responses.get(response.status_code)
        if isinstance(model, type):
            content = response.get_data()
            fitting(gzip.decompress(content) if response.content_encoding == "gzip" else content, model)

    with request_finished.connected_to(check):
        yield


@pytest.fixture(scope="session")
def shared(server: str, template: str) -> Iterator[Database]:
    """One database for all tests here: a new one for each costs more than the test."""
    with fresh_database(server, f"TEMPLATE {template}") as url, closing(Database(url)) as opened:
        yield opened


@pytest.fixture
def database(shared: Database) -> Database:
    """The shared database, emptied."""
    with shared.transaction() as connection:
        kept_by_server = keeps_days(connection)
        for rows in _EMPTY if kept_by_server else (*_EMPTY, "city_day"):
            run(connection, f"DELETE FROM {rows}")  # noqa: S608 — tables of ours
        [(left,)] = run(connection, "SELECT EXISTS (SELECT FROM city_day)")
    if (
        kept_by_server and left
    ):  # days that a test had rolled up outlive their hours until they are rolled up anew
        with shared.statements() as connection:
            run(connection, "CALL refresh_continuous_aggregate('city_daily', NULL, NULL)")
    return shared


@pytest.fixture
def delhi(database: Database, now: datetime) -> None:
    """It has its present hour."""
    put_hours(database, hour("Delhi", now))


@pytest.fixture
def context(database: Database, now: datetime) -> Iterator[ApiContext]:
    made = context_of(database, now)
    yield made
    made.probe.close()


@pytest.fixture
def client(context: ApiContext) -> Client:
    return create_app(context).test_client()


@pytest.fixture
def down(now: datetime) -> Client:
    """The application over a port where nothing listens."""
    closed = Database("postgresql+pg8000://nobody:secret@127.0.0.1:1/nowhere")
    return create_app(context_of(closed, now)).test_client()


@pytest.fixture
def time(now: datetime) -> Time:
    return Time(now)


@pytest.fixture
def process(database: Database, time: Time) -> Iterator[Callable[..., Process]]:
    """Makes processes of the API over the one database, with the policy that is given."""
    made: list[Process] = []

    def make(**policy: Any) -> Process:
        made.append(Process(database, time, Policy(**policy)))
        return made[-1]

    yield make
    for reading in made:
        reading.close()
