"""Of more cities than one message may name, a round of forecasts takes several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from synthetic import END, hours, put_hours, put_model

from common.adapters.object_store import UrlObjectStore
from common.bootstrap.container import assemble
from common.config import from_mapping
from common.domain.cities import all_cities
from common.domain.messages import COLLECT, OBSERVATIONS_READY, Message
from common.domain.observation import HOUR
from common.services import collect, forecast, message_cities
from common.store.engine import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from factories import Clock

    from common.services.resources import Resources

NAMES = sorted(city.name for city in all_cities())


@pytest.fixture
def resources(settings: dict[str, str], tmp_path: Path, time: Clock) -> Iterator[Resources]:
    chosen = settings | {"VAYU_SOURCES": "simulated", "MODEL_STORE_URL": tmp_path.as_uri()}
    assembled = assemble(from_mapping(chosen), clock=time)
    yield assembled
    assembled.database.close()


def sent(resources: Resources) -> list[tuple[str, list[str]]]:
    """Subject and cities of the messages that wait for `forecast`."""
    query = "SELECT key, payload FROM job WHERE type = :type ORDER BY id"
    with resources.database.reading() as connection:
        return [(key, payload["cities"]) for key, payload in run(connection, query, type=OBSERVATIONS_READY)]


@pytest.mark.parametrize(("most", "numbers"), [(100, [56]), (56, [56]), (20, [20, 20, 16])])
def test_a_collection_wakes_forecasts_of_all_by_messages_of_some(
    resources: Resources, monkeypatch: pytest.MonkeyPatch, most: int, numbers: list[int]
) -> None:
    monkeypatch.setattr(message_cities, "CITIES_AT_ONCE", most)
    collect.handler(resources)(Message(COLLECT))
    messages = sent(resources)
    assert [len(cities) for _, cities in messages] == numbers
    assert [name for _, cities in messages for name in cities] == NAMES
    assert len({subject for subject, _ in messages}) == len(numbers)


def test_the_schedule_hands_its_round_over_where_the_cities_are_many(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_cities, "CITIES_AT_ONCE", 20)
    handle = forecast.handler(resources)
    assert handle(Message(OBSERVATIONS_READY)) == {"messages": 3}
    assert handle(Message(OBSERVATIONS_READY)) == {"messages": 3}
    messages = sent(resources)
    assert (
        sorted(name for _, cities in messages for name in cities) == NAMES
    )  # those that wait stand for both
    assert [len(cities) for _, cities in messages] == [20, 20, 16]


@pytest.mark.parametrize(("most", "with_truth"), [(55, {"Delhi"}), (56, {"Delhi", "Pune"})])
def test_each_of_several_messages_looks_for_the_truth_of_its_own_cities(
    resources: Resources, time: Clock, monkeypatch: pytest.MonkeyPatch, most: int, with_truth: set[str]
) -> None:
    database, files = resources.database, UrlObjectStore(resources.settings.model_store_url)
    for city in ("Delhi", "Pune"):
        put_hours(database, city, hours(20))
        put_model(database, files, "aqi", "mean24", city=city, version=f"v-{city}")
    handle = forecast.handler(resources)
    both: dict[str, Any] = {"cities": ["Delhi", "Pune"]}
    assert handle(Message(OBSERVATIONS_READY, data=both))["issued"] == 2
    time.now += HOUR
    for city in ("Delhi", "Pune"):
        put_hours(database, city, hours(20), end=END + HOUR)
    monkeypatch.setattr(message_cities, "CITIES_AT_ONCE", most)
    handle(Message(OBSERVATIONS_READY, data={"cities": ["Delhi"]}))
    with database.reading() as connection:
        rows = run(connection, "SELECT DISTINCT city FROM forecast_truth")
    assert {city for (city,) in rows} == with_truth
