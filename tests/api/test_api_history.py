"""Histories: hours and days, JSON and CSV."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from api_rows import body_of, hour, mark_simulated, problem_of, put_hours, url
from werkzeug.test import Client

from common.domain.observation import HOUR
from common.store.engine import Database, run

HISTORY = "/aqi/history/{city}"


def history(client: Client, city: str = "Delhi", **query: Any) -> Any:
    return body_of(client.get(url(f"/aqi/history/{city}", **query)), HISTORY)


def test_the_last_day_by_default_with_gaps_left_out(
    client: Client, database: Database, now: datetime
) -> None:
    put_hours(
        database, *(hour("Delhi", now - back * HOUR, aqi=100 + back) for back in range(30) if back != 3)
    )
    put_hours(database, hour("Mumbai", now), hour("Delhi", now + HOUR))
    body = history(client)
    assert (body["start"], body["end"]) == ("2025-11-04T10:30:00Z", "2025-11-05T10:30:00Z")
    assert (body["interval"], body["count"], body["expected"]) == ("hour", 23, 24)
    assert [point["aqi"] for point in body["points"]] == [
        100 + back for back in range(23, -1, -1) if back != 3
    ]
    assert body["points"][-1] == {
        "time": "2025-11-05T10:30:00Z",
        "aqi": 100,
        "category": "Satisfactory",
        "dominant_pollutant": "pm25",
        "basis": "measured",
        "source": "cpcb",
        "flags": [],
        "pollutants": {"pm25": 78.5, "pm10": 132.4, "co": 0.88},
    }


def test_nothing_known_is_an_empty_history(client: Client) -> None:
    body = history(client, hours=5)
    assert (body["count"], body["expected"], body["points"]) == (0, 5, [])
    assert (history(client, interval="day")["points"]) == []


def test_start_and_end_with_offsets(client: Client, database: Database, now: datetime) -> None:
    put_hours(database, *(hour("Delhi", now - back * HOUR) for back in range(10)))
    body = history(client, start="2025-11-05T11:00:00+05:30", end="2025-11-05T07:30:00Z")
    assert [point["time"] for point in body["points"]] == ["2025-11-05T06:30:00Z", "2025-11-05T07:30:00Z"]
    assert body["expected"] == 2
    unescaped = client.get(
        "/api/v1/aqi/history/Delhi?start=2025-11-05T11:00:00+05:30&end=2025-11-05T07:30:00Z"
    )
    assert body_of(unescaped, HISTORY) == body


@pytest.mark.parametrize(
    ("standard", "expected"),
    [
        (
            "in-naqi",
            {0: "Good", 50: "Good", 51: "Satisfactory", 400: "Very Poor", 401: "Severe", 500: "Severe"},
        ),
        ("us-epa", {0: "Good", 50: "Good", 51: "Moderate", 300: "Very Unhealthy", 301: "Hazardous"}),
    ],
)
def test_categories_of_both_standards(
    client: Client, database: Database, now: datetime, standard: str, expected: dict[int, str]
) -> None:
    column = {"in-naqi": "aqi", "us-epa": "aqi_us"}[standard]
    put_hours(
        database,
        *(hour("Delhi", now - back * HOUR, **{column: index}) for back, index in enumerate(expected)),
    )
    points = history(client, standard=standard)["points"]
    assert {point["aqi"]: point["category"] for point in points} == expected


def test_an_hour_whose_index_is_withheld_is_no_gap(client: Client, database: Database, now: datetime) -> None:
    put_hours(database, hour("Delhi", now, aqi=None, dominant=None))
    [point] = history(client)["points"]
    assert (point["aqi"], point["category"], point["dominant_pollutant"]) == (None, None, None)
    assert point["pollutants"]["pm25"] == 78.5


@pytest.mark.tiers("plain", "apache")  # elsewhere days cannot be written by hand
def test_days_come_from_a_roll_up_and_where_hours_have_changed_since_from_these(
    client: Client, database: Database
) -> None:
    midnight = datetime(2025, 11, 4, 18, 30, tzinfo=UTC)
    with database.transaction() as connection:
        for day, aqi in ((3, 50.5), (4, 2.0), (5, 1.0)):
            run(
                connection,
                "INSERT INTO city_day (city, day, rolled_at, basis, source, hours, pm25, aqi, aqi_max) "
                "VALUES ('Delhi', :day, :rolled_at, 'measured', 'cpcb', 24, 33.333, :aqi, 80)",
                day=date(2025, 11, day),
                rolled_at=midnight - HOUR,
                aqi=aqi,
            )
    put_hours(
        database,
        hour("Delhi", midnight - 23 * HOUR, aqi=100, pm25=10.0),
        hour("Delhi", midnight - HOUR, aqi=201, pm25=20.0, basis="modelled", source="open_meteo"),
        hour("Delhi", midnight, aqi=202, pm25=15.0, basis="modelled", source="open_meteo"),
        hour("Delhi", midnight + HOUR, aqi=300),
    )
    body = history(client, interval="day", days=4)
    assert (body["count"], body["expected"]) == (3, 4)
    assert body["points"] == [
        {
            "date": "2025-11-03",
            "aqi": 51,
            "aqi_max": 80,
            "category": "Satisfactory",
            "hours": 24,
            "basis": "measured",
            "source": "cpcb",
            "pollutants": {"pm25": 33.33},
        },
        {
            "date": "2025-11-04",
            "aqi": 168,
            "aqi_max": 202,
            "category": "Moderate",
            "hours": 3,
            "basis": "modelled",
            "source": "open_meteo",
            "pollutants": {"pm25": 15.0, "pm10": 132.4, "co": 0.88},
        },
        {
            "date": "2025-11-05",
            "aqi": 300,
            "aqi_max": 300,
            "category": "Poor",
            "hours": 1,
            "basis": "measured",
            "source": "cpcb",
            "pollutants": {"pm25": 78.5, "pm10": 132.4, "co": 0.88},
        },
    ]


@pytest.mark.parametrize("by_accept", [True, False])
def test_csv(client: Client, database: Database, now: datetime, by_accept: bool) -> None:
    mark_simulated(database)
    put_hours(database, hour("Navi Mumbai", now), hour("Navi Mumbai", now - HOUR, aqi=None, pm10=None))
    query = {} if by_accept else {"format": "csv"}
    headers = {"Accept": "text/csv, application/json;q=0.5"} if by_accept else {}
    response = client.get(url("/aqi/history/navi-mumbai", **query), headers=headers)
    assert response.status_code == 200
    assert response.mimetype == "text/csv"
    assert response.headers["Vary"] == "Accept, Accept-Encoding"
    assert response.headers["Content-Disposition"] == 'attachment; filename="navi-mumbai.csv"'
    first, second = csv.DictReader(io.StringIO(response.text))
    assert (first["aqi"], first["pm10"], first["pm25"]) == ("", "", "78.5")
    assert (second["city"], second["time"], second["aqi"]) == ("Navi Mumbai", "2025-11-05T10:30:00Z", "187")
    assert (second["simulated"], second["standard"], second["source"]) == ("true", "in-naqi", "cpcb")


def test_days_as_csv_and_format_before_accept(client: Client, database: Database, now: datetime) -> None:
    put_hours(database, hour("Delhi", now))
    response = client.get(url("/aqi/history/Delhi", interval="day", format="csv"))
    [row] = csv.DictReader(io.StringIO(response.text))
    assert (row["date"], row["aqi_max"], row["hours"]) == ("2025-11-05", "187", "1")
    response = client.get(url("/aqi/history/Delhi", format="json"), headers={"Accept": "text/csv"})
    assert response.mimetype == "application/json"
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    assert client.get(url("/aqi/history/Delhi"), headers=browser).mimetype == "application/json"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"hours": 0}, "hours must be a whole number from 1 to 87840, not '0'"),
        ({"hours": "abc"}, "hours must be a whole number from 1 to 87840, not 'abc'"),
        ({"hours": 99999}, "hours must be a whole number from 1 to 87840"),
        ({"days": -1}, "days must be a whole number from 1 to 3660"),
        ({"start": "2015-01-01T00:00:00Z"}, "at most 3660 days at once"),
        ({"start": "2025-11-05T00:00:00"}, "start must be a time with its offset"),
        ({"start": "2025-11-05T00:00:00Z", "end": "2025-11-05T00:00:00Z"}, "start must be before end"),
        ({"start": "0001-01-01T00:00:00+14:00"}, "not be before 2000"),
        ({"end": "0001-01-01T00:00:00+14:00"}, "end must be after 2000"),
        ({"hours": 3, "days": 1}, "only one of"),
        ({"interval": "minute"}, "interval must be one of day, hour"),
        ({"standard": "eu"}, "standard must be one of in-naqi, us-epa"),
        ({"format": "xml"}, "format must be one of csv, json, parquet, xlsx"),
        ({"limit": 5}, "those there are: standard, hours, days, start, end, as_of, interval, format"),
        ({"hours": [3, 4]}, "hours is given 2 times"),
    ],
)
def test_bad_parameters(client: Client, query: dict[str, Any], message: str) -> None:
    assert message in problem_of(client.get(url("/aqi/history/Delhi", **query)), 400)["detail"]


def test_a_year_of_hours_is_served(client: Client, database: Database, now: datetime) -> None:
    put_hours(database, *(hour("Delhi", now - timedelta(hours=back), detail={}) for back in range(8784)))
    body = history(client, days=366)
    assert body["count"] == body["expected"] == 8784


def test_what_is_doubtful_is_shown_in_each_hour(client: Client, database: Database, now: datetime) -> None:
    put_hours(database, hour("Delhi", now, flags=["excluded:pm10", "spike:pm10"]), hour("Delhi", now - HOUR))
    assert [point["flags"] for point in history(client)["points"]] == [[], ["excluded:pm10", "spike:pm10"]]
    rows = csv.DictReader(io.StringIO(client.get(url("/aqi/history/Delhi", format="csv")).text))
    assert [row["flags"] for row in rows] == ["", "excluded:pm10 spike:pm10"]


def test_a_history_as_it_was_known(client: Client, database: Database, now: datetime) -> None:
    first, second = now - 3 * HOUR, now - HOUR
    put_hours(
        database,
        *(hour("Delhi", now - back * HOUR, aqi=100 + back, pm25=50.0) for back in (4, 5, 6)),
        at=first,
    )
    put_hours(
        database, *(hour("Delhi", now - back * HOUR, aqi=200 + back, pm25=60.0) for back in (3, 4)), at=second
    )
    earlier = history(client, as_of=(second - timedelta(seconds=1)).isoformat(), hours=10)
    assert [(point["aqi"], point["pollutants"]["pm25"]) for point in earlier["points"]] == [
        (106, 50),
        (105, 50),
        (104, 50),
    ]
    assert (earlier["as_of"], earlier["end"], earlier["expected"]) == (
        "2025-11-05T09:29:59Z",
        "2025-11-05T08:30:00Z",
        10,
    )
    assert [point["aqi"] for point in history(client, as_of=second.isoformat())["points"]] == [
        106,
        105,
        204,
        203,
    ]
    now_known = history(client)
    assert [point["aqi"] for point in now_known["points"]] == [106, 105, 204, 203]
    assert "as_of" not in now_known
    [day] = history(client, interval="day", as_of=first.isoformat(), days=1)["points"]
    assert (day["aqi"], day["aqi_max"], day["hours"]) == (105, 106, 3)
    assert history(client, as_of=(first - HOUR).isoformat())["points"] == []


@pytest.mark.tiers("plain", "apache")  # elsewhere days cannot be written by hand
def test_days_as_they_were_known_do_not_come_from_a_later_roll_up(
    client: Client, database: Database, now: datetime
) -> None:
    put_hours(database, hour("Delhi", now - 24 * HOUR, aqi=120), at=now - 24 * HOUR)
    with database.transaction() as connection:
        run(
            connection,
            "INSERT INTO city_day (city, day, rolled_at, basis, source, hours, pm25, aqi, aqi_max) "
            "VALUES ('Delhi', '2025-11-04', :now, 'measured', 'cpcb', 24, 33.333, 60, 80)",
            now=now,
        )
    known = history(client, interval="day", as_of=(now - HOUR).isoformat(), days=2)["points"]
    assert [(day["date"], day["aqi"], day["hours"]) for day in known] == [("2025-11-04", 120, 1)]
    assert history(client, interval="day", days=2)["points"][0]["aqi"] == 60
