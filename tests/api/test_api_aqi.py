"""Current air quality and its pollutants."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from api_rows import DETAIL, body_of, hour, mark_simulated, problem_of, put_hours, url
from werkzeug.test import Client

from common.domain.observation import HOUR
from common.quality.explanation import Unused, pack_readings
from common.store.engine import Database

CURRENT = "/aqi/current/{city}"
POLLUTANTS = "/aqi/pollutants/{city}"


def test_the_example_of_the_specification(client: Client, database: Database, now: datetime) -> None:
    put_hours(database, hour("Delhi", now - HOUR, aqi=1), hour("Delhi", now))
    body = body_of(client.get(url("/aqi/current/Delhi")), CURRENT)
    assert body == {
        "city": "Delhi",
        "state": "Delhi",
        "aqi": 187,
        "category": "Moderate",
        "standard": "in-naqi",
        "dominant_pollutant": "pm25",
        "pm25": 78.5,
        "pm10": 132.4,
        "co": 0.88,
        "units": {"pm25": "µg/m³", "pm10": "µg/m³", "co": "mg/m³"},
        "timestamp": "2025-11-05T10:30:00Z",
        "age_minutes": 0,
        "stale": False,
        "source": "cpcb",
        "basis": "measured",
        "stations": 3,
        "flags": [],
        "simulated": False,
    }


@pytest.mark.parametrize(
    ("value", "shown"), [(12.335, 12.34), (12.365, 12.37), (12.345, 12.35), (0.125, 0.13)]
)
def test_a_concentration_is_shown_alike_now_and_in_the_history_of_hours_and_days(
    client: Client, database: Database, now: datetime, value: float, shown: float
) -> None:
    put_hours(database, hour("Delhi", now, pm25=value))
    current = body_of(client.get(url("/aqi/current/Delhi")), CURRENT)
    [of_hour] = client.get(url("/aqi/history/Delhi", hours=1)).json["points"]
    [of_day] = client.get(url("/aqi/history/Delhi", days=1, interval="day")).json["points"]
    assert (current["pm25"], of_hour["pollutants"]["pm25"], of_day["pollutants"]["pm25"]) == (shown,) * 3


def test_the_american_index_is_a_choice(client: Client, database: Database, now: datetime) -> None:
    put_hours(database, hour("Delhi", now))
    body = body_of(client.get(url("/aqi/current/Delhi", standard="us-epa")), CURRENT)
    assert (body["aqi"], body["category"], body["standard"]) == (164, "Unhealthy", "us-epa")


def test_an_old_value_says_so(client: Client, database: Database, now: datetime) -> None:
    put_hours(database, hour("Delhi", now - 5 * HOUR))
    body = body_of(client.get(url("/aqi/current/Delhi")), CURRENT)
    assert (body["age_minutes"], body["stale"]) == (300, True)
    assert body["timestamp"] == "2025-11-05T05:30:00Z"


@pytest.mark.parametrize(("minutes", "stale"), [(120, False), (180, True)])
def test_stale_is_older_than_two_hours(
    client: Client, database: Database, now: datetime, minutes: int, stale: bool
) -> None:
    put_hours(database, hour("Delhi", now - timedelta(minutes=minutes)))
    assert body_of(client.get(url("/aqi/current/Delhi")), CURRENT)["stale"] is stale


def test_an_hour_without_index_gives_way_to_the_last_that_has_one(
    client: Client, database: Database, now: datetime
) -> None:
    put_hours(
        database,
        hour("Delhi", now, aqi=None, dominant=None),
        hour("Delhi", now - HOUR, aqi=None, dominant=None),
        hour("Delhi", now - 2 * HOUR, aqi=50),
    )
    body = body_of(client.get(url("/aqi/current/Delhi")), CURRENT)
    assert (body["aqi"], body["category"], body["age_minutes"]) == (50, "Good", 120)
    body = body_of(client.get(url("/aqi/current/Delhi", standard="us-epa")), CURRENT)
    assert body["age_minutes"] == 0


def test_a_withheld_index_is_not_found_and_says_why(
    client: Client, database: Database, now: datetime
) -> None:
    withheld = {"in-naqi": {"pm25": [None, None, 3]}, "withheld": {"in-naqi": "sub-indices of 0 pollutants"}}
    put_hours(database, hour("Delhi", now, aqi=None, dominant=None, detail=withheld))
    body = problem_of(client.get(url("/aqi/current/Delhi")), 404)
    assert "sub-indices of 0 pollutants" in body["detail"]
    shown = body_of(client.get(url("/aqi/pollutants/Delhi")), POLLUTANTS)
    assert (shown["aqi"], shown["category"]) == (None, None)
    assert shown["withheld"] == "sub-indices of 0 pollutants"
    assert shown["pollutants"]["pm25"]["withheld"] == "3 of 24 hours present, 16 needed"


@pytest.mark.parametrize("path", [CURRENT, POLLUTANTS])
def test_neither_older_than_two_days_nor_of_the_future_nor_of_others(
    client: Client, database: Database, now: datetime, path: str
) -> None:
    put_hours(database, hour("Delhi", now - 48 * HOUR), hour("Delhi", now + HOUR), hour("Mumbai", now))
    body = problem_of(client.get(url(path.replace("{city}", "Delhi"))), 404)
    assert "no data of the last 48 hours for Delhi" in body["detail"]


def test_weather_alone_is_no_air_quality(client: Client, database: Database, now: datetime) -> None:
    put_hours(
        database, {"city": "Delhi", "time": now.isoformat(), "stations": 0, "temperature": 21.0, "detail": {}}
    )
    problem_of(client.get(url("/aqi/pollutants/Delhi")), 404)


def test_an_index_explains_itself(client: Client, database: Database, now: datetime) -> None:
    put_hours(database, hour("Delhi", now))
    explained = body_of(client.get(url("/aqi/current/Delhi", explain="true")), CURRENT)["explanation"]
    assert (explained["aqi"], explained["category"], explained["dominant"]) == (187, "Moderate", "pm25")
    assert explained["pollutants"]["pm25"]["index"] == DETAIL["in-naqi"]["pm25"][0]
    assert explained["pollutants"]["co"]["withheld"] == "4 of 8 hours present, 6 needed"
    assert explained["missing"] == ["co"]


def test_pollutants_tell_the_hour_from_the_average(client: Client, database: Database, now: datetime) -> None:
    put_hours(database, hour("Delhi", now, pm25=91.26, o3=33.0))
    body = body_of(client.get(url("/aqi/pollutants/Delhi")), POLLUTANTS)
    assert body["pollutants"]["pm25"] == {
        "concentration": 91.26,
        "unit": "µg/m³",
        "sub_index": 162,
        "category": "Moderate",
        "window": "24 h mean",
        "window_mean": 78.5,
        "hours_present": 23,
        "hours_required": 16,
        "hours_window": 24,
        "dominant": True,
        "withheld": None,
    }
    assert not body["pollutants"]["pm10"]["dominant"]
    assert body["pollutants"]["no2"]["concentration"] is None
    assert body["pollutants"]["o3"]["sub_index"] is None
    assert "so2" not in body["pollutants"]
    body = body_of(client.get(url("/aqi/pollutants/Delhi", standard="us-epa")), POLLUTANTS)
    assert body["pollutants"]["pm25"]["window"] == "NowCast 12 h"


def test_a_published_index_has_no_hours(client: Client, database: Database, now: datetime) -> None:
    detail = {"in-naqi": {"pm25": [187, None, 0, "as published"]}}
    put_hours(database, hour("Delhi", now, pm25=None, detail=detail))
    part = body_of(client.get(url("/aqi/pollutants/Delhi")), POLLUTANTS)["pollutants"]["pm25"]
    assert (part["sub_index"], part["window"], part["concentration"]) == (187, "as published", None)
    assert (part["hours_present"], part["hours_required"], part["hours_window"]) == (None, None, None)


@pytest.mark.parametrize(
    "name", ["DELHI", "delhi", "new-delhi", "New Delhi", "N%C3%A9w_D%C3%A9lhi", "%EF%BC%A4elhi", "delhi/"]
)
def test_a_city_by_any_of_its_names(client: Client, database: Database, now: datetime, name: str) -> None:
    put_hours(database, hour("Delhi", now))
    assert body_of(client.get(url("/aqi/current/" + name)), CURRENT)["city"] == "Delhi"


def test_simulated_data_are_marked(client: Client, database: Database, now: datetime) -> None:
    put_hours(database, hour("Delhi", now))
    assert body_of(client.get(url("/aqi/current/Delhi")), CURRENT)["simulated"] is False
    mark_simulated(database)
    assert body_of(client.get(url("/aqi/current/Delhi")), CURRENT)["simulated"] is True
    assert body_of(client.get(url("/aqi/pollutants/Delhi")), POLLUTANTS)["simulated"] is True


DOUBTED = ["excluded:pm10", "spike:pm10"]


def test_what_is_doubtful_is_shown(client: Client, database: Database, now: datetime) -> None:
    put_hours(database, hour("Delhi", now, flags=DOUBTED))
    assert body_of(client.get(url("/aqi/current/Delhi")), CURRENT)["flags"] == DOUBTED
    assert body_of(client.get(url("/aqi/pollutants/Delhi")), POLLUTANTS)["flags"] == DOUBTED


def test_an_explanation_tells_readings_and_what_was_left_out(
    client: Client, database: Database, now: datetime
) -> None:
    readings = pack_readings(
        used={"ITO": 187, "R K Puram": None},
        unused=[Unused("open-meteo", "modelled", 1, "basis")],
        doubts={"cpcb": {"ITO": ["spike:pm10!"]}},
        left_out={"cpcb": {"ITO": {"pm10": 1}}},
        gap=2,
        stopped={"Okhla": 5},
    )
    put_hours(database, hour("Delhi", now, flags=DOUBTED, detail=DETAIL | readings))
    explained = body_of(client.get(url("/aqi/current/Delhi", explain="true")), CURRENT)["explanation"]
    assert set(explained["flags"]) == set(DOUBTED)
    assert explained["flags"]["spike:pm10"] == "a lone peak of one hour"
    ito, puram, model = explained["readings"]
    assert (ito["station"], ito["naqi"], ito["flags"], ito["excluded"]) == (
        "ITO",
        187,
        ["spike:pm10"],
        {"pm10": 1},
    )
    assert (puram["station"], puram["naqi"], puram["flags"], puram["used"]) == ("R K Puram", None, [], True)
    assert (model["source"], model["basis"], model["used"]) == ("open-meteo", "modelled", False)
    assert "a better basis comes first" in model["why"]
    assert (explained["hours_without_data"], explained["silent_stations"]) == (2, {"Okhla": 5})


def test_current_as_it_was_known(client: Client, database: Database, now: datetime) -> None:
    half = timedelta(minutes=30)
    put_hours(database, hour("Delhi", now - 2 * HOUR, aqi=150), at=now - 2 * HOUR + half)
    put_hours(
        database,
        hour("Delhi", now - 2 * HOUR, aqi=160, flags=DOUBTED),
        hour("Delhi", now - HOUR, aqi=170),
        at=now - half,
    )

    def known(as_of: datetime) -> Any:
        return body_of(client.get(url("/aqi/current/Delhi", as_of=as_of.isoformat())), CURRENT)

    first = known(now - HOUR)
    assert (first["aqi"], first["timestamp"], first["flags"]) == (150, "2025-11-05T08:30:00Z", [])
    assert (first["age_minutes"], first["as_of"]) == (60, "2025-11-05T09:30:00Z")
    assert first["pm25"] == 78.5
    assert known(now - half)["aqi"] == 170
    late = client.get(url("/aqi/current/Delhi", as_of=(now - 2 * HOUR).isoformat()))
    assert "48 hours before 2025-11-05T08:30:00Z, as known then" in problem_of(late, 404)["detail"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            {"as_of": "2025-11-05T10:30:01Z"},
            "as_of must not be in the future; it is 2025-11-05T10:30:00Z now",
        ),
        ({"as_of": "2025-11-05T10:30:00"}, "as_of must be a time with its offset"),
        ({"as_of": "1999-11-05T10:30:00Z"}, "as_of must not be before 2000"),
        ({"as_of": "0001-01-01T00:00:00+14:00"}, "as_of must not be before 2000"),
        ({"as_of": "yesterday"}, "as_of must be a time with its offset"),
        ({"as_of": "2025-11-05T10:00:00Z", "explain": "true"}, "explain tells of what is known now"),
    ],
)
def test_bad_moments(client: Client, query: dict[str, str], message: str) -> None:
    assert message in problem_of(client.get(url("/aqi/current/Delhi", **query)), 400)["detail"]
    if "explain" not in query:
        assert message in problem_of(client.get(url("/aqi/history/Delhi", **query)), 400)["detail"]
