"""The list of cities."""

from datetime import datetime

from api_rows import body_of, hour, mark_simulated, put_hours, url
from werkzeug.test import Client

from common.domain.observation import HOUR
from common.store.engine import Database


def test_all_cities_each_with_its_latest_index(client: Client, database: Database, now: datetime) -> None:
    mark_simulated(database)
    put_hours(
        database,
        hour("Delhi", now, aqi=None),
        hour("Delhi", now - HOUR, aqi=301, basis="modelled"),
        hour("Delhi", now - 2 * HOUR, aqi=10),
        hour("Mumbai", now - 48 * HOUR),
        hour("Pune", now + HOUR),
    )
    body = body_of(client.get(url("/cities/")), "/cities/")
    assert body["count"] == len(body["cities"]) == 56
    assert body["simulated"] is True
    cities = {city["name"]: city for city in body["cities"]}
    assert cities["Delhi"]["latest"] == {
        "aqi": 301,
        "category": "Very Poor",
        "dominant_pollutant": "pm25",
        "timestamp": "2025-11-05T09:30:00Z",
        "age_minutes": 60,
        "stale": False,
        "source": "cpcb",
        "basis": "modelled",
    }
    assert cities["Mumbai"]["latest"] is None
    assert cities["Pune"]["latest"] is None
    assert cities["Navi Mumbai"]["slug"] == "navi-mumbai"
    assert "New Delhi" in cities["Delhi"]["aliases"]
    assert (cities["Delhi"]["state"], cities["Delhi"]["latitude"]) == ("Delhi", 28.6139)


def test_the_american_index(client: Client, database: Database, now: datetime) -> None:
    put_hours(database, hour("Delhi", now, aqi=None))
    body = body_of(client.get(url("/cities/", standard="us-epa")), "/cities/")
    assert body["cities"][0]["latest"]["aqi"] == 164


def test_the_list_needs_no_database(down: Client) -> None:
    body = body_of(down.get(url("/cities/")), "/cities/")
    assert body["count"] == 56
    assert all(city["latest"] is None for city in body["cities"])


def test_the_last_slash_is_a_matter_of_taste(client: Client) -> None:
    assert client.get(url("/cities")).json == client.get(url("/cities/")).json
