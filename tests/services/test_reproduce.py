"""Forecasts of trained models, computed again from what the API publishes of them."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from sqlalchemy.exc import DBAPIError
from synthetic import END, hours, put_hours, put_model
from werkzeug.test import Client

from common.adapters.object_store import UrlObjectStore
from common.adapters.postgres.queue import PostgresQueue
from common.api import ApiContext, create_app
from common.domain.errors import DataError, ModelError, NotFound, VayuError
from common.domain.forecast import COMPOSED, HORIZON, TARGETS, Family
from common.domain.model_files import model_key
from common.domain.observation import HOUR, ProviderForecast
from common.inference.issue import issue_forecasts
from common.inference.onnx_session import ModelCache
from common.services.reproduce import listing_of, reproduce
from common.store.engine import Database, run
from common.store.forecast_inputs import INPUTS_KEPT
from common.store.maintain import maintain
from common.store.provider_forecasts import insert_provider_forecasts
from common.training.service import train_city

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from pathlib import Path

NOW = END + timedelta(minutes=12)
CITIES = ("Delhi", "Mumbai", "Kolkata")


@pytest.fixture
def files(tmp_path: Path) -> UrlObjectStore:
    return UrlObjectStore(tmp_path.as_uri())


class Published:
    """What an installation gives over HTTP."""

    def __init__(self, database: Database, files: UrlObjectStore) -> None:
        queue = PostgresQueue(database, lambda: NOW)
        self._client = Client(
            create_app(ApiContext(database, lambda: NOW, queue, open_object_store=lambda: files))
        )
        self.changed: dict[str, Callable[[bytes], bytes]] = {}
        """Name of a part, or ``listing`` → what is done to its bytes on the way"""

    def listing(self, city: str, target: str, issued: str | None = None) -> dict[str, Any]:
        query = {"target": target} | ({} if issued is None else {"issued": issued})
        return listing_of(self._get("listing", f"/api/v1/forecast/{city}/reproduce", query))

    def fetch(self, address: str) -> bytes:
        [name] = [name for name in ("/models/files/", "/matrix?", "/recipe?") if name in address]
        return self._get({"/models/files/": "model"}.get(name, name[1:-1]), address)

    def _get(self, name: str, address: str, query: dict[str, str] | None = None) -> bytes:
        response = self._client.get(address, query_string=query)
        if response.status_code != 200:
            raise NotFound(response.text)
        return self.changed.get(name, bytes)(response.data)


@pytest.fixture
def published(database: Database, files: UrlObjectStore) -> Published:
    return Published(database, files)


def issued_row(database: Database, city: str, target: str) -> dict[str, Any]:
    with database.transaction() as connection:
        [(row,)] = run(
            connection,
            "SELECT to_jsonb(forecast) FROM forecast WHERE city = :city AND target = :target "
            "ORDER BY origin DESC LIMIT 1",
            city=city,
            target=target,
        )
    return dict(row)


@pytest.mark.parametrize("family", ["linear", "random_forest", "xgboost", "lstm"])
def test_forecasts_of_every_family_are_computed_again(
    database: Database, files: UrlObjectStore, published: Published, family: Family
) -> None:
    if family == "lstm":
        pytest.importorskip("torch")
    put_hours(database, "Delhi", hours(44, seed=5), END + 2 * HOUR)
    models = ModelCache(files)
    report = train_city(database, models, "Delhi", now=NOW, families=[family])
    assert set(report.promoted) == set(TARGETS), report
    computed = set()
    for later in range(3):
        assert issue_forecasts(database, models, ["Delhi"], now=NOW + later * HOUR).issued == 2
        for target in TARGETS:
            result = reproduce(published.listing("Delhi", target), published.fetch)
            assert result.agrees
            assert result.largest_difference < 1e-7
            row = issued_row(database, "Delhi", target)
            assert [hour.issued for hour in result.hours] == row["y"]
            computed |= {*result.recipe.outputs}
            assert (COMPOSED in result.recipe.averaged) == (target == "aqi")
    assert family in computed


def hear(database: Database, city: str, pm25: Iterable[float]) -> None:
    """What a provider expects of the hours to come, with an hour of which it says nothing."""
    rows = [
        ProviderForecast("openweather", city, END, END + lead * HOUR, {"pm25": value})
        for lead, value in enumerate(pm25, start=1)
        if lead != 5
    ]
    with database.transaction() as connection:
        insert_provider_forecasts(connection, rows, now=END)


@pytest.mark.parametrize("seed", range(4))
def test_any_city_whatever_is_known_of_it(
    database: Database, files: UrlObjectStore, published: Published, seed: int
) -> None:
    """Late data, gaps, providers, a record of some forecasts: what is published is always enough."""
    chance = random.Random(seed)  # noqa: S311 — of a test
    for city in CITIES:
        history = hours(20, seed=seed + len(city), gaps=chance.choice([0.0, 0.1]), memory=chance.random())
        history[-1] = np.nan_to_num(history[-1], nan=50.0)
        late = chance.choice([0, 0, 1, 5])
        put_hours(database, city, history * chance.choice([0.02, 1.0, 3.0]), END - late * HOUR)
        if chance.random() < 0.7:
            hear(database, city, [chance.uniform(0, 400) for _ in range(30)])
        for target in TARGETS:
            kind = chance.choice(["daily", "persistence", "weekly"])
            put_model(database, files, target, kind, city=city)
    models = ModelCache(files)
    issued = 0
    for back in (9, 3, 0):
        issued += issue_forecasts(database, models, CITIES, now=NOW - back * HOUR).issued
    assert issued >= 2 * len(CITIES)
    with database.transaction() as connection:
        rows = run(connection, "SELECT city, target, issued_at FROM forecast")
    assert len(rows) == issued
    for city, target, at in rows:
        listing = published.listing(city, target, f"{at:%Y-%m-%dT%H:%M:%SZ}")
        assert listing["issued_at"] == f"{at:%Y-%m-%dT%H:%M:%SZ}"
        result = reproduce(listing, published.fetch)
        assert result.agrees, (city, target, result.hours)


@pytest.fixture
def simple(database: Database, files: UrlObjectStore, published: Published) -> Published:
    put_hours(database, "Delhi", hours(20, seed=1))
    for target in TARGETS:
        put_model(database, files, target, "daily", city="Delhi")
    assert issue_forecasts(database, ModelCache(files), ["Delhi"], now=NOW).issued == 2
    return published


def flipped(place: int) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        at = place % len(data)
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]

    return change


@pytest.mark.parametrize("name", ["model", "matrix", "recipe"])
@pytest.mark.parametrize("place", [0, 1000, -1])
def test_a_changed_byte_is_named(simple: Published, name: str, place: int) -> None:
    listing = simple.listing("Delhi", "pm25")
    simple.changed[name] = flipped(place)
    with pytest.raises(DataError, match=f"the {name} has the SHA-256"):
        reproduce(listing, simple.fetch)
    simple.changed[name] = lambda data: data[:-1]
    with pytest.raises(DataError, match=f"the {name} has .* bytes"):
        reproduce(listing, simple.fetch)


def rewritten(simple: Published, name: str, change: Callable[[bytes], bytes]) -> dict[str, Any]:
    """A listing that a liar made fit a part that he changed."""
    from common.inference.card import checksum

    listing = simple.listing("Delhi", "pm25")
    [part] = [part for part in listing["parts"] if part["name"] == name]
    data = change(simple.fetch(part["url"]))
    part |= {"sha256": checksum(data), "bytes": len(data)}
    simple.changed[name] = lambda _: data
    return listing


def recipe_with(**changes: Any) -> Callable[[bytes], bytes]:
    return lambda data: msgspec.json.encode({**json.loads(data), **changes})


def test_another_recipe_gives_another_forecast(simple: Published) -> None:
    def heavier(data: bytes) -> bytes:
        recipe = json.loads(data)
        recipe["y"][10] *= 1 + 3e-6
        return msgspec.json.encode(recipe)

    listing = rewritten(simple, "recipe", heavier)
    result = reproduce(listing, simple.fetch)
    assert [hour.lead for hour in result.hours if not hour.agrees] == [11]
    assert not result.agrees
    # What was issued is compared as well, to its last decimal, and so are the bounds.
    simple.changed.clear()
    listing = simple.listing("Delhi", "pm25")
    listing["issued"]["values"][0] += 0.2
    listing["issued"]["upper_95"][47] -= 0.2
    assert [hour.lead for hour in reproduce(listing, simple.fetch).hours if not hour.agrees] == [1, 48]


@pytest.mark.parametrize(
    ("part", "change", "sentence"),
    [
        ("recipe", recipe_with(model_sha256="0" * 64), "of another model"),
        ("recipe", recipe_with(target="aqi"), "is of aqi, not of pm25"),
        ("recipe", recipe_with(features=["lag1"]), "columns"),
        ("recipe", recipe_with(outputs={"naive": "y_other"}), "no output y_other"),
        ("recipe", recipe_with(format=2), "another form"),
        ("recipe", recipe_with(averaged=[]), "another form"),
        ("recipe", recipe_with(y=[1.0]), "another form"),
        ("recipe", lambda _: b"{}", "cannot be read"),
        ("matrix", lambda data: data[:-4], "float32"),
    ],
)
def test_what_contradicts_itself_is_refused(
    simple: Published, part: str, change: Callable[[bytes], bytes], sentence: str
) -> None:
    listing = rewritten(simple, part, change)
    with pytest.raises(DataError, match=sentence):
        reproduce(listing, simple.fetch)


def test_a_file_that_is_no_model_is_refused(simple: Published) -> None:
    listing = rewritten(simple, "model", lambda _: b"no model")
    [part] = [part for part in listing["parts"] if part["name"] == "model"]
    simple.changed["recipe"] = recipe_with(model_sha256=part["sha256"])
    fitting = rewritten(simple, "recipe", bytes)
    fitting["parts"] = [part, *(other for other in fitting["parts"] if other["name"] != "model")]
    with pytest.raises(ModelError, match="cannot be opened"):
        reproduce(fitting, simple.fetch)


@pytest.mark.parametrize("missing", ["model", "matrix", "recipe"])
def test_a_part_that_is_not_listed_is_named(simple: Published, missing: str) -> None:
    listing = simple.listing("Delhi", "aqi")
    listing["parts"] = [part for part in listing["parts"] if part["name"] != missing]
    with pytest.raises(DataError, match=missing):
        reproduce(listing, simple.fetch)


def test_no_listing(simple: Published) -> None:
    for answer in (b"<html>", b"[]", b'{"parts": 3}'):
        with pytest.raises(VayuError):
            reproduce(listing_of(answer), simple.fetch)


def stored_inputs(database: Database) -> list[datetime]:
    with database.transaction() as connection:
        rows = run(connection, "SELECT origin FROM forecast_inputs WHERE target = 'aqi' ORDER BY origin")
    return [origin for (origin,) in rows]


def test_inputs_are_kept_for_three_days(simple: Published, database: Database, files: UrlObjectStore) -> None:
    """By the forecasts that follow; by maintenance where none follows."""
    models = ModelCache(files)
    edge = NOW + INPUTS_KEPT
    put_hours(database, "Delhi", hours(24, seed=1), END + INPUTS_KEPT + HOUR)
    assert issue_forecasts(database, models, ["Delhi"], now=edge).issued == 2
    assert stored_inputs(database) == [END, END + INPUTS_KEPT]
    assert reproduce(simple.listing("Delhi", "aqi", f"{NOW:%Y-%m-%dT%H:%M:%SZ}"), simple.fetch).agrees
    assert issue_forecasts(database, models, ["Delhi"], now=edge + HOUR).issued == 2
    assert stored_inputs(database) == [END + INPUTS_KEPT, END + INPUTS_KEPT + HOUR]
    with pytest.raises(NotFound, match="not kept any more"):
        simple.listing("Delhi", "aqi", f"{NOW:%Y-%m-%dT%H:%M:%SZ}")
    maintain(database, now=edge + INPUTS_KEPT + HOUR + timedelta(minutes=1), retain_raw_days=90)
    assert stored_inputs(database) == []


def test_inputs_are_as_issued(simple: Published, database: Database) -> None:
    """A measurement that is corrected afterwards, and a model that replaced another, change nothing."""
    put_hours(database, "Delhi", hours(20, seed=2) * 2)
    assert reproduce(simple.listing("Delhi", "aqi"), simple.fetch).agrees
    with pytest.raises(DBAPIError, match="kept as it was issued"), database.transaction() as connection:
        run(connection, "UPDATE forecast_inputs SET recipe = matrix")


def test_a_replay_keeps_no_inputs(database: Database, files: UrlObjectStore) -> None:
    put_hours(database, "Delhi", hours(20, seed=1))
    for target in TARGETS:
        put_model(database, files, target, "daily", city="Delhi", mode="replay")
    assert issue_forecasts(database, ModelCache(files), ["Delhi"], now=NOW, mode="replay").issued == 2
    assert stored_inputs(database) == []


def test_the_file_is_the_one_that_was_trained(simple: Published, files: UrlObjectStore) -> None:
    """Somebody exchanged it in the object store."""
    listing = simple.listing("Delhi", "pm25")
    files.put(model_key(listing["model"]), files.get(model_key("live-Delhi-aqi")))
    with pytest.raises(DataError, match="the model has"):
        reproduce(listing, simple.fetch)
    result = reproduce(simple.listing("Delhi", "aqi"), simple.fetch)
    assert len(result.hours) == HORIZON
    assert not replace(result, hours=(replace(result.hours[0], agrees=False), *result.hours[1:])).agrees
