"""All cities at a glance."""

import gzip
import json
import random
from datetime import datetime, timedelta
from typing import Any

from api_rows import body_of, hour, issued, mark_simulated, put_forecasts, put_hours, url
from api_server import ON
from werkzeug.test import Client

from common.domain.cities import all_cities
from common.domain.observation import HOUR
from common.store.engine import Database, run

OVERVIEW = "/overview"


def overview(client: Client, **query: Any) -> Any:
    return body_of(client.get(url(OVERVIEW, **query)), OVERVIEW)


def of(body: Any, name: str) -> Any:
    [city] = [city for city in body["cities"] if city["name"] == name]
    return city


def test_every_city_in_order_with_nothing_known(client: Client, database: Database, now: datetime) -> None:
    body = overview(client)
    assert [city["name"] for city in body["cities"]] == [city.name for city in all_cities()]
    assert (body["standard"], body["simulated"], body["as_of"]) == ("in-naqi", False, "2025-11-05T10:30:00Z")
    assert of(body, "Navi Mumbai")["slug"] == "navi-mumbai"
    assert "Bengaluru" in of(body, "Bangalore")["aliases"]
    for city in body["cities"]:
        assert (city["latest"], city["trend"], city["forecast"]) == (None, None, None)


def test_latest_and_trend(client: Client, database: Database, now: datetime) -> None:
    mark_simulated(database)
    rows = [hour("Delhi", now - ago * HOUR, aqi=100 + ago) for ago in range(1, 30) if ago != 5]
    put_hours(database, *rows, hour("Delhi", now, aqi=None), hour("Mumbai", now - 24 * HOUR))
    body = overview(client)
    assert body["simulated"] is True
    delhi = of(body, "Delhi")
    assert delhi["latest"] == {
        "aqi": 101,
        "category": "Moderate",
        "dominant_pollutant": "pm25",
        "timestamp": "2025-11-05T09:30:00Z",
        "age_minutes": 60,
        "stale": False,
        "source": "cpcb",
        "basis": "measured",
    }
    expected = [100 + ago for ago in range(23, 0, -1)]
    expected[expected.index(105)] = None  # type: ignore[call-overload]
    assert delhi["trend"] == {"end": "2025-11-05T10:30:00Z", "aqi": [*expected, None]}
    mumbai = of(body, "Mumbai")
    assert (mumbai["latest"]["stale"], mumbai["latest"]["age_minutes"]) == (True, 24 * 60)
    assert mumbai["trend"] is None  # the day before is over
    # What the list of cities shows at that moment.
    listed = body_of(client.get(url("/cities/")), "/cities/")
    assert [city["latest"] for city in body["cities"]] == [city["latest"] for city in listed["cities"]]


def test_the_worst_of_the_next_day(client: Client, database: Database, now: datetime) -> None:
    """Issued three hours ago: leads 4 to 27 are the next 24 hours."""
    origin = now - 3 * HOUR
    y = [450.0] * 3 + [180.0] * 10 + [301.2] * 2 + [190.0] * 12 + [480.0] * 21
    chances = [[0.0, 0.0, 0.0, 0.0, 0.0, 1.0]] * 3 + [[0.0, 0.1, 0.5, 0.4, 0.0, 0.0]] * 45
    chances[20] = [0.0, 0.1, 0.1, 0.1, 0.6, 0.1]
    chances[26] = [0.0, 0.0, 0.05, 0.7, 0.2, 0.05]
    chances[27] = [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]
    lo80, hi80 = [100.0 + lead for lead in range(48)], [400.0 + lead for lead in range(48)]
    put_forecasts(database, issued("Delhi", origin, y=y, categories=chances, lo80=lo80, hi80=hi80))
    put_forecasts(database, issued("Mumbai", now, family="naive"))
    body = overview(client)
    assert of(body, "Delhi")["forecast"] == {
        "issued_at": "2025-11-05T07:42:00Z",
        "stale": False,
        "naive": False,
        "peak": {
            "time": "2025-11-05T21:30:00Z",
            "lead_hours": 14,
            "aqi": 301,
            "category": "Very Poor",
            "lower_80": 113,
            "upper_80": 413,
        },
        "exceedance": {"200": 0.95, "300": 0.7, "400": 0.1},
    }
    assert of(body, "Mumbai")["forecast"]["naive"] is True
    hourly = body_of(client.get(url("/forecast/Delhi")), "/forecast/{city}")["forecast"][3:27]
    assert max(point["aqi"] for point in hourly) == 301


def test_stale_and_run_out(client: Client, database: Database, now: datetime) -> None:
    put_forecasts(
        database,
        issued("Delhi", now - 4 * HOUR),
        issued("Mumbai", now - 47 * HOUR),
        issued("Pune", now - 48 * HOUR),
    )
    body = overview(client)
    assert of(body, "Delhi")["forecast"]["stale"] is True
    assert of(body, "Mumbai")["forecast"]["peak"]["lead_hours"] == 48
    assert of(body, "Pune")["forecast"] is None


def test_the_american_index_has_no_forecast(client: Client, database: Database, now: datetime) -> None:
    put_hours(database, hour("Delhi", now))
    put_forecasts(database, issued("Delhi", now))
    delhi = of(overview(client, standard="us-epa"), "Delhi")
    assert delhi["latest"]["aqi"] == delhi["trend"]["aqi"][-1] == 164
    assert delhi["forecast"] is None


def test_it_stays_the_same_until_the_hour_or_the_data_change(
    process: Any, database: Database, time: Any, now: datetime
) -> None:
    put_hours(database, hour("Delhi", now))
    single, other = process(**ON), process(**ON)
    first = single.client.get(url(OVERVIEW))
    time.pass_by(25 * 60)
    again = other.client.get(url(OVERVIEW), headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    time.pass_by(35 * 60)
    later = other.client.get(url(OVERVIEW), headers={"If-None-Match": first.headers["ETag"]})
    assert (later.status_code, later.json["as_of"]) == (200, "2025-11-05T11:30:00Z")
    put_hours(database, hour("Delhi", now + HOUR, aqi=222), at=now + HOUR)
    time.pass_by(3)
    changed = single.client.get(url(OVERVIEW))
    assert of(changed.json, "Delhi")["latest"]["aqi"] == 222


def test_a_second_process_takes_the_stored_answer(process: Any, database: Database, now: datetime) -> None:
    put_hours(database, hour("Delhi", now))
    process().client.get(url(OVERVIEW))
    with database.transaction() as connection:
        run(connection, "UPDATE stored_response SET body = replace(body, '187', '189')")
    assert of(process().client.get(url(OVERVIEW)).json, "Delhi")["latest"]["aqi"] == 189


def test_all_cities_fit_into_25_kb(client: Client, database: Database, now: datetime) -> None:
    luck = random.Random(1)  # noqa: S311 — values of a test
    for city in all_cities():
        put_hours(
            database,
            *(hour(city.name, now - ago * HOUR, aqi=luck.randrange(20, 450)) for ago in range(24)),
        )
        y = [luck.uniform(20, 450) for _ in range(48)]
        chances = [[luck.random() for _ in range(6)] for _ in y]
        chances = [[part / sum(row) for part in row] for row in chances]
        put_forecasts(
            database, issued(city.name, now - timedelta(hours=luck.randrange(3)), y=y, categories=chances)
        )
    response = client.get(url(OVERVIEW), headers={"Accept-Encoding": "gzip"})
    assert response.content_encoding == "gzip"
    assert len(response.data) <= 25_000, len(response.data)
    body = json.loads(gzip.decompress(response.data))
    assert all(city["latest"] and city["trend"] and city["forecast"] for city in body["cities"])
