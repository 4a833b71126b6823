"""Cities over a stretch of time: ranked, and side by side; from daily means and from hours alike."""

import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from statistics import fmean
from typing import Any

import pytest
from api_rows import body_of, hour, mark_simulated, problem_of, put_hours, url
from werkzeug.test import Client

from common.domain.aqi import category
from common.domain.observation import HOUR, IST
from common.store.engine import Database, run
from common.store.maintain import maintain

CITIES = ("Delhi", "Mumbai", "Pune", "Jaipur", "Chennai")


def ranked(client: Client, **query: Any) -> Any:
    return body_of(client.get(url("/cities/rankings", **query)), "/cities/rankings")


def compared(client: Client, *cities: str, **query: Any) -> Any:
    return body_of(client.get(url("/cities/compare", cities=",".join(cities), **query)), "/cities/compare")


def some_hours(now: datetime, days: int = 9) -> list[dict[str, Any]]:
    """Hours of some cities with holes: missing hours, hours without an index, other bases."""
    chosen = random.Random(5)  # noqa: S311 — the same at every run
    rows = []
    for place, city in enumerate(CITIES):
        for back in range(days * 24):
            if chosen.random() < 0.2:
                continue
            values = {
                "aqi": None if chosen.random() < 0.1 else chosen.randrange(10 + 40 * place, 300 + 40 * place),
                "pm25": None if chosen.random() < 0.3 else round(chosen.uniform(1, 300), 2),
                "basis": "modelled" if chosen.random() < 0.3 else "measured",
            }
            rows.append(hour(city, now - back * HOUR, **values))
    return rows


def days_of(rows: list[dict[str, Any]], first: date) -> Iterator[tuple[str, date, list[dict[str, Any]]]]:
    grouped: dict[tuple[str, date], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        day = (datetime.fromisoformat(row["time"]) - timedelta(minutes=1)).astimezone(IST).date()
        if day >= first:
            grouped[row["city"], day].append(row)
    for (city, day), item in sorted(grouped.items()):
        yield city, day, item


def mean_over(rows: list[dict[str, Any]], name: str, first: date) -> dict[str, tuple[float, int]]:
    """City → (mean, hours): days count by their number of hours."""
    sums: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for city, _, item in days_of(rows, first):
        values = [row[name] for row in item if row[name] is not None]
        if values:
            sums[city].append((fmean(values), len(item)))
    return {
        city: (sum(mean * n for mean, n in parts) / sum(n for _, n in parts), sum(n for _, n in parts))
        for city, parts in sums.items()
    }


@pytest.mark.parametrize("rolled", [False, True])
@pytest.mark.parametrize(("by", "digits"), [("aqi", 1), ("pm25", 2)])
def test_a_week_by_its_days(
    client: Client, database: Database, now: datetime, rolled: bool, by: str, digits: int
) -> None:
    rows = some_hours(now)
    put_hours(database, *rows)
    if rolled:
        maintain(database, now=now, retain_raw_days=90)
        put_hours(database, hour("Delhi", now - 50 * HOUR, aqi=77, pm25=3.0))  # marks a day as changed
        rows = [row for row in rows if (row["city"], row["time"]) != ("Delhi", (now - 50 * HOUR).isoformat())]
        rows.append(hour("Delhi", now - 50 * HOUR, aqi=77, pm25=3.0))
    expected = mean_over(rows, by, date(2025, 10, 30))
    body = ranked(client, window="7d", by=by)
    assert (body["start"], body["end"]) == ("2025-10-29T18:30:00Z", "2025-11-05T10:30:00Z")
    assert body["hours_expected"] == 6 * 24 + 16
    assert body["unit"] == (None if by == "aqi" else "µg/m³")
    assert (body["count"], len(body["without_data"])) == (5, 51)
    assert {item["city"]: (item["value"], item["hours"]) for item in body["cities"]} == {
        city: (pytest.approx(mean, abs=0.51 * 10**-digits + 1e-4 * mean / 10), hours)
        for city, (mean, hours) in expected.items()
    }
    values = [item["value"] for item in body["cities"]]
    assert values == sorted(values, reverse=True)
    assert [item["rank"] for item in body["cities"]] == [1, 2, 3, 4, 5]
    for item in body["cities"]:
        assert sum(item["basis"].values()) == item["hours"]
        assert item["category"] == (category(int(item["value"] + 0.5), "in-naqi") if by == "aqi" else None)


def test_the_last_24_hours_and_both_orders(client: Client, database: Database, now: datetime) -> None:
    mark_simulated(database)
    put_hours(
        database,
        *(hour("Delhi", now - back * HOUR, aqi=200 if back < 24 else 500) for back in range(40)),
        hour("Mumbai", now, aqi=120, basis="modelled"),
        hour("Mumbai", now - HOUR, aqi=100),
        hour("Pune", now + HOUR, aqi=500),
        hour("Jaipur", now, aqi=None, pm25=20.0),
    )
    body = ranked(client)
    assert body["simulated"] is True
    assert (body["window"], body["hours_expected"], body["order"]) == ("24h", 24, "desc")
    assert body["cities"] == [
        {
            "rank": 1, "tied": False, "city": "Delhi", "state": "Delhi", "value": 200.0, "category": "Moderate",
            "hours": 24, "basis": {"measured": 24},
        },
        {
            "rank": 2, "tied": False, "city": "Mumbai", "state": "Maharashtra", "value": 110.0,
            "category": "Moderate", "hours": 2, "basis": {"measured": 1, "modelled": 1},
        },
    ]  # fmt: skip
    assert {"Pune", "Jaipur"} <= set(body["without_data"])
    assert len(body["without_data"]) == 54
    assert [city["city"] for city in ranked(client, order="asc", limit=1)["cities"]] == ["Mumbai"]
    assert ranked(client, by="pm25")["count"] == 3


def test_equal_values_share_a_rank(client: Client, database: Database, now: datetime) -> None:
    for city, aqi in (("Pune", 100), ("Delhi", 300), ("Chennai", 100), ("Jaipur", 50), ("Agra", 100)):
        put_hours(database, hour(city, now, aqi=aqi))
    body = ranked(client)
    assert [(item["rank"], item["city"], item["tied"]) for item in body["cities"]] == [
        (1, "Delhi", False),
        (2, "Agra", True),
        (2, "Chennai", True),
        (2, "Pune", True),
        (5, "Jaipur", False),
    ]
    limited = ranked(client, limit=2)
    assert (len(limited["cities"]), limited["count"]) == (2, 5)


def test_nothing_known_ranks_nobody(client: Client) -> None:
    body = ranked(client, window="30d", by="nh3")
    assert (body["count"], body["cities"], len(body["without_data"])) == (0, [], 56)


def test_another_standard(client: Client, database: Database, now: datetime) -> None:
    put_hours(database, hour("Delhi", now, aqi=187, aqi_us=164))
    [first] = ranked(client, standard="us-epa")["cities"]
    assert (first["value"], first["category"]) == (164.0, "Unhealthy")


@pytest.mark.parametrize("rolled", [False, True])
def test_cities_side_by_side(client: Client, database: Database, now: datetime, rolled: bool) -> None:
    rows = some_hours(now)
    put_hours(database, *rows)
    if rolled:
        maintain(database, now=now, retain_raw_days=90)
    first = date(2025, 10, 31)
    body = compared(client, "pune", "New Delhi", days=6)
    assert [city["city"] for city in body["cities"]] == ["Pune", "Delhi"]
    assert (body["days"], body["hours_expected"], body["errors"]) == (6, 5 * 24 + 16, [])
    for city in body["cities"]:
        mine = [row for row in rows if row["city"] == city["city"]]
        daily = {
            day: fmean([row["aqi"] for row in item if row["aqi"] is not None])
            for _, day, item in days_of(mine, first)
        }
        assert city["days"] == len(daily) == 6
        assert city["hours"] == sum(len(item) for _, _, item in days_of(mine, first))
        assert sum(city["basis"].values()) == city["hours"]
        assert city["aqi_mean"] == pytest.approx(mean_over(mine, "aqi", first)[city["city"]][0], abs=0.06)
        assert city["aqi_max"] == pytest.approx(max(daily.values()), abs=0.51)
        assert date.fromisoformat(city["aqi_max_date"]) == max(daily, key=daily.__getitem__)
        assert city["aqi_min"] == pytest.approx(min(daily.values()), abs=0.51)
        assert date.fromisoformat(city["aqi_min_date"]) == min(daily, key=daily.__getitem__)
        assert city["aqi_highest_hour"] == max(
            row["aqi"] for _, _, item in days_of(mine, first) for row in item if row["aqi"] is not None
        )
        assert sum(city["category_days"].values()) == 6
        assert list(city["category_days"]) == [
            "Good", "Satisfactory", "Moderate", "Poor", "Very Poor", "Severe",
        ]  # fmt: skip
        assert city["pollutants"]["pm25"] == pytest.approx(
            mean_over(mine, "pm25", first)[city["city"]][0], abs=0.02
        )
        assert "o3" not in city["pollutants"]


def test_days_by_category(client: Client, database: Database, now: datetime) -> None:
    for back, aqi in ((0, 50), (1, 51), (2, 200), (3, 201), (4, 450), (5, 40)):
        put_hours(database, hour("Delhi", now - timedelta(days=back), aqi=aqi))
    put_hours(database, hour("Mumbai", now, aqi=None))
    delhi, mumbai = compared(client, "Delhi", "Mumbai", days=5)["cities"]
    assert list(delhi["category_days"].values()) == [1, 1, 1, 1, 0, 1]
    assert (delhi["aqi_max"], delhi["aqi_max_date"]) == (450, "2025-11-01")
    assert (mumbai["hours"], mumbai["aqi_mean"], mumbai["aqi_max_date"]) == (1, None, None)
    assert sum(mumbai["category_days"].values()) == 0


def test_what_cannot_be_compared_is_told_one_by_one(
    client: Client, database: Database, now: datetime
) -> None:
    put_hours(database, hour("Delhi", now))
    body = compared(client, "Dehli", "delhi", "Chennai")
    assert [city["city"] for city in body["cities"]] == ["Delhi"]
    unknown, empty = body["errors"]
    assert (unknown["city"], unknown["status"], unknown["nearest"]) == ("Dehli", 404, ["Delhi"])
    assert (empty["city"], empty["detail"]) == (
        "Chennai",
        "there are no data of the last 30 days for Chennai",
    )
    problem = problem_of(client.get(url("/cities/compare", cities="Dehli,Mumbay")), 404)
    assert problem["nearest"] == ["Delhi", "Mumbai", "Navi Mumbai"]
    assert [error["given"] for error in problem["errors"]] == ["Dehli", "Mumbay"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({}, "cities is missing"),
        ({"cities": "Delhi"}, "cities must be 2 to 10, separated by commas"),
        ({"cities": "Delhi,new delhi"}, "2 to 10 different cities"),
        ({"cities": ",".join(["Delhi", "Mumbai"] * 6)}, "cities must be 2 to 10"),
        ({"cities": "Delhi,"}, "cities must be 2 to 10"),
        ({"cities": "Delhi,Mumbai", "days": 367}, "days must be a whole number from 1 to 366"),
        ({"cities": ["Delhi", "Mumbai"]}, "cities is given 2 times"),
    ],
)
def test_bad_comparisons(client: Client, query: dict[str, Any], message: str) -> None:
    assert message in problem_of(client.get(url("/cities/compare", **query)), 400)["detail"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"window": "12h"}, "window must be one of 24h, 30d, 7d"),
        ({"by": "aqi; DROP TABLE city_hour"}, "by must be one of aqi, co,"),
        ({"order": "up"}, "order must be one of asc, desc"),
        ({"limit": 0}, "limit must be a whole number from 1 to 56"),
    ],
)
def test_bad_rankings(client: Client, query: dict[str, Any], message: str) -> None:
    body = problem_of(client.get(url("/cities/rankings", **query)), 400)
    assert message in body["detail"]
    [(name, given)] = query.items()
    assert body["errors"][0]["parameter"] == name
    assert body["errors"][0]["given"] == str(given)


def test_at_midnight_the_day_that_ends_is_the_present_one(database: Database, now: datetime) -> None:
    from api_rows import context_of

    from common.api import create_app

    midnight = now.replace(hour=18)
    put_hours(database, hour("Delhi", midnight, aqi=90), hour("Delhi", midnight - timedelta(days=7), aqi=500))
    client = create_app(context_of(database, midnight + timedelta(minutes=20))).test_client()
    body = ranked(client, window="7d")
    assert (body["start"], body["hours_expected"]) == ("2025-10-29T18:30:00Z", 168)
    assert [city["value"] for city in body["cities"]] == [90.0]
    with database.transaction() as connection:
        assert run(connection, "SELECT count(*) FROM city_hour")[0][0] == 2
